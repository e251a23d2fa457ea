"""The optimizer of fine-tuning and the arithmetic of its forward pass."""

from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from model.evaluation.finetuning.config import FinetuneConfig


def make_optimizer(model: nn.Module, config: FinetuneConfig) -> torch.optim.AdamW:
    """AdamW over all weights, biases and normalisations without decay."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, eps=config.adam_epsilon)


def autocast(config: FinetuneConfig, device: torch.device) -> Any:
    """Return the arithmetic of the forward pass."""
    low = device.type == "cuda" and config.precision in ("auto", "bf16")
    return torch.autocast(device.type, dtype=torch.bfloat16) if low else nullcontext()
