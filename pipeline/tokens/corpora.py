"""Plain-text corpora: one line a sentence or paragraph, a blank line between documents (the layout of CC-100).

Files are plain, gz, bz2 or zst, cut by bytes into ranges, or xz, which is read from its beginning only; both come as lines
through `pipeline.dumps.ranges`, with its bounds. Lines end in LF, CR LF or CR. A document that reaches over the edge of a range
is two documents; nothing is lost.
"""

from __future__ import annotations

import lzma
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipeline.dumps.ranges import ByteRange, Chunk, Lines, read_lines, split_lines
from schemas.errors import InputCorrupt, InputMissing

XZ_MAGIC = b"\xfd7zXZ\x00"
_READ_BYTES = 1 << 20
_XZ_MEMORY = 128 << 20
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
    lines = _lines(split_lines(_xz_chunks(span)) if isinstance(span, str) else read_lines(span))
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


def _xz_chunks(path: str) -> Iterator[Chunk]:
    """Yield the decoded bytes of all streams of an xz file, in pieces of bounded size and with bounded memory.

    Raises: InputCorrupt where it is damaged, cut off, followed by other bytes, or asks for more memory than `xz -9` does.
    """
    offset, decoder = 0, _xz_decoder()
    try:
        with Path(path).open("rb") as file:
            while data := file.read(_READ_BYTES):
                while data or not (decoder.needs_input or decoder.eof):
                    if decoder.eof:  # zeros may stand between streams and behind the last one
                        data = data.lstrip(b"\0")
                        if not data:
                            break
                        decoder = _xz_decoder()
                    piece = decoder.decompress(data, max_length=_READ_BYTES)
                    data = decoder.unused_data if decoder.eof else b""
                    if piece:
                        yield Chunk(piece, 0, offset, True)
                        offset += len(piece)
    except lzma.LZMAError as error:
        raise InputCorrupt(f"{path} is damaged after {offset:,} bytes of text: {error}. Download it again.") from error
    if not decoder.eof:
        raise InputCorrupt(f"{path} is cut off after {offset:,} bytes of text. Download it again.")


def _xz_decoder() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
