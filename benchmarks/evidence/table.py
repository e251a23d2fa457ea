"""The table of all arms: mean reciprocal rank on each test, with the spread over seeds, beside chance and frequency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev

from benchmarks.evidence.arms import ARMS
from benchmarks.evidence.splits import TESTS
from model.evaluation.results import Results, read_results

COLUMNS = tuple((test, "mep") for test in TESTS) + (("held_out", "oe"),)
"""What is asked: test and question (`mep` context to entity, `oe` fact to object)."""
HEADS = {
    ("transfer", "mep"): "fact read in other languages",
    ("undescribed", "mep"): "description never seen",
    ("held_out", "mep"): "fact never seen, as context",
    ("new_name", "mep"): "name never seen",
    ("held_out", "oe"): "fact never seen, as triple",
}
BASE = "mlm"
"""The arm the others are compared with."""

Scores = Mapping[str, Mapping[tuple[str, str], Sequence[Path]]]
"""Result files by arm, and by test and pooling; one for each seed."""


def table(scores: Scores) -> str:
    """Return the table as Markdown: per cent, mean over language pairs with two languages, ± standard deviation over seeds."""
    lines = ["| | " + " | ".join(HEADS[column] for column in COLUMNS) + " |", "|---|" + "--:|" * len(COLUMNS)]
    results = {
        arm: {key: [read_results(path) for path in paths] for key, paths in by.items()} for arm, by in scores.items()
    }
    some = next(iter(results.values()))
    for line, name in (("chance", "chance"), ("frequency", "most frequent answer first")):
        lines.append(_line(name, [_measure([summary(r, q, line) for r in some[test, "state"]]) for test, q in COLUMNS]))
    for arm, by in results.items():
        for pooling in ("state", "mean"):
            if by[COLUMNS[0][0], pooling]:
                name = f"{arm}: {ARMS[arm].says}" + (", mean over tokens" if pooling == "mean" else "")
                lines.append(
                    _line(name, [_measure([summary(r, q, "model") for r in by[test, pooling]]) for test, q in COLUMNS])
                )
    return "\n".join([*lines, "", *_comparisons(results)]) + "\n"


def summary(results: Results, question: str, line: str) -> float:
    """Return the mean reciprocal rank across languages."""
    return results.find(about="summary", question=question, languages="across", line=line).measures["mrr"].mean


def by_pair(results: Results, question: str) -> dict[tuple[str, str], float]:
    """Return the mean reciprocal rank of each pair of two languages."""
    rows = (row for row in results.rows if row.matches(about="pair", question=question))
    return {
        (row.keys["source"], row.keys["target"]): row.measures["mrr"].mean
        for row in rows
        if row.keys["source"] != row.keys["target"]
    }


def _comparisons(results: Mapping[str, Mapping[tuple[str, str], list[Results]]]) -> list[str]:
    """In how many of all seeds and language pairs an arm is above the arm without knowledge, seed by seed."""
    if BASE not in results:
        return []
    lines = [f"Seeds and language pairs in which an arm is above `{BASE}` of the same seed:", ""]
    lines += ["| | " + " | ".join(HEADS[column] for column in COLUMNS) + " |", "|---|" + "--:|" * len(COLUMNS)]
    for arm, by in results.items():
        if arm == BASE:
            continue
        cells = []
        for test, question in COLUMNS:
            above = [
                ours[pair] > theirs[pair]
                for one, base in zip(by[test, "state"], results[BASE][test, "state"], strict=False)
                for ours, theirs in [(by_pair(one, question), by_pair(base, question))]
                for pair in ours.keys() & theirs.keys()
            ]
            cells.append(f"{sum(above)} of {len(above)}")
        lines.append(_line(arm, cells))
    return lines


def _measure(values: Sequence[float]) -> str:
    if not values:
        return "-"
    spread = f" ± {100 * stdev(values):.1f}" if len(values) > 1 and stdev(values) else ""
    return f"{100 * fmean(values):.1f}{spread}"


def _line(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"
