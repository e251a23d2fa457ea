"""Files and folders by path or URL: the local disk directly, everything else (`gs://`, `s3://`) as `url_files` has it.

A local build is made in `<output>.partial` and published by one rename. Object stores have no rename of folders: there
the build is made in place, and the manifest, written last, is what publishes it. A local file is on the disk before it has
its name, and so has its folder, so that a power cut leaves whole files or none.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pipeline.run import local_files, url_files
from schemas.errors import InputMissing, OutputBusy, StorageError

_REFUSALS = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EEXIST,
    errno.EFBIG,
    errno.EIO,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.ENOTEMPTY,
    errno.EXDEV,
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
    try:
        number = _free_bytes(path)
        free = f" {number / 1e9:,.2f} GB are free there ({number:,} bytes)."
    except OSError:
        free = ""
    return f"{free} Free some, or name another --output; then run the same command again."


def check_space(path: str, input_bytes: int) -> None:
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


def check_space_for_copies(path: str, num_bytes: int) -> None:
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
    with storage_errors(path), local_files.open_whole(path) as file:
        yield file


def write_text(path: str, text: str) -> None:
    """Write a small text file, whole or not at all."""
    with open_write(path) as file:
        file.write(text.encode())


def read_text(path: str) -> str:
    """Read a small text file."""
    with open_read(path) as file:
        return file.read().decode()


def list_files(folder: str) -> list[str]:
    """Return the paths below a folder, links among them, relative to it and sorted; none where the folder is not there."""
    if is_local(folder):
        root = Path(folder)
        return sorted(
            path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_symlink() or path.is_file()
        )
    prefix = folder.rstrip("/") + "/"
    return sorted(url.removeprefix(prefix) for url, _ in url_files.match(prefix + "**", StorageError))


def require_own(folder: str, is_ours: Callable[[str], bool]) -> None:
    """Make sure that a folder is absent or holds files of a kind that this project writes there, and nothing else.

    Args:
        folder: path or URL; on the local disk it may be no link, nor hold one.
        is_ours: tells by a file's path below the folder whether it is of that kind.

    Raises:
        OutputBusy: what is there belongs to somebody else.
    """
    remedy = "Move it away, or name another output."
    local = is_local(folder)
    if local and (os.path.islink(folder) or (os.path.exists(folder) and not os.path.isdir(folder))):
        raise OutputBusy(f"{folder}, where the output would be built, is a link or a file. {remedy}")
    for name in list_files(folder):
        if not is_ours(name) or (local and os.path.islink(join(folder, name))):
            raise OutputBusy(
                f"{folder}, where the output would be built, holds {name!r}, which is no file of a build. {remedy}"
            )


def fresh_folder(folder: str, is_ours: Callable[[str], bool]) -> None:
    """Make a local folder that is empty, in place of what a stopped run left there.

    Raises:
        OutputBusy: what is there belongs to somebody else; see `require_own`.
        StorageError: the storage refused.
    """
    require_own(folder, is_ours)
    with storage_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        local_files.make_folder(folder)


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
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()


def publish(built: str, output: str) -> None:
    """Give a finished local build its final name; a build in an object store already has it."""
    if is_local(output):
        with storage_errors(output):
            if os.path.isdir(output):
                os.rmdir(output)  # an empty folder that the user made beforehand
            os.replace(built, output)
            local_files.sync_folder(os.path.dirname(output.rstrip("/")) or ".")


def in_words(size: int) -> str:
    """Return a number of bytes as people write it: `1.5 GB`."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(value) < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
