"""The batch: one packed stream of documents per step and rank, the contract between the data and the model side.

All documents of a step lie end to end in one stream of `T` tokens without padding between them: contexts, plain texts,
entity descriptions, and subject+relation texts. Everything else points into that stream. All shapes are fixed by the
configuration, so that one compiled graph serves every step; unused slots are marked and weigh nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

UNUSED = -1
"""Marks an unused slot of keys, queries and entities."""
IGNORED_LABEL = -100
"""Marks an unused slot of the masked-token labels."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Tensors of one step on one rank (`T` tokens, `D` documents, `K` masked tokens, `N` keys, `Q` queries)."""

    token_ids: Int[Tensor, " tokens"]
    """The stream; its unused end holds the padding id."""
    position_ids: Int[Tensor, " tokens"]
    """Restart at the encoder's first position (2 for XLM-R) with every document."""
    cu_seqlens: Int[Tensor, " documents_plus_one"]
    """int32: starts of the documents, then the end; padded by repeating `T`. The unused end of the stream is a document."""
    max_seqlen: int
    """Static upper bound of a document's length in tokens, the unused end included."""
    mlm_positions: Int[Tensor, " masked"]
    """Where tokens are to be predicted; unused slots hold 0."""
    mlm_labels: Int[Tensor, " masked"]
    """What stood there; `IGNORED_LABEL` in unused slots."""
    key_positions: Int[Tensor, " keys"]
    """Position of the first token (`<s>`) of each distinct entity's description; unused slots hold 0."""
    key_entities: Int[Tensor, " keys"]
    """Item number of each key; `UNUSED` in unused slots."""
    mep_positions: Int[Tensor, " mep_queries"]
    """First sub-token of each masked mention; unused slots hold 0."""
    mep_entities: Int[Tensor, " mep_queries"]
    """Item number the mention leads to; `UNUSED` in unused slots."""
    mep_keys: Int[Tensor, " mep_queries"]
    """Index of the mentioned entity's description among the keys; `UNUSED` in unused slots."""
    oe_positions: Int[Tensor, " oe_queries"]
    """First token (`<s>`) of each "subject description, separator, relation text"; unused slots hold 0."""
    oe_keys: Int[Tensor, " oe_queries"]
    """Index of the object's description among the keys; `UNUSED` in unused slots."""
    oe_subjects: Int[Tensor, " oe_queries"]
    """Item number of the subject; `UNUSED` in unused slots."""
    oe_relations: Int[Tensor, " oe_queries"]
    """Property number of the relation; `UNUSED` in unused slots."""
    oe_objects: Int[Tensor, "oe_queries true_objects"]
    """All true objects of (subject, relation), the key's own included; padded with `UNUSED`."""
    num_tokens: int
    """Tokens of the stream that are text: neither padding nor unused end."""
    position: int
    """Number of this step on the stream's clock, equal on all ranks."""
    row_ids: tuple[str, ...] = field(default=())
    """Where the rows came from, for the log of a step whose loss was not finite."""

    def tensors(self) -> dict[str, Tensor]:
        """Return its tensors by field."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    def changed(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """Return the same batch with each of its tensors changed."""
        tensors: dict[str, Any] = {name: change(tensor) for name, tensor in self.tensors().items()}
        return replace(self, **tensors)

    def to(self, device: torch.device, *, non_blocking: bool = True) -> Batch:
        """Return the same batch with its tensors on `device`."""
        return self.changed(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """Return the same batch in page-locked memory, from which copies to a GPU can overlap with work."""
        return self.changed(Tensor.pin_memory)


def join(batches: Sequence[Batch]) -> Batch:
    """Return several batches as one for the losses: all that is said of keys, queries and words, one batch after the other.

    Indices of keys are counted on: with 5 places for keys in each batch, key 2 of the second becomes key 7. Positions still
    count from the start of their own batch's stream, so the encoder cannot read the result.
    """
    first = batches[0]
    if len(batches) == 1:
        return first
    tensors: dict[str, Any] = {
        name: torch.cat([getattr(batch, name) for batch in batches])
        for name, tensor in first.tensors().items()
        if name not in ("token_ids", "position_ids", "cu_seqlens")
    }
    num_keys = len(first.key_entities)
    for name in ("mep_keys", "oe_keys"):
        shifted = [
            torch.where(keys == UNUSED, UNUSED, keys + number * num_keys)
            for number, keys in enumerate(getattr(batch, name) for batch in batches)
        ]
        tensors[name] = torch.cat(shifted)
    return replace(first, **tensors)
