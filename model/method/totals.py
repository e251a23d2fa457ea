"""What the losses of a step are divided by: the words and pairs of all its batches on all ranks, however it is split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from model.batch import IGNORED_LABEL, UNUSED, Batch
from model.distributed import global_sum


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What one objective's loss is divided by, or weighed with."""

    number: Float[Tensor, ""]
    """Words or pairs of the whole step, at least 1."""
    share: Float[Tensor, ""]
    """Weight of this batch among those of the step, all adding up to 1; what `paper` weighs a batch's means with."""


def step_totals(batches: Sequence[Batch], device: torch.device, *, paper: bool) -> list[dict[str, Totals]]:
    """Return the totals of a step for each of this rank's batches, by objective.

    In `best` mode every word and every pair of the step weighs the same. In `paper` mode a batch weighs as many words as
    it predicts, and its means over pairs with it (code: the release's ratio of sample sizes); a batch without words, which
    the release does not have, weighs as many as the step's others on average (open).

    Args:
        batches: this rank's, on any device.
        device: where the losses are.
        paper: whether the mode is `paper`.
    """
    counts = torch.stack([_counts(batch) for batch in batches]).to(device, non_blocking=True)
    everywhere = global_sum(counts.sum(0))
    number = {name: everywhere[place].clamp(min=1) for place, name in enumerate(("mlm", "mep", "oe"))}
    words = counts[:, 0]
    if paper:
        with_words = global_sum((words > 0).sum()).clamp(min=1)
        words = torch.where(words > 0, words, number["mlm"] / with_words)
        number["mlm"] = global_sum(words.sum())
    shares = words / number["mlm"]
    return [{name: Totals(number=total, share=share) for name, total in number.items()} for share in shares.unbind()]


def _counts(batch: Batch) -> Float[Tensor, 3]:
    """Words and pairs of both knowledge objectives in a batch."""
    used = (batch.mlm_labels != IGNORED_LABEL, batch.mep_keys != UNUSED, batch.oe_keys != UNUSED)
    return torch.stack([slots.sum() for slots in used]).to(torch.float64)
