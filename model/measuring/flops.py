"""The operations of a step as PyTorch's counter sees them, beside the count by hand (`method.flops`), and the memory it takes."""

from __future__ import annotations

import resource

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from model.batch import Batch
from model.method.joint import JointModel


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
