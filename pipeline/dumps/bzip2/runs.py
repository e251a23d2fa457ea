"""A block's bits to runs of equal bytes, as they stand behind the Burrows-Wheeler transform."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.dumps.bzip2.bits import peek
from pipeline.dumps.bzip2.codes import MAX_LENGTH, QUICK_BITS, Codes, new_codes, read_bytes_used, read_codes
from pipeline.run.compiling import compiled, compiled_once, inlined

BLOCK_BYTES = 900_000
"""What a block holds at most, repeats of more than four bytes counted as five."""
_HEADER_BITS = 48 + 32
"""A block's mark and its checksum."""
_SYMBOLS_OF_A_SELECTOR = 50
_DAMAGED = -1, 0, 0


class Runs(NamedTuple):
    """Runs of equal bytes, and what is needed to read them."""

    runs: np.ndarray
    """uint32 [BLOCK_BYTES + 2]: length << 8 | byte."""
    num_runs: np.ndarray
    """int64 [1]"""
    counts: np.ndarray
    """int64 [256]: how often each byte comes."""
    recent: np.ndarray
    """uint8 [256]: the bytes of the block, the one that came last first."""
    codes: Codes


def new_runs() -> Runs:
    """Make room for the runs of a block."""
    return Runs(
        runs=np.zeros(BLOCK_BYTES + 2, np.uint32),
        num_runs=np.zeros(1, np.int64),
        counts=np.zeros(256, np.int64),
        recent=np.zeros(256, np.uint8),
        codes=new_codes(),
    )


@compiled_once
def read_runs(words, begin, end, runs):
    """Read the block at bit `begin` of words that hold something up to bit `end`.

    Returns the bit at which it ends, how many bytes its runs have together, and which of them comes first; -1 for the
    bit where it is damaged or of a kind that nobody writes any more (randomised).
    """
    at = begin + _HEADER_BITS
    if at > end or peek(words, at, 1):
        return _DAMAGED
    origin = peek(words, at + 1, 24)
    at, num_used = read_bytes_used(words, at + 25, runs.recent)
    if num_used == 0:
        return _DAMAGED
    at, num_selectors = read_codes(words, at, end, num_used + 2, runs.codes)
    if num_selectors < 0:
        return _DAMAGED
    at, length = _read_symbols(words, at, end, num_used + 1, num_selectors, runs)
    if origin >= length:
        return _DAMAGED
    return at, length, origin


@compiled
def _read_symbols(words, at, end, last_symbol, num_selectors, runs):
    """Read a block's symbols up to the last one; returns where they end and the length of all runs, -1 for damage.

    Symbols 0 and 1 are the digits, lowest first, of how often the byte that came last comes again, written with 1 and 2;
    others say where a byte stands among those that came last. Of the symbols 1, 0, 3 the first two are 2 · 1 + 1 · 2 = 4 more of
    the last byte (4 << 8 | 97 as a run, if that was `a`), and 3 takes the byte at place 2: of `abc` the `c`, now `cab`.
    """
    length = again = 0
    digit = 1
    runs.counts[:] = 0
    runs.num_runs[0] = 0
    for selector in range(num_selectors):
        code = runs.codes.selectors[selector]
        if at > end:
            break
        for _ in range(_SYMBOLS_OF_A_SELECTOR):
            at, symbol = _read_symbol(words, at, runs.codes, code)
            if symbol < 0 or again > BLOCK_BYTES or length > BLOCK_BYTES:
                return at, -1
            if symbol <= 1:
                again += digit << symbol
                digit <<= 1
                continue
            if again:
                length = _add_run(runs, runs.recent[0], again, length)
                again = 0
            digit = 1
            if symbol == last_symbol:
                return at, length if length <= BLOCK_BYTES else -1
            length = _add_run(runs, _to_front(runs.recent, symbol - 1), 1, length)
    return at, -1


@inlined
def _read_symbol(words, at, codes, code):
    """Read one symbol; returns where it ends, and -1 where there is none."""
    bits = peek(words, at, MAX_LENGTH)
    found = np.int64(codes.quick[code, np.uint64(bits >> (MAX_LENGTH - QUICK_BITS))])
    if found:
        return at + (found & 31), found >> 5
    length = QUICK_BITS + 1
    while length <= MAX_LENGTH and bits >= codes.limits[code, length]:
        length += 1
    if length > MAX_LENGTH:
        return at, -1
    return at + length, np.int64(codes.symbols[code, (bits >> (MAX_LENGTH - length)) + codes.shifts[code, length]])


@inlined
def _to_front(recent, place):
    """Take the byte at a place to the front; returns it."""
    byte = recent[np.uint64(place)]
    while place > 0:
        recent[np.uint64(place)] = recent[np.uint64(place - 1)]
        place -= 1
    recent[0] = byte
    return byte


@inlined
def _add_run(runs, byte, times, length):
    """Note a run; returns the length of all."""
    runs.runs[np.uint64(runs.num_runs[0])] = times << 8 | byte
    runs.num_runs[0] += 1
    runs.counts[byte] += times
    return length + times
