"""What each objective adds: four variants of the tiny recipe, several seeds each, on the sample world.

    python -m benchmarks.objectives --data data/sample/tokens --output runs/objectives

Every variant is trained from the same seeds on the same shards for the same number of steps and tokens, each run by the
command a user would type. Finished runs and their scores are kept: the same command goes on where it was stopped, and
`--most 1` makes one run at a time. At the end it prints the table of `python -m model compare`, and the MRR of each
seed beside the number of pairs that the runs saw.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import tyro

from model.evaluation.comparison import compare
from model.evaluation.comparison_config import ComparisonConfig
from model.evaluation.results import align, read_results

VARIANTS = ("mlm", "mlm,mep", "mlm,oe", "mlm,mep,oe")
QUESTIONS = {"mep": "context → entity", "oe": "fact → object"}


@dataclass(frozen=True, kw_only=True)
class Config:
    """What is trained, and where to."""

    data: str
    """Folder of token shards."""
    output: str
    """Folder of the runs, which are named by objectives and seed."""
    recipe: str = "tiny"
    """Recipe that all variants share."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of each variant."""
    most: int = 0
    """Most trainings of this call; 0 is all that are left."""


def runs(config: Config) -> Iterator[tuple[str, int, Path]]:
    """Objectives, seed and folder of every run, all variants of a seed before the next one."""
    for seed in config.seeds:
        for objectives in VARIANTS:
            yield objectives, seed, Path(config.output) / objectives.replace(",", "+") / f"seed-{seed}"


def train(config: Config, objectives: str, seed: int, folder: Path) -> None:
    """Train one run in a process of its own, or go on with it."""
    flags = {"data": config.data, "objectives": objectives, "seed": str(seed), "output": str(folder)}
    flat = [part for name, value in flags.items() for part in (f"--{name}", value)]
    subprocess.run([sys.executable, "-m", "model", "pretrain", config.recipe, *flat], check=True)


def is_finished(folder: Path) -> bool:
    """Whether a run has its model, which appears whole at the end."""
    return (folder / "model" / "run.json").is_file()


def pairs_seen(folder: Path, objective: str) -> float:
    """Pairs of an objective that a run trained on: the mean of its log lines times its steps."""
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    counts = [row[f"{objective}/pairs"] for row in rows if f"{objective}/pairs" in row]
    steps = json.loads((folder / "model" / "run.json").read_text(encoding="utf-8"))["steps"]
    return fmean(counts) * steps if counts else 0.0


def seed_table(config: Config) -> str:
    """MRR across languages of each seed, in per cent, and the pairs a run saw, one line per variant."""
    lines = [["", *(cell for q in QUESTIONS for cell in (*(f"{q} {seed}" for seed in config.seeds), f"{q} pairs"))]]
    for objectives in VARIANTS:
        folders = [folder for name, _, folder in runs(config) if name == objectives]
        cells = [objectives.replace(",", " + ")]
        for question in QUESTIONS:
            for folder in folders:
                results = read_results(folder / "evaluation" / "retrieval.json")
                row = results.find(about="summary", question=question, languages="across", line="model")
                cells.append(f"{100 * row.measures['mrr'].mean:.1f}")
            cells.append(f"{pairs_seen(folders[0], question):,.0f}")
        lines.append(cells)
    return align(lines, left=1)


def main(config: Config) -> int:
    """Train what is missing, score what is new, and print the tables once all runs are there."""
    started = 0
    for objectives, seed, folder in runs(config):
        if is_finished(folder):
            continue
        if config.most and started == config.most:
            left = sum(not is_finished(folder) for _, _, folder in runs(config))
            print(f"{left} of {len(VARIANTS) * len(config.seeds)} runs are left; the same command goes on")
            return 0
        train(config, objectives, seed, folder)
        started += 1
    # By variant, so that the lines of the table go from the fewest objectives to the most.
    folders = tuple(str(folder) for name in VARIANTS for objectives, _, folder in runs(config) if objectives == name)
    print(compare(ComparisonConfig(runs=folders, data=config.data, max_queries=0, reuse=True)))
    print(f"\nMRR by seed, and pairs seen in training\n\n{seed_table(config)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Config)))
