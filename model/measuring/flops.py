"""The floor of a step: how many operations it needs, by hand and by PyTorch's counter, and how fast they could go.

Only matrix products count, two operations for a multiplication and an addition; the backward pass counts twice the
forward pass. Padding counts as nothing: the tokens are the real ones.
"""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

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


def flops_by_counter(joint: JointModel, batch: Batch, *, mixed: bool = False) -> float:
    """Operations of matrix products that PyTorch sees in a step, unused slots and tokens included.

    Packed attention is left out, `flops_by_hand` gives its part. With `mixed` the step runs in bf16; it is never compiled.
    """
    device = batch.token_ids.device.type
    with torch.compiler.set_stance("force_eager"), FlopCounterMode(display=False) as counter:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=mixed):
            loss, _ = joint(batch)
        loss.backward()
    joint.zero_grad(set_to_none=True)
    return counted(counter)


def counted(counter: FlopCounterMode) -> float:
    """Return what a counter saw, without packed attention: whether it knows that operator depends on PyTorch's version."""
    seen = counter.get_flop_counts()["Global"]
    return float(sum(number for operator, number in seen.items() if "varlen_attn" not in str(operator)))


def _embeddings(joint: JointModel) -> int:
    """Parameters that are looked up, not multiplied."""
    modules = joint.encoder.model.base_model.modules()
    return sum(module.weight.numel() for module in modules if isinstance(module, torch.nn.Embedding))


def matmul_rate(device: torch.device, dtype: torch.dtype, seconds: float = 1.0) -> float:
    """Operations per second of large matrix products on this device, as measured: the most a step could reach."""
    size = 8192 if device.type == "cuda" else 1024
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
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


def peak_memory(device: torch.device) -> float:
    """Most bytes held so far: by tensors on a GPU, by the whole process on a CPU."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024  # Linux counts in units of 1,024 bytes


def state_bytes(joint: JointModel) -> int:
    """Bytes of weights, gradients and Adam's two moments in float32, and of all buffers."""
    parameters = sum(p.numel() for p in joint.parameters() if p.requires_grad)
    buffers: list[Tensor] = list(joint.buffers())
    return 16 * parameters + sum(buffer.numel() * buffer.element_size() for buffer in buffers)
