"""Packs bytes the ways dumps are packed, cut where the test says."""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
from collections.abc import Sequence

import zstandard

PACKINGS = ("plain", "gz", "bz2", "zst", "xz")
EXTENSIONS = {"plain": ".json", "gz": ".json.gz", "bz2": ".json.bz2", "zst": ".json.zst", "xz": ".json.xz"}


def pack(data: bytes, form: str, cuts: Sequence[int] = ()) -> bytes:
    """Pack `data` as units that begin at 0 and at each cut: gzip members, streams of small bzip2 blocks, frames, xz streams."""
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    if form == "plain":
        return data
    if form == "gz":
        return b"".join(gzip.compress(piece, 6, mtime=0) for piece in pieces)
    if form == "zst":
        return b"".join(zstandard.ZstdCompressor(level=3, write_checksum=True).compress(piece) for piece in pieces)
    if form == "xz":
        return bytes(4).join(lzma.compress(piece, preset=0) for piece in pieces)
    return b"".join(bz2.compress(piece, 1) for piece in pieces)
