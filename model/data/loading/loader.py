"""Batches made ahead of time by worker processes, with the state of what was used and the time spent waiting for it.

Each worker makes every `num_workers`-th pack of its rank, so it owns lanes that no other worker touches. With a batch
comes its lane's state; only the states of batches that were given out count, so batches that lie ready when a run stops
are made again when it goes on.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator
from math import gcd

from model.batch import Batch
from model.data.loading.worker import Worker
from model.data.stream.stream import Made, State, TrainingStream


class StreamLoader:
    """An endless iterator of batches over a stream."""

    def __init__(
        self, stream: TrainingStream, *, num_workers: int = 0, batches_ahead: int = 4, pin_memory: bool = False
    ) -> None:
        """Args:
        stream: what to read; it must not be iterated elsewhere.
        num_workers: worker processes; lowered to a number that shares the rank's lanes evenly, so that no two of them
            fill packs of one lane. 0 reads in this process.
        batches_ahead: batches each worker keeps ready.
        pin_memory: put batches into page-locked memory, for copies to a GPU that overlap with work.
        """
        self._stream, self._pin = stream, pin_memory
        lanes = stream.config.num_lanes // gcd(stream.config.num_lanes, stream.world_size)
        self.num_workers = fitting_workers(lanes, num_workers)
        self._batches_ahead = batches_ahead
        self.seconds_waited = 0.0
        self._workers: list[Worker] = []
        self._given = 0
        # Workers ignore the signal by which Python stops children at exit, so they must be told before.
        weakref.finalize(self, _end, self._workers)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        """Return the next batch; the time it took to come is added to `seconds_waited`.

        Raises:
            ShardMismatch, UsageError: what the stream raised, in this process or in a worker.
            OutOfMemory: a worker was killed, which the system does when memory runs out, or found none.
            RuntimeError: what else went wrong in a worker, with its traceback.
        """
        started = time.perf_counter()
        made = self._receive() if self.num_workers else self._make()
        self._stream.advance(made.lane, made.state)
        self.seconds_waited += time.perf_counter() - started
        return made.batch

    def take(self, number: int) -> tuple[list[Batch], float]:
        """Return the next batches, and the seconds spent waiting for them."""
        before = self.seconds_waited
        batches = [next(self) for _ in range(number)]
        return batches, self.seconds_waited - before

    def state_dict(self) -> State:
        """Return where the stream stands after the batches that were given out."""
        return self._stream.state_dict()

    def load_state_dict(self, state: State, *, allow_changed_data: bool = False) -> None:
        """Go on from a state, saved with any number of ranks and workers; see `TrainingStream.load_state_dict`."""
        self.close()
        self._stream.load_state_dict(state, allow_changed_data=allow_changed_data)

    def close(self) -> None:
        """Stop the worker processes; the next batch starts new ones at the stream's state."""
        _end(self._workers)
        self._stream.rewind()

    def _make(self) -> Made:
        made = self._stream.make(self._stream.next_pack + self._stream.rank)
        return made._replace(batch=made.batch.pin_memory()) if self._pin else made

    def _receive(self) -> Made:
        if not self._workers:
            self._given = 0
            like = self._stream.blank()
            for number in range(self.num_workers):
                self._workers.append(Worker(self._batches(number), like, self._batches_ahead))
        worker = self._workers[self._given % self.num_workers]
        self._given += 1
        return worker.take(pin=self._pin)

    def _batches(self, worker: int) -> Iterator[Made]:
        """Yield the batches one of the workers makes."""
        pack = self._stream.next_pack + self._stream.rank + worker * self._stream.world_size
        while True:
            yield self._stream.make(pack)
            pack += self.num_workers * self._stream.world_size


def fitting_workers(num_lanes: int, wanted: int) -> int:
    """Return the largest number of workers up to `wanted` that shares `num_lanes` evenly, 0 for none.

    >>> fitting_workers(24, 5)
    4
    """
    return max((count for count in range(1, wanted + 1) if num_lanes % count == 0), default=0)


def _end(workers: list[Worker]) -> None:
    while workers:
        workers.pop().close()
