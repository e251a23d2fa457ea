"""Bits of a file: find a 48-bit mark at any bit, cut runs of bits out, with little memory."""

from __future__ import annotations

from typing import Any, BinaryIO

BLOCK = 0x314159265359
"""What every bzip2 block begins with."""
END = 0x177245385090
"""What stands after the last block of a bzip2 stream."""
MARK_BITS = 48

_STEP_BYTES = 1024 * 1024
"""The file is read and searched in aligned steps of this size."""
_KEPT_STEPS = 8


def _patterns(mark: int) -> list[tuple[bytes, int, int, int]]:
    """For each alignment 0..7: five bytes that are certain, and the bits before and after them with the shift.

    A mark that begins `shift` bits into a byte covers seven bytes (six if 0): the low bits of the first, five whole
    ones, and the high bits of the last.
    """
    patterns = []
    for shift in range(8):
        seven = (mark << (8 - shift)).to_bytes(7, "big")
        patterns.append((seven[1:6], seven[0], seven[6] >> (8 - shift), shift))
    return patterns


_PATTERNS = {mark: _patterns(mark) for mark in (BLOCK, END)}


class BitWindow:
    """A file seen as bits, of which a few megabytes are held at a time."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.num_bits = size * 8
        """Number of bits of the file."""
        self._steps: dict[int, bytes] = {}
        self._marks: dict[tuple[int, int], list[int]] = {}

    def find(self, mark: int, low: int, high: int) -> int | None:
        """Return the first bit p in [low, high) at which `mark` stands, or None."""
        high = min(high, self.num_bits)
        step_bits = _STEP_BYTES * 8
        for step in range(low // step_bits, -(-high // step_bits)):
            for hit in self._marks_in(mark, step):
                if low <= hit < high:
                    return hit
        return None

    def is_mark(self, mark: int, bit: int) -> bool:
        """Whether `mark` stands at a bit."""
        return 0 <= bit <= self.num_bits - MARK_BITS and self.number(bit, MARK_BITS) == mark

    def number(self, bit: int, length: int) -> int:
        """Return the `length` bits from `bit` on as a number; bits beyond the file's end count as zeros."""
        end = bit + length
        last = -(-end // 8)
        data = self.slice(bit // 8, last).ljust(last - bit // 8, b"\0")
        return int.from_bytes(data, "big") >> (last * 8 - end) & ((1 << length) - 1)

    def slice(self, low: int, high: int) -> bytes:
        """Return the bytes [low, high) of the file, as far as there are any."""
        pieces = []
        for step in range(low // _STEP_BYTES, -(-high // _STEP_BYTES)):
            begin = step * _STEP_BYTES
            pieces.append(self._step(step)[max(0, low - begin) : high - begin])
        return b"".join(pieces)

    def _step(self, step: int) -> bytes:
        if step not in self._steps:
            self._file.seek(step * _STEP_BYTES)
            self._steps[step] = self._file.read(_STEP_BYTES)
            _forget(self._steps)
        return self._steps[step]

    def _marks_in(self, mark: int, step: int) -> list[int]:
        """All places in a step at which `mark` begins, in bits, sorted."""
        key = (mark, step)
        if key not in self._marks:
            begin = step * _STEP_BYTES
            data = self.slice(begin, begin + _STEP_BYTES + 6)
            self._marks[key] = [begin * 8 + hit for hit in _find_all(data, mark) if hit < _STEP_BYTES * 8]
            _forget(self._marks)
        return self._marks[key]


def _forget(cache: dict[Any, Any]) -> None:
    while len(cache) > _KEPT_STEPS:
        del cache[next(iter(cache))]


def _find_all(data: bytes, mark: int) -> list[int]:
    """All bits of `data` at which `mark` stands whole, sorted."""
    found = []
    for needle, before, after, shift in _PATTERNS[mark]:
        at = data.find(needle, 1)
        while at >= 0:
            if data[at - 1] & (0xFF >> shift) == before and (
                shift == 0 or (at + 5 < len(data) and data[at + 5] >> (8 - shift) == after)
            ):
                found.append((at - 1) * 8 + shift)
            at = data.find(needle, at + 1)
    return sorted(found)
