"""Tokens per CPU-second from shards to batches, ours beside what else reads Parquet, and the stores' random access.

    python -m benchmarks.streaming [FOLDER]

Writes 10 million tokens of synthetic shards into FOLDER (or a temporary one), then measures in one process, one thread:
reading alone (pyarrow), Hugging Face `datasets` streaming with its two collators, and our stream, each three times; then
the description store. Prints the table of `benchmarks/README.md`.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks.token_shards import XLM_R, write
from model.data.stores.descriptions import DescriptionStore
from model.data.stores.token_dataset import TokenDataset
from model.data.stream.stream import TrainingStream
from model.data.stream_config import StreamConfig

CONTEXTS, ENTITIES, TRIPLES = 100_000, 20_000, 60_000
STEPS, REPEATS = 600, 3


def measure(run: Callable[[], int]) -> float:
    """Return the median of `run`'s result per CPU-second."""
    rates = []
    for _ in range(REPEATS):
        started = time.process_time()
        amount = run()
        rates.append(amount / (time.process_time() - started))
    return statistics.median(rates)


def pyarrow_alone(folder: Path) -> int:
    """Read token ids with page checksums verified; nothing else."""
    return sum(
        len(batch.column("token_ids").values)
        for path in sorted(folder.glob("mentions/*/train*.parquet"))
        for batch in pq.ParquetFile(path, page_checksum_verification=True).iter_batches(512, columns=["token_ids"])
    )


def stream(data: TokenDataset, config: StreamConfig) -> int:
    """Read, verify, shuffle, pack and mask `STEPS` batches."""
    batches = iter(TrainingStream(data, config, seed=1, rank=0, world_size=1))
    return sum(batch.num_tokens for batch in itertools.islice(batches, STEPS))


def hugging_face_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Shuffled rows by `datasets` streaming."""
    from datasets import load_dataset

    files = {"train": str(folder / "mentions/*/train*.parquet")}
    rows = load_dataset("parquet", data_files=files, split="train", streaming=True, columns=["token_ids"])
    return iter(rows.shuffle(seed=1, buffer_size=1000))


def hugging_face_tokenizer() -> Any:
    """A tokenizer that knows the reserved ids and the size, for the collators."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    names = {0: "<s>", 1: "<pad>", 2: "</s>", 3: "<unk>", XLM_R.mask: "<mask>"}
    vocabulary = {names.get(number, f"w{number}"): number for number in range(XLM_R.vocab_size)}
    reserved = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>")),
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        **reserved,
    )


def hugging_face_padded(folder: Path, collator: Callable[[list[dict[str, Any]]], Any], rows: int = 20_000) -> int:
    """Batches of 32 masked and padded to the longest; counts the tokens that are not padding."""
    tokens = 0
    for batch in batched(hugging_face_rows(folder), 32, rows):
        ids = [[XLM_R.begin, *row["token_ids"], XLM_R.end] for row in batch]
        collator([{"input_ids": one} for one in ids])
        tokens += sum(map(len, ids))
    return tokens


def batched(rows: Iterator[dict[str, Any]], size: int, limit: int) -> Iterator[list[dict[str, Any]]]:
    """Yield lists of `size` rows."""
    taken = itertools.islice(rows, limit)
    while batch := list(itertools.islice(taken, size)):
        yield batch


def store_figures(data: TokenDataset, folder: Path) -> list[tuple[str, str]]:
    """Build, open and query the description store."""
    started = time.process_time()
    store = data.store(DescriptionStore)
    built = time.process_time() - started
    size = sum(path.stat().st_size for path in (data.cache / "descriptions").iterdir())
    started = time.perf_counter()
    _ = TokenDataset(folder, XLM_R).store(DescriptionStore)
    opened = time.perf_counter() - started
    items = np.random.default_rng(2).integers(1, ENTITIES + 1, 500_000)

    def look_up() -> int:
        first, _ = store.records(store.find(items))
        texts = store.slices(first, 126)
        return sum(1 for place in range(len(items)) if len(texts[place]))

    def one_by_one() -> int:
        return sum(store.get(item, "en") is not None for item in items[:20_000].tolist())

    return [
        ("description store: built, descriptions per CPU-second", f"{len(store) / built:,.0f}"),
        (
            "description store: bytes a description",
            f"{size / len(store):.0f} ({data.store(DescriptionStore).ids.itemsize} a token)",
        ),
        ("description store: opened, ms", f"{1000 * opened:.1f}"),
        ("random access in a batch, descriptions per CPU-second", f"{measure(look_up):,.0f}"),
        ("random access one by one, descriptions per CPU-second", f"{measure(one_by_one):,.0f}"),
    ]


def resume_figures(data: TokenDataset) -> list[tuple[str, str]]:
    """Size of the state of a run, and the time until the first batch after it is loaded."""
    config = StreamConfig()
    one = TrainingStream(data, config, seed=1, rank=0, world_size=1)
    for _ in itertools.islice(one, 100):
        pass
    state = json.dumps(one.state_dict())
    started = time.process_time()
    two = TrainingStream(data, config, seed=1, rank=0, world_size=1)
    two.load_state_dict(json.loads(state))
    next(iter(two))
    return [
        ("state of 24 lanes, bytes of JSON", f"{len(state):,}"),
        ("CPU-seconds from state to next batch", f"{time.process_time() - started:.2f}"),
    ]


def run(folder: Path) -> None:
    """Measure everything and print a Markdown table."""
    from transformers import DataCollatorForLanguageModeling, DataCollatorWithFlattening
    from transformers.utils import logging

    logging.set_verbosity_error()
    if not (folder / "manifest.json").exists():
        write(folder, contexts=CONTEXTS, entities=ENTITIES, triples=TRIPLES)
    data = TokenDataset(folder, XLM_R)
    store = store_figures(data, folder)
    tokenizer = hugging_face_tokenizer()
    masking = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
    mlm = StreamConfig(mep_share=0, oe_share=0)
    rates = {
        "pyarrow, read and checksum alone": measure(lambda: pyarrow_alone(folder)),
        "ours, MLM: read, checksum, shuffle, pack, mask, collate": measure(lambda: stream(data, mlm)),
        "ours, MLM + MEP + OE": measure(lambda: stream(data, StreamConfig())),
        "datasets streaming + shuffle, DataCollatorForLanguageModeling, padded": measure(
            lambda: hugging_face_padded(folder, masking)
        ),
        "datasets streaming + shuffle, DataCollatorWithFlattening, no masks": measure(
            lambda: hugging_face_padded(folder, DataCollatorWithFlattening())
        ),
    }
    ours = rates["ours, MLM: read, checksum, shuffle, pack, mask, collate"]
    print("| path | M tokens per CPU-second | of ours, MLM |\n| --- | ---: | ---: |")
    for name, rate in rates.items():
        print(f"| {name} | {rate / 1e6:.2f} | {rate / ours:.2f} |")
    print("\n| figure | value |\n| --- | ---: |")
    for name, value in store + resume_figures(data):
        print(f"| {name} | {value} |")
    batches = itertools.islice(TrainingStream(data, StreamConfig(), seed=1, rank=0, world_size=1), 200)
    fill = statistics.mean(batch.num_tokens / len(batch.token_ids) for batch in batches)
    print(f"| fill of packed streams of 16,384 tokens | {fill:.2%} |")


def main() -> None:
    """Run in the folder named on the command line, or in a temporary one."""
    torch.set_num_threads(1)
    pa.set_cpu_count(1)
    if len(sys.argv) > 1:
        run(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder) / "tokens")


if __name__ == "__main__":
    main()
