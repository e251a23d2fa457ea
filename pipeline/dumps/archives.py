"""Lines of a tar archive's files, as one stream: nothing is unpacked to disk, nothing is sought.

A tar that is packed as a whole cannot be entered in its middle, so one task reads it from beginning to end.

Source: POSIX.1-2001, "pax Interchange Format" (`ustar` at byte 257 of each header), by the library's `tarfile`.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import closing

from pipeline.dumps.ranges import ByteRange, Chunk, Lines, Opener, read_chunks
from pipeline.run.storage import open_read
from schemas.errors import InputCorrupt

_MAGIC_AT, _MAGIC = 257, b"ustar"
_READ_BYTES = 1024 * 1024
_HEAD_BYTES = 1000


def is_tar(head: bytes) -> bool:
    """Whether decoded bytes begin a tar archive."""
    return head[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC


def read_archive_lines(span: ByteRange, *, max_line_bytes: int, open_file: Opener = open_read) -> Iterator[Lines]:
    """Yield the lines of all files of an archive, in order; a file's last line ends with the file.

    Args:
        span: the whole file.
        max_line_bytes: a longer line comes as a batch of its own with its first bytes only.
        open_file: opens the file's path.

    Raises:
        InputCorrupt: the archive is damaged or cut off.
    """
    with closing(read_chunks(span, open_file)) as chunks:
        stream = _Stream(chunks)
        try:
            # The stubs want an object that can write, too.
            with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
                for member in archive:
                    if member.isfile():
                        yield from _member_lines(archive, member, max_line_bytes)
        except tarfile.TarError as error:
            raise InputCorrupt(
                f"{span.path}: the archive is damaged or cut off behind decoded byte {stream.position} ({error}). "
                "Download the file again and compare size and checksum with the server's."
            ) from error


def _member_lines(archive: tarfile.TarFile, member: tarfile.TarInfo, limit: int) -> Iterator[Lines]:
    """Yield the lines of one file, in batches; places are decoded bytes from the archive's beginning."""
    file = archive.extractfile(member)
    assert file is not None
    pending, length, offset, position = b"", 0, member.offset_data, member.offset_data
    while data := file.read(_READ_BYTES):
        position += len(data)
        cut = data.rfind(b"\n") + 1
        if not cut:
            length += len(data)
            pending = (pending + data)[: limit if length <= limit else _HEAD_BYTES]
            continue
        first = data.find(b"\n") + 1
        if length + first > limit:
            yield Lines((pending + data[:first])[:_HEAD_BYTES] + b"\n", 0, offset, length + first)
            offset += length + first
            pending, data, cut = b"", data[first:], cut - first
        if cut:
            yield Lines(pending + data[:cut], 0, offset)
        pending, length, offset = data[cut:], len(data) - cut, position - (len(data) - cut)
    if length:
        whole = pending if length <= limit else pending[:_HEAD_BYTES]
        yield Lines(whole + b"\n", 0, offset, length if length > limit else 0)


class _Stream:
    """The decoded bytes of a file, as the object with `read` that `tarfile` wants."""

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self._chunks = chunks
        self._held = b""
        self.position = 0
        """Bytes given out."""

    def read(self, size: int = -1, /) -> bytes:
        """Give out the next `size` bytes; fewer only at the end."""
        pieces = [self._held]
        length = len(self._held)
        while length < size and (chunk := next(self._chunks, None)) is not None:
            pieces.append(chunk.data)
            length += len(chunk.data)
        whole = b"".join(pieces)
        given, self._held = whole[:size], whole[size:]
        self.position += len(given)
        return given
