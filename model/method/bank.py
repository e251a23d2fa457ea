"""The bank: past keys kept as further negatives, first in, first out, in a ring of fixed size.

Every slot carries the entity whose description it holds; a slot without one takes no part in a loss. In `best` mode the
ring starts empty. The authors' release starts it with random vectors that count as negatives, and `paper` mode does so.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

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
        """Makes an empty ring, or with `noise_seed` one full of normal vectors of expected length 1.

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
        self.register_buffer("states", states)
        self.register_buffer("entities", entities)
        self.register_buffer("cursor", torch.zeros((), dtype=torch.int64))

    def contents(self) -> tuple[Float[Tensor, "size width"], Int[Tensor, " size"]]:
        """All slots and their entities, `EMPTY` ones included; no gradient flows into them.

        They are copies: the ring is written before the backward pass reads what the loss was made from.
        """
        return self.states[: self.size].clone(), self.entities[: self.size].clone()

    @torch.no_grad()
    def push(
        self, states: Float[Tensor, "rows width"], entities: Int[Tensor, " rows"], used: Bool[Tensor, " rows"]
    ) -> None:
        """Writes used, finite rows over the oldest slots; `rows` must not exceed the ring's size."""
        keep = used & states.isfinite().all(-1)
        order = keep.cumsum(0) - 1
        slots = torch.where(keep, (self.cursor + order) % self.size, self.size)
        self.states[slots] = torch.where(keep[:, None], states, 0).to(self.states.dtype)
        self.entities[slots] = torch.where(keep, entities, EMPTY)
        self.cursor.copy_((self.cursor + keep.sum()) % self.size)
