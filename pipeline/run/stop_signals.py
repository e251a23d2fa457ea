"""Being told to stop: SIGTERM, SIGHUP and Ctrl-C become an error in the main thread; the process ends even where it is lost.

Python runs a signal's handler when the main thread is back in the interpreter. Where the signal came in the moment before that
thread began to wait for a lock, or came to another thread, it does not come back: the command would go on until its tasks are
done. So the system tells a thread of every signal (`signal.set_wakeup_fd`); it wakes the main thread up, and ends the process
where the error did not.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn, Self

from schemas.command_line import CTRL_C
from schemas.errors import Preempted

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SECONDS_TO_UNWIND = 5.0
"""How long a stopped command may take to end in order."""
SECONDS_BETWEEN_CALLS = 0.1
"""How often the main thread is called back into the interpreter until it has seen the signal."""

_CALL = signal.SIGUSR2
"""Interrupts what the main thread waits for, and means nothing else."""


class StopSignals:
    """While it is entered, in the main thread, a signal to stop raises `Preempted` or `KeyboardInterrupt` there."""

    def __init__(self, message: str, end: Callable[[BaseException], int]) -> None:
        """Args:
        message: of `Preempted`.
        end: ends the workers, says why, and returns the exit code; for a command that does not end by the error.
        """
        self._message, self._end = message, end
        self._first: BaseException | None = None
        self._ending = False
        self._over = threading.Event()
        self._main = threading.get_ident()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Install the handlers."""
        self._heard, self._told = os.pipe()
        os.set_blocking(self._told, False)
        handlers: dict[signal.Signals, Any] = {_CALL: lambda number, frame: None, **dict.fromkeys(SIGNALS, self._raise)}
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            del handlers[signal.SIGHUP]  # `nohup` asks for that
        self._before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        self._told_before = signal.set_wakeup_fd(self._told, warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Put back what was there, once nobody can call the main thread any more."""
        self._ending = True
        self._over.set()
        os.write(self._told, b"\0")
        self._thread.join()
        signal.set_wakeup_fd(self._told_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._heard)
        os.close(self._told)

    def reason(self, error: BaseException) -> BaseException:
        """Return why the command ends that is ending by an error, and let no further signal come between.

        A place that the error of a signal passed through may have turned it into another; what was asked for counts.
        """
        self._ending = True
        return self._first or error

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if self._ending:
            return
        error = self._error(number)
        self._first = self._first or error
        raise error

    def _error(self, number: int) -> BaseException:
        return KeyboardInterrupt() if number == signal.SIGINT else Preempted(self._message)

    def _watch(self) -> None:
        number = 0
        while number not in SIGNALS:
            if self._over.is_set():
                return
            number = os.read(self._heard, 1)[0]
        for _ in range(round(SECONDS_TO_UNWIND / SECONDS_BETWEEN_CALLS)):
            if self._first is None:
                signal.pthread_kill(self._main, _CALL)
            if self._over.wait(SECONDS_BETWEEN_CALLS):
                return
        self._end_now(self._first or self._error(number))

    def _end_now(self, stop: BaseException) -> NoReturn:
        """End the process, whatever goes wrong in ending it."""
        code = stop.exit_code if isinstance(stop, Preempted) else CTRL_C
        try:
            code = self._end(stop)
        finally:
            os._exit(code)
