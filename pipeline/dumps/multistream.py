"""The index of a multistream dump: where its streams begin, and which pages are in each.

Wikimedia packs 100 pages into a bzip2 stream of their own and lists them as `offset:page id:title` in a file beside the
dump. With it ranges are cut at streams and the pages of a dump are counted against the list; without it, dumps are read
as well.
"""

from __future__ import annotations

import bisect
import bz2
import re
from dataclasses import dataclass

from pipeline.dumps.ranges import ByteRange
from pipeline.run import storage
from pipeline.run.storage import open_read
from schemas.errors import InputCorrupt

_DUMP_NAME = re.compile(r"(.*-multistream)(\d*)\.xml(-p\d+p\d+)?\.bz2")


@dataclass(frozen=True)
class StreamIndex:
    """The streams of one dump that hold pages."""

    offsets: list[int]
    """Where each begins in the file, ascending."""
    pages: list[int]
    """How many pages each holds."""
    first_ids: list[int]
    """The id of the first page of each."""

    def pages_between(self, start: int, end: int) -> int:
        """How many pages the streams hold that begin in [start, end)."""
        low, high = bisect.bisect_left(self.offsets, start), bisect.bisect_left(self.offsets, end)
        return sum(self.pages[low:high])

    def describe(self, offset: int) -> str:
        """Return the pages of the stream that an offset lies in, in words."""
        number = bisect.bisect_right(self.offsets, offset) - 1
        if number < 0:
            return "no page: the offset lies before the first stream with pages"
        following = self.first_ids[number + 1] if number + 1 < len(self.first_ids) else None
        until = f"before {following}" if following is not None else "to the last"
        return f"{self.pages[number]} pages, ids {self.first_ids[number]} {until}"


def find_index(path: str) -> str | None:
    """Return the path of the index that stands beside a dump by Wikimedia's names, or None."""
    folder, slash, name = path.rpartition("/")
    parts = _DUMP_NAME.fullmatch(name)
    if parts is None:
        return None
    index = f"{folder}{slash}{parts[1]}-index{parts[2]}.txt{parts[3] or ''}.bz2"
    return index if storage.exists(index) else None


def read_index(path: str, size: int) -> StreamIndex:
    """Read an index.

    Args:
        path: the index file.
        size: bytes of the dump it belongs to.

    Raises:
        InputCorrupt: a line is not `offset:id:title`, or a stream would begin behind the end of the dump.
    """
    counts: dict[int, int] = {}
    first: dict[int, int] = {}
    with open_read(path) as packed, bz2.open(packed) as lines:
        for number, line in enumerate(lines, 1):
            try:
                offset, page_id = map(int, line.split(b":", 2)[:2])
            except ValueError as error:
                raise InputCorrupt(f"{path}, line {number}: found {line[:80]!r}, expected offset:id:title.") from error
            counts[offset] = counts.get(offset, 0) + 1
            first.setdefault(offset, page_id)
    offsets = sorted(counts)
    if offsets and offsets[-1] >= size:
        raise InputCorrupt(
            f"{path} lists a stream at byte {offsets[-1]}, the dump has {size}. The dump was cut off, or the index is of "
            "another one: download both again."
        )
    return StreamIndex(offsets, [counts[offset] for offset in offsets], [first[offset] for offset in offsets])


def cut_at_streams(spans: list[ByteRange], index: StreamIndex) -> list[ByteRange]:
    """Move the cuts between ranges to the streams that follow them; ranges that become empty go."""
    if not spans or not index.offsets:
        return spans
    cuts = [0]
    for span in spans[1:]:
        number = bisect.bisect_left(index.offsets, span.start)
        if number < len(index.offsets) and index.offsets[number] > cuts[-1]:
            cuts.append(index.offsets[number])
    cuts.append(spans[-1].end)
    first = spans[0]
    return [
        ByteRange(path=first.path, start=start, end=end, form=first.form, size=first.size)
        for start, end in zip(cuts, cuts[1:], strict=False)
    ]
