"""A lock on an output folder: a second run on it stops at once instead of mixing its files with the first one's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from pipeline.run import local_files, storage
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
        local_files.make_folder(os.path.dirname(path) or ".")
        # The lock itself would take a refusal of the storage for another run. A link would be written through.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666))
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
