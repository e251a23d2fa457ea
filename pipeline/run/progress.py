"""The progress line of a job: tasks, bytes, rows, rejects, rate and time left, read from the records of finished tasks."""

from __future__ import annotations

import sys
import threading
import time

from pipeline.run import storage
from pipeline.run.task import Task
from pipeline.run.task_output import TASKS_FOLDER, TaskRecord

SECONDS_ON_TERMINAL, SECONDS_IN_LOG = 1.0, 30.0


class Progress:
    """Prints a line about a running job every now and then; used as a context."""

    def __init__(self, name: str, built: str, tasks: list[Task]) -> None:
        self._name, self._built = name, built
        self._sizes = {f"{task.index:05d}.json": task.num_bytes for task in tasks}
        self._seen: dict[str, tuple[int, int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._start = time.monotonic()
        self._resumed_bytes = 0

    def __enter__(self) -> Progress:
        self._poll()
        self._resumed_bytes = self._bytes_done()
        if self._seen:
            print(f"{self._name}: going on, {len(self._seen)} of {len(self._sizes)} tasks are done.", file=sys.stderr)
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._stop.set()
        self._thread.join()
        self._poll()
        terminal = sys.stderr.isatty()
        print(("\r\033[K" if terminal else "") + self.line(), file=sys.stderr)

    def _loop(self) -> None:
        terminal = sys.stderr.isatty()
        while not self._stop.wait(SECONDS_ON_TERMINAL if terminal else SECONDS_IN_LOG):
            self._poll()
            print(
                ("\r\033[K" if terminal else "") + self.line(),
                end="" if terminal else "\n",
                file=sys.stderr,
                flush=True,
            )

    def _poll(self) -> None:
        for name in storage.list_files(storage.join(self._built, TASKS_FOLDER)):
            if name in self._seen or name not in self._sizes:
                continue
            record = TaskRecord.from_json(storage.read_text(storage.join(self._built, TASKS_FOLDER, name)))
            rows = sum(shard.rows for shard in record.shards if shard.table != "rejects")
            rejects = sum(sum(account.rejected.values()) for account in record.accounts)
            self._seen[name] = rows, rejects

    def _bytes_done(self) -> int:
        return sum(self._sizes[name] for name in self._seen)

    def line(self) -> str:
        """Render the state as one line."""
        done, total = self._bytes_done(), sum(self._sizes.values())
        seconds = time.monotonic() - self._start
        rate = (done - self._resumed_bytes) / seconds if seconds else 0.0
        left = f", {(total - done) / rate / 60:.1f} min left" if rate and done < total else ""
        rows = sum(rows for rows, _ in self._seen.values())
        rejects = sum(rejects for _, rejects in self._seen.values())
        return (
            f"{self._name}: {len(self._seen)}/{len(self._sizes)} tasks, {done / 1e6:,.1f}/{total / 1e6:,.1f} MB read, "
            f"{rows:,} rows, {rejects:,} rejects, {seconds:.0f} s, {rate / 1e6:.2f} MB/s{left}"
        )
