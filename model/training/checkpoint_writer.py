"""Checkpoints beside the training: the state is copied at its step, and a thread of its own puts the copy on disk.

The loop stands still for the copy alone. On a GPU not even for that: copies are queued behind the step like any other
work of the device, and the thread waits for them. One checkpoint is on its way at a time, so memory holds one copy; what
goes wrong in the thread is raised in the loop, at its next step.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model.training import checkpoint as checkpoints
from model.training.mirror import Mirror


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The state of a run at one step, on the host, apart from what training does next."""

    step: int
    """Steps done."""
    model: dict[str, Tensor]
    """Parameters and buffers by name."""
    optimizer: dict[str, Tensor]
    """Moments by name."""
    state: dict[str, Any]
    """What else `state.json` is to hold."""
    copied: torch.cuda.Event | None
    """Passed once the tensors are whole; None if they are so already."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A checkpoint that is on disk."""

    step: int
    """Steps done when it was taken."""
    stalled: float
    """Seconds the loop stood still for it."""
    seconds: float
    """Seconds it took to write."""


class CheckpointWriter:
    """Writes the checkpoints of one run, one at a time; only the main rank has use for one."""

    def __init__(
        self, root: Path, keep: int, *, background: bool, keep_every: int = 0, mirror: Mirror | None = None
    ) -> None:
        """Start nothing yet.

        Args:
            root: folder of the run's checkpoints.
            keep: how many of the newest are kept.
            keep_every: those of multiples of so many steps are kept too; 0 keeps none of them.
            background: whether a thread writes them; otherwise `save` returns when the checkpoint is on disk.
            mirror: where they are copied to once they are on disk.
        """
        self.mirror = mirror
        self.root, self.keep, self.keep_every, self.background = root, keep, keep_every, background
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._pending: tuple[Future[float], Snapshot] | None = None
        self._stalled = 0.0

    def save(
        self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]
    ) -> list[Written]:
        """Take the state of this step and have it written; first wait for the one that is on its way.

        Returns:
            What came to disk meanwhile: the one that was on its way, and this one if no thread writes it.

        Raises:
            StorageError: one of these could not be written; the earlier ones are untouched.
        """
        started = time.perf_counter()
        before = self.wait()
        snapshot = take_snapshot(step, model, optimizer, state, wait=not self.background)
        self._pending = self._thread.submit(self._write, snapshot), snapshot
        if not self.background:
            wait([self._pending[0]])
        self._stalled = time.perf_counter() - started
        return before if self.background else before + self.wait()

    def finished(self) -> list[Written]:
        """Give the checkpoint that came to disk since the last call, if one did.

        Raises:
            StorageError: it could not be written; the earlier ones are untouched.
        """
        return self.wait() if self._pending and self._pending[0].done() else []

    def wait(self) -> list[Written]:
        """Give the same, after waiting for the checkpoint that is on its way."""
        if not self._pending:
            return []
        (writing, snapshot), self._pending = self._pending, None
        return [Written(step=snapshot.step, stalled=self._stalled, seconds=writing.result())]

    def close(self) -> None:
        """Let a checkpoint on its way come to disk; say on stderr if it did not, for the run may be failing already."""
        if self._pending and (error := self._pending[0].exception()):
            print(error, file=sys.stderr)
        self._thread.shutdown()

    def _write(self, snapshot: Snapshot) -> float:
        started = time.perf_counter()
        if snapshot.copied is not None:
            snapshot.copied.synchronize()
        parts = (snapshot.model, snapshot.optimizer, snapshot.state)
        folder = checkpoints.save(self.root, snapshot.step, *parts, self.keep, self.keep_every)
        if self.mirror is not None:
            self.mirror.send(folder, self.keep, self.keep_every)
        return time.perf_counter() - started


def take_snapshot(
    step: int, model: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any], *, wait: bool
) -> Snapshot:
    """Copy all tensors to the host; `wait` False only queues copies from a GPU and notes when they will be whole."""
    tensors = checkpoints.model_tensors(model, wait=wait)
    moments = checkpoints.optimizer_tensors(model, optimizer, wait=wait)
    copied = None
    if not wait and next(model.parameters()).is_cuda:
        copied = torch.cuda.Event()
        copied.record()
    return Snapshot(step=step, model=tensors, optimizer=moments, state=state, copied=copied)
