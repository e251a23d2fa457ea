"""The frame of the GPU benchmark: parts one after the other, each with its time, its file and its own failure.

What a part finds is written to its file at once, finding by finding, so that a part which fails, or a machine that is
taken away, leaves everything that was found before. An error of CUDA itself spoils the process for good; the parts that
are left then run in a new one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

CPU = torch.device("cpu")
ENDS = ("failed", "where", "seconds")
"""What is recorded of a part's end."""


@dataclass(kw_only=True)
class Part:
    """What one part of the benchmark found."""

    name: str
    """Its name, and that of its file."""
    folder: Path
    """Where the file goes."""
    small: bool
    """Whether the script itself is tested, on a CPU."""
    end: float
    """When to stop, on the clock of `time.monotonic`."""
    found: dict[str, Any] = field(default_factory=dict)
    """Everything recorded so far."""

    @property
    def device(self) -> torch.device:
        """The GPU, or the CPU where the script is tested."""
        return CPU if self.small else torch.device("cuda")

    @property
    def precision(self) -> str:
        """bf16 on a GPU; float32 where the script is tested, as bf16 cannot be had on every CPU."""
        return "fp32" if self.small else "bf16"

    @property
    def seconds_left(self) -> float:
        """Seconds until this part must end."""
        return self.end - time.monotonic()

    def record(self, name: str, value: Any) -> None:
        """Keeps, writes and prints a finding."""
        self.found[name] = value
        text = json.dumps(self.found, indent=1, default=str)
        (self.folder / f"{self.name}.json").write_text(text, encoding="utf-8")
        print(f"   {name}: {value if isinstance(value, str) else json.dumps(value, default=str)}", flush=True)

    def check(self, what: str, value: float, most: float) -> None:
        """Records a figure with its bound, and whether it kept it; goes on either way."""
        self.record(what, {"found": value, "at most": most, "verdict": "good" if value <= most else "TOO MUCH"})


def earlier(part: Part) -> dict[str, Any]:
    """What a run before this one left in the part's file, its end apart."""
    path = part.folder / f"{part.name}.json"
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {name: value for name, value in found.items() if name not in ENDS}


class OutOfTime(Exception):
    """A part used up its time."""


def run_part(part: Part, work: Callable[[Part], None]) -> None:
    """Runs one part; whatever happens in it is recorded and ends that part alone."""
    print(f"== {part.name}, {part.seconds_left:.0f} s", flush=True)
    started = time.monotonic()
    try:
        with _alarm(part.seconds_left):
            work(part)
    except Exception as error:
        lines = traceback.format_exc().splitlines()
        part.record("failed", f"{type(error).__name__}: {error}"[:2_000])
        part.record("where", [line.strip() for line in lines if line.strip().startswith("File")][-6:])
    part.record("seconds", round(time.monotonic() - started, 1))


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise OutOfTime(f"after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(1.0, seconds))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def tidy(device: torch.device) -> bool:
    """Forgets compiled graphs and frees memory between parts; False if CUDA no longer answers."""
    torch._dynamo.reset()
    if device.type != "cuda":
        return True
    try:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    except RuntimeError as error:
        print(f"CUDA no longer answers ({str(error).splitlines()[0]})", flush=True)
        return False
    return True


def run_again(arguments: list[str]) -> None:
    """Puts a new process in this one's place, with the parts that are left."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "benchmarks.gpu", *arguments])
