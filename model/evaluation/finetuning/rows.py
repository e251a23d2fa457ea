"""The rows of a fine-tuning task's results: one per language, their mean, and for questions in other languages one per pair."""

from collections.abc import Mapping, Sequence
from typing import Any

from model.evaluation.finetuning.task import EvaluationSet
from model.evaluation.results import COUNTS, Row, mean_row

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
    cross = [
        Row.single({**keys, "language": one.language, "question": one.question}, measures[one.name])
        for one in sets
        if one.name not in languages
    ]
    if cross:
        rows += [*cross, mean_row({**keys, "language": ALL_PAIRS, "question": "all"}, [*own, *cross], shares)]
    return rows
