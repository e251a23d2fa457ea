"""The process that workers of the local runner are forked from, and the workers: Beam's own, but quiet and brisk.

The server imports the modules named in its arguments, calls the functions named there (`module:name`), and then forks a worker
for each line of its input, `worker id, address of the runner`. At the end of its input it waits for them and ends; where a
worker is killed, it ends at once.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import logging
import os
import select
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import suppress

_PARENT_DEATH_SIGNAL = 1


def main() -> None:
    """Serve the driver that started this process until it says stop."""
    # Beam's workers narrate their start on the terminal; what goes wrong in a task reaches the driver another way.
    logging.disable(logging.ERROR)
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver gets it too, and says what becomes of the workers
    gc.disable()
    for name in ("apache_beam.runners.worker.sdk_worker_main", "pipeline.run.beam.graph", *sys.argv[1:]):
        module, _, function = name.partition(":")
        loaded = importlib.import_module(module)
        if function:
            getattr(loaded, function)()
    gc.freeze()  # what is imported stays in memory that all workers share
    gc.enable()
    # Threads of the memory allocators, which know forks.
    warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)
    server = os.getpid()
    for line in _lines_while_all_live():
        if os.fork() == 0:
            _work(server, *line.split())
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _lines_while_all_live() -> Iterator[str]:
    """Yield the lines of the input, and look after the workers whenever one has ended."""
    # Not in a handler: Python runs none while it waits for input that it began to wait for the moment after a signal.
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    said = ""
    while True:
        ready, _, _ = select.select([sys.stdin, heard], [], [])
        if heard in ready:
            os.read(heard, select.PIPE_BUF)
            _bury()
        if sys.stdin in ready:
            more = os.read(sys.stdin.fileno(), select.PIPE_BUF).decode()
            if not more:
                return
            *lines, said = (said + more).split("\n")
            yield from lines


def _bury() -> None:
    """Take note of workers that have ended, and end with all others where one did so by itself: its task is lost."""
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            if ended[1]:
                os._exit(1)


def _end_with_parent() -> None:
    """Have the system kill this process when its parent ends: nobody may write into a build folder that others can take."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _work(server: int, worker_id: str, address: str) -> None:
    """Be a worker until the runner says stop; does not return."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _end_with_parent()
    code = 1
    try:
        if os.getppid() == server:
            _serve_runner(worker_id, address)
            code = 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # tidying up takes the interpreter a quarter of a second, and there is nothing left to tidy up


def _serve_runner(worker_id: str, address: str) -> None:
    from apache_beam.runners.worker import sdk_worker_main, statesampler

    class StateTracker(statesampler.StateSampler):
        """Knows the step a worker is in, but not for how long: the clock for that is a thread that Beam waits for after each
        bundle, 0.1 s on average, and nobody reads it."""

        def start(self) -> None:
            self.tracked_thread = threading.current_thread()
            statesampler.set_current_tracker(self)
            self.started = True

        def stop(self) -> None:
            statesampler.set_current_tracker(None)
            self.finished = True

    statesampler.StateSampler = StateTracker  # type: ignore[misc]
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    os.environ |= {"WORKER_ID": worker_id, "CONTROL_API_SERVICE_DESCRIPTOR": f'url: "{address}"'}
    sdk_worker_main.main([])


if __name__ == "__main__":
    main()
