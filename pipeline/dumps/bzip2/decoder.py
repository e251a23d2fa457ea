"""Blocks decoded some at a time, as Python uses it."""

from __future__ import annotations

import bz2
from typing import NamedTuple

import numpy as np

from pipeline.dumps.bzip2.bits import words_of
from pipeline.dumps.bzip2.runs import BLOCK_BYTES, new_runs, read_runs
from pipeline.dumps.bzip2.transform import CHECKSUMS, MAX_UNPACKED_BYTES, follow, link, unpack

NUM_BLOCKS = 8
"""Blocks decoded side by side: their links are 29 MB. With twelve or sixteen it is hardly faster."""
MAX_BLOCK_BITS = 20_000_000
"""No block is longer: 900,000 symbols of 20 bits, and what stands before them."""
_CHECKSUM_BIT = 48
"""Where a block's checksum stands, behind its mark."""


class Block(NamedTuple):
    """A block that was read."""

    end: int
    """The bit at which it ends."""
    first: int
    """Where its bytes begin in those of all blocks."""
    length: int
    """How many they are, repeats not yet undone."""
    place: int
    """Where the first of them stands among the links."""
    checksum: int


class BlockDecoder:
    """Decodes up to `NUM_BLOCKS` blocks at a time; has room for them, 82 MB of which 46 are seldom touched."""

    def __init__(self) -> None:
        self._runs = new_runs()
        self._links = np.zeros(NUM_BLOCKS * BLOCK_BYTES, np.uint32)
        self._packed = np.zeros(NUM_BLOCKS * BLOCK_BYTES, np.uint8)
        self._unpacked = np.zeros(MAX_UNPACKED_BYTES, np.uint8)
        self._blocks: dict[int, Block] = {}

    def read(self, data: bytes, base: int, begins: list[int]) -> None:
        """Read the blocks that begin at some bits, in place of those read before; damaged ones are left out.

        Args:
            data: bytes that hold them.
            base: the bit at which `data` begins; bits are counted from the beginning of the file.
            begins: at most `NUM_BLOCKS`.
        """
        words = words_of(data)
        self._blocks = {}
        for number, begin in enumerate(begins):
            first = number * BLOCK_BYTES
            end, length, origin = read_runs(words, begin - base, len(data) * 8, self._runs)
            if end < 0:
                continue
            link(self._runs, first, self._links)
            at = begin - base + _CHECKSUM_BIT
            checksum = int.from_bytes(data[at // 8 : at // 8 + 5], "big") >> (8 - at % 8) & 0xFFFFFFFF
            place = int(self._links[first + origin]) >> 8
            self._blocks[begin] = Block(base + end, first, length, place, checksum)
        longest_first = sorted(self._blocks.values(), key=lambda block: -block.length)
        follow(
            self._links,
            np.array([block.place for block in longest_first], np.uint32),
            np.array([block.first for block in longest_first], np.int64),
            np.array([block.length for block in longest_first], np.int64),
            self._packed,
        )

    def take(self, begin: int) -> tuple[bytes, int] | None:
        """Return what the block at a bit holds, and the bit at which it ends; None where that was not read, or is damaged."""
        block = self._blocks.pop(begin, None)
        if block is None:
            return None
        packed = self._packed[block.first : block.first + block.length]
        length, checksum = unpack(packed, self._unpacked, CHECKSUMS)
        return (self._unpacked[:length].tobytes(), block.end) if checksum == block.checksum else None


def compile_now() -> None:
    """Compile all that is needed, or load it from disk."""
    data = bz2.compress(b"to compile")
    decoder, begin = BlockDecoder(), 4 * 8
    decoder.read(data, 0, [begin])
    decoder.take(begin)
