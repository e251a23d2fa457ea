"""Batches made ahead of time by worker processes, with the state of what was used and the time spent waiting for it.

Each worker makes every `num_workers`-th pack of its rank, so it owns lanes that no other worker touches. With a batch
comes its lane's state; only the states of batches that were given out count, so batches that lie ready in a queue when a
run stops are made again when it goes on.
"""

from __future__ import annotations

import signal
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pyarrow as pa
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from model.batch import Batch
from model.data.lanes import LaneState
from model.data.parcel import Parcel, unwrap, wrap
from model.data.stream import State, TrainingStream
from schemas.errors import OutOfMemory, XlmkError


class Made(NamedTuple):
    """A batch, wrapped up for its way, and what the stream's state becomes by using it."""

    parcel: Parcel
    lane: int
    state: LaneState

    def pin_memory(self) -> Made:
        """Return the same with the batch in page-locked memory."""
        return self._replace(parcel=self.parcel.pin_memory())


class _Packs(IterableDataset[Made | XlmkError]):
    """The packs of one rank, or in a worker process every `num_workers`-th of them."""

    def __init__(self, stream: TrainingStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[Made | XlmkError]:
        info = get_worker_info()
        first, step = (info.id, info.num_workers) if info else (0, 1)
        pack = self._stream.next_pack + self._stream.rank + first * self._stream.world_size
        while True:
            try:
                batch, lane, state = self._stream.make(pack)
            except XlmkError as error:
                yield error  # raised again by the main process, without the worker's traceback around its message
                return
            yield Made(wrap(batch), lane, state)
            pack += step * self._stream.world_size


class StreamLoader:
    """An endless iterator of batches over a stream."""

    def __init__(
        self, stream: TrainingStream, *, num_workers: int = 0, batches_ahead: int = 4, pin_memory: bool = False
    ) -> None:
        """Args:
        stream: what to read; it must not be iterated elsewhere.
        num_workers: worker processes; lowered to a number that shares the rank's lanes evenly. 0 reads in this process.
        batches_ahead: batches each worker keeps ready.
        pin_memory: put batches into page-locked memory, for copies to a GPU that overlap with work.
        """
        self._stream, self._pin = stream, pin_memory
        self.num_workers = fitting_workers(stream.config.num_lanes // stream.world_size, num_workers)
        self._batches_ahead = batches_ahead
        self.seconds_waited = 0.0
        self._running: list[Iterator[Made | XlmkError]] = []
        # Workers ignore the signal by which Python stops children at exit, so they must be told before.
        weakref.finalize(self, self._running.clear)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        """Return the next batch; the time it took to come is added to `seconds_waited`.

        Raises:
            ShardMismatch, UsageError: what the stream raised, in this process or in a worker.
            OutOfMemory: a worker was killed, which the system does when memory runs out.
        """
        started = time.perf_counter()
        if not self._running:
            with _child_signals_kept():
                self._running.append(iter(self._loader()))
        made = self._take()
        self._stream.advance(made.lane, made.state)
        batch = unwrap(made.parcel)
        self.seconds_waited += time.perf_counter() - started
        return batch

    def _take(self) -> Made:
        try:
            made = next(self._running[0])
        except RuntimeError as error:
            if "exited unexpectedly" not in str(error) and "killed by signal" not in str(error):
                raise
            raise OutOfMemory(
                f"a loader worker died: {str(error).splitlines()[0]} Most likely the machine's memory ran out: use fewer "
                "workers, or lower window_units in a new run."
            ) from error
        if isinstance(made, XlmkError):
            raise made
        return made

    def state_dict(self) -> State:
        """Return where the stream stands after the batches that were given out."""
        return self._stream.state_dict()

    def load_state_dict(self, state: State, *, allow_changed_data: bool = False) -> None:
        """Go on from a state, saved with any number of ranks and workers; see `TrainingStream.load_state_dict`."""
        self.close()
        self._stream.load_state_dict(state, allow_changed_data=allow_changed_data)

    def close(self) -> None:
        """Stop the worker processes; the next batch starts new ones at the stream's state."""
        self._running.clear()
        self._stream.rewind()

    def _loader(self) -> DataLoader[Made | XlmkError]:
        packs = _Packs(self._stream)
        if not self.num_workers:
            return DataLoader(packs, batch_size=None, pin_memory=self._pin)
        return DataLoader(
            packs,
            batch_size=None,
            pin_memory=self._pin,
            num_workers=self.num_workers,
            prefetch_factor=self._batches_ahead,
            worker_init_fn=_start_worker,
            multiprocessing_context="fork",
        )


def fitting_workers(num_lanes: int, wanted: int) -> int:
    """Return the largest number of workers up to `wanted` that shares `num_lanes` evenly, 0 for none.

    >>> fitting_workers(24, 5)
    4
    """
    return max((count for count in range(1, wanted + 1) if num_lanes % count == 0), default=0)


@contextmanager
def _child_signals_kept() -> Iterator[None]:
    """Undo the handler by which torch raises a worker's death wherever the main process is, a checkpoint's writing included.

    The death is noticed all the same, some seconds later, when the next batch of that worker is waited for.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGCHLD)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if before is None else before)


def _start_worker(_: int) -> None:
    """Set a worker up: one thread, and signals left to the main process, which stops workers after it has saved."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_num_threads(1)
    pa.set_cpu_count(1)
