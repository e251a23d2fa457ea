"""K2: flip bits and cut ends in shards, manifests and checkpoints; everything must be refused.

    python -m benchmarks.campaigns.bit_flips --tries 1000 --seed 1 --write True

Each try damages one file in one place and asks the readers of this project: `verify`, the trainer's dataset, the reader
of shards and of checkpoints. Beside them it asks pyarrow with its defaults, to show what would have passed.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import tyro

from benchmarks.campaigns.results import Outcome, conclude
from model.data.special_tokens import SpecialTokens
from model.data.stores.token_dataset import TokenDataset
from model.training import checkpoint as checkpoints
from schemas import (
    TOKEN_TEXT,
    Account,
    Manifest,
    Shard,
    ShardWriter,
    TokenText,
    read_manifest,
    shard_path,
    write_manifest,
)
from schemas.errors import XlmkError
from schemas.verify import verify_dataset

SPECIAL = SpecialTokens(begin=0, end=2, pad=1, mask=999, vocab_size=1000, reserved=(0, 1, 2, 3, 999), position_offset=2)


@dataclass(frozen=True, kw_only=True)
class Config:
    """How much is tried."""

    tries: int = 1000
    """Damages, shared out over shards, manifest and checkpoint files."""
    seed: int = 1
    """Seed of where they are."""
    write: bool = False
    """Whether to note the outcome in `results.json`."""


def write_dataset(folder: Path, seed: int) -> None:
    """Write a token dataset of two languages with its manifest."""
    draw = np.random.default_rng(seed)
    shards = []
    for language in ("de", "en"):
        path = shard_path(TOKEN_TEXT, language, "train", 0, 1)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        rows = [TokenText(language=language, token_ids=draw.integers(4, 999, 60).tolist()) for _ in range(300)]
        with (folder / path).open("wb") as sink:
            writer = ShardWriter(sink, TOKEN_TEXT)
            writer.write(TOKEN_TEXT.batch(rows))
            count, size, checksum = writer.close()
        shards.append(
            Shard(path=path, table=TOKEN_TEXT.name, partition=language, split="train", rows=count, bytes=size,
                  sha256=checksum)
        )  # fmt: skip
    account = Account(source="texts", read=700, kept=600, dropped={"empty": 100}, rejected={})
    manifest = Manifest(
        job="tokenize", tables={TOKEN_TEXT.name: TOKEN_TEXT.version}, shards=shards, accounts=[account],
        counters={"tokens": 36_000}, inputs={"texts": "3 bytes"}, config={"seed": seed}, code_version="0",
        properties={"tokenizer_fingerprint": "x"},
    )  # fmt: skip
    write_manifest(folder, manifest)


def write_checkpoint(folder: Path, seed: int) -> None:
    """Write a checkpoint of a few tensors."""
    draw = torch.Generator().manual_seed(seed)
    model = {"layer.weight": torch.randn(40, 40, generator=draw), "bank.entities": torch.arange(64)}
    optimizer = {"layer.weight/exp_avg": torch.randn(40, 40, generator=draw)}
    state = {"tokens_seen": 123_456, "bad_steps": 0, "stream": {"lanes": [1, 2, 3], "position": 77}, "data": "f" * 64}
    checkpoints.save(folder, 7, model, optimizer, state, keep=2)


def damage(data: bytes, draw: random.Random) -> bytes:
    """Flip one bit, or cut the end off, or overwrite some bytes; the result always differs."""
    kind = draw.random()
    if kind < 0.7:
        changed = bytearray(data)
        changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        return bytes(changed)
    if kind < 0.9:
        return data[: draw.randrange(len(data))]
    at = draw.randrange(len(data))
    return data[:at] + bytes(byte ^ 0xA5 for byte in data[at : at + 16]) + data[at + 16 :]


def refuses(check: Callable[[], object]) -> bool:
    """Say whether a reader raises an error of this project; any other error is a fault of its own and passes through."""
    try:
        check()
    except XlmkError:
        return True
    return False


def dataset_is_refused(folder: Path) -> bool:
    """Say whether `verify` and the trainer both refuse a dataset."""

    def verified() -> None:
        _, findings = verify_dataset(folder)
        if findings:
            raise findings[0].error

    return refuses(verified) and refuses(lambda: TokenDataset(folder, SPECIAL))


def checkpoint_is_refused(folder: Path) -> bool:
    """Say whether the only checkpoint of a folder is refused."""
    return refuses(lambda: checkpoints.find(folder))


def passes_elsewhere(path: Path) -> bool:
    """Say whether pyarrow, with its defaults, reads a damaged shard without a word."""
    try:
        pq.read_table(path)
    except (pa.ArrowException, OSError, ValueError):
        return False
    return True


def run(config: Config) -> tuple[Outcome, Counter[str]]:
    """Run the campaign; returns its outcome, and by kind of file how many damages were refused or would have passed."""
    draw, started = random.Random(config.seed), time.monotonic()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as place:
        dataset, checkpoint = Path(place, "tokens"), Path(place, "checkpoints")
        write_dataset(dataset, config.seed)
        write_checkpoint(checkpoint, config.seed)
        shards = [dataset / shard.path for shard in read_manifest(dataset).shards]
        parts = sorted(next(checkpoint.iterdir()).iterdir())
        for _ in range(config.tries):
            path = draw.choice([*shards, *shards, dataset / "manifest.json", *parts])
            sound = path.read_bytes()
            path.write_bytes(damage(sound, draw))
            in_dataset = path.is_relative_to(dataset)
            refused = dataset_is_refused(dataset) if in_dataset else checkpoint_is_refused(checkpoint)
            kind = "shard" if path in shards else path.name
            counts[f"{kind} refused" if refused else f"{kind} NOT refused"] += 1
            if path in shards and passes_elsewhere(path):
                counts["shard that pyarrow's defaults read without a word"] += 1
            path.write_bytes(sound)
        held = sum(count for name, count in counts.items() if name.endswith(" refused") and " NOT " not in name)
    outcome = Outcome(
        what="bit flips, cuts and overwritten bytes in shards, manifest and checkpoint, all refused",
        seed=config.seed, tried=config.tries, held=held, seconds=time.monotonic() - started,
    )  # fmt: skip
    return outcome, counts


def main() -> int:
    """Run from the command line."""
    config = tyro.cli(Config, config=(tyro.conf.FlagConversionOff,))
    outcome, counts = run(config)
    for name, count in sorted(counts.items()):
        print(f"  {count:6,}  {name}")
    return conclude("K2", outcome, write=config.write)


if __name__ == "__main__":
    sys.exit(main())
