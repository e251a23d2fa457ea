"""Runners by name: which there are, and what one of them needs before its flags are known."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from apache_beam.runners.runner import PipelineRunner, create_runner

from schemas.errors import UsageError, XlmkError

LOCAL, DASK = "FnApiRunner", "DaskRunner"
_DASK_MODULE = "apache_beam.runners.dask.dask_runner"
_ONE_TASK_A_PARTITION = "--dask_partition_size=1"


def with_runner_known(beam_args: list[str]) -> list[str]:
    """Load what makes the named runner and its flags known to Beam, and return the flags it should have.

    Dask's runner puts 128 elements into one partition, which one worker gets: there a task is a partition of its own.

    Raises:
        UsageError: there is no such runner, or Dask is not installed.
    """
    name = next((argument.split("=", 1)[1] for argument in beam_args if argument.startswith("--runner=")), "")
    if name == DASK:
        _load_dask()
        chosen = any("--dask_partition_size" in argument or "--dask_npartitions" in argument for argument in beam_args)
        return beam_args if chosen else [*beam_args, _ONE_TASK_A_PARTITION]
    if name:
        try:
            create_runner(name)
        except (ValueError, ImportError) as error:
            raise UsageError(f"Beam has no runner {name}: {str(error).splitlines()[0]}, and {DASK}.") from error
    return beam_args


@contextmanager
def runner_named(name: str | None) -> Iterator[PipelineRunner | None]:
    """Give the runner where Beam does not find it by its name, None where it does, and end what it leaves open."""
    if name != DASK:
        yield None
        return
    try:
        yield _load_dask()
    finally:
        distributed = importlib.import_module("distributed")
        with suppress(ValueError):  # there is none where connecting failed
            distributed.default_client().close()


def not_reached(name: str, error: BaseException) -> XlmkError | None:
    """Return what to say where a runner other than the local one failed by itself; None where a task of ours has a bug."""
    said = "".join(traceback.format_exception(error))
    if name == LOCAL or "in process" in said and "graph.py" in said:
        return None
    first = next(iter(str(error).strip().splitlines()), "no answer")
    return XlmkError(
        f"{name} did not run the job: {type(error).__name__}: {first} Is it there, does this machine reach it, and are its flags "
        "right? docs/scale.md has some that work. The same command goes on with the tasks that are left."
    )


def _load_dask() -> PipelineRunner:
    try:
        importlib.import_module("distributed")
    except ImportError as error:
        raise UsageError(f"{DASK} needs Dask: pip install '.[dask]', here and on its workers.") from error
    runner: PipelineRunner = importlib.import_module(_DASK_MODULE).DaskRunner()
    return runner
