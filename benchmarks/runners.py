"""What each piece of the local runner is worth: jobs over the sample world with it, and with Beam's own in its place.

    python -m pipeline sample-world --output /tmp/world
    python -m benchmarks.runners --dumps /tmp/world [--rounds 5]

Every way runs as a process of its own, in turn, on two workers; the rows are medians of seconds from the start of the command
to the finished dataset. `wikidata` is one task there, so its time is that of a start and an end; `wikipedia` is ten.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

ONE = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]
TWO = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
WAYS = {
    "ours": "",
    "Beam deals the tasks out beforehand": "local_runner._OneByOne",
    "Beam's clock in each worker": "worker_process.StateTracker",
    "Beam starts the workers and deals (stock)": "local_runner, worker_server, worker_process",
    "one process (stock)": "all of it",
}
"""Ways by name, with what of ours is left out."""


@dataclass(frozen=True, kw_only=True)
class RunnersConfig:
    """What is measured."""

    dumps: Path
    """Folder of the sample world's dumps."""
    rounds: int = 5
    """How often each way runs."""
    way: str = ""
    """Run this way once, as the processes of the benchmark do."""
    job: str = ""
    """Its job."""
    output: str = ""
    """Where its dataset goes."""


def main(config: RunnersConfig) -> None:
    """Run all ways in turn, and print a table."""
    if config.way:
        run_once(config)
        return
    seconds: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(config.rounds):
            for way in WAYS:
                for job in ("wikidata", "wikipedia"):
                    output = f"{folder}/{number}-{way}-{job}"
                    flags = ["--dumps", str(config.dumps), "--way", way, "--job", job, "--output", output]
                    start = time.monotonic()
                    subprocess.run(
                        [sys.executable, "-m", "benchmarks.runners", *flags],
                        check=True,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                    )
                    seconds.setdefault((way, job), []).append(time.monotonic() - start)
    print("| way | left out | `wikidata`, one task, s | `wikipedia`, ten tasks, s |\n| --- | --- | ---: | ---: |")
    for way, without in WAYS.items():
        both = [statistics.median(seconds[way, job]) for job in ("wikidata", "wikipedia")]
        print(f"| {way} | {without} | {both[0]:.1f} | {both[1]:.1f} |")


def run_once(config: RunnersConfig) -> None:
    """Run one job one way."""
    from pipeline.run.beam import graph, local_runner
    from pipeline.run.beam.worker_server import WorkerServer
    from pipeline.run.job import run_job
    from pipeline.wikidata import job as wikidata
    from pipeline.wikipedia import job as wikipedia
    from pipeline.wikipedia.config import WikipediaConfig

    job, made = (
        (wikidata.JOB, wikidata.WikidataConfig) if config.job == "wikidata" else (wikipedia.JOB, WikipediaConfig)
    )
    place = list(WAYS).index(config.way)
    if place == 1:
        local_runner._OneByOne = lambda dealing, num_tasks: dealing  # type: ignore[misc, assignment]
    if place == 2:
        warm_ups = job.warm_ups
        job = replace(
            job, warm_ups=lambda given, tasks: [*warm_ups(given, tasks), "benchmarks.runners:keep_beams_clock"]
        )
    if place >= 3:
        graph._runner = lambda options, server, num_tasks: None
        WorkerServer.start = lambda self: None  # type: ignore[method-assign]
    pattern = "wikidata-*" if config.job == "wikidata" else "*-pages-articles*.xml.bz2"
    run_job(job, made(dumps=(f"{config.dumps}/{pattern}",), output=config.output), ONE if place == 4 else TWO)


def keep_beams_clock() -> None:
    """Have the workers that are forked from this process be Beam's own in all but their start."""
    from apache_beam.runners.worker import sdk_worker_main

    import __main__ as server

    def serve(worker_id: str, address: str) -> None:
        os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
        os.environ |= {"WORKER_ID": worker_id, "CONTROL_API_SERVICE_DESCRIPTOR": f'url: "{address}"'}
        sdk_worker_main.main([])

    server._serve_runner = serve  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(tyro.cli(RunnersConfig))
