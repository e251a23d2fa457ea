"""The contrast of `best` mode: symmetric InfoNCE with gathered negatives, where no true answer counts as a negative.

Other names of the same loss: in-batch negatives, multiple negatives ranking, NT-Xent with two sides.

1. Each query scores every key of every rank and of the bank; the right one is its own key. A key is left out of the
   sum if its entity is another right answer: the mentioned entity itself (MEP), or any true object of (subject,
   relation) (OE).
2. Then roles swap: the key of each pair scores every query of every rank, without queries it answers as well.
3. The loss is the mean over all pairs of all ranks and both directions: here their sum, which the objective divides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from model.batch import UNUSED
from model.config import LEAST_LEARNABLE_TEMPERATURE
from model.distributed import gather_with_gradient, rank


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """The queries and keys of one objective on one rank; unused rows are marked by `UNUSED`."""

    queries: Float[Tensor, "queries width"]
    """States of the queries: the encoder's, and projected ones once the heads were there."""
    keys: Float[Tensor, "keys width"]
    """States of the keys, likewise."""
    positives: Int[Tensor, " queries"]
    """Index of each query's key."""
    answers: Int[Tensor, "queries answers"]
    """All entities that answer each query, padded with `UNUSED`."""
    entities: Int[Tensor, " keys"]
    """Entity of each key."""

    @property
    def used(self) -> Bool[Tensor, " queries"]:
        """Which queries are real."""
        return self.positives != UNUSED

    def normalised(self) -> Pairs:
        """Return the same pairs with states of length 1."""
        unit = nn.functional.normalize
        return replace(self, queries=unit(self.queries, dim=-1), keys=unit(self.keys, dim=-1))


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A summed loss and what is worth knowing about it, of this rank's pairs, as tensors that were not read yet."""

    loss: Float[Tensor, ""]
    """The sum over pairs of the mean of both directions, with gradient."""
    pairs: Int[Tensor, ""]
    """Number of pairs."""
    hits: Int[Tensor, ""]
    """Queries whose own key scored highest among all candidates."""
    masked: Int[Tensor, ""]
    """False negatives left out."""


def symmetric_contrast(
    pairs: Pairs,
    scale: Float[Tensor, ""] | float,
    bank: tuple[Float[Tensor, "slots width"], Int[Tensor, " slots"]] | None = None,
) -> Contrast:
    """Return the loss of this module's docstring, in float32.

    Args:
        pairs: this rank's pairs; every rank must call this with equal shapes.
        scale: 1 / temperature.
        bank: past keys and their entities, for direction 1.

    Returns:
        The loss with gradient through both sides, on all ranks' states, and its measures.
    """
    used, own = pairs.used, pairs.positives.clamp(min=0)
    candidates, entities = _candidates(pairs, bank)
    place = own + rank() * pairs.keys.shape[0]
    forward_mask, masked = _wrong_negatives(pairs.answers, entities, place)
    forward, hits = _cross_entropy(pairs.queries, candidates, forward_mask, place, used, scale)

    queries = gather_with_gradient(pairs.queries)
    answers, real = gather_with_gradient(pairs.answers), gather_with_gradient(used)
    seat = torch.arange(used.shape[0], device=used.device) + rank() * used.shape[0]
    asked = pairs.entities.index_select(0, own)
    backward_mask = _answered(answers, asked).T | ~real
    backward_mask = backward_mask.scatter(1, seat[:, None], False)
    backward, _ = _cross_entropy(pairs.keys.index_select(0, own), queries, backward_mask, seat, used, scale)

    return Contrast(loss=(forward + backward) / 2, pairs=used.sum(), hits=hits, masked=(masked * used).sum())


def _candidates(pairs: Pairs, bank: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
    """Keys of all ranks, then the bank's, and their entities."""
    keys, entities = gather_with_gradient(pairs.keys), gather_with_gradient(pairs.entities)
    if bank is None:
        return keys, entities
    return torch.cat([keys, bank[0].to(keys.dtype)]), torch.cat([entities, bank[1]])


def _wrong_negatives(answers: Tensor, entities: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Candidates to leave out for each query, and how many of them were true answers."""
    true = _answered(answers, entities).scatter(1, place[:, None], False)
    unused = (entities < 0).expand_as(true).scatter(1, place[:, None], False)
    return true | unused, true.sum(1)


def _answered(answers: Int[Tensor, "queries answers"], entities: Int[Tensor, " keys"]) -> Bool[Tensor, "queries keys"]:
    """Whether each entity answers each query; one column at a time, so memory stays at one matrix."""
    matrix = torch.zeros(answers.shape[0], entities.shape[0], dtype=torch.bool, device=answers.device)
    for column in answers.unbind(1):
        matrix |= (column[:, None] == entities) & (column != UNUSED)[:, None]
    return matrix


def _cross_entropy(
    rows: Tensor, candidates: Tensor, left_out: Tensor, right: Tensor, used: Tensor, scale: Tensor | float
) -> tuple[Tensor, Tensor]:
    """Return summed cross entropy of used rows over their candidates, and how many ranked the right one first."""
    precise = rows.dtype if rows.dtype == torch.float64 else torch.float32
    with torch.autocast(rows.device.type, enabled=False):
        scores = rows.to(precise) @ candidates.to(precise).T * scale
    scores = scores.masked_fill(left_out, torch.finfo(scores.dtype).min)
    own = scores.gather(1, right[:, None]).squeeze(1)
    loss = ((scores.logsumexp(1) - own) * used).sum()
    return loss, ((scores.argmax(1) == right) & used).sum()


class Temperature(nn.Module):
    """1 / temperature, fixed or learnt; learnt ones are kept in logarithm and bounded as in CLIP."""

    def __init__(self, temperature: float, *, learnable: bool) -> None:
        """Start at `temperature`."""
        super().__init__()
        start = torch.tensor(1 / temperature).log()
        if learnable:
            self.log_scale = nn.Parameter(start)
        else:
            self.register_buffer("log_scale", start, persistent=False)

    def forward(self) -> Float[Tensor, ""]:
        """Return the factor scores are multiplied by."""
        scale = self.log_scale.exp()
        return scale.clamp(max=1 / LEAST_LEARNABLE_TEMPERATURE) if self.log_scale.requires_grad else scale
