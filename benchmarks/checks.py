"""What the checks of data cost: the link job with and without them over the same tables, turn by turn.

    python -m benchmarks.checks [--links 1000000] [--rounds 5]

With them, every shard is hashed before a row is used and looked at again by every task, and every file is synced before it
has its name. Without them, the three functions that do that do nothing. Both ways run in one process, in turn, and write the
same bytes; the median of the ratios of two runs that follow one another is what counts.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from benchmarks.linking_world import write_world
from pipeline.link import job as link
from pipeline.link.config import LinkConfig
from pipeline.run.job import run_job
from schemas import files

ONE_PROCESS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]


def main() -> None:
    """Measure and print the table's rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="checks-"))
    try:
        world = write_world(folder, num_links=arguments.links)
        print(f"| tables, MB | {world.num_bytes / 1e6:,.0f} | {world.links:,} links |", flush=True)
        _run(folder)  # imports, and the pages of the disk
        rounds = [(_run(folder), _without_checks(lambda: _run(folder))) for _ in range(arguments.rounds)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, place in (("CPU-seconds", 0), ("seconds", 1)):
        checked = statistics.median(one[place] for one, _ in rounds)
        unchecked = statistics.median(other[place] for _, other in rounds)
        ratio = statistics.median(one[place] / other[place] for one, other in rounds)
        print(
            f"| link, {name}, with and without checks | {checked:.2f} | {unchecked:.2f} | {100 * (ratio - 1):+.1f} % |"
        )


def _run(folder: Path) -> tuple[float, float]:
    """Run the job anew; CPU-seconds and seconds."""
    shutil.rmtree(folder / "link", ignore_errors=True)
    files._checked.clear()
    tables = {name: str(folder / name) for name in ("wikidata", "wikipedia")}
    cpu, wall = time.process_time(), time.perf_counter()
    with contextlib.redirect_stderr(io.StringIO()):
        run_job(link.JOB, LinkConfig(output=str(folder / "link"), **tables), ONE_PROCESS)
    return time.process_time() - cpu, time.perf_counter() - wall


def _without_checks(action: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    with _nothing_is_checked():
        return action()


@contextmanager
def _nothing_is_checked() -> Iterator[None]:
    with (
        mock.patch("pipeline.link.config.check_shards", lambda folder, shards: []),
        mock.patch("pipeline.link.job.check_shards", lambda folder, shards: []),
        mock.patch("pipeline.run.beam.graph.require_unchanged", lambda files: None),
        mock.patch.object(os, "fsync", lambda handle: None),
    ):
        yield


if __name__ == "__main__":
    main()
