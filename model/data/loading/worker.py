"""A process that makes batches ahead of time, and the way they take to the trainer.

The tensors go through places in shared memory; a pipe carries the rest of each batch, and says that its place is full;
another one takes the places back. Pipes and memory have no names: whichever side is killed, the system frees them, and the
other side finds its pipe closed.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import traceback
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import pyarrow as pa
import torch

from model.batch import Batch
from model.data.loading.shared_batches import SharedBatches
from model.data.stream.stream import Made
from schemas.errors import OutOfMemory, XlmkError

PIPE_BYTES = 1024 * 1024
"""Room for what travels beside the tensors of a few batches: names of rows, some 60 bytes each."""
PATIENCE = 5.0
"""Seconds after which a worker that waits for a place looks whether the trainer still lives."""
ADVICE = "Most likely the machine's memory ran out: use fewer workers, or lower window_units in a new run."


class Worker:
    """One process and its batches, in the order they are made."""

    def __init__(self, batches: Iterator[Made], like: Batch, ahead: int) -> None:
        """Start the process.

        Args:
            batches: makes them; runs in the process alone.
            like: a batch with the shapes of all.
            ahead: batches that may lie ready.
        """
        context = multiprocessing.get_context("fork")
        self._shared, self._taken = SharedBatches(like, ahead), 0
        self._full, full = context.Pipe(duplex=False)
        free, self._free = context.Pipe(duplex=False)
        with suppress(OSError):  # beyond what the system allows; then fewer batches lie ready
            fcntl.fcntl(full.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._process = context.Process(target=self._run, args=(batches, full, free), daemon=True)
        self._process.start()
        full.close()
        free.close()

    def take(self, *, pin: bool = False) -> Made:
        """Return the next batch, in page-locked memory where asked for.

        Raises:
            XlmkError: what making it raised.
            RuntimeError: what else went wrong in the worker, with its traceback.
            OutOfMemory: the worker was killed, which the system does when memory runs out, or found none.
        """
        try:
            message: Any = self._full.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if isinstance(message, Exception):
            raise message
        rest, lane, state = message
        batch = self._shared.get(self._taken % len(self._shared), rest, pin=pin)
        self._taken += 1
        with suppress(BrokenPipeError):  # it has ended since; the next call says why
            self._free.send_bytes(b"")
        return Made(batch, lane, state)

    def close(self) -> None:
        """End the process, at once: it has written nothing but its places."""
        self._full.close()
        self._free.close()
        self._process.kill()
        self._process.join()

    def _death(self) -> Exception:
        self._process.join(PATIENCE)
        code = self._process.exitcode
        if code is not None and code < 0:
            return OutOfMemory(f"a loader worker died: it was killed by {signal.Signals(-code).name}. {ADVICE}")
        return RuntimeError(f"a loader worker ended with code {code}")

    def _run(self, batches: Iterator[Made], full: Connection, free: Connection) -> None:
        """Do the work of the process; the trainer's ends are closed here, so that it is seen when the trainer ends."""
        self._full.close()
        self._free.close()
        _settle()
        try:
            with suppress(EOFError, BrokenPipeError):
                self._make(batches, full, free)
        except XlmkError as error:
            full.send(error)
        except MemoryError as error:
            full.send(OutOfMemory(f"a loader worker found no memory: {error}. {ADVICE}"))
        except Exception:
            full.send(RuntimeError(f"a loader worker failed:\n{traceback.format_exc()}"))

    def _make(self, batches: Iterator[Made], full: Connection, free: Connection) -> None:
        trainer = os.getppid()
        for number, (batch, lane, state) in enumerate(batches):
            if number >= len(self._shared):
                while not free.poll(PATIENCE):
                    if os.getppid() != trainer:
                        return
                free.recv_bytes()
            full.send((self._shared.put(number % len(self._shared), batch), lane, state))


def _settle() -> None:
    """Set the process up: one thread, and signals left to the trainer, which ends its workers after it has saved."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_num_threads(1)
    pa.set_cpu_count(1)
    with suppress(AttributeError, OSError):  # Linux alone has it, and a sandbox may forbid it
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
