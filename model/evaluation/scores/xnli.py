"""The XNLI metric: accuracy by language and its mean over languages."""

from collections.abc import Sequence
from dataclasses import dataclass

XNLI_LANGUAGES = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
XNLI_LABELS = ("entailment", "neutral", "contradiction")


@dataclass(frozen=True, kw_only=True)
class PairScore:
    """Accuracy over sentence pairs, between 0 and 1."""

    accuracy: float
    num_pairs: int


def score_pairs(truth: Sequence[str], predictions: Sequence[str]) -> PairScore:
    """Share of pairs whose label is right.

    Raises: ValueError where the two lengths differ: a shifted file would score like chance and look like a model.
    """
    if len(truth) != len(predictions):
        raise ValueError(
            f"{len(predictions):,} predictions for {len(truth):,} pairs; "
            "write one label a line in the order of the pairs"
        )
    correct = sum(a == b for a, b in zip(truth, predictions, strict=True))
    return PairScore(accuracy=correct / max(len(truth), 1), num_pairs=len(truth))
