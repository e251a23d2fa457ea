"""Lines of a range, in batches, with their places."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

from pipeline.dumps.ranges.chunk import Chunk
from pipeline.dumps.ranges.chunks import read_chunks, with_end_checked
from pipeline.dumps.ranges.plan import ByteRange, Opener
from pipeline.run.storage import open_read

MAX_LINE_BYTES = 64 * 1024 * 1024
"""Longest line that is kept whole, in bytes; the largest seen in a dump is 1.1 MB."""
_HEAD_BYTES = 1000


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines that follow one another."""

    data: bytes
    """The lines, each with its newline; a file's last one gets one if it has none."""
    unit: int
    """Where in the file the gzip member, bzip2 block or zstd frame begins in which the first line begins; 0 if plain."""
    offset: int
    """Where the first line begins, in decoded bytes from the beginning of that unit."""
    oversize: int = 0
    """If not 0, the one line here is longer than the limit: its length, and only its first bytes are kept."""

    @property
    def lines(self) -> list[bytes]:
        """The lines without their newlines; blank ones too."""
        return self.data[:-1].split(b"\n")


def read_lines(
    span: ByteRange,
    *,
    max_line_bytes: int = MAX_LINE_BYTES,
    final_mark: bytes = b"",
    open_file: Opener = open_read,
    advice: str = "",
) -> Generator[Lines, None, None]:
    """Yield the lines that belong to a range: line 0 in the first, otherwise those whose preceding newline it holds.

    Args:
        span: the range.
        max_line_bytes: a longer line comes as a batch of its own with its first bytes only.
        final_mark: what the file must end in, white space aside, for instance b"]"; b"" checks nothing.
        open_file: opens the range's path.
        advice: what else to do where the file does not end so, in words.

    Raises:
        InputCorrupt: the file is damaged, cut off, or does not end in `final_mark`.
    """
    source = read_chunks(span, open_file)
    if final_mark:
        source = with_end_checked(span, final_mark, open_file, advice=advice)
    with closing(source) as chunks:
        yield from _split(chunks, span.is_first, max_line_bytes)


def _split(chunks: Iterator[Chunk], begins: bool, limit: int) -> Iterator[Lines]:
    """Split chunks at newlines; `begins` says whether a line begins with the first chunk."""
    pending = _Pending(limit)
    for chunk in chunks:
        data, offset = chunk.data, chunk.offset
        if not begins:
            cut = data.find(b"\n") + 1
            if cut == 0 and chunk.owned:
                continue
            if not chunk.owned:
                return
            begins, data, offset = True, data[cut:], offset + cut
        if not chunk.owned:
            if pending.add_until_newline(data, chunk.unit, offset):
                break
            continue
        cut = data.rfind(b"\n") + 1
        if cut == 0:
            pending.add(data, chunk.unit, offset)
            continue
        yield from pending.with_following(data[:cut], chunk.unit, offset)
        pending.start(data[cut:], chunk.unit, offset + cut)
    yield from pending.flush()


class _Pending:
    """The line that no newline has ended yet, in pieces; only its head once it is over the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._length, self._unit, self._offset = 0, -1, 0

    def start(self, data: bytes, unit: int, offset: int) -> None:
        """Begin a new line with `data`, which may be empty."""
        self._pieces, self._length, self._unit, self._offset = [data], len(data), unit, offset

    def add(self, data: bytes, unit: int, offset: int) -> None:
        """Go on with the line."""
        if self._unit < 0:
            self.start(data, unit, offset)
            return
        self._length += len(data)
        if self._length <= self._limit:
            self._pieces.append(data)
        else:
            self._pieces = [b"".join(self._pieces + [data[:_HEAD_BYTES]])[:_HEAD_BYTES]]

    def add_until_newline(self, data: bytes, unit: int, offset: int) -> bool:
        """Go on with the line up to the first newline; returns whether there was one."""
        cut = data.find(b"\n")
        self.add(data if cut < 0 else data[:cut], unit, offset)
        return cut >= 0

    def with_following(self, data: bytes, unit: int, offset: int) -> Iterator[Lines]:
        """Yield the line that the first line of `data` completes, and the lines after it; `data` ends in a newline."""
        if self._length + len(data) > self._limit:
            yield from self._one_by_one(data, unit, offset)
            return
        self.add(data, unit, offset)
        yield Lines(b"".join(self._pieces), self._unit, self._offset)

    def _one_by_one(self, data: bytes, unit: int, offset: int) -> Iterator[Lines]:
        """Yield the same where a line may be over the limit: each comes as a batch of its own."""
        first = True
        for line in data[:-1].split(b"\n"):
            if first:
                self.add(line, unit, offset)
            else:
                self.start(line, unit, offset)
            yield from self.flush()
            offset += len(line) + 1
            first = False

    def flush(self) -> Iterator[Lines]:
        """Yield the line as it stands, if one has begun."""
        if self._unit < 0:
            return
        line = b"".join(self._pieces)
        if self._length > self._limit:
            yield Lines(line[:_HEAD_BYTES] + b"\n", self._unit, self._offset, self._length)
        else:
            yield Lines(line + b"\n", self._unit, self._offset)
        self._pieces, self._length, self._unit = [], 0, -1
