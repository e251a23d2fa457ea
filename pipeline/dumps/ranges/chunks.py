"""The decoded bytes of a range, whatever the form of the file."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import BinaryIO

from pipeline.dumps.ranges.blocks import read_blocks
from pipeline.dumps.ranges.chunk import Chunk
from pipeline.dumps.ranges.codecs import CODECS
from pipeline.dumps.ranges.members import read_members
from pipeline.dumps.ranges.plan import ByteRange, Opener, detect_form
from pipeline.run.storage import open_read
from schemas.errors import InputCorrupt

READ_BYTES = 1024 * 1024
"""Bytes of a plain file in one chunk."""
_MAX_LOOK_BACK_DOUBLINGS = 60


def read_chunks(span: ByteRange, open_file: Opener = open_read, salvage: bool = False) -> Generator[Chunk, None, None]:
    """Yield the decoded bytes of a range: its section first (owned), then all that follows until the file's end.

    The caller stops when its last record is complete. A generator that ends without a chunk that is not owned has
    reached the file's end inside the section. With `salvage` (bz2 only) damaged blocks are passed over.

    Raises:
        InputCorrupt: the bytes are damaged, cut off, or followed by something else; names the file and the byte.
    """
    with open_file(span.path) as file:
        if span.form == "plain":
            yield from _read_plain(file, span)
        elif span.form == "bz2":
            yield from read_blocks(file, span, salvage)
        else:
            yield from read_members(file, span, CODECS[span.form])


def _read_plain(file: BinaryIO, span: ByteRange) -> Iterator[Chunk]:
    file.seek(span.start)
    position = span.start
    while position < span.size:
        edge = span.end if position < span.end else span.size
        data = file.read(min(READ_BYTES, edge - position))
        if not data:
            raise InputCorrupt(
                f"{span.path} ends at byte {position}; it had {span.size} bytes when the run was planned."
            )
        yield Chunk(data, 0, position, position < span.end)
        position += len(data)


def read_head(path: str, num_bytes: int, open_file: Opener = open_read) -> bytes:
    """Return the first decoded bytes of a file, at most `num_bytes`.

    Raises:
        InputMissing: there is no such file.
        InputCorrupt: the file is empty, foreign or damaged at its beginning.
    """
    with open_file(path) as file:
        first = file.read(512)
        size = file.seek(0, 2)
    if not first:
        raise InputCorrupt(f"{path} is empty (0 bytes). Download it again and compare its size with the server's.")
    whole = ByteRange(path=path, start=0, end=size, form=detect_form(first, path), size=size)
    head = bytearray()
    with closing(read_chunks(whole, open_file)) as chunks:
        for chunk in chunks:
            head += chunk.data
            if len(head) >= num_bytes:
                break
    return bytes(head[:num_bytes])


def with_end_checked(
    span: ByteRange, final_mark: bytes, open_file: Opener = open_read, salvage: bool = False, *, advice: str = ""
) -> Generator[Chunk, None, None]:
    """Yield `read_chunks(span)`; where its section holds the file's end, check that the file ends in `final_mark`.

    White space and zero bytes after the mark do not count; where the last block is damaged and passed over, nothing is
    checked. This is what notices a dump that was cut between two units. `advice` is added to the message.

    Raises:
        InputCorrupt: the file ends in something else.
    """
    tail, owned, damaged = b"", False, False
    chunks = read_chunks(span, open_file, salvage)
    for chunk in chunks:
        if not chunk.owned:
            yield chunk
            yield from chunks
            return
        owned, damaged = True, bool(chunk.damage)
        tail = _tail(tail, chunk.data, len(final_mark))
        yield chunk
    if not owned or damaged:
        return
    if len(tail) < len(final_mark):
        tail = _look_back(span, open_file, len(final_mark), salvage)
    if not tail.endswith(final_mark):
        found = tail.decode("utf-8", "replace")
        raise InputCorrupt(
            f"{span.path}, byte {span.size}: the dump ends in {found!r}, expected {final_mark.decode()!r}. "
            f"It was cut off: download it again and compare size and checksum with the server's.{advice}"
        )


def _tail(tail: bytes, data: bytes, length: int) -> bytes:
    """Return the last bytes before trailing white space and zeros, of `tail` followed by `data`."""
    kept = data.rstrip(b" \t\r\n\0")
    return (tail + kept[-max(length, 40) :])[-max(length, 40) :] if kept else tail


def _look_back(span: ByteRange, open_file: Opener, length: int, salvage: bool) -> bytes:
    """Return the file's last bytes that are not blank, where the section that reaches the end does not hold all of them."""
    for doubling in range(_MAX_LOOK_BACK_DOUBLINGS):
        start = max(0, span.start - (READ_BYTES << doubling))
        earlier = ByteRange(path=span.path, start=start, end=span.end, form=span.form, size=span.size)
        tail = b""
        for chunk in read_chunks(earlier, open_file, salvage):
            tail = _tail(tail, chunk.data, length)
        if len(tail) >= length or start == 0:
            return tail
    return b""
