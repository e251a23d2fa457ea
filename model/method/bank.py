"""The bank: past keys kept as further negatives, first in, first out, in a ring of fixed size.

Every slot carries the entity whose description it holds; a slot without one takes no part in a loss. In `best` mode the
ring starts empty. The authors' release starts it with random vectors that count as negatives, and `paper` mode does so.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from model.distributed import gather_states, world_size

EMPTY = -1
"""Entity of a slot that holds nothing."""
NOISE = -2
"""Entity of a slot that holds a random vector of the start, which counts as a negative in `paper` mode."""


class Bank(nn.Module):
    """A ring of past states with their entities; part of the checkpoint, moved with the model."""

    states: Tensor
    entities: Tensor
    cursor: Tensor

    def __init__(self, size: int, width: int, *, noise_seed: int | None = None) -> None:
        """Make an empty ring, or with `noise_seed` one full of normal vectors of expected length 1.

        Source: `paper` mode draws each number from N(0, 1) and divides by the root of the width (code).
        """
        super().__init__()
        # One more row than the ring has: rows that are not to be kept are written there, so shapes stay fixed.
        states = torch.zeros(size + 1, width)
        entities = torch.full((size + 1,), EMPTY)
        if noise_seed is not None:
            generator = torch.Generator().manual_seed(noise_seed)
            states[:size] = torch.randn(size, width, generator=generator) / math.sqrt(width)
            entities[:size] = NOISE
        self.size = size
        self._left: list[tuple[Tensor, Tensor, Tensor]] = []
        self.register_buffer("states", states)
        self.register_buffer("entities", entities)
        self.register_buffer("cursor", torch.zeros((), dtype=torch.int64))

    def contents(self) -> tuple[Float[Tensor, "size width"], Int[Tensor, " size"]]:
        """All slots and their entities, `EMPTY` ones included; no gradient flows into them.

        They hold through a step: the ring is written at its end alone.
        """
        return self.states[: self.size], self.entities[: self.size]

    def leave(
        self, states: Float[Tensor, "rows width"], entities: Int[Tensor, " rows"], used: Bool[Tensor, " rows"]
    ) -> None:
        """Leave rows of this rank for the end of the step."""
        self._left.append((states.detach(), entities, used))

    def take_in(self, batches: int) -> None:
        """Write what all ranks left in this step, in the order of the stream: batch by batch, within one by rank.

        Args:
            batches: of this rank in the step; all have equally many rows.
        """
        if not self._left:
            return
        left = [torch.cat(parts) for parts in zip(*self._left, strict=True)]
        self._left.clear()
        states, entities, used = (_in_order(gather_states(rows), batches) for rows in left)
        self.push(states, entities, used)

    @torch.no_grad()
    def push(
        self, states: Float[Tensor, "rows width"], entities: Int[Tensor, " rows"], used: Bool[Tensor, " rows"]
    ) -> None:
        """Write used, finite rows over the oldest places; of more than the ring holds, the last ones."""
        keep = used & states.isfinite().all(-1)
        order = keep.cumsum(0) - 1
        number = keep.sum()
        written = keep & (order >= number - self.size)
        places = torch.where(written, (self.cursor + order) % self.size, self.size)
        self.states[places] = torch.where(written[:, None], states, 0).to(self.states.dtype)
        self.entities[places] = torch.where(written, entities, EMPTY)
        self.cursor.copy_((self.cursor + number) % self.size)


def _in_order(rows: Tensor, batches: int) -> Tensor:
    """Gathered rows, rank by rank, put batch by batch: with 2 ranks of 2 batches a b and c d, from abcd to acbd."""
    by_rank = rows.view(world_size(), batches, -1, *rows.shape[1:])
    return by_rank.transpose(0, 1).reshape(rows.shape)
