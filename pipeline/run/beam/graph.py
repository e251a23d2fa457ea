"""The Beam graph of every job: `Create(tasks) | ParDo(run one)`, one fused stage with files as its output.

The local runner is named (`FnApiRunner` with processes): Beam's default would download an engine at run time, and its
thread mode is broken. A descriptor is all that passes through Beam, so nothing is shuffled and nothing is held in memory.
"""

from __future__ import annotations

import difflib
import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    SetupOptions,
    StandardOptions,
    WorkerOptions,
    _BeamArgumentParser,
)

from pipeline.run import storage
from pipeline.run.beam.local_runner import LocalRunner
from pipeline.run.beam.runners import not_reached, runner_named, with_runner_known
from pipeline.run.beam.worker_server import WorkerServer
from pipeline.run.beam.worker_watch import WORKER_ENDED, WorkerWatch
from pipeline.run.resume import ERROR_NAME
from pipeline.run.task import Job, Task
from pipeline.run.task_output import TASKS_FOLDER, TaskOutput, task_record_path
from schemas import errors
from schemas.errors import UsageError, XlmkError
from schemas.files import require_unchanged


class RunTask(beam.DoFn):
    """Takes a task from its input to its shards."""

    def __init__(self, job: Job, config: Any, num_tasks: int, built: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Beam gives it no types
        self._job, self._config, self._num_tasks, self._built = job, config, num_tasks, built

    def setup(self) -> None:
        """Keep Arrow to one thread per worker: the runner has a worker for each core."""
        pa.set_cpu_count(1)
        pa.set_io_thread_count(1)

    def process(self, task: Task) -> Iterator[int]:
        """Run one task; yields its number.

        An error that says what is wrong ends the run, but not through Beam, which would bury it in its own: it is left
        in the build folder, where the driver finds it and the tasks still to come see that there is no use.
        """
        if storage.exists(storage.join(self._built, ERROR_NAME)):
            return
        try:
            output = TaskOutput(
                job=self._job.name,
                source=task.source,
                index=task.index,
                num_tasks=self._num_tasks,
                built=self._built,
                max_reject_share=self._config.max_reject_share,
            )
            with output:
                require_unchanged(task.reads)
                self._job.run_task(self._config, task, output)
                require_unchanged(task.reads)
        except XlmkError as error:
            storage.write_text(storage.join(self._built, ERROR_NAME), f"{type(error).__name__}\n{error}")
            return
        yield task.index


def run_tasks(
    job: Job, config: Any, tasks: list[Task], server: WorkerServer, *, num_tasks: int, built: str, beam_args: list[str]
) -> None:
    """Run tasks on a Beam runner and wait for the end.

    Args:
        tasks: the ones still to do.
        server: starts workers, where the runner is the local one.
        num_tasks: of the whole job.
        built: the build folder.
        beam_args: Beam's own flags, with the runner among them (`worker_server.with_defaults`).

    Raises:
        UsageError: a flag Beam does not know.
        XlmkError: what a task raised.
    """
    options = pipeline_options(beam_args)
    _check_reach(options, built)
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    storage.delete(built, [ERROR_NAME])
    runner = _runner(options, server, len(tasks))
    largest_first = sorted(tasks, key=lambda task: -task.num_bytes)  # so that none is left to run alone at the end
    run_task = RunTask(job, config, num_tasks, built)
    # Only workers of ours are watched: other runners start and end processes as they like.
    watch = WorkerWatch(server.has_ended, lambda: _all_done(built, tasks)) if runner else nullcontext()
    try:
        with (
            watch,
            runner_named(options.view_as(StandardOptions).runner) as named,
            beam.Pipeline(runner or named, options) as graph,
        ):
            # Made for code of other languages, which there is none of; a run that is killed would leave it behind.
            shutil.rmtree(graph.local_tempdir, ignore_errors=True)
            _ = graph | "Tasks" >> beam.Create(largest_first) | "Run" >> beam.ParDo(run_task)
    except Exception as error:
        if isinstance(watch, WorkerWatch) and watch.interrupted:
            raise XlmkError(WORKER_ENDED) from error
        named_runner = options.view_as(StandardOptions).runner or ""
        raise _task_error(built) or _named_error(error) or not_reached(named_runner, error) or error from error
    found = _task_error(built)
    if found is not None:
        raise found
    if not _all_done(built, tasks):
        raise XlmkError(
            f"{options.view_as(StandardOptions).runner} ended without an error, but not all of {len(tasks)} tasks have left "
            "their record. Look at the runner's own log, then run the same command again: it goes on where it was."
        )


def _check_reach(options: PipelineOptions, built: str) -> None:
    """Make sure that workers on machines of Google's can reach the output and have this project's code.

    Raises:
        UsageError: one of both is not so.
    """
    if "Dataflow" not in (options.view_as(StandardOptions).runner or ""):
        return
    if storage.is_local(built):
        raise UsageError(
            f"Dataflow's workers cannot see {built.removesuffix('.partial')}: name a URL, as gs://bucket/folder "
            "(--output of a single job, --tables of build)."
        )
    setup = options.view_as(SetupOptions)
    if not (options.view_as(WorkerOptions).sdk_container_image or setup.setup_file or setup.extra_packages):
        raise UsageError(
            "Dataflow's workers do not have this project's code. Build an image from pipeline/Dockerfile, push it, and name "
            "it: --sdk_container_image=REGION-docker.pkg.dev/PROJECT/REPOSITORY/xlm-k (docs/dataflow.md)."
        )


def _named_error(error: Exception) -> XlmkError | None:
    """Return the error of ours that Beam's quotes, as it does where a full disk did not even take the error's file."""
    if isinstance(error, ValueError) and "validations errors" in str(error):
        return UsageError(f"Beam refuses its flags. {error}")
    found = re.search(r"schemas\.errors\.(\w+): (.*)", str(error))
    kind = getattr(errors, found[1], None) if found else None
    return kind(found[2]) if found and kind else None


def _all_done(built: str, tasks: list[Task]) -> bool:
    if storage.exists(storage.join(built, ERROR_NAME)):
        return True
    done = {storage.join(TASKS_FOLDER, name) for name in storage.list_files(storage.join(built, TASKS_FOLDER))}
    return all(task_record_path(task.index) in done for task in tasks)


def _task_error(built: str) -> XlmkError | None:
    """Return the error a task left behind, as the class it had."""
    path = storage.join(built, ERROR_NAME)
    if not storage.exists(path):
        return None
    name, _, message = storage.read_text(path).partition("\n")
    return getattr(errors, name, XlmkError)(message)


def pipeline_options(beam_args: list[str]) -> PipelineOptions:
    """Make Beam's options from its flags.

    Raises:
        UsageError: a flag that Beam would silently drop, or no runner of that name.
    """
    beam_args = with_runner_known(beam_args)
    known = _known_flags()
    for argument in beam_args:
        name = argument.split("=", 1)[0]
        if name.startswith("-") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UsageError(f"Beam has no flag {name}.{hint} (Flags of the job itself come before the --.)")
    return PipelineOptions(beam_args, save_main_session=False)


def _runner(options: PipelineOptions, server: WorkerServer, num_tasks: int) -> LocalRunner | None:
    """Return the local runner with worker processes of ours; None leaves the choice to the options."""
    if options.view_as(StandardOptions).runner != "FnApiRunner":
        return None
    direct = options.view_as(DirectOptions)
    if direct.direct_running_mode != "multi_processing":
        return None
    direct.direct_running_mode = "in_memory"  # else the runner would start workers of its own kind
    return LocalRunner(server, num_tasks)


def _known_flags() -> set[str]:
    parser = _BeamArgumentParser(add_help=False)
    subclasses: list[Any] = [PipelineOptions, *_all_subclasses(PipelineOptions)]
    for options in subclasses:
        if "_add_argparse_args" in vars(options):
            options._add_argparse_args(parser)
    return {flag for action in parser._actions for flag in action.option_strings}


def _all_subclasses(kind: type) -> list[type]:
    children: list[type] = kind.__subclasses__()
    return [found for child in children for found in (child, *_all_subclasses(child))]
