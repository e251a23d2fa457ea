"""Inputs of fine-tuning: token ids with labels, the batches of an epoch, and rectangles of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.data.draws import permutation
from model.evaluation.embedder import pad

BUCKET_BATCHES = 50
"""Batches within which examples are sorted by length: enough to pad little, few enough to stay well mixed."""


@dataclass(frozen=True)
class Feature:
    """One input: token ids with special tokens, its labels (one, one per token, or start and end), segments."""

    token_ids: list[int]
    labels: tuple[int, ...]
    segments: list[int] | None = None


def random_batches(count: int, batch_size: int, *key: int | str) -> list[list[int]]:
    """Return indices of one epoch in random batches; a pure function of the key. Every index comes once."""
    order = permutation(count, *key, "order").tolist()
    return [order[i : i + batch_size] for i in range(0, count, batch_size)]


def like_length_batches(lengths: Sequence[int], batch_size: int, *key: int | str) -> list[list[int]]:
    """Return indices of one epoch in batches of like length, which need little padding; a pure function of the key.

    A random order is cut into stretches of `BUCKET_BATCHES` batches; each is sorted by length and cut into batches,
    and the batches are put in random order. Every index comes once.
    """
    order = permutation(len(lengths), *key, "order").tolist()
    batches = []
    for start in range(0, len(order), BUCKET_BATCHES * batch_size):
        stretch = sorted(order[start : start + BUCKET_BATCHES * batch_size], key=lambda i: lengths[i])
        batches += [stretch[i : i + batch_size] for i in range(0, len(stretch), batch_size)]
    return [batches[i] for i in permutation(len(batches), *key, "batches")]


def model_inputs(features: Sequence[Feature], pad_id: int, device: torch.device) -> dict[str, Tensor]:
    """Return the rectangle of inputs that every Hugging Face encoder takes."""
    token_ids, attention = pad([f.token_ids for f in features], pad_id, device)
    inputs = {"input_ids": token_ids, "attention_mask": attention}
    if features[0].segments is not None:
        inputs["token_type_ids"] = pad([f.segments or [] for f in features], 0, device)[0]
    return inputs
