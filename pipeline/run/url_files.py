"""Files behind URLs (`gs://`, `s3://`, `hdfs://`), through Beam's file systems, which are imported only where one is met.

What a store answers with, errors of its own library among them, becomes an error that says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from schemas.errors import InputMissing, StorageError, UsageError, XlmkError

READ_REMEDY = "Check the URL and your credentials and permission to read it."
WRITE_REMEDY = "Check the URL, the bucket's region, and your credentials and permission to write to it."

_CLOUD_LIBRARIES = frozenset({"azure", "boto3", "botocore", "google", "hdfs", "requests"})
"""Packages whose errors a file system of Beam's lets through."""


def is_url(path: str) -> bool:
    """Tell whether a path names a file system by a scheme."""
    return "://" in path


@contextmanager
def answers(url: str, refused: type[XlmkError], remedy: str) -> Iterator[None]:
    """Turn what a store answers with into errors of ours.

    Raises:
        UsageError: no file system is installed for the URL's scheme.
        XlmkError: of the kind `refused`: the store cannot be reached, has no such file, or does not permit it.
    """
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise UsageError(
            f"{url}: an address must not hold a user name or password. Credentials come from the environment."
        )
    try:
        yield
    except ValueError as error:
        if not str(error).startswith("Unable to get filesystem"):
            raise
        raise UsageError(_unknown_scheme(url)) from error
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in _CLOUD_LIBRARIES:
            raise
        raise refused(f"{url}: {' '.join(str(error).split())}. {remedy}") from error


def _unknown_scheme(url: str) -> str:
    scheme = url.split("://", 1)[0]
    return f"{url}: no file system for {scheme}:// is installed. For gs:// install the extra [gcp], for s3:// install boto3."


def _file_systems() -> Any:
    from apache_beam.io.filesystems import FileSystems  # costs half a second

    return FileSystems


def exists(url: str) -> bool:
    """Tell whether there is a file.

    Raises:
        UsageError, StorageError: see `answers`.
    """
    with answers(url, StorageError, WRITE_REMEDY):
        return bool(_file_systems().exists(url))


def match(pattern: str, refused: type[XlmkError] = InputMissing) -> list[tuple[str, int]]:
    """Return URL and size of the files that a glob pattern names, sorted.

    Raises:
        UsageError, `refused`: see `answers`.
    """
    with answers(pattern, refused, READ_REMEDY):
        (result,) = _file_systems().match([pattern])
    return sorted((entry.path, int(entry.size_in_bytes)) for entry in result.metadata_list)


def size(url: str) -> int:
    """Return the size of a file in bytes.

    Raises:
        UsageError: see `answers`.
        InputMissing: there is no such file.
    """
    found = match(url)
    if not found:
        raise InputMissing(f"{url} is not there. {READ_REMEDY}")
    return found[0][1]


def open_read(url: str) -> BinaryIO:
    """Open a file for reading its bytes as they are, compressed or not; seekable.

    Raises:
        UsageError: see `answers`.
        InputMissing: there is no such file.
    """
    from apache_beam.io.filesystem import CompressionTypes

    size(url)
    with answers(url, InputMissing, READ_REMEDY):
        file: BinaryIO = _file_systems().open(url, compression_type=CompressionTypes.UNCOMPRESSED)
    return file


@contextmanager
def open_write(url: str) -> Iterator[BinaryIO]:
    """Open an object for writing, which appears in its store when the block ends.

    Raises:
        UsageError, StorageError: see `answers`.
    """
    with answers(url, StorageError, WRITE_REMEDY):
        from apache_beam.io.filesystem import CompressionTypes

        file = _file_systems().create(url, compression_type=CompressionTypes.UNCOMPRESSED)
        yield file
        file.close()


def delete(urls: list[str]) -> None:
    """Delete files that are there.

    Raises:
        UsageError, StorageError: see `answers`.
    """
    with answers(urls[0], StorageError, WRITE_REMEDY):
        _file_systems().delete(urls)
