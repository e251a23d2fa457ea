"""This checkout beside another one, job by job and turn by turn: what a change did to speed.

    git worktree add ../before COMMIT
    python -m benchmarks.beside ../before --data ../shared/data [--jobs wikidata wikipedia link tokenize step] [--rounds 5]

Both run from the same environment on the same dumps; each job reads the tables its own checkout made. Rounds alternate,
the median of the ratios of two runs that follow one another is what counts, and below 1 means that this checkout is faster.
CPU-seconds hold every child, and starting, which imports and loads what was compiled.
The step is `benchmarks.training` of either checkout: seconds a packed step of `best` mode.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent.parent
IN_ONE_PROCESS = ["--", "--runner=FnApiRunner", "--direct_running_mode=in_memory"]
JOBS = ("wikidata", "wikipedia", "link", "tokenize", "step")


@dataclass(frozen=True)
class Cost:
    """What one run took."""

    cpu: float
    """CPU-seconds, of a training step those of the step alone."""
    wall: float
    """Seconds."""


@dataclass(frozen=True)
class Side:
    """One checkout and the folder its tables go to."""

    checkout: Path
    tables: Path


def main() -> None:
    """Measure and print a row for each job."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="folder of the other checkout")
    parser.add_argument("--data", type=Path, required=True, help="folder with wikidata/, wikipedia/ and tokenizer/")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=JOBS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=300, help="JSON of the Wikidata dump that is built")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="beside-"))
    try:
        dump = _wikidata_dump(folder, arguments.data, arguments.megabytes)
        sides = [Side(HERE, folder / "this"), Side(arguments.other.resolve(), folder / "other")]
        print("| job | CPU-s, this | CPU-s, other | this / other, CPU | this / other, wall |", flush=True)
        print("| --- | ---: | ---: | ---: | ---: |", flush=True)
        for job in arguments.jobs:
            print(
                _row(job, lambda side, job=job: _cost(side, job, arguments.data, dump), sides, arguments.rounds),
                flush=True,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _row(job: str, measure: Callable[[Side], Cost], sides: list[Side], rounds: int) -> str:
    for side in sides:
        measure(side)  # compiles, and fills the caches of the disk
    pairs = [tuple(measure(side) for side in sides) for _ in range(rounds)]
    ours, theirs = (statistics.median(pair[place].cpu for pair in pairs) for place in (0, 1))
    cpu = statistics.median(one.cpu / other.cpu for one, other in pairs)
    wall = statistics.median(one.wall / other.wall for one, other in pairs)
    return f"| {job} | {ours:.3g} | {theirs:.3g} | {cpu:.3f} | {wall:.3f} |"


def _wikidata_dump(folder: Path, data: Path, megabytes: int) -> Path:
    command = ["benchmarks.wikidata_dump", "--data", str(data / "wikidata"), "--out", str(folder), "--no-bz2"]
    _run(HERE, [*command, "--megabytes", str(megabytes)])
    (dump,) = folder.glob("*.gz")
    return dump


def _cost(side: Side, job: str, data: Path, dump: Path) -> Cost:
    """Run one job anew."""
    if job == "step":
        return _step(side)
    output = side.tables / job
    shutil.rmtree(output, ignore_errors=True)
    wikis = [str(path) for path in sorted((data / "wikipedia").glob("*-multistream.xml.bz2"))]
    inputs = {
        "wikidata": ["--dumps", str(dump)],
        "wikipedia": ["--dumps", *wikis],
        "link": ["--wikipedia", str(side.tables / "wikipedia"), "--wikidata", str(side.tables / "wikidata")],
        "tokenize": ["--linked", str(side.tables / "link"), "--tokenizer", str(data / "tokenizer")],
    }[job]
    return _run(side.checkout, ["pipeline", job, *inputs, "--output", str(output), *IN_ONE_PROCESS])


def _step(side: Side) -> Cost:
    found = side.tables / "step.json"
    found.parent.mkdir(parents=True, exist_ok=True)
    whole = _run(side.checkout, ["benchmarks.training", "--steps", "5", "--output", str(found)])
    ways = json.loads(found.read_text(encoding="utf-8"))
    return Cost(ways["ours, best mode"]["seconds"], whole.wall)


def _run(checkout: Path, command: list[str]) -> Cost:
    """Run a module of a checkout; what it and its children took."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=checkout, capture_output=True, text=True, env=dict(os.environ)
    )
    if done.returncode:
        sys.exit(f"{checkout}: {' '.join(command)} ended with {done.returncode}\n{done.stderr[-4000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, time.perf_counter() - start)


if __name__ == "__main__":
    main()
