"""A step never waits for the device: it runs to its end on tensors that have shapes and no values.

Reading a number (`item`, `tolist`, `if tensor:`) and operations whose result's shape depends on values (`nonzero`, a
boolean index, `unique`) are what makes the host wait. None of them can be answered without values, so a step that has
one fails here. The attention is the GPU's, of which only the shapes are asked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from model.batch import Batch
from model.data.special_tokens import SpecialTokens
from model.measuring.synthetic import synthetic_batch
from model.method import packed_attention
from model.method.joint import JointModel
from model.training.step import StepResult, TrainingStep
from tests.model.hand_made import VOCAB, config, joint_model

CPU = torch.device("cpu")
RESERVED = (0, 1, 2, 3, VOCAB - 1)
SPECIAL = SpecialTokens(begin=0, end=2, pad=1, mask=VOCAB - 1, vocab_size=VOCAB, reserved=RESERVED, position_offset=2)
WAITS = (DataDependentOutputException, DynamicOutputShapeException)
READS = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal.default")
METHODS: list[dict[str, Any]] = [{}, {"bank_size": 256}, {"mode": "paper", "bank_size": 256}, {"head_norm": "layer"}]


class Calls(TorchDispatchMode):
    """Counts the operations called inside."""

    def __init__(self) -> None:
        super().__init__()
        self.number: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.number[str(func)] += 1
        return func(*args, **(kwargs or {}))


def without_values(joint: JointModel, shapes: FakeTensorMode) -> None:
    """Replaces all parameters and buffers of a model by tensors without values, tied ones by the same."""
    known: dict[int, Tensor] = {}

    def convert(tensor: Tensor) -> Tensor:
        if id(tensor) not in known:
            known[id(tensor)] = shapes.from_tensor(tensor)
        return known[id(tensor)]

    for module in joint.modules():
        for kind in (module._parameters, module._buffers):
            kind.update({name: convert(tensor) for name, tensor in kind.items() if tensor is not None})


def step_on_shapes(
    monkeypatch: pytest.MonkeyPatch, method: dict[str, Any], accumulation: int = 1
) -> tuple[StepResult, Counter[str]]:
    """Runs one step in bf16 without values; returns what it left behind and what it called."""
    run = replace(config(**method), precision="bf16", accumulation=accumulation)
    joint = JointModel(joint_model(**method).encoder, run)
    batches = [synthetic_batch(run.stream, SPECIAL, position=number) for number in range(accumulation)]
    longest = batches[0].max_seqlen

    def on_gpu(query: Tensor, key: Tensor, value: Tensor, cu_seqlens: Tensor, scale: float, window: int) -> Tensor:
        return packed_attention._fused((query, key, value), cu_seqlens, longest, scale, window)

    monkeypatch.setattr(packed_attention, "exact_attention", on_gpu)
    shapes = FakeTensorMode()
    without_values(joint, shapes)
    with shapes, Calls() as calls:
        empty = [batch.changed(shapes.from_tensor) for batch in batches]
        calls.number.clear()
        result = TrainingStep(joint, run, CPU)(empty, 0)
    return result, calls.number


@pytest.mark.parametrize("method", METHODS)
def test_a_step_reads_no_value_and_makes_no_shape_from_values(
    monkeypatch: pytest.MonkeyPatch, method: dict[str, Any]
) -> None:
    result, calls = step_on_shapes(monkeypatch, method)
    assert result.verdict.shape == (2,) and all(value.shape == () for value in result.measures.values())
    assert not [name for name in calls if any(read in name for read in READS)]
    # It was a whole step, by the GPU's attention: forward in 2 layers, backward, and the update of both groups.
    assert calls["torch_attn._varlen_attn.default"] == calls["torch_attn._varlen_attn_backward.default"] == 2
    assert calls["aten._fused_adamw_.default"] == 2


def test_accumulated_batches_read_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    _, calls = step_on_shapes(monkeypatch, {}, accumulation=2)
    # Encoded once for the rows, and once more for the gradient.
    assert calls["torch_attn._varlen_attn.default"] == 8 and calls["torch_attn._varlen_attn_backward.default"] == 4
    assert calls["aten._fused_adamw_.default"] == 2


@pytest.mark.parametrize(
    "reading",
    [
        lambda t: t.sum().item(),
        lambda t: t.tolist(),
        lambda t: bool(t.any()),
        lambda t: t[t > 0],
        lambda t: t.nonzero(),
    ],
    ids=["item", "tolist", "if", "boolean index", "nonzero"],
)
def test_each_way_of_waiting_is_noticed(monkeypatch: pytest.MonkeyPatch, reading: Any) -> None:
    forward = JointModel.losses

    def waiting(self: JointModel, states: Any, batch: Batch, totals: Any) -> Any:
        reading(states.words.detach())
        return forward(self, states, batch, totals)

    monkeypatch.setattr(JointModel, "losses", waiting)
    with pytest.raises(WAITS):
        step_on_shapes(monkeypatch, {})
