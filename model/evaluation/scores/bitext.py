"""The measure of bitext mining: F1 of the pairs found, at the threshold that suits a set best or at one from elsewhere.

Source: BUCC 2018 (Zweigenbaum et al.); the search for the threshold as in LASER (Artetxe and Schwenk, 2019): pairs are taken from
the highest score down, the best F1 counts, and the threshold lies in the middle between the last pair taken and the next.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

Pair = tuple[str, str]
"""Ids of a source and a target sentence."""


@dataclass(frozen=True, kw_only=True)
class MiningScore:
    """Precision, recall and F1 of mined pairs, between 0 and 1."""

    f1: float
    precision: float
    recall: float


def score_mined(found: Iterable[Pair], gold: AbstractSet[Pair]) -> MiningScore:
    """Score mined pairs, each counting once."""
    pairs = set(found)
    correct = len(pairs & gold)
    if not correct:
        return MiningScore(f1=0.0, precision=0.0, recall=0.0)
    precision, recall = correct / len(pairs), correct / len(gold)
    return MiningScore(f1=2 * precision * recall / (precision + recall), precision=precision, recall=recall)


def best_threshold(scored: Mapping[Pair, float], gold: AbstractSet[Pair]) -> float:
    """Return the score from which on pairs are taken for the best F1; infinity where no pair is right.

    Pairs of equal score are taken together, so that no order among them counts.
    """
    items = sorted(scored.items(), key=lambda item: -item[1])
    correct, best, threshold = 0, 0.0, float("inf")
    for taken, (pair, score) in enumerate(items, start=1):
        correct += pair in gold
        following = items[taken][1] if taken < len(items) else None
        if following == score or not correct:
            continue
        f1 = 2 * correct / (taken + len(gold))
        if f1 > best:
            best, threshold = f1, score if following is None else (score + following) / 2
    return threshold
