"""Trains every arm from every seed on the world of real facts, asks all tests, and prints the table.

    python -m benchmarks.evidence --knowledge FOLDER --output runs/evidence

`make evidence KNOWLEDGE=FOLDER` is the same. Arms are trained side by side, one thread each: results are then those of any
machine of the same kind, however many cores it has. Finished runs and their scores are kept; the same command goes on where
it was stopped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import tyro

from benchmarks.evidence.arms import ARMS, MAIN, SIZES, Arm
from benchmarks.evidence.splits import TESTS
from benchmarks.evidence.table import table
from schemas.errors import UsageError

THREADS = 1
"""Threads of each arm: rounding, and so the result, depends on their number."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What is trained, and where to."""

    knowledge: str
    """Folder with mParaRel's triples.tsv.gz, qid_labels_104langs.json.gz and probe_patterns.jsonl.gz."""
    output: str = "runs/evidence"
    """Folder of world, runs, scores and table."""
    arms: tuple[str, ...] = tuple(arm.name for arm in MAIN)
    """Arms to train; `benchmarks/evidence/arms.py` lists all."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of each arm."""
    size: str = "cpu"
    """Size of encoder and run."""
    side_by_side: int = 0
    """Arms trained at a time; 0 is as many as there are cores."""

    def __post_init__(self) -> None:
        for what, names, known in (("arm", self.arms, ARMS), ("size", (self.size,), SIZES)):
            if unknown := sorted(set(names) - known.keys()):
                raise UsageError(f"no {what} {', '.join(unknown)}; there are {', '.join(known)}.")


def world(config: Config) -> Path:
    """Make the datasets, one for training and one for each test, and their token shards; return their folder."""
    folder = Path(config.output) / "world"
    for asks in ("training", *TESTS):
        _python("benchmarks.evidence.job", knowledge=config.knowledge, output=folder / asks, asks=asks)
    if not (folder / "tokenizer" / "tokenizer.json").is_file():
        _python("pipeline", "tokenizer", linked=folder / "training", output=folder / "tokenizer", vocab_size=6000)
    for asks in ("training", *TESTS):
        _python(
            "pipeline", "tokenize", linked=folder / asks, tokenizer=folder / "tokenizer", output=tokens(folder, asks)
        )
    return folder


def tokens(folder: Path, asks: str) -> Path:
    """Return the folder of a dataset's token shards."""
    return folder / f"{asks}-tokens"


def run_folder(config: Config, arm: Arm, seed: int) -> Path:
    """Return the folder of a run."""
    return Path(config.output) / "runs" / config.size / arm.name / f"seed-{seed}"


def train_and_ask(config: Config, folder: Path, arm: Arm, seed: int) -> None:
    """Train one arm from one seed and ask it everything, where that has not been done."""
    run = run_folder(config, arm, seed)
    if not (run / "model" / "run.json").is_file():
        _python(
            "model", "pretrain", "tiny", *SIZES[config.size], *arm.flags,
            objectives=arm.objectives, data=tokens(folder, "training"), tokenizer=folder / "tokenizer", seed=seed, output=run,
        )  # fmt: skip
    for test in TESTS:
        for pooling in ("state", "mean") if arm.objectives == "mlm" else ("state",):
            if not scores(run, test, pooling).is_file():
                _python(
                    "model", "evaluate", "retrieval",
                    model=run, data=tokens(folder, test), output=scores(run, test, pooling).parent, pooling=pooling,
                )  # fmt: skip


def scores(run: Path, test: str, pooling: str) -> Path:
    """Return the path of a run's scores on a test."""
    return run / "asked" / f"{test}-{pooling}" / "retrieval.json"


def _scored(config: Config, arm: Arm) -> dict[tuple[str, str], list[Path]]:
    """Return the scores of an arm by test and pooling, one of each seed."""
    runs = [run_folder(config, arm, seed) for seed in config.seeds]
    return {
        (test, pooling): [path for run in runs if (path := scores(run, test, pooling)).is_file()]
        for test in TESTS
        for pooling in ("state", "mean")
    }


def _python(module: str, *words: str, **flags: object) -> None:
    """Run a command of this project's as a user would.

    Raises:
        SystemExit: it failed; what it said is on the terminal.
    """
    given = [part for name, value in flags.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    environment = os.environ | {"OMP_NUM_THREADS": str(THREADS), "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run([sys.executable, "-m", module, *words, *given], env=environment, stdout=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(done.returncode)


def jobs(config: Config) -> Iterator[tuple[Arm, int]]:
    """Yield arms and seeds, all arms of a seed before the next seed."""
    for seed in config.seeds:
        for name in config.arms:
            yield ARMS[name], seed


def main(config: Config) -> int:
    """Make the world, train and ask what is missing, and print the table."""
    folder = world(config)
    with ThreadPoolExecutor(config.side_by_side or os.cpu_count() or 1) as pool:
        for _ in pool.map(lambda job: train_and_ask(config, folder, *job), jobs(config)):
            pass
    text = table({name: _scored(config, ARMS[name]) for name in config.arms})
    (Path(config.output) / "table.md").write_text(text, encoding="utf-8")
    note = {"config": vars(config), "threads": THREADS, "cores": os.cpu_count()}
    (Path(config.output) / "evidence.json").write_text(json.dumps(note, indent=1), encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Config)))
