"""Files that are read must be the files that were checked: what tells them apart, before a row and after the last one.

A file that is written anew in place changes its time of change, one that is put in another's place its number on the disk.
Where both are as they were, so are the bytes; where not, the bytes are looked at again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from schemas.errors import InputCorrupt, ShardMismatch
from schemas.shards import Shard, file_sha256

ENDS_BYTES = 1 << 16
"""How much of a large file's head and of its tail stands for its content."""

_Stamp = tuple[int, int, int, int]
_checked: dict[tuple[str, str], _Stamp] = {}


@dataclass(frozen=True, kw_only=True)
class ReadFile:
    """A local file that is read, as it was when it was checked."""

    path: str
    """Where it is."""
    stamp: tuple[int, int, int, int]
    """Size, time of the last write, time of the last change of any kind (both in ns), and number on the disk."""
    sha256: str = ""
    """Checksum of a shard; empty for a file of which only the ends are compared."""
    ends: str = ""
    """Checksum of its head and tail (`ends_of`)."""


def ends_of(path: str | Path) -> str:
    """Return the sha256 of a local file's first and last `ENDS_BYTES`, as hexadecimal digits."""
    digest = sha256()
    with open(path, "rb") as file:
        digest.update(file.read(ENDS_BYTES))
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - ENDS_BYTES, 0))
        digest.update(file.read(ENDS_BYTES))
    return digest.hexdigest()


def read_file(path: str | Path) -> ReadFile:
    """Return what tells a local file apart from any other in its place.

    Raises:
        OSError: it is not there.
    """
    return ReadFile(path=str(path), stamp=_stamp(path), ends=ends_of(path))


def check_shards(folder: str | Path, shards: Sequence[Shard]) -> list[ReadFile]:
    """Hold shards against their manifest by size and sha256, before a row of them is used.

    A process hashes a shard once and again when it changed; hashing takes as many threads as there are cores.

    Raises:
        ShardMismatch: a shard is missing or is not the one that the manifest lists.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return list(pool.map(lambda shard: _checked_shard(Path(folder, shard.path), shard), shards))


def _checked_shard(path: Path, shard: Shard) -> ReadFile:
    remedy = "Restore it, or build the dataset again."
    try:
        stamp = _stamp(path)
        if stamp[0] != shard.bytes:
            raise ShardMismatch(
                f"{path} has changed: it has {stamp[0]:,} bytes, its manifest says {shard.bytes:,}. {remedy}"
            )
        key = (str(path), shard.sha256)
        if _checked.get(key) != stamp:
            found = file_sha256(path)
            if found != shard.sha256 or _stamp(path) != stamp:
                raise ShardMismatch(
                    f"{path} has changed: its sha256 is {found[:16]}…, its manifest says {shard.sha256[:16]}…. {remedy}"
                )
            _checked[key] = stamp
    except FileNotFoundError as error:
        raise ShardMismatch(f"{path} is missing. {remedy}") from error
    return ReadFile(path=str(path), stamp=stamp, sha256=shard.sha256)


def require_unchanged(files: Iterable[ReadFile]) -> None:
    """Make sure that files are still those that were checked.

    Raises:
        ShardMismatch: a shard has changed or is gone.
        InputCorrupt: another file has.
    """
    for file in files:
        kind = ShardMismatch if file.sha256 else InputCorrupt
        try:
            stamp = _stamp(file.path)
            same = stamp == file.stamp or _same_bytes(file, stamp)
        except OSError as error:
            raise kind(
                f"{file.path} is gone while it is read: {error.strerror}. Restore it, then run again."
            ) from error
        if not same:
            raise kind(
                f"{file.path} is not the file that this run began with: it was changed or replaced while it was read. "
                "Run again when nothing writes there any more, into another output."
            )


def _same_bytes(file: ReadFile, stamp: _Stamp) -> bool:
    """Whether a file whose stamp changed has the bytes it had: by all of them, or by its size, time and ends."""
    if stamp[0] != file.stamp[0]:
        return False
    if file.sha256:
        return file_sha256(Path(file.path)) == file.sha256
    return stamp[1] == file.stamp[1] and ends_of(file.path) == file.ends


def _stamp(path: str | Path) -> _Stamp:
    state = os.stat(path)
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino
