"""Dump files by path, URL or pattern: which there are, and the ranges of all of them."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence

from pipeline.dumps.ranges import ByteRange, plan_ranges
from pipeline.run import url_files
from pipeline.run.storage import open_read
from schemas.errors import InputMissing


def expand_sources(patterns: Sequence[str]) -> list[str]:
    """Return the files that paths or glob patterns name, each once, in the order given (sorted within a pattern).

    Raises:
        InputMissing: a pattern names no file, or there is no pattern.
        UsageError: no file system is installed for a path's scheme.
    """
    if not patterns:
        raise InputMissing("no dump was named. Give at least one path, for instance latest-all.json.gz.")
    paths: dict[str, None] = {}
    for pattern in patterns:
        found = _match_url(pattern) if url_files.is_url(pattern) else _match_local(pattern)
        if not found:
            raise InputMissing(f"{pattern} names no file. Check the path, or download the dump first.")
        paths.update(dict.fromkeys(found))
    return list(paths)


def _match_local(pattern: str) -> list[str]:
    if os.path.isfile(pattern):
        return [pattern]
    return sorted(path for path in glob.glob(pattern) if os.path.isfile(path))


def _match_url(pattern: str) -> list[str]:
    return [url for url, _ in url_files.match(pattern)]


def plan_sources(paths: Sequence[str], num_bytes_per_range: int) -> list[ByteRange]:
    """Return the ranges of several dumps, in order.

    Raises:
        InputMissing: a file is not there.
        InputCorrupt: a file is empty, an HTML page, or of a kind that dumps never have.
    """
    return [span for path in paths for span in plan_ranges(path, num_bytes_per_range, open_read)]
