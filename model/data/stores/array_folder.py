"""Folders of plain `.npy` arrays with a JSON note of what they were made from: indexes that are built once and mapped.

No array holds objects, so nothing is unpickled. A folder is built beside its place and renamed, so it is whole or absent. Its
note has size and sha256 of every array; they are compared when it is opened, once until a file changes.
Of the processes of a machine that want it at once, one builds and the others wait for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas import file_sha256
from schemas.errors import ShardMismatch, StorageError

NOTE_NAME = "made_from.json"
_ARRAYS = "arrays"
"""Entry of the note: size and sha256 of each array by the name of its file."""
_MARK = "checked.json"

Arrays = dict[str, npt.NDArray[Any]]


def open_or_build(folder: Path, note: dict[str, Any], build: Callable[[Path], None]) -> tuple[Arrays, dict[str, Any]]:
    """Open the arrays of `folder`, building them first where they are absent or made from something else.

    Args:
        folder: where the arrays belong.
        note: what they are made from; all its entries must equal those of the stored note.
        build: writes `<name>.npy` files into the folder it is given, and may add entries to a `NOTE_NAME` there.

    Returns:
        (read-only memory-mapped arrays by name, the stored note)

    Raises:
        StorageError: the folder cannot be written.
        ShardMismatch: an array is damaged.
    """
    if not _is_made_from(folder, note):
        with _only_one(folder):
            if not _is_made_from(folder, note):
                _publish(folder, note, build)
    return open_arrays(folder), _read_note(folder) or {}


def open_arrays(folder: Path) -> Arrays:
    """Map all arrays of a folder, read-only.

    Raises:
        ShardMismatch: one is damaged, missing, or not the one that was written.
    """
    _check(folder)
    try:
        return {path.stem: _open(path) for path in sorted(folder.glob("*.npy"))}
    except (ValueError, OSError, EOFError) as error:
        raise ShardMismatch(
            f"{folder} is damaged: {error}. Remove the folder; it is built again when needed."
        ) from error


def save_arrays(folder: Path, arrays: Arrays) -> None:
    """Write arrays into a folder as `open_arrays` reads them, with a note of their sizes and checksums last."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    note = (_read_note(folder) or {}) | {_ARRAYS: _digests(folder)}
    (folder / NOTE_NAME).write_text(json.dumps(note, indent=1), encoding="utf-8")


class GrowingArray:
    """Writes a one-dimensional `.npy` file whose length is not known before its end."""

    def __init__(self, path: Path, kind: type[np.generic]) -> None:
        """Args:
        path: the file.
        kind: the type of its numbers; what is appended is converted to it.
        """
        self._path, self._kind, self.length = path, np.dtype(kind), 0
        self._file = path.open("wb")
        self._write_header()

    def append(self, numbers: npt.NDArray[Any]) -> None:
        """Add numbers at the end."""
        self._file.write(np.ascontiguousarray(numbers, dtype=self._kind).data)
        self.length += len(numbers)

    def __enter__(self) -> GrowingArray:
        return self

    def __exit__(self, *_: object) -> None:
        """Put the length into the header, which is as long for every length."""
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        fields = repr({"descr": self._kind.str, "fortran_order": False, "shape": (self.length,)})
        size = 128 - len(np.lib.format.magic(1, 0)) - 2
        self._file.write(
            np.lib.format.magic(1, 0) + size.to_bytes(2, "little") + fields.ljust(size - 1).encode() + b"\n"
        )


def _open(path: Path) -> npt.NDArray[Any]:
    # A plain view: slices of numpy.memmap objects cost five times as much.
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _check(folder: Path) -> None:
    """Raise unless every array is the one that the folder's note tells of."""
    states = {path.name: path.stat() for path in folder.glob("*.npy")}
    stamps = {name: [s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for name, s in sorted(states.items())}
    mark = folder / _MARK
    with suppress(OSError, ValueError):
        if json.loads(mark.read_text(encoding="utf-8")) == stamps:
            return
    wanted = (_read_note(folder) or {}).get(_ARRAYS)
    if wanted != (found := _digests(folder)):
        odd = next(
            (name for name in {*found, *(wanted or {})} if found.get(name) != (wanted or {}).get(name)), "its note"
        )
        raise ShardMismatch(
            f"{folder} is damaged: {odd} is not as it was written. Remove the folder; it is built again when needed."
        )
    with suppress(OSError):  # a read-only place: the next opening checks again
        mark.write_text(json.dumps(stamps), encoding="utf-8")


def _digests(folder: Path) -> dict[str, list[int | str]]:
    return {path.name: [path.stat().st_size, file_sha256(path)] for path in sorted(folder.glob("*.npy"))}


def _read_note(folder: Path) -> dict[str, Any] | None:
    try:
        note = json.loads((folder / NOTE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) else None


def _is_made_from(folder: Path, note: dict[str, Any]) -> bool:
    stored = _read_note(folder)
    return stored is not None and _ARRAYS in stored and all(stored.get(name) == value for name, value in note.items())


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold a lock that the other processes of this machine wait for; it ends with the process that holds it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = (folder.parent / f".{folder.name}.lock").open("w")
    except OSError as error:
        raise StorageError(f"cannot write the index {folder}: {error}. Name another folder for indexes.") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _publish(folder: Path, note: dict[str, Any], build: Callable[[Path], None]) -> None:
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        build(beside)
        written = (_read_note(beside) or {}) | note | {_ARRAYS: _digests(beside)}
        (beside / NOTE_NAME).write_text(json.dumps(written, indent=1), encoding="utf-8")
        _swap(beside, folder)
    except OSError as error:
        raise StorageError(f"cannot write the index {folder}: {error}. Free some space, or name another.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _swap(beside: Path, folder: Path) -> None:
    """Put a finished folder into its place; whoever has the old one mapped keeps it."""
    old = beside.with_name(beside.name + "-old")
    if folder.exists():
        os.rename(folder, old)
    os.rename(beside, folder)
    shutil.rmtree(old, ignore_errors=True)
