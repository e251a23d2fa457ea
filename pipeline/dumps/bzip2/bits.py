"""Bits of a block, as compiled code reads them."""

from __future__ import annotations

import numpy as np

from pipeline.run.compiling import inlined

MARGIN_WORDS = 20
"""Words behind the end of what is read: as much as fifty codes of twenty bits may run over it before that is seen."""


def words_of(data: bytes) -> np.ndarray:
    """Bytes as uint64 words, the first byte highest, with a margin of zeros."""
    length = -(-len(data) // 8) + MARGIN_WORDS
    return np.frombuffer(data.ljust(length * 8, b"\0"), ">u8").astype(np.uint64)


@inlined
def peek(words, at, length):
    """Read the `length` bits from bit `at` on, 1 to 32 of them, as a number.

    Eight bits from bit 60 on of the words 0x…F and 0xA… are the last four of word 0 and the first four of word 1: 0xFA.
    """
    word, shift = np.uint64(at) >> np.uint64(6), np.uint64(at) & np.uint64(63)
    # In two steps, as a shift by 64 bits is none.
    low = words[word + np.uint64(1)] >> np.uint64(1) >> (np.uint64(63) - shift)
    return np.int64((words[word] << shift | low) >> np.uint64(64 - length))
