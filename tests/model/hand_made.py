"""Small encoders and batches made by hand, for tests of the model side that need no data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from model.batch import IGNORED_LABEL, UNUSED, Batch
from model.config import EncoderConfig, MethodConfig, OptimConfig, PretrainConfig
from model.data.stream_config import StreamConfig
from model.method.encoder import Encoder, load_encoder, pack
from model.method.joint import JointModel
from schemas.names import split_names

VOCAB = 300
"""Pieces of the small encoders."""
SMALL = EncoderConfig(layers=2, width=32, attention_heads=4, intermediate_width=64, max_length=64, dropout=0.0)
"""A very small XLM-R."""


def small_encoder(seed: int = 0, **changes: Any) -> Encoder:
    """A very small XLM-R with random weights."""
    return load_encoder(replace(SMALL, **changes), vocab_size=VOCAB, pad_id=1, seed=seed)


def config(objectives: str = "mlm,mep,oe", **method: Any) -> PretrainConfig:
    """A run's configuration with the given fields of the method."""
    lengths = {"max_text_length": 64, "max_length": 64, "max_description_length": 32, "max_relation_length": 8}
    stream, optim = StreamConfig(tokens_per_step=512, expected_length=24, **lengths), OptimConfig(warmup_steps=2)
    return PretrainConfig(
        objectives=split_names(objectives),
        encoder=SMALL,
        method=MethodConfig(**method),
        stream=stream,
        optim=optim,
        steps=10,
    ).resolved()


def joint_model(objectives: str = "mlm,mep,oe", seed: int = 0, **method: Any) -> JointModel:
    """A very small joint model in training mode."""
    return JointModel(small_encoder(seed), config(objectives, **method))


def documents(lengths: list[int], generator: torch.Generator) -> list[list[int]]:
    """Random documents between the marks of start and end."""
    return [[0, *torch.randint(5, VOCAB - 1, (n - 2,), generator=generator).tolist(), 2] for n in lengths]


def hand_made_batch(seed: int = 0, *, pairs: int = 6, masked: int = 12, spare: int = 2, position: int = 0) -> Batch:
    """A batch of `pairs` contexts, descriptions and questions, with `spare` unused slots of each kind.

    The first two mentions lead to the same entity; the first two questions have each other's object among their true
    ones.
    """
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(6, 20, (3 * pairs,), generator=generator).tolist()
    token_ids, position_ids, bounds, longest = pack(documents(lengths, generator), 2)
    starts = bounds[:-1].long()
    labels = torch.cat([torch.randint(5, VOCAB - 1, (masked,), generator=generator), _fill(spare, IGNORED_LABEL)])
    where = torch.randperm(int(bounds[pairs]), generator=generator)[:masked]
    own = torch.arange(pairs)
    mentioned = own.clone()
    mentioned[1] = 0
    entities = 100 + own
    objects = torch.stack([entities, torch.full((pairs,), UNUSED)], 1)
    objects[0, 1], objects[1, 1] = entities[1], entities[0]
    return Batch(
        token_ids=torch.cat([token_ids, torch.ones(7, dtype=torch.long)]),
        position_ids=torch.cat([position_ids, torch.arange(2, 9)]),
        cu_seqlens=torch.cat([bounds, torch.full((3,), int(bounds[-1]) + 7, dtype=torch.int32)]),
        max_seqlen=max(longest, 7),
        mlm_positions=torch.cat([where, _fill(spare, 0)]),
        mlm_labels=labels,
        key_positions=torch.cat([starts[pairs : 2 * pairs], _fill(spare, 0)]),
        key_entities=torch.cat([entities, _fill(spare, UNUSED)]),
        mep_positions=torch.cat([starts[:pairs] + 3, _fill(spare, 0)]),
        mep_entities=torch.cat([entities[mentioned], _fill(spare, UNUSED)]),
        mep_keys=torch.cat([mentioned, _fill(spare, UNUSED)]),
        oe_positions=torch.cat([starts[2 * pairs :], _fill(spare, 0)]),
        oe_keys=torch.cat([own, _fill(spare, UNUSED)]),
        oe_subjects=torch.cat([200 + own, _fill(spare, UNUSED)]),
        oe_relations=torch.cat([_fill(pairs, 31), _fill(spare, UNUSED)]),
        oe_objects=torch.cat([objects, torch.full((spare, 2), UNUSED)]),
        num_tokens=sum(lengths),
        position=position,
        row_ids=(f"row {position}",),
    )


def _fill(number: int, value: int) -> Tensor:
    return torch.full((number,), value)


def gradients(model: torch.nn.Module) -> dict[str, Tensor]:
    """Gradients by parameter, as copies."""
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
