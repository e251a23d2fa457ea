"""Runs jobs on a little input to learn what they cost on this machine: CPU-seconds, bytes written, memory."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any

from pipeline.run import compiling
from pipeline.run.job import run_job
from pipeline.run.task import JobConfig
from schemas.errors import XlmkError

ONE_PROCESS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]


@dataclass(frozen=True)
class Cost:
    """What a job took on the probe's input."""

    read: int
    """Bytes of its input."""
    written: int
    """Bytes of its shards."""
    cpu_seconds: float
    """All of it, without what loading and compiling take."""
    alone_seconds: float
    """The part of it that one process does, however many there are."""
    peak: int
    """Most memory of the process, in bytes."""

    def carried_to(self, read: int) -> Cost:
        """Return the cost for an input of another size: in proportion, memory as it was."""
        share = read / max(1, self.read)
        return Cost(read, round(self.written * share), self.cpu_seconds * share, self.alone_seconds * share, self.peak)


def measure(module: str, config: JobConfig, read: int, needs: Sequence[str] = ()) -> Cost:
    """Run a job in a process of its own.

    Args:
        module: where its `JOB` is.
        config: its configuration.
        read: bytes of its input.
        needs: what is compiled before, as `Job.warm_ups`.

    Raises:
        XlmkError: whatever the job raises, or that the process was ended from without.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        try:
            return pool.submit(_measured, module, config, read, tuple(needs)).result()
        except BrokenProcessPool as error:
            raise XlmkError(
                f"the process that measured {module} was ended; is there too little memory? --probe-mb takes less"
            ) from error


def _measured(module: str, config: JobConfig, read: int, needs: tuple[str, ...]) -> Cost:
    logging.getLogger().addFilter(lambda record: False)
    compiling.get_ready(needs)
    importlib.import_module("pipeline.run.beam.graph")  # loading Beam takes a second, which no long job feels
    job = importlib.import_module(module).JOB
    spent = [0.0]

    def prepare(given: Any, built: str) -> None:
        begun = time.process_time()
        job.prepare(given, built)
        spent[0] += time.process_time() - begun

    def plan(given: Any) -> Any:
        begun = time.process_time()
        tasks = job.plan(given)  # compiles what is compiled once
        spent.append(time.process_time() - begun)
        return tasks

    begun = time.process_time()
    with redirect_stderr(StringIO()):  # progress of the probe is not that of a build
        manifest = run_job(replace(job, prepare=prepare, plan=plan), config, ONE_PROCESS)
    cpu = time.process_time() - begun - sum(spent[1:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Cost(read, sum(shard.bytes for shard in manifest.shards), cpu, spent[0], peak)
