"""Results of any task side by side: every run against the first, on the same examples, with intervals and significance."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.evaluation.bootstrap import Outcomes, difference, score
from model.evaluation.outcome_files import SetOutcomes, by_set, read_outcomes
from model.evaluation.results import Results, align, outcomes_path, read_results
from schemas.errors import UsageError


@dataclass(frozen=True)
class Compared:
    """A run's results of one task with what came out for every example."""

    name: str
    results: Results
    outcomes: list[SetOutcomes]


def compare_task(runs: Sequence[str], task: str) -> str:
    """Return a table: the score of every run on every set, and how much better than the first run it is.

    Raises: InputMissing where a run was not evaluated, or before outcomes were kept; UsageError where two were scored on
    other examples.
    """
    compared = [_read(run, task) for run in runs]
    first = compared[0]
    wanted = _wanted(first)
    lines = [["", *(one.name for one in compared), *(f"{one.name} - {first.name}" for one in compared[1:])]]
    lines += [[name, *_cells(compared, [members])] for name, members in wanted.items()]
    lines.append(["mean", *_cells(compared, list(wanted.values()))])
    metric = first.results.primary_metric
    title = f"{task}: {metric} in per cent by {', '.join(_told_apart(first))}, {_common(first)}; differences with their 95 %"
    return f"{title} interval, * where p < 0.05\n\n{align(lines, left=1)}"


def _read(run: str, task: str) -> Compared:
    path = Path(run)
    if not path.is_file():
        inner = path / "evaluation" / f"{task}.json"
        path = inner if inner.is_file() else path / f"{task}.json"
    name = path.parent.parent.name if path.parent.name == "evaluation" else path.parent.name
    results = read_results(path)
    return Compared(name, results, read_outcomes(outcomes_path(path)))


FIXED = ("selection", "split", "question", "direction", "spelling", "way")
"""Keys of the primary figure that its sets share."""
Members = Sequence[Mapping[str, str]]
"""The keys of sets whose mean is one line's score: a language's relations, or a single set."""


def _wanted(one: Compared) -> dict[str, Members]:
    """Return the sets of the primary figure by a short name."""
    primary = one.results.primary_keys
    fixed = {key: value for key, value in primary.items() if key in FIXED and value}
    found: dict[str, list[Mapping[str, str]]] = {}
    for outcome in one.outcomes:
        keys = dict(outcome.keys)
        own = all(keys.get(key) == value for key, value in fixed.items())
        across = primary.get("languages") != "across" or keys.get("source") != keys.get("target")
        if own and across and not ("language" in keys and "question" in keys):
            name = " → ".join(keys[key] for key in ("language", "source", "target") if key in keys)
            found.setdefault(name, []).append(keys)
    if not found:
        raise UsageError(f"{one.name}: its outcomes hold no set of the primary figure {json.dumps(primary)}")
    return dict(found)


def _told_apart(one: Compared) -> list[str]:
    keys = one.outcomes[0].keys
    return [key for key in ("language", "source", "target") if key in keys]


def _common(one: Compared) -> str:
    primary = one.results.primary_keys
    return ", ".join(f"{key} {value}" for key, value in primary.items() if key not in ("language", "about", "line"))


def _cells(compared: Sequence[Compared], lines: Sequence[Members]) -> list[str]:
    """Return a line's cells; of several lines those of their mean, in which each counts the same."""
    metric = compared[0].results.primary_metric
    members = [keys for line in lines for keys in line]
    weights = [1 / len(line) for line in lines for _ in line]
    sets = [_sets(one, members) for one in compared]
    cells = [f"{100 * score(own, metric, weights):.1f}" for own in sets]
    for one, own in zip(compared[1:], sets[1:], strict=True):
        try:
            found = difference(sets[0], own, metric, weights=weights)
        except ValueError as error:
            raise UsageError(f"{compared[0].name} and {one.name} were scored on other examples: {error}") from error
        mark = " *" if found.is_significant else ""
        cells.append(f"{100 * found.value:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]{mark}")
    return cells


def _sets(one: Compared, members: Sequence[Mapping[str, str]]) -> list[list[Outcomes]]:
    try:
        return by_set(one.outcomes, members)
    except KeyError as error:
        raise UsageError(f"{one.name} was scored on other sets: {error.args[0]}") from error
