"""One training step: forward, backward, the vote on whether it was sound, and the update; nothing in it waits for the GPU.

Dropout is a pure function of the seed and the number of the pack: the generators are seeded anew for every batch, so a
resumed run draws what the uninterrupted one drew, on any number of ranks, and no generator state has to be saved.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import blake2b

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from model.batch import Batch
from model.config import PretrainConfig
from model.distributed import all_agree, average_gradients, global_sum, rank, world_size
from model.method.chunked import cached_backward
from model.method.contrast import Sums, measure
from model.method.joint import JointModel
from model.method.totals import Totals, step_totals
from model.training.optim import clip, make_optimizer, rate_at, set_rate, update
from schemas.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """What a step leaves behind, as tensors that were not read."""

    measures: dict[str, Tensor]
    """Measures by name, scalars: means over the words and pairs of the whole step, on all ranks."""
    sums: Sums
    """The same as sums and counts, which add up over steps."""
    verdict: Tensor
    """Two integers, equal on all ranks: 1 if the step was sound, 1 if no rank was asked to stop."""


class TrainingStep:
    """Turns the batches of one optimizer step into an update of the weights."""

    def __init__(self, joint: JointModel, config: PretrainConfig, device: torch.device) -> None:
        """Wrap the model for data-parallel training where there are several ranks."""
        if config.chunk_tokens and config.encoder.compile:
            raise UsageError("chunk_tokens makes batches of changing shape; pass --encoder.compile False with it.")
        self.joint, self.config, self.device = joint, config, device
        self.optimizer = make_optimizer(joint, config.optim)
        bf16 = config.precision == "bf16" or (config.precision == "auto" and device.type == "cuda")
        self.dtype, self.mixed = torch.bfloat16, bf16
        joined = joint.joins_batches and config.accumulation > 1
        self.parallel = world_size() > 1 and not config.chunk_tokens and not joined
        # Buffers are banks, equal on all ranks, and running statistics, which only evaluation reads: not broadcast.
        self.model = (
            DistributedDataParallel(joint, broadcast_buffers=False, gradient_as_bucket_view=True)
            if self.parallel
            else joint
        )

    def __call__(self, batches: list[Batch], step: int, *, stop: bool = False) -> StepResult:
        """Run one optimizer step.

        Args:
            batches: `accumulation` batches, on the CPU.
            step: its number, from 0.
            stop: whether this process was asked to stop; told to all ranks by the verdict.
        """
        self.joint.train()
        set_rate(self.optimizer, rate_at(step, self.config.steps, self.config.optim))
        totals = step_totals(batches, self.device, paper=self.joint.paper)
        losses, measures = [], []
        for group, first in self._groups(batches):
            with self._sync(last=first + len(group) == len(batches)):
                loss, found = self._backward(group, totals[first])
            losses.append(loss)
            measures.append(found)
        self.joint.end_step(len(batches))
        if world_size() > 1 and not self.parallel:
            average_gradients(self.joint)
        norm = clip(self.joint, self.config.optim.clip_norm)
        verdict = self._vote(torch.stack(losses), norm, stop)
        update(self.optimizer, verdict[0].bool())
        sums = self._pooled(measures)
        # Shares of ranks have the loss of the whole as their mean; those of batches, which a rank adds up, as their sum.
        sums |= {
            "loss": measure(global_sum(torch.stack(losses).sum()) / world_size(), 1.0),
            "grad_norm": measure(norm, 1.0),
        }
        return StepResult(measures={name: pair[0] / pair[1] for name, pair in sums.items()}, sums=sums, verdict=verdict)

    def _groups(self, batches: list[Batch]) -> Iterator[tuple[list[Batch], int]]:
        """Yield the batches that are contrasted as one, and the number of the first of them."""
        size = len(batches) if self.joint.joins_batches else 1
        for first in range(0, len(batches), size):
            yield batches[first : first + size], first

    def _backward(self, group: list[Batch], totals: Mapping[str, Totals]) -> tuple[Tensor, Sums]:
        """Add the gradient of some batches' part of the loss; returns the part and its measures."""
        reseed = _Reseed(self.config.seed, [batch.position + rank() for batch in group])
        with torch.autocast(self.device.type, dtype=self.dtype, enabled=self.mixed):
            if self.config.chunk_tokens or len(group) > 1:
                return cached_backward(self.joint, group, self.config.chunk_tokens, self.device, reseed, totals)
            reseed(0, 0)
            loss, measures = self.model(group[0].to(self.device), totals)
        loss.backward()
        return loss.detach(), measures

    def _pooled(self, measures: list[Sums]) -> Sums:
        """Add up sums and counts over the step's batches and all ranks; words and pairs are counted by the step."""
        names = list(measures[0])
        pooled = global_sum(
            torch.stack([torch.stack([found[name].float() for found in measures]).sum(0) for name in names])
        )
        counted = {name for name in names if name.endswith(("/words", "/pairs"))}
        return {
            name: torch.stack([pair[0], torch.ones_like(pair[1])]) if name in counted else pair
            for name, pair in zip(names, pooled.unbind(), strict=True)
        }

    def _sync(self, *, last: bool) -> AbstractContextManager[None]:
        """Gradients of ranks are averaged in the last backward pass of a step alone."""
        return nullcontext() if last or not isinstance(self.model, DistributedDataParallel) else self.model.no_sync()

    def _vote(self, losses: Tensor, norm: Tensor, stop: bool) -> Tensor:
        sound = losses.isfinite().all() & norm.isfinite()
        # Filled on the device: a tensor made from a Python value would be copied there, and the host would wait for it.
        go_on = torch.full((), not stop, dtype=torch.bool, device=sound.device)
        return all_agree(torch.stack([sound, go_on])).to(torch.int32)


class _Reseed:
    """Seeds dropout for a piece of a pack, whichever rank encodes it; the same call gives the same draws."""

    def __init__(self, seed: int, packs: list[int]) -> None:
        self.seed, self.packs = seed, packs

    def __call__(self, batch: int, piece: int) -> None:
        digest = blake2b(f"dropout {self.seed} {self.packs[batch]} {piece}".encode(), digest_size=8).digest()
        torch.manual_seed(int.from_bytes(digest, "big") >> 1)


class Verdicts:
    """Reads verdicts a fixed number of steps late on a GPU, so that reading them never waits for the newest step."""

    LAG = 2
    """Steps between a verdict and its reading on a GPU; on a CPU it is read at once."""

    def __init__(self, device: torch.device) -> None:
        """Start with nothing to read."""
        self.lag = self.LAG if device.type == "cuda" else 0
        self.pending: deque[tuple[int, tuple[str, ...], Tensor, torch.cuda.Event | None]] = deque()

    def push(self, step: int, row_ids: tuple[str, ...], verdict: Tensor) -> None:
        """Start copying a verdict to the host; `row_ids` come back with it."""
        event = None
        if verdict.is_cuda:
            verdict = verdict.to("cpu", non_blocking=True)
            event = torch.cuda.Event()
            event.record()
        self.pending.append((step, row_ids, verdict, event))

    def due(self, *, everything: bool = False) -> list[tuple[int, tuple[str, ...], bool, bool]]:
        """Verdicts old enough to read, or all: step, row ids, whether it was sound, whether to stop."""
        read = []
        while self.pending and (everything or len(self.pending) > self.lag):
            step, row_ids, verdict, event = self.pending.popleft()
            if event is not None:
                event.synchronize()
            sound, go_on = verdict.tolist()
            read.append((step, row_ids, bool(sound), not go_on))
        return read
