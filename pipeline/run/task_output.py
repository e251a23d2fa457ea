"""What a task writes: shards of its own, and a record of them that marks the task as done."""

from __future__ import annotations

import dataclasses
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.run import storage
from pipeline.run.accounts import Ledger
from schemas import REJECTS, UNSPLIT, Account, Shard, ShardWriter, Table, shard_path
from schemas.errors import XlmkError
from schemas.manifest import seal, unseal

TASKS_FOLDER = "_tasks"
"""Folder of a build that holds one record per finished task."""


def task_record_path(index: int) -> str:
    """Return the path of a finished task's record below the build folder."""
    return f"{TASKS_FOLDER}/{index:05d}.json"


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """What a finished task leaves: its shards and its accounts."""

    index: int
    """Number of the task."""
    shards: list[Shard]
    """Files it wrote."""
    accounts: list[Account]
    """What became of the records it read."""
    counters: dict[str, int]
    """Further counts."""
    reject_examples: list[dict[str, Any]]
    """One reject of each reason, for messages."""
    notes: dict[str, Any]
    """JSON facts that the job's `properties` and `verify` need from each task."""
    seconds: float = 0.0
    """How long the task took; kept out of the manifest, which is the same in every run."""

    def to_json(self) -> str:
        """Render as JSON text with a checksum over it."""
        return seal(dataclasses.asdict(self))

    @staticmethod
    def from_json(text: str) -> TaskRecord:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is damaged, or was written by another version of this code.
        """
        fields = unseal(text)
        try:
            fields["shards"] = [Shard(**row) for row in fields["shards"]]
            fields["accounts"] = [Account(**row) for row in fields["accounts"]]
            return TaskRecord(**fields)
        except (KeyError, TypeError) as error:
            raise ValueError(f"it lacks parts of a record: {error}") from error


class TaskOutput:
    """Takes the rows of one task to its shards. Used as a context; the shards appear when it ends without an error."""

    def __init__(
        self, *, job: str, source: str, index: int, num_tasks: int, built: str, max_reject_share: float = 1.0
    ) -> None:
        """Args:
        job: name of the job.
        source: what the task reads, for its accounts.
        index, num_tasks: number of the task and of all tasks; they name the shards.
        built: the build folder.
        max_reject_share: largest share of the job's records that may be rejected, 0 to 1. A task stops where its own rejects
            would be more than that even if no other task had any.
        """
        self.built = built
        """The build folder; what the job prepared lies below it."""
        self.ledger = Ledger(
            job=job,
            source=source,
            max_reject_share=max_reject_share,
            num_tasks=num_tasks,
            write_rejects=self._write_rejects,
        )
        """Where the task counts what became of its records."""
        self.notes: dict[str, Any] = {}
        """JSON facts for the job's `properties` and `verify`."""
        self._index, self._num_tasks = index, num_tasks
        self._start = time.monotonic()
        self._stack = ExitStack()
        self._writers: dict[str, tuple[ShardWriter, Table, str, str]] = {}

    def __enter__(self) -> TaskOutput:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._abandon(error)
            return
        try:
            self._finish()
        except BaseException as failure:
            self._abandon(failure)
            raise

    def forget(self) -> None:
        """Leave out all that the task has written and counted so far."""
        self._abandon(XlmkError("left out"))
        self._stack, self._writers = ExitStack(), {}
        self.ledger = Ledger(
            job=self.ledger.job,
            source=self.ledger.source,
            max_reject_share=self.ledger.max_reject_share,
            num_tasks=self._num_tasks,
            write_rejects=self._write_rejects,
        )

    def _abandon(self, error: BaseException) -> None:
        """Leave nothing of the shards begun."""
        for writer, *_ in self._writers.values():
            writer.abandon()
        self._stack.__exit__(type(error), error, error.__traceback__)

    def _finish(self) -> None:
        """Close the shards and leave the task's record."""
        self._write_rejects()
        shards = [self._close(path) for path in sorted(self._writers)]
        self._stack.close()
        record = TaskRecord(
            index=self._index,
            shards=shards,
            accounts=self.ledger.accounts(),
            counters=dict(sorted(self.ledger.counters.items())),
            reject_examples=list(self.ledger.examples.values()),
            notes=self.notes,
            seconds=round(time.monotonic() - self._start, 3),
        )
        storage.write_text(storage.join(self.built, task_record_path(self._index)), record.to_json())

    def write(
        self, table: Table, rows: pa.RecordBatch | pa.Table, *, partition: str = "", split: str = UNSPLIT
    ) -> None:
        """Append rows to this task's shard of a table, partition and split; no rows make no file."""
        if rows.num_rows == 0:
            return
        path = shard_path(table, partition, split, self._index, self._num_tasks)
        if path not in self._writers:
            sink = self._stack.enter_context(storage.open_write(storage.join(self.built, path)))
            self._writers[path] = ShardWriter(sink, table), table, partition, split
        with storage.storage_errors(storage.join(self.built, path)):
            self._writers[path][0].write(rows)

    def _write_rejects(self) -> None:
        """Write the rejects that have come together."""
        if self.ledger.rejects:
            self.write(REJECTS, REJECTS.batch(self.ledger.rejects))
            self.ledger.rejects.clear()

    def _close(self, path: str) -> Shard:
        writer, table, partition, split = self._writers[path]
        with storage.storage_errors(storage.join(self.built, path)):
            rows, num_bytes, checksum = writer.close()
        return Shard(
            path=path,
            table=table.name,
            partition=partition,
            split=split,
            rows=rows,
            bytes=num_bytes,
            sha256=checksum,
        )
