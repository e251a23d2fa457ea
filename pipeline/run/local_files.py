"""Files on the local disk that are whole or absent, whatever happens while they are written.

A file is on the disk before it has its name, and so is the folder that lists it: a power cut leaves whole files or none. Nothing
is written through a link that somebody planted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from schemas.errors import StorageError


@contextmanager
def open_whole(path: str) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name, on the disk, only when the block ends without an error.

    Raises:
        OSError: the storage refused.
        StorageError: another run writes the same file.
    """
    folder, beside = os.path.dirname(path) or ".", f"{path}.tmp"
    make_folder(folder)
    with suppress(FileNotFoundError):
        os.unlink(beside)  # what a killed run left, or a link planted there, which would be written through
    try:
        with open(beside, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if not os.path.samestat(os.fstat(file.fileno()), os.lstat(beside)):
                raise StorageError(f"{beside} was replaced while it was written: another run writes there too.")
            os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)  # a full disk needs its room for what says so
        raise
    sync_folder(folder)


def make_folder(folder: str) -> None:
    """Make a local folder and those above it, each on the disk before what goes into it."""
    parent = os.path.dirname(folder.rstrip("/")) or "."
    try:
        os.mkdir(folder)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise
        return
    except FileNotFoundError:
        if parent == folder:
            raise
        make_folder(parent)
        make_folder(folder)
        return
    sync_folder(parent)


def sync_folder(folder: str) -> None:
    """Bring the names of a local folder's files to the disk, where its file system can."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
