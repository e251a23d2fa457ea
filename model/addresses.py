"""Files behind addresses (`s3://`, `gs://`, `https://`, `memory://` …), by fsspec: opening, and errors that say what to do.

Credentials come from the environment, as the packages behind fsspec read them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from schemas.errors import StorageError, UsageError, XlmkError

_TRIES = 3
P = ParamSpec("P")
T = TypeVar("T")


def is_url(place: str | Path) -> bool:
    """Whether a place is named by an address instead of a path."""
    return "://" in str(place)


def file_system(url: str) -> tuple[Any, str]:
    """Return the file system of an address and the path in it; asked for anew after a fork, as some do not live through one.

    Raises: UsageError where fsspec does not know it, or lacks the package for it.
    """
    from fsspec.core import url_to_fs

    try:
        files, root = url_to_fs(url.rstrip("/"))
    except (ImportError, ValueError) as error:
        raise UsageError(
            f"{url} cannot be opened: {error}. Expected an address that fsspec knows, with its package installed: "
            "fsspec[http], s3fs, gcsfs, adlfs."
        ) from error
    return files, root.rstrip("/")


@contextmanager
def reached(url: str) -> Iterator[None]:
    """Turn what file systems raise into StorageError; that a file is not there stays FileNotFoundError."""
    try:
        yield
    except (FileNotFoundError, XlmkError):
        raise
    except Exception as error:  # packages behind fsspec raise errors of their own kinds
        raise StorageError(f"{url} cannot be reached: {type(error).__name__}: {error}") from error


def retried(action: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Do what may fail by a network, up to three times, waiting longer each time."""
    for attempt in range(_TRIES - 1):
        try:
            return action(*arguments, **named)
        except StorageError:
            time.sleep(2**attempt)
    return action(*arguments, **named)
