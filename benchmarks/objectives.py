"""What each objective adds: four variants of the tiny recipe, several seeds each, on the sample world.

    python -m benchmarks.objectives --data data/sample/tokens --output runs/objectives

Every variant is trained from the same seeds on the same shards for the same number of steps and tokens, each run by the
command a user would type. Finished runs and their scores are kept: the same command goes on where it was stopped, and
`--most 1` makes one run at a time. At the end it prints the table of `python -m model compare`, and the MRR of each
seed and by entity beside the number of pairs that the runs saw.
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
from model.evaluation.results import Measure, align, format_measure, read_results

VARIANTS = ("mlm", "mlm,mep", "mlm,oe", "mlm,mep,oe")
QUESTIONS = ("mep", "oe")
"""Context to entity, fact to object."""


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
    """MRR across languages in per cent: of each seed, and with every entity counting once; and the pairs a run saw."""
    heads = [f"{q} {what}" for q in QUESTIONS for what in (*map(str, config.seeds), "by entity", "pairs")]
    lines = [["", *heads]]
    for objectives in VARIANTS:
        folders = [folder for name, _, folder in runs(config) if name == objectives]
        found = [read_results(folder / "evaluation" / "retrieval.json") for folder in folders]
        cells = []
        for question in QUESTIONS:
            rows = [results.find(**keys(question), line="model").measures for results in found]
            by_entity = Measure(tuple(row["mrr by entity"].mean for row in rows))
            cells += [f"{100 * row['mrr'].mean:.1f}" for row in rows]
            cells += [format_measure("mrr", by_entity), f"{pairs_seen(folders[0], question):,.0f}"]
        lines.append([objectives.replace(",", " + "), *cells])
    floor = []
    for question in QUESTIONS:
        least = found[0].find(**keys(question), line="frequency").measures
        shown = [f"{100 * least[name].mean:.1f}" for name in ("mrr", "mrr by entity")]
        floor += [*[shown[0]] * len(config.seeds), shown[1], ""]
    return align([lines[0], ["most frequent answer first", *floor], *lines[1:]], left=1)


def keys(question: str) -> dict[str, str]:
    """Keys of the rows that hold a question's means across languages."""
    return {"about": "summary", "question": question, "languages": "across"}


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
