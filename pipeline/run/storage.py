"""Files and folders by path or URL: the local disk directly, everything else (`gs://`, `s3://`) as `url_files` has it.

A local build is made in `<output>.partial` and published by one rename. Object stores have no rename of folders: there
the build is made in place, and the manifest, written last, is what publishes it.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pipeline.run import url_files
from schemas.errors import InputMissing, StorageError

_REFUSALS = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EEXIST,
    errno.EFBIG,
    errno.EIO,
    errno.ENOENT,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


def is_local(path: str) -> bool:
    """Tell whether `path` is on the local disk."""
    return not url_files.is_url(path)


def join(folder: str, *names: str) -> str:
    """Join a folder's path or URL with names below it."""
    return "/".join([folder.rstrip("/"), *names]) if folder != "/" else "/" + "/".join(names)


def file_name(path: str) -> str:
    """Return the last part of a path or URL."""
    return path.rstrip("/").rsplit("/", 1)[-1]


def folder_of(path: str) -> str:
    """Return the folder of a file, by path or URL."""
    return path.rpartition("/")[0] or ("/" if path.startswith("/") else ".")


def build_folder(output: str) -> str:
    """Return where a dataset is built before it is published."""
    return output.rstrip("/") + ".partial" if is_local(output) else output


@contextmanager
def storage_errors(path: str) -> Iterator[None]:
    """Turn a refusal of the storage into an error that says what to do.

    Raises:
        StorageError: no space left, no permission, or a read-only file system.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        raise StorageError(f"{path} cannot be written: {error.strerror}.{_free_space(path)}") from error


def _free_bytes(path: str) -> int:
    """Bytes free on the disk where a path is, or will be."""
    folder = Path(path)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _free_space(path: str) -> str:
    free = _free_bytes(path) / 1e9
    return f" {free:,.2f} GB are free there. Free some, or name another --output; then run the same command again."


def check_room(path: str, input_bytes: int) -> None:
    """Refuse to begin where the disk cannot hold what will come, as far as the input's size tells.

    Tables take from a fifth of the compressed input (a few languages of Wikidata) to 1.3 times as much (Wikipedia).

    Raises:
        StorageError: less is free than even a twentieth of the input.
    """
    least = input_bytes // 20
    if is_local(path) and _free_bytes(path) < least:
        raise StorageError(
            f"{path} is on a disk with {_free_bytes(path):,} bytes free; from {input_bytes:,} bytes of input at least "
            f"{least:,} are needed, most likely {input_bytes:,}. Free some, or name another --output."
        )


def check_room_for_copies(path: str, num_bytes: int) -> None:
    """Refuse to begin where the local disk cannot hold copies of a known size.

    Raises:
        StorageError: less is free.
    """
    if _free_bytes(path) < num_bytes:
        raise StorageError(
            f"{path} is on a disk with {_free_bytes(path):,} bytes free, {num_bytes:,} are to be copied there. "
            "Free some, or name another --output."
        )


def exists(path: str) -> bool:
    """Tell whether a file or local folder is there."""
    return os.path.exists(path) if is_local(path) else url_files.exists(path)


def size(path: str) -> int:
    """Return the size of a file in bytes.

    Raises:
        InputMissing: there is no such file.
    """
    if not is_local(path):
        return url_files.size(path)
    try:
        return os.stat(path).st_size
    except FileNotFoundError as error:
        raise InputMissing(f"{path} is not there. Check the path, or download the dump first.") from error


def open_read(path: str) -> BinaryIO:
    """Open a file for reading its bytes as they are, compressed or not; seekable.

    Raises:
        InputMissing: there is no such file.
    """
    if not is_local(path):
        return url_files.open_read(path)
    try:
        return open(path, "rb")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputMissing(
            f"{path} is not there, or is a folder. Check the path, or download the dump first."
        ) from error


@contextmanager
def open_write(path: str) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name only when the block ends without an error.

    Raises:
        StorageError: the storage refused.
    """
    if not is_local(path):
        with url_files.open_write(path) as file:
            yield file
        return
    with storage_errors(path):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        beside = f"{path}.tmp"
        try:
            with open(beside, "wb") as file:
                yield file
            os.replace(beside, path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)  # a full disk needs its room for what says so
            raise


def write_text(path: str, text: str) -> None:
    """Write a small text file, whole or not at all."""
    with open_write(path) as file:
        file.write(text.encode())


def read_text(path: str) -> str:
    """Read a small text file."""
    with open_read(path) as file:
        return file.read().decode()


def list_files(folder: str) -> list[str]:
    """Return the paths below a folder, relative to it and sorted; none where the folder is not there."""
    if is_local(folder):
        root = Path(folder)
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    prefix = folder.rstrip("/") + "/"
    return sorted(url.removeprefix(prefix) for url, _ in url_files.match(prefix + "**", StorageError))


def delete(folder: str, names: list[str]) -> None:
    """Delete those of the files that are there, and local folders that are empty then."""
    if not names:
        return
    if not is_local(folder):
        paths = [path for path in (join(folder, name) for name in names) if exists(path)]
        if paths:
            url_files.delete(paths)
        return
    for name in names:
        Path(folder, name).unlink(missing_ok=True)
    for path in sorted(Path(folder).rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def publish(built: str, output: str) -> None:
    """Give a finished local build its final name; a build in an object store already has it."""
    if is_local(output):
        with storage_errors(output):
            if os.path.isdir(output):
                os.rmdir(output)  # an empty folder that the user made beforehand
            os.replace(built, output)


def in_words(size: int) -> str:
    """Returns a number of bytes as people write it: `1.5 GB`."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(value) < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
