"""The clock of the GPU benchmark: parts in processes of their own, each ended when its time is over.

What a part finds is written to its file at once, finding by finding, so that a part which fails, is ended, or takes the
machine down with it leaves everything that was found before. A process can be ended whatever it is doing, in the midst
of compiling too, and an error of CUDA, which spoils a process for good, spoils one part alone.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ENDS = ("failed", "where", "seconds", "prepared", "not run", "ended")
"""What is recorded of how a part went, not of what it found."""
TICK = 0.1
"""Seconds between two looks at a part's file."""
OUT_OF_TIME = "out of time"


@dataclass(kw_only=True)
class Findings:
    """What one part found, in a file."""

    name: str
    """The part's name, and that of its file."""
    folder: Path
    """Where the file lies."""
    found: dict[str, Any] = field(default_factory=dict)
    """Everything recorded so far."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / f"{self.name}.json"

    def read(self) -> dict[str, Any]:
        """What the file holds now; nothing where there is none."""
        with suppress(FileNotFoundError):
            self.found = json.loads(self.path.read_text(encoding="utf-8"))
        return self.found

    def record(self, name: str, value: Any) -> None:
        """Keeps, writes and prints a finding."""
        self.found[name] = value
        self.write()
        shown = value if isinstance(value, str) else json.dumps(value, default=str)
        print(f"   {self.name}: {name}: {shown}", flush=True)

    def write(self) -> None:
        """Writes everything, in one go for whoever reads meanwhile."""
        new = self.path.with_suffix(".tmp")
        new.write_text(json.dumps(self.found, indent=1, default=str), encoding="utf-8")
        new.replace(self.path)


class Child(Findings):
    """A part at work in a process of its own, which takes orders line by line."""

    def __init__(self, name: str, folder: Path, command: Sequence[str], cores: int) -> None:
        super().__init__(name=name, folder=folder)
        self.found = {what: value for what, value in self.read().items() if what not in ENDS}
        self.write()
        self._ended = False
        environment = os.environ | {"TORCHINDUCTOR_COMPILE_THREADS": str(cores)}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )

    def tell(self, order: str) -> None:
        """Gives an order; a part that has ended does not hear it."""
        with suppress(BrokenPipeError):
            assert self._process.stdin is not None
            print(order, file=self._process.stdin, flush=True)

    def wait(self, until: float, *marks: str) -> bool:
        """Wait for one of the marks in what was found, or without any for the end; False where it did not come in time."""
        while True:
            over = self._process.poll() is not None
            found = self.read()
            if any(mark in found for mark in marks) or (over and not marks):
                return True
            if over or time.monotonic() > until:
                return False
            time.sleep(TICK)

    def end(self, *, why: str = "") -> None:
        """End the process and all it has started; where it was still there, `why` is recorded."""
        if self._ended:
            return
        self._ended, running = True, self._process.poll() is None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self.read()
        if running and why:
            self.record("ended", why)
        elif not running and self._process.returncode and "failed" not in self.found:
            self.record("failed", f"ended with code {self._process.returncode}")


class Session:
    """All parts of one run, and the time they have together."""

    def __init__(self, folder: Path, seconds: float, command: Callable[[str, float], list[str]]) -> None:
        """Starts the clock.

        Args:
            folder: for the findings.
            seconds: the time of all parts together; nothing runs on when it is over.
            command: makes the command of a part that may take so many seconds.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._command, self.started, self.budget = folder, command, time.monotonic(), seconds
        self._children: list[Child] = []

    def at(self, share: float, *, most: float = 1.0) -> float:
        """When a share of the whole time is used up, or `most` of it from now on, on the clock of `time.monotonic`."""
        return min(self.started + share * self.budget, time.monotonic() + most * self.budget)

    @property
    def used(self) -> float:
        """Share of the whole time that is used up."""
        return (time.monotonic() - self.started) / self.budget

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self.at(1.0) - time.monotonic()

    def finished(self, name: str) -> bool:
        """Whether this run or one before it into the same folder went through a part without trouble."""
        found = Findings(name=name, folder=self.folder).read()
        return "seconds" in found and not found.keys() & {"failed", "ended"}

    def start(self, name: str, *, cores: int = 0, variant: str = "") -> Child:
        """Start a part; `variant` is told to its process besides, `cores` is for its compiler, 0 being all there are."""
        print(f"== {name} {variant}, {self.left:.0f} s left", flush=True)
        command = [*self._command(name, self.left), *([variant] if variant else [])]
        child = Child(name, self.folder, command, cores or os.cpu_count() or 1)
        self._children.append(child)
        return child

    def run(self, name: str, *, until: float, least: float) -> None:
        """Run a part to its end, or until its time is over.

        Args:
            name: the part.
            until: when its time is over.
            least: share of the whole time; where less is left for the part, it is not begun.
        """
        if self.finished(name):
            return
        if until - time.monotonic() < least * self.budget:
            self.skip(name)
            return
        child = self.start(name)
        child.wait(until)
        child.end(why=f"{OUT_OF_TIME}: {self.left:.0f} s before the end of all")

    def skip(self, name: str) -> None:
        """Note that there was no time for a part, or none to try it again."""
        findings = Findings(name=name, folder=self.folder)
        if not findings.read().keys() & {"failed", "ended"}:
            findings.record("not run", OUT_OF_TIME)

    def close(self) -> None:
        """End all that runs."""
        for child in self._children:
            child.end(why="the session ended")


def interpreter(*arguments: str) -> list[str]:
    """A command of this Python."""
    return [sys.executable, "-m", *arguments]
