"""AdamW in its usual parameter groups, the schedule of its rate, and an update that skips what is not finite.

The skip costs no host sync: whether the step was sound is a tensor, and the fused kernels of AdamW read it themselves.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from model.config import OptimConfig


def make_optimizer(model: nn.Module, config: OptimConfig) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices alone: not on biases, normalisations or the temperature."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=0.0, betas=config.betas, eps=config.eps, fused=True)


def rate_at(step: int, steps: int, config: OptimConfig) -> float:
    """Learning rate of a step: a linear warm-up, then the configured decay to 0 (`config.check_schedule` refuses others).

    Args:
        step: number of the optimizer step, from 0.
        steps: number of all steps.
        config: the schedule.
    """
    warmup = config.warmup_steps
    if step < warmup:
        return config.peak_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    if config.schedule == "linear":
        return config.peak_rate * (1 - done)
    if config.schedule == "cosine":
        return config.peak_rate * (1 + math.cos(math.pi * done)) / 2
    return config.peak_rate * min(1.0, (steps - step) / (config.decay_share * steps))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip(model: nn.Module, largest: float) -> Tensor:
    """Scale all gradients so that their common norm is at most `largest` (0: leave them); return the norm before."""
    parameters = [parameter for parameter in model.parameters() if parameter.grad is not None]
    return nn.utils.clip_grad_norm_(parameters, largest or math.inf, foreach=True)


def update(optimizer: torch.optim.AdamW, sound: Tensor) -> None:
    """Step the optimizer if `sound` holds, and otherwise leave weights and moments as they are; read nothing."""
    # Read by the fused kernels; a gradient scaler would set it in the same way.
    setattr(optimizer, "found_inf", (~sound).to(torch.float32))  # noqa: B010 (not declared by the class)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
