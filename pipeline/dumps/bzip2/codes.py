"""What stands before a block's symbols: the bytes it has, which code is used when, and the codes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.dumps.bzip2.bits import peek
from pipeline.run.compiling import compiled

MAX_CODES, MAX_SYMBOLS, MAX_LENGTH = 6, 258, 20
MAX_SELECTORS = 18_002
"""As many as 900,000 symbols need; more may stand there, and are passed over."""
QUICK_BITS = 10
"""Codes up to this length are looked up at once."""


class Codes(NamedTuple):
    """The codes of a block, and when which of them is used."""

    selectors: np.ndarray
    """uint8 [MAX_SELECTORS]: number of the code of each 50 symbols."""
    lengths: np.ndarray
    """uint8 [MAX_CODES, MAX_SYMBOLS]: bits of each symbol."""
    quick: np.ndarray
    """uint16 [MAX_CODES, 2 ** QUICK_BITS]: symbol << 5 | length by the next bits; 0 where the code is longer."""
    limits: np.ndarray
    """int32 [MAX_CODES, MAX_LENGTH + 1]: the first MAX_LENGTH bits that are beyond the codes of each length."""
    shifts: np.ndarray
    """int32 [MAX_CODES, MAX_LENGTH + 1]: what a code of each length is off its place in `symbols`."""
    symbols: np.ndarray
    """uint16 [MAX_CODES, MAX_SYMBOLS]: symbols by their codes."""
    recent: np.ndarray
    """uint8 [MAX_CODES]: numbers of the codes, the one used last first."""


def new_codes() -> Codes:
    """Make room for the codes of a block."""
    return Codes(
        selectors=np.zeros(MAX_SELECTORS, np.uint8),
        lengths=np.zeros((MAX_CODES, MAX_SYMBOLS), np.uint8),
        quick=np.zeros((MAX_CODES, 1 << QUICK_BITS), np.uint16),
        limits=np.zeros((MAX_CODES, MAX_LENGTH + 1), np.int32),
        shifts=np.zeros((MAX_CODES, MAX_LENGTH + 1), np.int32),
        symbols=np.zeros((MAX_CODES, MAX_SYMBOLS), np.uint16),
        recent=np.zeros(MAX_CODES, np.uint8),
    )


@compiled
def read_bytes_used(words, at, used):
    """Read which bytes a block has; returns where that ends, and how many there are."""
    sixteens = peek(words, at, 16)
    at += 16
    num_used = 0
    for high in range(16):
        if sixteens >> (15 - high) & 1:
            low_bits = peek(words, at, 16)
            at += 16
            for low in range(16):
                if low_bits >> (15 - low) & 1:
                    used[num_used] = high * 16 + low
                    num_used += 1
    return at, num_used


@compiled
def read_codes(words, at, end, num_symbols, codes):
    """Read selectors and codes; returns where they end and how many selectors there are, or -1 where they are damaged."""
    num_codes, num_selectors = peek(words, at, 3), peek(words, at + 3, 15)
    at += 18
    if num_codes < 2 or num_codes > MAX_CODES or num_selectors < 1:
        return at, -1
    at = _read_selectors(words, at, end, num_codes, num_selectors, codes)
    for number in range(num_codes):
        if at >= 0:
            at = _read_lengths(words, at, end, num_symbols, codes.lengths[number])
        if at < 0 or not _order_codes(num_symbols, codes, number):
            return at, -1
    return at, min(num_selectors, MAX_SELECTORS)


@compiled
def _read_selectors(words, at, end, num_codes, num_selectors, codes):
    """Read the number of each selector, given as its place among those used last; returns the end, -1 for damage."""
    recent = codes.recent
    for number in range(num_codes):
        recent[number] = number
    for selector in range(num_selectors):
        place = 0
        while peek(words, at, 1):
            at += 1
            place += 1
            if place == num_codes:
                return -1
        at += 1
        if at > end:
            return -1
        number = recent[place]
        while place > 0:
            recent[place] = recent[place - 1]
            place -= 1
        recent[0] = number
        if selector < MAX_SELECTORS:
            codes.selectors[selector] = number
    return at


@compiled
def _read_lengths(words, at, end, num_symbols, lengths):
    """Read a code's lengths, each given by its difference from the one before; returns the end, -1 for damage."""
    length = peek(words, at, 5)
    at += 5
    for symbol in range(num_symbols):
        while True:
            if length < 1 or length > MAX_LENGTH or at > end:
                return -1
            step = peek(words, at, 2)
            if step < 2:
                at += 1
                break
            at += 2
            length += 1 if step == 2 else -1
        lengths[symbol] = length
    return at


@compiled
def _order_codes(num_symbols, codes, number):
    """Make a code's tables from its lengths; returns whether they can be those of a code.

    Lengths 1, 2, 2 of symbols 0, 1, 2 give the codes 0, 10, 11. The next ten bits are then 0 to 511 for symbol 0, 512 to 767
    for symbol 1 (`quick` holds 1 << 5 | 2 = 34 there), and 768 to 1,023 for symbol 2. Codes of length 2 begin at 2 and their
    symbols at place 1: the shift is 1 - 2 = -1, and code 3 is the symbol at place 3 - 1 = 2. No code of one bit has its
    first 20 bits at 1 << 19 or beyond, which is the limit of length 1.
    """
    lengths, quick, symbols = codes.lengths[number], codes.quick[number], codes.symbols[number]
    limits, shifts = codes.limits[number], codes.shifts[number]
    quick[:] = 0
    code = place = 0
    for length in range(1, MAX_LENGTH + 1):
        shifts[length] = place - code
        for symbol in range(num_symbols):
            if lengths[symbol] == length:
                symbols[place] = symbol
                if length <= QUICK_BITS and code < 1 << length:
                    first = code << (QUICK_BITS - length)
                    quick[first : first + (1 << (QUICK_BITS - length))] = symbol << 5 | length
                place += 1
                code += 1
        if code > 1 << length:
            return False
        limits[length] = code << (MAX_LENGTH - length)
        code <<= 1
    return True
