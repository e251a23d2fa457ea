"""Mining: which sentences of two texts translate each other, by how much nearer a pair is than its neighbours.

A pair's score is its cosine set against the mean over the `neighbours` nearest of both sides, so that a sentence that is near to
everything is no translation of everything. Each side proposes its best pair; from the highest score down, a pair is taken
where both sentences are still free.

Source: Artetxe and Schwenk (2019), margin-based mining, with retrieval from both sides ("max").
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from model.evaluation.ranking.ranks import SCORES_PER_CHUNK

Margin = Literal["ratio", "distance", "absolute"]


@dataclass(frozen=True)
class Neighbours:
    """The nearest sentences of the other side for every sentence, nearest first."""

    scores: Float[Tensor, "sentences neighbours"]
    places: Int[Tensor, "sentences neighbours"]


def nearest(
    queries: Float[Tensor, "queries dim"], candidates: Float[Tensor, "candidates dim"], count: int
) -> Neighbours:
    """Find the `count` candidates of highest inner product for every query, in bounded memory."""
    count = min(count, len(candidates))
    step = max(1, SCORES_PER_CHUNK // max(len(candidates), 1))
    # A diverged model scores NaN: nothing is near to it.
    found = [
        torch.nan_to_num(part @ candidates.T, nan=-1.0).topk(count, dim=1)
        for part in torch.split(queries.float(), step)
    ]
    return Neighbours(torch.cat([one.values for one in found]), torch.cat([one.indices for one in found]))


def mine(
    ours: Float[Tensor, "source dim"],
    theirs: Float[Tensor, "target dim"],
    *,
    neighbours: int = 4,
    margin: Margin = "ratio",
) -> list[tuple[int, int, float]]:
    """Return pairs of places and their scores, highest first; no sentence stands in two of them. Rows have length 1."""
    forward, backward = nearest(ours, theirs, neighbours), nearest(theirs, ours, neighbours)
    own, other = forward.scores.mean(1), backward.scores.mean(1)
    ahead = _margins(forward.scores, own[:, None], other[forward.places], margin).max(1)
    back = _margins(backward.scores, other[:, None], own[backward.places], margin).max(1)
    sources = torch.cat([torch.arange(len(ours)), backward.places.gather(1, back.indices[:, None])[:, 0]])
    targets = torch.cat([forward.places.gather(1, ahead.indices[:, None])[:, 0], torch.arange(len(theirs))])
    scores = torch.cat([ahead.values, back.values])
    pairs, used, taken = [], set[int](), set[int]()
    for place in scores.argsort(descending=True, stable=True).tolist():
        source, target = int(sources[place]), int(targets[place])
        if source not in used and target not in taken:
            used.add(source)
            taken.add(target)
            pairs.append((source, target, float(scores[place])))
    return pairs


def _margins(scores: Tensor, own: Tensor, other: Tensor, margin: Margin) -> Tensor:
    mean = (own + other) / 2
    if margin == "absolute":
        return scores
    return scores - mean if margin == "distance" else scores / mean


def unambiguous(ids: Sequence[str], sentences: Sequence[str]) -> dict[str, str]:
    """Return the id of each sentence that stands once: one that stands twice has none, as in the official script."""
    counts = Counter(sentences)
    return {sentence: name for name, sentence in zip(ids, sentences, strict=True) if counts[sentence] == 1}
