"""A lock on an output folder: a second run on it stops at once instead of mixing its files with the first one's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from pipeline.run import storage
from schemas.errors import OutputBusy


@contextmanager
def output_lock(output: str) -> Iterator[None]:
    """Hold `<output>.lock` for the time of the block.

    Object stores have no locks; there two runs of one configuration would write equal bytes.

    Raises:
        OutputBusy: another run holds it.
        StorageError: the lock cannot be written.
    """
    if not storage.is_local(output):
        yield
        return
    path = output.rstrip("/") + ".lock"
    lock = FileLock(path, timeout=0)
    with storage.storage_errors(path):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "ab"):
            pass  # the lock itself would take a refusal of the storage for another run
        try:
            lock.acquire()
        except Timeout as error:
            raise OutputBusy(
                f"{output} is being written by another run. Wait for it, or name another output."
            ) from error
    try:
        yield
    finally:
        lock.release()
