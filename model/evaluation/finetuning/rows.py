"""The rows of a fine-tuning task's results: one per language, their mean, and for questions in other languages one per pair."""

from collections.abc import Mapping, Sequence
from typing import Any

from model.evaluation.finetuning.task import EvaluationSet
from model.evaluation.outcome_files import SetOutcomes, intervals
from model.evaluation.results import COUNTS, Row, mean_row, with_intervals

ALL_PAIRS = "mean of pairs"
"""The mean over contexts and questions in every pair of languages, the same one too (MLQA's G-XLT)."""


def split_rows(
    keys: Mapping[str, str],
    measures: Mapping[str, Mapping[str, float]],
    languages: Sequence[str],
    sets: Sequence[EvaluationSet[Any]] = (),
) -> list[Row]:
    """Make the rows of one selection and split from the measures by a set's name.

    `sets` are those of which some have their questions in another language than their contexts.
    """
    own = [Row.single({**keys, "language": name}, measures[name]) for name in languages if name in measures]
    if not own:
        return []
    shares = [name for name in own[0].measures if name not in COUNTS]
    rows = [*own, mean_row({**keys, "language": "mean"}, own, shares)]
    cross = [Row.single({**keys, **set_keys(one)}, measures[one.name]) for one in sets if one.name not in languages]
    if cross:
        rows += [*cross, mean_row({**keys, "language": ALL_PAIRS, "question": "all"}, [*own, *cross], shares)]
    return rows


def set_keys(one: EvaluationSet[Any]) -> dict[str, str]:
    """Return what tells the row of a set from those of others."""
    return {"language": one.language} | ({"question": one.question} if one.question else {})


def add_intervals(rows: Sequence[Row], outcomes: Sequence[SetOutcomes]) -> list[Row]:
    """Give every row whose outcomes are known the intervals of its measures; means those over their sets."""
    known = [dict(one.keys) for one in outcomes]
    found = []
    for row in rows:
        members = [row.keys] if row.keys in known else mean_members(row.keys, known)
        found.append(with_intervals(row, intervals(outcomes, members)) if members else row)
    return found


def mean_members(keys: Mapping[str, str], known: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Return the keys of the sets that a mean is over; none for a row that is no mean of known sets."""
    if keys.get("language") not in ("mean", ALL_PAIRS):
        return []
    own = [one for one in known if all(one[name] == keys[name] for name in ("selection", "split"))]
    if keys["language"] == "mean":
        own = [one for one in own if "question" not in one]
    return [dict(pairs) for pairs in dict.fromkeys(tuple(one.items()) for one in own)]
