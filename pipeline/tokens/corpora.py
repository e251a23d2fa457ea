"""Plain-text corpora: one line a sentence or paragraph, a blank line between documents (the layout of CC-100).

Files are plain, gz, bz2, zst or xz, cut by bytes into ranges of `pipeline.dumps.ranges`, with its bounds. Lines end in LF, CR LF
or CR. A document that reaches over the edge of a range is two documents; nothing is lost.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

from pipeline.dumps.ranges import ByteRange, Lines, read_lines

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
class Document:
    """One document."""

    data: bytes
    """Its lines joined by blanks, as they stood in the file."""
    offset: int
    """Where it begins: decoded bytes from the beginning of its unit (gzip member, bzip2 block, zstd frame) or file."""
    oversize: int = 0
    """If not 0, it is one line longer than any text has: its length, and only its first bytes are here."""


def read_documents(span: ByteRange, max_bytes: int) -> Iterator[Document]:
    """Yield the documents of a range; longer ones than `max_bytes` are cut in pieces.

    Raises: InputCorrupt where the file is damaged or cut off; names the file and the place.
    """
    lines = _lines(read_lines(span))
    pieces: list[bytes] = []
    size, begin = 0, 0
    with closing(lines):
        for line, offset, oversize in lines:
            line = line.strip()
            if pieces and (not line or oversize or size + len(line) > max_bytes):
                yield Document(data=b" ".join(pieces), offset=begin)
                pieces, size = [], 0
            if oversize:
                yield Document(data=line, offset=offset, oversize=oversize)
                continue
            for piece, place in _cut(line, max_bytes):
                if place + len(piece) < len(line):  # more of the line follows: it is over the limit
                    yield Document(data=piece, offset=offset + place)
                    continue
                begin = begin if pieces else offset + place
                pieces.append(piece)
                size += len(piece) + 1
    if pieces:
        yield Document(data=b" ".join(pieces), offset=begin)


def _cut(line: bytes, max_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Yield a line in pieces of at most `max_bytes`, cut at blanks or between characters, with their places."""
    start = 0
    while len(line) - start > max_bytes:
        end = line.rfind(b" ", start + max_bytes // 2, start + max_bytes) + 1 or start + max_bytes
        while line[end] & 0xC0 == 0x80 and end > start + 1:
            end -= 1
        yield line[start:end], start
        start = end
    if start < len(line):
        yield line[start:], start


def _lines(batches: Iterator[Lines]) -> Generator[tuple[bytes, int, int], None, None]:
    """Yield (line, offset, length of a line over the limit, else 0)."""
    for batch in batches:
        offset = batch.offset
        for line in batch.lines:
            if batch.oversize:
                yield line, offset, batch.oversize
                break
            place = offset
            for part in line.rstrip(b"\r").split(b"\r"):
                yield part.removeprefix(_BYTE_ORDER_MARK) if place == 0 else part, place, 0
                place += len(part) + 1
            offset += len(line) + 1
