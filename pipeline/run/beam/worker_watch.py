"""Watches the local runner's worker processes: where one is killed (out of memory, say), Beam waits for it for ever."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from schemas.errors import XlmkError

SECONDS_BETWEEN_LOOKS = 0.5
MAX_INTERRUPTS = 20
WORKER_ENDED = (
    "a worker process ended before its task did, most likely killed for want of memory. Run the same command again, it "
    "goes on where it was; with fewer workers (-- --direct_num_workers=1) it needs less."
)


def kill_children() -> None:
    """End all children at once, and with them the workers: their tasks may take long."""
    for pid in _child_processes():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _child_processes() -> set[int]:
    """Return the ids of this process's children; none where the system does not tell (not Linux)."""
    found: set[int] = set()
    for thread in os.listdir("/proc/self/task") if os.path.isdir("/proc/self/task") else []:
        with suppress(OSError), open(f"/proc/self/task/{thread}/children") as file:  # the thread may have ended
            found.update(int(pid) for pid in file.read().split())
    return found


class WorkerWatch:
    """Interrupts the main thread where a worker ended before the work did; used as a context around the run."""

    def __init__(self, has_ended: Callable[[], bool], is_finished: Callable[[], bool]) -> None:
        """Args:
        has_ended: tells whether a worker ended that nobody had told to.
        is_finished: tells whether all tasks are done, after which that does no harm.
        """
        self._has_ended, self._is_finished = has_ended, is_finished
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._old_handler: object = None
        self.interrupted = False
        """Whether a worker ended, whatever became of the error that says so on its way through Beam."""

    def __enter__(self) -> WorkerWatch:
        if threading.current_thread() is threading.main_thread():
            self._old_handler = signal.signal(signal.SIGUSR1, _raise_worker_ended)
            self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
            signal.signal(signal.SIGUSR1, self._old_handler)  # type: ignore[arg-type]

    def _look(self) -> None:
        while not self._stop.wait(SECONDS_BETWEEN_LOOKS):
            if self._has_ended() and not self._is_finished():
                self._interrupt()
                return

    def _interrupt(self) -> None:
        """Raise in the main thread, again where Beam swallowed it: a signal may meet a place that catches everything."""
        self.interrupted = True
        for _ in range(MAX_INTERRUPTS):
            os.kill(os.getpid(), signal.SIGUSR1)
            if self._stop.wait(SECONDS_BETWEEN_LOOKS):
                return
        print(f"error: {WORKER_ENDED}", file=sys.stderr, flush=True)
        os._exit(XlmkError.exit_code)


def _raise_worker_ended(number: int, frame: FrameType | None) -> NoReturn:
    raise XlmkError(WORKER_ENDED)
