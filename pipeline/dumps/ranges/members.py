"""gz members, zst frames and xz streams: units that follow one another byte for byte and decode on their own.

Wikidata's own `.json.gz` is some 2,000 gzip members, each of whole lines, with tiny members for `[`, `,` and `]` between
them. A range starts at the first true member at or after its start; a hit of the magic bytes counts as a member only
if it decodes. At its end the range checks that the next range will find the same member that it walked up to, so
that damage at a boundary cannot lose records silently.

Source: RFC 1952 (gzip), RFC 8878 (Zstandard frames), https://tukaani.org/xz/xz-file-format.txt.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import BinaryIO

from pipeline.dumps.ranges.chunk import Chunk
from pipeline.dumps.ranges.codecs import DECODED_BYTES, Codec
from pipeline.dumps.ranges.plan import ByteRange
from schemas.errors import InputCorrupt

log = logging.getLogger(__name__)

_PROBE_BYTES = 64 * 1024
"""Compressed bytes a candidate must decode without error to count as a unit, unless it ends earlier."""
_PIECE_BYTES = 128 * 1024
"""Decoded bytes that are gathered before they are handed on."""
_SEARCH_BYTES = 4 * 1024 * 1024
_LARGE_UNIT_BYTES = 512 * 1024 * 1024
"""A longer unit gets a warning, because several workers cannot share it; Wikidata's own have some 80 MB."""


def read_members(file: BinaryIO, span: ByteRange, codec: Codec) -> Iterator[Chunk]:
    """Yield the decoded bytes of the units that begin in `span`, then of those after it.

    Raises:
        InputCorrupt: a unit is damaged or cut off, or something else follows the last one.
    """
    first = 0 if span.is_first else _first_unit(file, span, codec, span.start, span.end)
    if first is None:
        return
    walk = _Walk(file, span, codec, first)
    boundary_checked = span.is_last
    while (unit := walk.next_unit()) is not None:
        owned = unit < span.end
        if not owned and not boundary_checked:
            _check_boundary(file, span, codec, unit)
            boundary_checked = True
        offset = 0
        for data in walk.decode():
            yield Chunk(data, unit, offset, owned)
            offset += len(data)
        if owned and walk.position - unit > _LARGE_UNIT_BYTES:
            log.warning(
                "%s: the %s at byte %d has %d bytes, which one worker alone must read",
                *(span.path, codec.word, unit, walk.position - unit),
            )
    if not boundary_checked:
        _check_boundary(file, span, codec, None)


class _Walk:
    """Steps from unit to unit."""

    def __init__(self, file: BinaryIO, span: ByteRange, codec: Codec, position: int) -> None:
        self._file, self._span, self._codec = file, span, codec
        self.position = position

    def next_unit(self) -> int | None:
        """Return the byte at which the next unit begins; None at the file's end.

        Raises:
            InputCorrupt: something else than a unit or zero padding stands here.
        """
        while self.position < self._span.size:
            self._file.seek(self.position)
            head = self._file.read(10).ljust(10, b"\0")
            if self._codec.plausible(head):
                return self.position
            empty = self._codec.skip(head)
            if not empty and not self._pass_padding():
                return None
            self.position += empty
        if self.position > self._span.size:
            self._fail_cut_off(self._span.size, self.position)
        return None

    def decode(self) -> Iterator[bytes]:
        """Yield the decoded bytes of the unit at `position` in pieces, then stand at its end.

        Raises:
            InputCorrupt: the unit is damaged (its checksum is wrong, for instance) or cut off.
        """
        unit = fed = self.position
        decoder = self._codec.decoder()
        pieces: list[bytes] = []
        gathered = 0
        self._file.seek(unit)
        while not decoder.eof:
            data = b""
            if decoder.needs_input:
                data = self._file.read(self._codec.feed_bytes)
                fed += len(data)
                if not data:
                    self._fail_cut_off(fed, unit)
            try:
                decoded = decoder.decompress(data, max_length=DECODED_BYTES)
            except self._codec.errors as error:
                raise InputCorrupt(
                    f"{self._span.path}: the {self._codec.word} that begins at byte {unit} is damaged before byte "
                    f"{fed} ({error}). Download the file again and compare its checksum with the server's."
                ) from error
            pieces.append(decoded)
            gathered += len(decoded)
            if gathered >= _PIECE_BYTES or (decoder.eof and gathered):
                yield pieces[0] if len(pieces) == 1 else b"".join(pieces)
                pieces, gathered = [], 0
        self.position = fed - len(decoder.unused_data)

    def _fail_cut_off(self, at: int, unit: int) -> None:
        raise InputCorrupt(
            f"{self._span.path}: the stream ends early at byte {at}, inside the {self._codec.word} that begins at byte "
            f"{unit}. The file was cut off: download it again and compare size and checksum with the server's."
        )

    def _pass_padding(self) -> bool:
        """Stand at the file's end; all bytes up to there must be zeros, as some download tools leave them.

        Returns:
            Whether it stands at another unit instead, which some packings have behind zeros.
        """
        begin = self.position
        self._file.seek(begin)
        while data := self._file.read(_SEARCH_BYTES):
            junk = data.lstrip(b"\0")
            if junk:
                at = self.position + len(data) - len(junk)
                if self._codec.pads and self._is_unit(at):
                    self.position = at
                    return True
                raise InputCorrupt(
                    f"{self._span.path}, byte {at}: found {junk[:16]!r}, expected another {self._codec.word} or the "
                    "file's end. The file is damaged, or something was appended to it: download it again."
                )
            self.position += len(data)
        log.warning(
            "%s: %d zero bytes of padding from byte %d on skipped", self._span.path, self.position - begin, begin
        )
        return False

    def _is_unit(self, position: int) -> bool:
        self._file.seek(position)
        return self._codec.plausible(self._file.read(10).ljust(10, b"\0"))


def _first_unit(file: BinaryIO, span: ByteRange, codec: Codec, low: int, high: int) -> int | None:
    """Return the first true unit that begins in [low, high), or None."""
    for position in range(low, high, _SEARCH_BYTES):
        edge = min(position + _SEARCH_BYTES, high)
        file.seek(position)
        window = file.read(edge - position + len(codec.magic) - 1)
        hit = window.find(codec.magic)
        while hit >= 0:
            if _decodes(file, codec, position + hit, span.size):
                return position + hit
            hit = window.find(codec.magic, hit + 1)
    return None


def _decodes(file: BinaryIO, codec: Codec, position: int, size: int) -> bool:
    """Whether what begins at `position` decodes: to its end, or for so long that it cannot be chance."""
    file.seek(position)
    data = file.read(_PROBE_BYTES)
    if not codec.plausible(data[:10].ljust(10, b"\0")):
        return False
    decoder = codec.decoder()
    try:
        for start in range(0, len(data), codec.feed_bytes):
            decoder.decompress(data[start : start + codec.feed_bytes], max_length=DECODED_BYTES)
            if decoder.eof or not decoder.needs_input:
                return True
    except codec.errors:
        return False
    return len(data) == _PROBE_BYTES or position + len(data) == size


def _check_boundary(file: BinaryIO, span: ByteRange, codec: Codec, reached: int | None) -> None:
    """Raise unless a search from the range's end finds the unit that decoding ran up to (None: the file's end)."""
    found = _first_unit(file, span, codec, span.end, span.size if reached is None else reached + 1)
    if found != reached:
        where = reached if reached is not None else found
        raise InputCorrupt(
            f"{span.path}: the {codec.word} at byte {where} does not decode, or does not begin where the one before it "
            "ends. Download the file again and compare its checksum with the server's."
        )
