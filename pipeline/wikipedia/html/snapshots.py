"""Snapshot files: how they are known, whose pages they hold, the ranges and lines of them, and which record of a page counts.

A snapshot is a tar of files of lines of JSON, packed as one gzip member, or such lines themselves, packed in any way. Lines
are cut into ranges wherever their packing allows; a tar is one range. The log that a snapshot is made of may hold a page
twice, in any order: the record of the latest revision counts, of equal ones the last. Which that is, is found out once,
before the tasks, so that each of them knows for itself what to pass over.
"""

from __future__ import annotations

import contextlib
import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.dumps.archives import is_tar, read_archive_lines
from pipeline.dumps.ranges import ByteRange, Lines, read_lines
from pipeline.dumps.sources import plan_sources
from pipeline.run import storage
from pipeline.wikipedia.html.records import read_ids, read_record
from pipeline.wikipedia.pages import PageProblem
from schemas.errors import InputCorrupt

MAX_LINE_BYTES = 64 * 1024 * 1024
"""Longest record that is read, in bytes; the largest seen has 3 MB."""
_WHOLE_FILE = 1 << 50


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a snapshot."""

    data: bytes
    """The line without its newline; only the first bytes where it is too long."""
    unit: int
    """As in `Lines`."""
    offset: int
    """As in `Lines`."""
    oversize: int
    """Its length where it is over the limit, else 0."""


def is_snapshot(head: bytes) -> bool:
    """Whether the first decoded bytes of a file are those of a snapshot and not of an XML dump."""
    return is_tar(head) or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"


def snapshot_spans(path: str, head: bytes, range_bytes: int) -> list[ByteRange]:
    """Return the ranges of a snapshot: one for a tar, else as many as its packing and size allow."""
    return plan_sources([path], _WHOLE_FILE if is_tar(head) else range_bytes)


def snapshot_lines(span: ByteRange, archived: bool) -> Iterator[Line]:
    """Yield the lines of a range that are not blank, one by one.

    Raises:
        InputCorrupt: the file is damaged or cut off.
    """
    if archived:
        batches = read_archive_lines(span, max_line_bytes=MAX_LINE_BYTES)
    else:
        batches = read_lines(span, max_line_bytes=MAX_LINE_BYTES, open_file=storage.open_read)
    for batch in batches:
        yield from _lines_of(batch)


def _lines_of(batch: Lines) -> Iterator[Line]:
    offset = batch.offset
    for data in batch.lines:
        if data.strip():
            yield Line(data=data, unit=batch.unit, offset=offset, oversize=batch.oversize)
        offset += len(data) + 1


def first_wiki(path: str, head: bytes) -> str:
    """Return the database name that the first record of a snapshot says it is of; empty where none says.

    Raises:
        InputCorrupt: the first line is no record.
    """
    span = snapshot_spans(path, head, _WHOLE_FILE)[0]
    for line in snapshot_lines(span, is_tar(head)):
        try:
            return read_record(line.data).wiki
        except PageProblem as problem:
            raise InputCorrupt(
                f"{path} begins like a snapshot of rendered pages, but its first line is {problem}. Expected lines of JSON "
                "with name, identifier, version and article_body: download the file again."
            ) from problem
    return ""


def latest_records(files: list[tuple[str, list[ByteRange], bool]], salvage: bool = False) -> dict[int, list[int]]:
    """Which record counts of each page that several records of a wiki are of.

    Args:
        files: path, ranges and whether it is a tar, of all files of one wiki, in the order in which they are read.
        salvage: whether what stands before the damage of a file counts.

    Returns:
        Number of the file, unit and offset of the record that counts, by page id.
    """
    columns = [array("q") for _ in range(5)]
    for number, (_, spans, archived) in enumerate(files):
        for span in spans:
            for line in _sound_lines(span, archived) if salvage else snapshot_lines(span, archived):
                found = None if line.oversize else read_ids(line.data)
                if found is not None:
                    for column, value in zip(columns, (*found, number, line.unit, line.offset), strict=True):
                        column.append(value)
    pages, revisions, numbers, units, offsets = (np.frombuffer(column, np.int64) for column in columns)
    order = np.lexsort((np.arange(len(pages)), revisions, pages))
    ordered = pages[order]
    is_last = np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)]
    is_first = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]
    rows = order[is_last & ~is_first]
    return {int(pages[row]): [int(numbers[row]), int(units[row]), int(offsets[row])] for row in rows}


def _sound_lines(span: ByteRange, archived: bool) -> Iterator[Line]:
    """Yield the lines of a range up to its damage, if any."""
    with contextlib.suppress(InputCorrupt):
        yield from snapshot_lines(span, archived)


def latest_path(built: str, wiki: str) -> str:
    """Where a build keeps which records count of a wiki's repeated pages."""
    return storage.join(built, f"_shared/latest/{wiki}.json")


def write_latest(built: str, wiki: str, latest: dict[int, list[int]]) -> None:
    """Keep them for the tasks."""
    storage.write_text(latest_path(built, wiki), json.dumps(latest))


def read_latest(built: str, wiki: str) -> dict[int, list[int]]:
    """Return what `write_latest` kept."""
    return {int(page): place for page, place in json.loads(storage.read_text(latest_path(built, wiki))).items()}
