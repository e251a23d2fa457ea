"""Batches of random tokens with the shape of real ones, for measuring without data."""

from __future__ import annotations

import torch
from torch import Tensor

from model.batch import IGNORED_LABEL, UNUSED, Batch
from model.data.special_tokens import SpecialTokens
from model.data.stream_config import StreamConfig

MEAN_LENGTH = 70
"""Tokens of a typical context, as measured on Wikipedia text in some 15 languages."""


def synthetic_batch(config: StreamConfig, special: SpecialTokens, *, position: int, seed: int = 0) -> Batch:
    """Return a full batch: half of its documents are contexts with a mention, the other half their descriptions and questions.

    Lengths are drawn from a geometric law around `MEAN_LENGTH` and cut at the configured bounds.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + position)
    shapes = config.shapes()
    bounds = _bounds(config, generator)
    kinds = torch.arange(len(bounds) - 1) % 3
    starts = bounds[:-1].long()
    keys = starts[kinds == 0][: shapes.keys]
    entities = torch.arange(len(keys)) + 1
    objects = torch.full((shapes.oe, shapes.true_objects), UNUSED)
    mentions, questions = starts[kinds == 1][: shapes.mep], starts[kinds == 2][: shapes.oe]
    asked, answered = (torch.arange(len(where)) % max(1, len(keys)) for where in (mentions, questions))
    objects[: len(questions), 0] = entities[answered]
    masked = torch.randperm(int(bounds[-1]), generator=generator)[: int(shapes.masked * 0.94)]
    pieces = torch.randint(5, special.vocab_size - 1, (shapes.tokens,), generator=generator)
    cu_seqlens = torch.full((shapes.documents + 1,), shapes.tokens, dtype=torch.int32)
    cu_seqlens[: len(bounds)] = bounds
    return Batch(
        token_ids=pieces,
        position_ids=_positions(bounds, shapes.tokens) + special.position_offset,
        cu_seqlens=cu_seqlens,
        max_seqlen=shapes.longest,
        mlm_positions=_fit(masked, shapes.masked, 0),
        mlm_labels=_fit(pieces[masked], shapes.masked, IGNORED_LABEL),
        key_positions=_fit(keys, shapes.keys, 0),
        key_entities=_fit(entities, shapes.keys, UNUSED),
        mep_positions=_fit(mentions + 1, shapes.mep, 0),
        mep_entities=_fit(entities[asked], shapes.mep, UNUSED),
        mep_keys=_fit(asked, shapes.mep, UNUSED),
        oe_positions=_fit(questions, shapes.oe, 0),
        oe_keys=_fit(answered, shapes.oe, UNUSED),
        oe_subjects=_fit(entities[answered], shapes.oe, UNUSED),
        oe_relations=_fit(torch.full_like(answered, 31), shapes.oe, UNUSED),
        oe_objects=objects,
        num_tokens=int(bounds[-1]),
        position=position,
    )


def _bounds(config: StreamConfig, generator: torch.Generator) -> Tensor:
    """Start of documents, and the last one's end; what is left is shorter than the next document would have been."""
    shapes = config.shapes()
    most = shapes.documents - 1
    uniform = torch.rand(most, generator=generator).clamp(min=1e-6)
    lengths = (-MEAN_LENGTH * uniform.log()).long().clamp(min=8, max=shapes.longest)
    ends = lengths.cumsum(0)
    ends = ends[ends < shapes.tokens]
    return torch.cat([torch.tensor([0]), ends]).int()


def _positions(bounds: Tensor, tokens: int) -> Tensor:
    """Positions from 0 in every document and in the unused end."""
    starts = torch.zeros(tokens, dtype=torch.long)
    starts[bounds.long().clamp(max=tokens - 1)] = bounds.long()
    return torch.arange(tokens) - starts.cummax(0).values


def _fit(values: Tensor, size: int, fill: int) -> Tensor:
    """Return the values in as many slots as the shape has, the rest filled."""
    slots = torch.full((size,), fill, dtype=torch.long)
    slots[: len(values)] = values
    return slots
