"""A piece of decoded bytes: what every reader of a form yields."""

from __future__ import annotations

from typing import NamedTuple


class Chunk(NamedTuple):
    """Decoded bytes that follow one another."""

    data: bytes
    """The bytes; never empty."""
    unit: int
    """Where in the file the unit (gzip member, bzip2 block, zstd frame) begins that holds them, in bytes; 0 if plain."""
    offset: int
    """Where they begin, in decoded bytes from the beginning of that unit."""
    owned: bool
    """Whether the unit begins in the range; what is not owned follows it and only completes the last record."""
    damage: str = ""
    """Only where damage is passed over: what is damaged here. The chunk is empty then, and bytes are missing."""
