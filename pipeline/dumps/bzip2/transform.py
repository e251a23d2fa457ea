"""The Burrows-Wheeler transform back, and repeats of one byte."""

from __future__ import annotations

import numpy as np

from pipeline.dumps.bzip2.runs import BLOCK_BYTES
from pipeline.run.compiling import compiled, compiled_once

MAX_UNPACKED_BYTES = BLOCK_BYTES // 5 * 259
"""What a block unpacks to at most: five bytes, four equal ones and how often that comes again, are 259."""
_POLYNOMIAL = 0x04C11DB7


def _checksum_tables() -> np.ndarray:
    """uint32 [8, 256]: what a byte adds to a checksum, itself and with one to seven bytes behind it."""
    tables = np.zeros((8, 256), np.uint32)
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ (_POLYNOMIAL if value >> 31 else 0)) & 0xFFFFFFFF
        tables[0, byte] = value
    for more in range(1, 8):
        before = tables[more - 1]
        tables[more] = before << np.uint32(8) ^ tables[0][before >> np.uint32(24)]
    return tables


CHECKSUMS = _checksum_tables()


@compiled_once
def link(runs, first, links):
    """Write a block's links to `links`, from place `first` on: next place << 8 | byte.

    `banana` is sent as its rotations' last letters, `nnbaaa`, and as the row of the word itself, 3. Sorted, its letters stand
    at 0 to 2 (a), 3 (b) and 4 to 5 (n): the first `n` goes to place 4, which gets the link 0, and all links are
    3, 4, 5, 2, 0, 1. From link 3, that is place 2, they lead on to 5, 1, 4, 0, 3, where `b a n a n a` stand.
    """
    counts, pieces = runs.counts, runs.runs
    place = first
    for byte in range(256):
        place, counts[byte] = place + counts[byte], place
    at = first
    for number in range(runs.num_runs[0]):
        piece = np.int64(pieces[number])
        length, letter = piece >> 8, np.uint64(piece & 0xFF)
        place = counts[letter]
        counts[letter] = place + length
        for step in range(length):
            links[np.uint64(at + step)] = links[np.uint64(at + step)] & 0xFFFFFF00 | letter
        for step in range(length):
            links[np.uint64(place + step)] = (at + step) << 8 | links[np.uint64(place + step)] & 0xFF
        at += length


@compiled_once
def follow(links, places, firsts, lengths, out):
    """Follow the links of some blocks side by side and write their bytes.

    Args:
        links: of all blocks.
        places: uint32, by block: where its first byte stands in `links`; used up.
        firsts: int64, by block: where its bytes go in `out`.
        lengths: int64, by block: how many it has, the longest block first.
        out: uint8.
    """
    done, live = 0, len(lengths)
    while live > 0:
        shortest = lengths[live - 1]
        for step in range(done, shortest):
            for block in range(live):
                link = links[np.uint64(places[block])]
                out[np.uint64(firsts[block] + step)] = link
                places[block] = link >> np.uint32(8)
        done = shortest
        live -= 1


@compiled_once
def unpack(packed, unpacked, checksums):
    """Undo the repeats of a block's bytes; returns how many bytes that makes, and their checksum.

    Four equal bytes are followed by how often the byte comes again: `aaaa` 2 `b` is six times `a` and a `b`.
    """
    length = equal = 0
    last = np.int64(-1)
    at = 0
    while at < len(packed):
        byte = np.int64(packed[np.uint64(at)])
        at += 1
        unpacked[np.uint64(length)] = byte
        length += 1
        equal = equal + 1 if byte == last else 1
        last = byte
        if equal == 4:
            again = np.int64(packed[np.uint64(at)]) if at < len(packed) else 0
            at += 1
            for _ in range(again):
                unpacked[np.uint64(length)] = byte
                length += 1
            last = np.int64(-1)
    return length, _checksum(unpacked, length, checksums)


@compiled
def _checksum(data, length, tables):
    """Compute the checksum of bzip2 over the first bytes of `data`, eight at a time."""
    value = np.uint64(0xFFFFFFFF)
    at = 0
    while at + 8 <= length:
        first = at
        mixed = np.uint64(0)
        for byte in range(4):
            entered = np.uint64(data[np.uint64(first + byte)]) ^ (value >> np.uint64(24 - 8 * byte) & np.uint64(0xFF))
            mixed ^= np.uint64(tables[7 - byte, entered])
        for byte in range(4, 8):
            mixed ^= np.uint64(tables[7 - byte, data[np.uint64(first + byte)]])
        value = mixed
        at += 8
    while at < length:
        top = value >> np.uint64(24) ^ np.uint64(data[np.uint64(at)])
        value = value << np.uint64(8) & np.uint64(0xFFFFFFFF) ^ np.uint64(tables[0, top])
        at += 1
    return value ^ np.uint64(0xFFFFFFFF)
