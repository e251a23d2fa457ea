"""The loss curve of the trainer's step lies on that of the plain path: padded, plain attention, all logits, plain AdamW."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from benchmarks.plain_path import PlainPath
from model.batch import Batch
from model.config import OptimConfig, PretrainConfig
from model.data.special_tokens import SpecialTokens
from model.measuring.synthetic import synthetic_batch
from model.method import mlm_head
from model.training.step import TrainingStep
from tests.model.hand_made import VOCAB, config, joint_model

RESERVED = (0, 1, 2, 3, VOCAB - 1)
SPECIAL = SpecialTokens(begin=0, end=2, pad=1, mask=VOCAB - 1, vocab_size=VOCAB, reserved=RESERVED, position_offset=2)
STEPS = 10
TOLERANCE = 1e-4
"""Largest difference of any objective's loss in any step, in nats. Rounding gives some 1e-6; over fewer pairs than here BatchNorm
would magnify it."""
METHODS = [{"bank_size": 256}, {"mode": "paper", "bank_size": 256}, {"contrast_layer": 1, "head_norm": "layer"}]


def largest_difference(
    method: dict[str, Any], change: Callable[[Batch], Batch] = lambda batch: batch
) -> tuple[float, list[float]]:
    """How far the two paths' losses lie apart at most over all steps, in nats, and the plain path's totals.

    Args:
        method: fields of the method's configuration.
        change: what is done to the fast path's batches, for controls.
    """
    small = config(**method)
    stream = replace(small.stream, tokens_per_step=2_048)
    run: PretrainConfig = replace(small, stream=stream, steps=STEPS, optim=OptimConfig(peak_rate=5e-4, warmup_steps=4))
    fast = TrainingStep(joint_model(**method), run, torch.device("cpu"))
    plain = PlainPath(joint_model(**method), run)
    largest, totals = 0.0, []
    for number in range(STEPS):
        batch = synthetic_batch(run.stream, SPECIAL, position=number % 4)
        found, right = fast([change(batch)], number).measures, plain.step(batch, number)
        totals.append(right.pop("total"))
        for name, loss in right.items():
            largest = max(largest, abs(float(found[f"{name}/loss"]) - loss))
    return largest, totals


@pytest.mark.parametrize("method", METHODS)
def test_the_curves_are_one(monkeypatch: pytest.MonkeyPatch, method: dict[str, Any]) -> None:
    monkeypatch.setattr(mlm_head, "CHUNK_BYTES", 4 * VOCAB * 20)  # several chunks a step
    largest, totals = largest_difference(method)
    assert largest < TOLERANCE
    assert sum(totals[-4:]) < 0.97 * sum(totals[:4])  # it is a curve: the batches are learnt


def test_documents_that_see_each_other_leave_the_curve() -> None:
    def leaking(batch: Batch) -> Batch:
        bounds = batch.cu_seqlens.clone()
        bounds[1] = bounds[2]  # the first two documents as one
        return replace(batch, cu_seqlens=bounds)

    assert largest_difference(METHODS[0], leaking)[0] > 100 * TOLERANCE


def test_positions_one_further_leave_the_curve() -> None:
    def shifted(batch: Batch) -> Batch:
        return replace(batch, position_ids=batch.position_ids + (batch.position_ids == 2))

    assert largest_difference(METHODS[0], shifted)[0] > 100 * TOLERANCE
