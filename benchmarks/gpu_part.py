"""One part of the GPU benchmark, as its own process sees it: where it runs, and what it has found."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import torch

from benchmarks.gpu_session import Findings
from benchmarks.training import SMALL
from model.config import EncoderConfig
from model.measuring.bench import SIZES, XLMR_PIECES

CPU = torch.device("cpu")
SMALL_VOCAB = 2_000
"""Pieces of the vocabulary of whatever is tiny."""


@dataclass(kw_only=True)
class Part(Findings):
    """What one part finds, and on what."""

    small: bool
    """Whether the script itself is tested, on a CPU."""
    compiled: bool = True
    """Whether to compile; never where the script is tested."""
    started: float = field(default_factory=time.monotonic)
    """When the process began."""

    @property
    def device(self) -> torch.device:
        """The GPU, or the CPU where the script is tested."""
        return CPU if self.small else torch.device("cuda")

    @property
    def precision(self) -> str:
        """bf16 on a GPU; float32 where the script is tested, as bf16 cannot be had on every CPU."""
        return "fp32" if self.small else "bf16"

    @property
    def base_size(self) -> tuple[EncoderConfig, int]:
        """XLM-R base and its vocabulary; something tiny where the script is tested."""
        return (replace(SMALL, layers=2), SMALL_VOCAB) if self.small else (SIZES["base"], XLMR_PIECES)

    @property
    def seconds(self) -> float:
        """Seconds since the process began."""
        return round(time.monotonic() - self.started, 1)

    def check(self, what: str, value: float, most: float) -> None:
        """Records a figure with its bound, and whether it kept it; goes on either way."""
        self.record(what, {"found": value, "at most": most, "verdict": "good" if value <= most else "TOO MUCH"})
