"""What a job is, and the pieces it is cut into."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipeline.run.task_output import TaskOutput, TaskRecord
from schemas import Shard, Table
from schemas.files import ReadFile


@dataclass(frozen=True, kw_only=True)
class Task:
    """One piece of a job: what a worker needs to know, small enough to be sent anywhere."""

    index: int
    """Number of the task within its job, from 0; it names the shards."""
    source: str
    """What the task reads, for the accounts: the file name of a dump, or dataset and shard."""
    payload: dict[str, Any]
    """JSON values for `run_task`."""
    num_bytes: int
    """Size of the input, for the progress line."""
    reads: tuple[ReadFile, ...] = ()
    """The local files it reads, as they were when the job began; a worker compares them before the first row and after the
    last."""


class JobConfig(Protocol):
    """What every job's configuration has."""

    @property
    def output(self) -> str:
        """Folder of the dataset."""

    @property
    def max_reject_share(self) -> float:
        """Largest share of records that may be rejected, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job: how to cut its input into tasks, and what to do with one."""

    name: str
    """Name of the command and of the manifest's `job`."""
    config: type
    """The configuration's dataclass."""
    plan: Callable[[Any], list[Task]]
    """Cuts the input into tasks, from file sizes, headers and indexes alone; numbered from 0."""
    run_task: Callable[[Any, Task, TaskOutput], None]
    """Takes one task from input to shards; a module-level function."""
    tables: tuple[Table, ...]
    """Tables it writes besides `rejects`."""
    inputs: Callable[[Any], dict[str, str]]
    """Names what the dataset is made from: dump files with their sizes, datasets with their fingerprints."""
    input_fields: tuple[str, ...] = ("dumps",)
    """Fields of the configuration that say where the inputs lie. `inputs` says what they are, and that is what counts."""
    properties: Callable[[Any, list[TaskRecord]], dict[str, Any]] = field(default=lambda config, records: {})
    """Facts for the manifest, from the records of all tasks."""
    prepare: Callable[[Any, str], None] = field(default=lambda config, built: None)
    """Runs once before the tasks, with the build folder; what it leaves below `_shared/` is not published."""
    settle: Callable[[Any, list[TaskRecord]], list[TaskRecord]] = field(default=lambda config, records: records)
    """Chooses what is published of the tasks' records; shards that none of them lists any more are deleted."""
    verify: Callable[[Any, list[TaskRecord]], None] = field(default=lambda config, records: None)
    """Checks that the tasks' records fit together; raises where they do not."""
    warm_ups: Callable[[Any, list[Task]], list[str]] = field(default=lambda config, tasks: [])
    """Functions, as `module:name`, that load or compile what tasks need, called once for all workers of the local runner."""


SHARED_FOLDER = "_shared"
"""Folder of a build that tasks read from and that is not published."""


def grouped(shards: Sequence[Shard], num_bytes: int) -> Iterator[list[Shard]]:
    """Put neighbouring shards of one table, partition and split together, up to a size."""
    group: list[Shard] = []
    size = 0
    for shard in shards:
        same = group and (group[0].table, group[0].partition, group[0].split) == (
            shard.table,
            shard.partition,
            shard.split,
        )
        if group and (not same or size + shard.bytes > num_bytes):
            yield group
            group, size = [], 0
        group.append(shard)
        size += shard.bytes
    if group:
        yield group
