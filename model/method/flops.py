"""How many operations a step needs, from its real tokens, and how many a device could make in a second.

Only matrix products count, two operations for a multiplication and an addition; the backward pass counts twice the
forward pass. Padding counts as nothing: the tokens are the real ones.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from model.batch import IGNORED_LABEL, UNUSED, Batch
from model.method.joint import JointModel

BACKWARD = 3
"""Operations of forward and backward together, in forward passes."""
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L4": 121e12, "A10": 125e12, "V100": 125e12}
"""Dense bf16 (V100: fp16) tensor rates from the vendors' data sheets, operations per second."""


@dataclass(frozen=True, kw_only=True)
class StepFlops:
    """Operations of one step, forward and backward."""

    linear: float
    """Of the encoder's linear layers."""
    attention: float
    """Of scores and weighted sums within documents."""
    head: float
    """Of the masked-LM head on masked rows."""
    contrast: float
    """Of projection heads and score matrices."""

    @property
    def total(self) -> float:
        """All together."""
        return self.linear + self.attention + self.head + self.contrast


def flops_by_hand(joint: JointModel, batch: Batch) -> StepFlops:
    """Operations that a step on this batch needs, from its real tokens, lengths and slots."""
    encoder = joint.encoder
    width, layers = encoder.width, encoder.num_layers
    lengths = batch.cu_seqlens.diff().double()
    tokens = float(batch.num_tokens)
    # The unused end of the stream is made of documents too; its share of the squares is left out by the share of tokens.
    squares = float(lengths.square().sum()) * tokens / max(float(lengths.sum()), 1.0)
    weights = sum(p.numel() for p in encoder.model.base_model.parameters() if p.ndim == 2) - _embeddings(joint)
    masked = float((batch.mlm_labels != IGNORED_LABEL).sum()) if "mlm" in joint.objectives else 0.0
    contrast = 0.0
    for name in set(joint.objectives) & {"mep", "oe"}:
        queries = float((getattr(batch, f"{name}_keys") != UNUSED).sum())
        keys = float((batch.key_entities != UNUSED).sum())
        contrast += 2 * 2 * width * width * (queries + keys) + 2 * width * queries * (keys + queries)
    return StepFlops(
        linear=BACKWARD * 2 * weights * tokens,
        attention=BACKWARD * 2 * 2 * width * squares * layers,
        head=BACKWARD * 2 * masked * width * (width + encoder.vocab_size),
        contrast=BACKWARD * contrast,
    )


def _embeddings(joint: JointModel) -> int:
    """Parameters that are looked up, not multiplied."""
    modules = joint.encoder.model.base_model.modules()
    return sum(module.weight.numel() for module in modules if isinstance(module, torch.nn.Embedding))


def matmul_rate(device: torch.device, dtype: torch.dtype, seconds: float = 1.0) -> float:
    """Operations per second of large matrix products on this device, as measured: the most a step could reach."""
    size = 8192 if device.type == "cuda" else 1024
    # A generator of its own: the draws of a training that measures this stay what they were.
    generator = torch.Generator(device).manual_seed(0)
    left, right = (torch.randn(size, size, device=device, dtype=dtype, generator=generator) for _ in range(2))
    times: list[float] = []
    while len(times) < 4 or sum(times) < seconds:
        times.append(timed(lambda: left @ right, device))
    return 2 * size**3 / sorted(times[1:])[len(times[1:]) // 2]


def timed(work: object, device: torch.device) -> float:
    """Seconds that a call takes, the device's queue drained before and after."""
    synchronise(device)
    start = time.perf_counter()
    work()  # type: ignore[operator]
    synchronise(device)
    return time.perf_counter() - start


def synchronise(device: torch.device) -> None:
    """Wait for the device; a CPU is never ahead."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_of(device: torch.device) -> float | None:
    """Return the data sheet's rate of a GPU this table knows, operations per second; None for all else."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((rate for key, rate in PEAKS.items() if key in name), None)


def peak_rate(device: torch.device, dtype: torch.dtype) -> tuple[float, str]:
    """Return the most a device could make, operations per second, and where that is from: the data sheet, or measured.

    0 for a CPU: its cores are shared, so a moment's measure is no limit.
    """
    if device.type == "cpu":
        return 0.0, ""
    sheet = peak_of(device)
    return (sheet, "data sheet") if sheet else (matmul_rate(device, dtype, seconds=0.1), "measured")
