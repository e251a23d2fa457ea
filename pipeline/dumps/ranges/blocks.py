"""bzip2 blocks: units that begin at any bit and decode on their own once wrapped as a stream.

A bzip2 file is one stream or several (`BZh9`, blocks, end mark, checksum, padding to a byte); a block begins with a
48-bit magic number and carries its own checksum. Wikidata's `.json.bz2` is one stream of many blocks (some of 38
bytes), Wikipedia's multistream dumps are many streams of a few blocks: both are read block by block. A false magic
number inside a block (odds 0.3 % in 100 GB) shows as a decoding error, and the block is then tried with the next mark.
The checksum over all blocks of a stream is checked where the stream begins and ends in one range; each block's, always.

Source: the format as bzip2 1.0 writes it; the two magic numbers are the digits of pi and of its square root.
"""

from __future__ import annotations

import bz2
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from pipeline.dumps.ranges.bits import BLOCK, END, MARK_BITS, BitWindow
from pipeline.dumps.ranges.chunk import Chunk
from pipeline.dumps.ranges.plan import ByteRange
from pipeline.run import compiling
from schemas.errors import InputCorrupt

if TYPE_CHECKING:
    from pipeline.dumps.bzip2.decoder import BlockDecoder

log = logging.getLogger(__name__)

_CHECKSUM_BITS = 32
_HEADER_BITS = MARK_BITS + _CHECKSUM_BITS
"""What every block begins with: its mark and its checksum. An end mark with its checksum is as long."""
_MAX_JOINED = 4
"""How many marks a block may run over before it counts as damaged."""
_COPY_BYTES = 4 * 1024 * 1024
_LEAST_READ_AHEAD = 1024 * 1024
"""Compressed bytes of the smallest range whose blocks are decoded some at a time. A few of that size save what loading takes."""
_LEAST_COMPILED = 64 * 1024 * 1024
"""Compressed bytes of the smallest file for which the decoder is compiled; once that is done it serves smaller ones too."""
_DECODER = Path(__file__).parent.parent / "bzip2"


def warm_ups(spans: Iterable[ByteRange]) -> list[str]:
    """Return what workers load before they read these ranges, as `pipeline.run.job.Job.warm_ups`."""
    return ["pipeline.dumps.bzip2.decoder:compile_now"] if any(_is_read_ahead(span) for span in spans) else []


def read_blocks(file: BinaryIO, span: ByteRange, salvage: bool = False) -> Iterator[Chunk]:
    """Yield the decoded bytes of the blocks that begin in `span`, then of those after it.

    With `salvage` damage is passed over: an empty chunk that says what is damaged comes in its place, and the next
    block that decodes goes on.

    Raises:
        InputCorrupt: a block or a stream is damaged or cut off, or something else follows the last stream.
    """
    walk = _Walk(BitWindow(file, span.size), span)
    begin, at = None, span.start * 8
    try:
        begin = walk.first_block()
    except InputCorrupt as error:
        yield _gap(error, at, span, salvage)
        begin = walk.next_block(at)
    while begin is not None:
        at = begin
        try:
            data, end = walk.decode(begin)
            if data:
                yield Chunk(data, begin // 8, 0, begin // 8 < span.end)
            begin = walk.follow(end)
        except InputCorrupt as error:
            yield _gap(error, at, span, salvage)
            begin = walk.next_block(at)


def _is_read_ahead(span: ByteRange) -> bool:
    """Whether the blocks of a range are decoded by `pipeline.dumps.bzip2`; small ones are read sooner than that is loaded."""
    if span.form != "bz2" or span.end - span.start < _LEAST_READ_AHEAD:
        return False
    return span.size >= _LEAST_COMPILED or compiling.has_code(_DECODER)


def _gap(error: InputCorrupt, at: int, span: ByteRange, salvage: bool) -> Chunk:
    """Return the chunk that stands for damage at a bit; raises the error where damage is not to be passed over."""
    if not salvage:
        raise error
    log.warning("%s; passed over", error)
    return Chunk(b"", at // 8, 0, at // 8 < span.end, str(error))


class _Ahead:
    """Decodes the blocks of a range some at a time, each before its turn has come."""

    def __init__(self, window: BitWindow, span: ByteRange) -> None:
        self._window, self._span = window, span
        self._decoder: BlockDecoder | None = None
        self._begins: list[int] = []
        """Where the blocks begin that were decoded last."""

    def decode(self, begin: int) -> tuple[bytes, int] | None:
        """Return the bytes of the block at a bit and where it ends; None where it has to be decoded on its own.

        That is so in small ranges, for the first block, and for damaged ones.
        """
        if not _is_read_ahead(self._span):
            return None
        if begin not in self._begins:
            self._read(begin)
        if self._decoder is None:
            return None
        found = self._decoder.take(begin)
        is_whole = found is not None and any(self._window.is_mark(mark, found[1]) for mark in (BLOCK, END))
        return found if is_whole else None

    def _read(self, begin: int) -> None:
        """Decode the block at a bit and those after it, up to the first one behind the range, which completes its last record."""
        if not self._begins:  # often nobody wants more of a file than its head
            self._begins = [begin]
            return
        from pipeline.dumps.bzip2.decoder import MAX_BLOCK_BITS, NUM_BLOCKS, BlockDecoder

        self._decoder = self._decoder or BlockDecoder()
        marks = [begin]
        for _ in range(min(2 * len(self._begins), NUM_BLOCKS)):
            limit = min(marks[-1] + MAX_BLOCK_BITS, self._window.num_bits)
            following = self._window.find(BLOCK, marks[-1] + 1, limit)
            marks.append(limit if following is None else following)
            if following is None or marks[-2] >= self._span.end * 8:
                break
        *self._begins, end = marks
        low = begin // 8
        self._decoder.read(self._window.slice(low, -(-end // 8)), low * 8, self._begins)


class _Walk:
    """Steps from block to block and checks what stands between them."""

    def __init__(self, window: BitWindow, span: ByteRange) -> None:
        self._window, self._span = window, span
        self._ahead = _Ahead(window, span)
        self._combined: int | None = None
        """Checksum over the blocks of the stream so far; None where the stream began before the range."""

    def first_block(self) -> int | None:
        """Return the bit at which the range's first block begins, or None."""
        if self._span.is_first:
            return self._enter_stream(0)
        begin = self._window.find(BLOCK, self._span.start * 8, self._span.end * 8)
        if begin is not None and self._is_header_before(begin):
            self._combined = 0
        return begin

    def next_block(self, damaged: int) -> int | None:
        """Return the bit at which the first block after damage begins, or None."""
        begin = self._window.find(BLOCK, damaged + 1, self._window.num_bits)
        self._combined = 0 if begin is not None and self._is_header_before(begin) else None
        return begin

    def follow(self, end: int) -> int | None:
        """Step over a block's end; returns where the next one begins, or None at the file's end.

        Raises:
            InputCorrupt: the stream ends wrongly.
        """
        return end if self._window.is_mark(BLOCK, end) else self._leave_stream(end)

    def decode(self, begin: int) -> tuple[bytes, int]:
        """Decode the block at a bit; returns its bytes and the bit at which it ends.

        Raises:
            InputCorrupt: no end makes the block decode.
        """
        checksum = self._window.number(begin + MARK_BITS, _CHECKSUM_BITS)
        found = self._ahead.decode(begin) or self._decode_alone(begin, checksum)
        if found is None:
            self._fail_block(begin)
        if self._combined is not None:
            self._combined = (self._combined << 1 | self._combined >> 31) & 0xFFFFFFFF ^ checksum
        return found

    def _decode_alone(self, begin: int, checksum: int) -> tuple[bytes, int] | None:
        """Return the same with the library's decoder; None where no end makes the block decode."""
        for end in self._ends(begin):
            data = self._decode_as(begin, end, checksum)
            if data is not None:
                return data, end
        return None

    def _ends(self, begin: int) -> Iterator[int]:
        """Candidate ends of a block, likeliest first: the next mark that is not part of the block's own data."""
        low = begin + _HEADER_BITS
        for _ in range(_MAX_JOINED):
            following = self._window.find(BLOCK, low, self._window.num_bits)
            if following is None:
                yield from self._end_marks(low, self._window.num_bits)
                return
            if self._is_header_before(following):
                yield from self._end_marks(max(low, following - 32 - _HEADER_BITS - 7), following)
            yield following
            yield from self._end_marks(low, following)
            low = following + 1

    def _end_marks(self, low: int, high: int) -> Iterator[int]:
        while (mark := self._window.find(END, low, high)) is not None:
            yield mark
            low = mark + 1

    def _decode_as(self, begin: int, end: int, checksum: int) -> bytes | None:
        """Decode the bits [begin, end) wrapped as a stream of one block; None where they are not a whole block."""
        bits = self._window.number(begin, end - begin) << _HEADER_BITS | END << _CHECKSUM_BITS | checksum
        length = end - begin + _HEADER_BITS
        padding = -length % 8
        decoder = bz2.BZ2Decompressor()
        try:
            data = decoder.decompress(b"BZh9" + (bits << padding).to_bytes((length + padding) // 8, "big"))
        except OSError:
            return None
        return data if decoder.eof and not decoder.unused_data else None

    def _is_header_before(self, bit: int) -> bool:
        """Whether a stream's header stands right before a bit."""
        return bit % 8 == 0 and bit >= 32 and _is_header(self._window.slice(bit // 8 - 4, bit // 8))

    def _leave_stream(self, end: int) -> int | None:
        """Check a stream's end at a bit; returns where the next stream's first block begins, or None."""
        if end + _HEADER_BITS > self._window.num_bits:
            self._fail_cut_off()
        checksum = self._window.number(end + MARK_BITS, _CHECKSUM_BITS)
        if self._combined not in (None, checksum):
            raise InputCorrupt(
                f"{self._span.path}: the bzip2 stream that ends at byte {end // 8} has checksum {checksum:08x}, its blocks "
                f"give {self._combined:08x}. Download the file again and compare its checksum with the server's."
            )
        return self._enter_stream(-(-(end + _HEADER_BITS) // 8))

    def _enter_stream(self, at: int) -> int | None:
        """Check the stream header at a byte; returns where the stream's first block begins, or None at the end."""
        while at < self._span.size:
            begin = (at + 4) * 8
            if not _is_header(self._window.slice(at, at + 4)):
                self._pass_padding(at)
                return None
            if self._window.is_mark(BLOCK, begin):
                self._combined = 0
                return begin
            if not self._window.is_mark(END, begin):
                self._fail_header(at)
            at += 4 + _HEADER_BITS // 8
        if at > self._span.size:
            self._fail_cut_off()
        return None

    def _pass_padding(self, begin: int) -> None:
        """Check that all bytes from `begin` on are zeros, as some download tools leave them."""
        for low in range(begin, self._span.size, _COPY_BYTES):
            data = self._window.slice(low, min(low + _COPY_BYTES, self._span.size))
            junk = data.lstrip(b"\0")
            if junk:
                raise InputCorrupt(
                    f"{self._span.path}, byte {low + len(data) - len(junk)}: found {junk[:16]!r}, expected another bzip2 "
                    "stream or the file's end. The file is damaged, or something was appended to it: download it again."
                )
        log.warning(
            "%s: %d zero bytes of padding from byte %d on skipped", self._span.path, self._span.size - begin, begin
        )

    def _fail_header(self, at: int) -> NoReturn:
        if at + 10 > self._span.size:
            self._fail_cut_off()
        raise InputCorrupt(
            f"{self._span.path}, byte {at + 4}: no block follows the bzip2 header. Download the file again and compare "
            "its checksum with the server's."
        )

    def _fail_block(self, begin: int) -> NoReturn:
        if self._window.find(BLOCK, begin + 1, self._window.num_bits) is None and not any(
            True for _ in self._end_marks(begin, self._window.num_bits)
        ):
            self._fail_cut_off()
        raise InputCorrupt(
            f"{self._span.path}: the bzip2 block that begins at byte {begin // 8} is damaged (its checksum is wrong or it "
            "does not decode). Download the file again and compare its checksum with the server's."
        )

    def _fail_cut_off(self) -> NoReturn:
        raise InputCorrupt(
            f"{self._span.path}: the stream ends early at byte {self._span.size}. The file was cut off: download it again "
            "and compare size and checksum with the server's."
        )


def _is_header(data: bytes) -> bool:
    return len(data) == 4 and data[:3] == b"BZh" and b"1" <= data[3:] <= b"9"
