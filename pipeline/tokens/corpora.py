"""Plain-text corpora: one line a sentence or paragraph, a blank line between documents (the layout of CC-100).

Files are plain, gz, bz2 or zst, cut by bytes into ranges, or xz, which is read from its beginning only. A document that
reaches over the edge of a range is two documents; nothing is lost.
"""

from __future__ import annotations

import lzma
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipeline.dumps.ranges import ByteRange, read_lines
from schemas.errors import InputCorrupt, InputMissing

XZ_MAGIC = b"\xfd7zXZ\x00"
_READ_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Document:
    """One document."""

    data: bytes
    """Its lines joined by blanks, as they stood in the file."""
    offset: int
    """Where it begins: decoded bytes from the beginning of its unit (gzip member, bzip2 block, zstd frame) or file."""


def is_xz(path: str) -> bool:
    """Whether a file is packed with xz, by its first bytes.

    Raises: InputMissing where it is not there, InputCorrupt where it is empty.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(len(XZ_MAGIC))
    except OSError as error:
        raise InputMissing(f"{path} cannot be opened: {error.strerror}. Check the path of the text corpus.") from error
    if not head:
        raise InputCorrupt(f"{path} is empty. Name another corpus, or download it again.")
    return head == XZ_MAGIC


def read_documents(span: ByteRange | str, max_bytes: int) -> Iterator[Document]:
    """Yield the documents of a range, or of a whole xz file by its path; longer ones than `max_bytes` are cut in pieces.

    Raises: InputCorrupt where the file is damaged or cut off; names the file and the place.
    """
    lines = _xz_lines(span) if isinstance(span, str) else _range_lines(span)
    pieces: list[bytes] = []
    size, begin = 0, 0
    with closing(lines):
        for line, offset in lines:
            line = line.strip()
            if pieces and (not line or size + len(line) > max_bytes):
                yield Document(data=b" ".join(pieces), offset=begin)
                pieces, size = [], 0
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


def _range_lines(span: ByteRange) -> Generator[tuple[bytes, int], None, None]:
    for batch in read_lines(span):
        offset = batch.offset
        for line in batch.lines:
            yield line, offset
            offset += len(line) + 1


def _xz_lines(path: str) -> Generator[tuple[bytes, int], None, None]:
    rest, offset = b"", 0
    try:
        with lzma.open(path) as file:
            while data := file.read(_READ_BYTES):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    yield line, offset
                    offset += len(line) + 1
    except (lzma.LZMAError, EOFError) as error:
        raise InputCorrupt(
            f"{path} is damaged or cut off after {offset:,} bytes of text: {error}. Download it again."
        ) from error
    if rest:
        yield rest, offset
