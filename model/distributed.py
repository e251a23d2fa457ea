"""Many processes as one: start-up under torchrun, a gather that carries gradients, sums and votes over ranks.

Every function works unchanged in a single process, where it does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from schemas.errors import UsageError

_ALONE: ContextVar[bool] = ContextVar("alone", default=False)
_left: list[Any] = []
"""Groups that this process has left."""


def world_size() -> int:
    """Return the number of ranks."""
    return dist.get_world_size() if dist.is_initialized() and not _ALONE.get() else 1


def rank() -> int:
    """Return the number of this rank, from 0."""
    return dist.get_rank() if dist.is_initialized() and not _ALONE.get() else 0


def is_main() -> bool:
    """Whether this is the rank that writes files and prints."""
    return rank() == 0


@contextmanager
def alone() -> Iterator[None]:
    """Within, this process counts as the only one: nothing is gathered, so ranks may have unequal numbers of batches."""
    token = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(token)


def choose_device(wanted: str) -> torch.device:
    """Return the device of this process.

    Raises:
        UsageError: a GPU was asked for and there is none.
    """
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise UsageError(
            f"--device cuda was asked for, but torch {torch.__version__} sees no GPU. "
            "Check the driver and that torch is a CUDA build, or pass --device cpu"
        )
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the group that torchrun announces in the environment, if it does, and leave it at the end.

    The group lives on with the process. A model wrapped for it may be freed later, and would then end the group's thread
    while it holds Python's lock, for which that thread may be waiting.
    """
    announced = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if announced and not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        if announced and dist.is_initialized():
            _left.append(dist.group.WORLD)
            dist.destroy_process_group()


def gather_with_gradient(rows: Tensor) -> Tensor:
    """Rows of all ranks in rank order; each rank's gradient is the sum of what all ranks send back.

    Args:
        rows: equal shape on all ranks, `[rows, ...]`; integers and booleans are gathered without gradient.

    Returns:
        Shape `[ranks * rows, ...]`.
    """
    if world_size() == 1:
        return rows
    gather: Callable[[Tensor], Tensor] = _Gather.apply if rows.is_floating_point() else _gather
    return gather(rows)


def gather_states(rows: Tensor) -> Tensor:
    """Rows of all ranks in rank order, without gradient."""
    return rows.detach() if world_size() == 1 else _gather(rows.detach())


def _gather(rows: Tensor) -> Tensor:
    sent = rows.to(torch.uint8) if rows.dtype == torch.bool else rows
    parts = [torch.empty_like(sent) for _ in range(world_size())]
    dist.all_gather(parts, sent.contiguous())
    return torch.cat(parts).to(rows.dtype)


class _Gather(torch.autograd.Function):
    """All-gather whose backward sums the gradients of all ranks and keeps this rank's part."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.rows = rows.shape[0]
        return _gather(rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient.narrow(0, rank() * ctx.rows, ctx.rows)


def sum_with_gradient(values: Tensor) -> Tensor:
    """Sum over all ranks; the gradient is the sum of what all ranks send back."""
    if world_size() == 1:
        return values
    add: Callable[[Tensor], Tensor] = _Sum.apply
    return add(values)


class _Sum(torch.autograd.Function):
    """All-reduce whose backward is one too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return global_sum(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return global_sum(gradient)


def global_sum(values: Tensor) -> Tensor:
    """Sum over all ranks, without gradient."""
    values = values.detach().clone()
    if world_size() > 1:
        dist.all_reduce(values)
    return values


def all_agree(verdict: Tensor) -> Tensor:
    """Whether a boolean holds on every rank, as a tensor on its device."""
    if world_size() == 1:
        return verdict
    votes = verdict.to(torch.int32)
    dist.all_reduce(votes, op=dist.ReduceOp.MIN)
    return votes.to(torch.bool)


def barrier() -> None:
    """Wait for all ranks."""
    if world_size() > 1:
        dist.barrier()


def average_gradients(model: torch.nn.Module) -> None:
    """Average the gradients of all ranks in place, for steps that do not run through DistributedDataParallel."""
    if world_size() == 1:
        return
    for parameter in model.parameters():
        if parameter.requires_grad:
            gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            dist.all_reduce(gradient)
            parameter.grad = gradient.div_(world_size())


def gather_text(text: str, device: torch.device) -> list[str]:
    """One string of every rank, in rank order; sent as bytes, so nothing is unpickled."""
    if world_size() == 1:
        return [text]
    data = text.encode()
    sizes = _gather(torch.tensor([len(data)], device=device)).tolist()
    padded = torch.zeros(max(sizes), dtype=torch.uint8, device=device)
    padded[: len(data)] = torch.frombuffer(bytearray(data), dtype=torch.uint8).to(device)
    rows = _gather(padded).view(world_size(), -1).cpu()
    return [bytes(row[:size].tolist()).decode() for row, size in zip(rows, sizes, strict=True)]
