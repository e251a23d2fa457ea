"""The optimizer: what decays, how the rate moves, and that it is AdamW by its formula."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch

from model.config import OptimConfig
from model.training.optim import clip, make_optimizer, rate_at, set_rate, update
from tests.model.hand_made import joint_model

SOUND = torch.tensor(True)


def test_matrices_decay_and_nothing_else_does() -> None:
    model = joint_model(learnable_temperature=True)
    groups = make_optimizer(model, OptimConfig(weight_decay=0.25)).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed, plain = ({names[id(parameter)] for parameter in group["params"]} for group in groups)
    assert [group["weight_decay"] for group in groups] == [0.25, 0.0]
    assert all(group["fused"] for group in groups)
    assert decayed | plain == set(names.values()) and not decayed & plain
    assert not [name for name in decayed if name.endswith("bias") or "norm" in name.lower() or "log_scale" in name]
    assert any("lm_head.decoder" in name for name in decayed) and any("log_scale" in name for name in plain)


def test_steps_are_those_of_the_formula() -> None:
    config = OptimConfig(weight_decay=0.1, betas=(0.9, 0.98), eps=1e-6)
    layer = torch.nn.Linear(1, 1).double()
    optimizer = make_optimizer(layer, config)
    set_rate(optimizer, 0.01)
    weight, bias = layer.weight.item(), layer.bias.item()
    moments = {"weight": (0.0, 0.0), "bias": (0.0, 0.0)}
    for step, gradient in enumerate((0.5, -2.0, 1.0), start=1):
        layer.weight.grad, layer.bias.grad = torch.full((1, 1), gradient).double(), torch.tensor([gradient]).double()
        update(optimizer, SOUND)
        for name, value in (("weight", weight * (1 - 0.01 * 0.1)), ("bias", bias)):
            first, second = moments[name]
            first, second = 0.9 * first + 0.1 * gradient, 0.98 * second + 0.02 * gradient**2
            moments[name] = first, second
            move = first / (1 - 0.9**step) / (math.sqrt(second / (1 - 0.98**step)) + 1e-6)
            weight, bias = (value - 0.01 * move, bias) if name == "weight" else (weight, value - 0.01 * move)
    assert layer.weight.item() == pytest.approx(weight, abs=1e-7)
    assert layer.bias.item() == pytest.approx(bias, abs=1e-7)


@pytest.mark.parametrize(
    ("schedule", "halfway", "late"),
    [("linear", 0.5, 0.1), ("cosine", 0.5, (1 + math.cos(0.9 * math.pi)) / 2), ("wsd", 1.0, 0.5)],
)
def test_the_rate_rises_and_falls(schedule: str, halfway: float, late: float) -> None:
    config = OptimConfig(peak_rate=2.0, warmup_steps=100, schedule=schedule, decay_share=0.2)  # type: ignore[arg-type]
    rates = [rate_at(step, 1_100, config) for step in range(1_100)]
    assert rates[:2] == [0.02, 0.04] and rates[99] == rates[100] == max(rates) == 2.0
    assert rates[600] == pytest.approx(2 * halfway, abs=1e-9)
    late_step = 1_000 if schedule != "wsd" else 990
    assert rates[late_step] == pytest.approx(2 * late, abs=1e-9)
    assert 0 <= rates[-1] < 0.02 and sorted(rates[100:], reverse=True) == rates[100:]


@pytest.mark.parametrize("schedule", ["linear", "cosine", "wsd"])
def test_the_shortest_run_has_a_rate(schedule: Literal["linear", "cosine", "wsd"]) -> None:
    assert rate_at(0, 1, OptimConfig(peak_rate=1.0, warmup_steps=0, schedule=schedule, decay_share=1.0)) == 1.0


def test_wsd_falls_from_where_it_rose_to() -> None:
    config = OptimConfig(peak_rate=1.0, warmup_steps=20, schedule="wsd", decay_share=0.8)
    rates = [rate_at(step, 100, config) for step in range(100)]
    assert rates[19] == rates[20] == 1.0 and max(abs(a - b) for a, b in zip(rates, rates[1:], strict=False)) <= 0.051


def test_gradients_are_clipped_to_the_norm_and_zero_leaves_them() -> None:
    layer = torch.nn.Linear(3, 1, bias=False)
    for largest, expected in ((1.0, 1.0), (0.0, 5.0), (10.0, 5.0)):
        layer.weight.grad = torch.tensor([[3.0, 4.0, 0.0]])
        assert float(clip(layer, largest)) == 5.0
        assert float(layer.weight.grad.norm()) == pytest.approx(expected, rel=1e-5)
