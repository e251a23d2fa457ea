"""What tells gz, zst and xz from one another: magic bytes, decoder, errors."""

from __future__ import annotations

import lzma
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zstandard
from isal import igzip_lib

DECODED_BYTES = 256 * 1024
"""Decoded bytes at a time at most: a decompression bomb passes in bounded pieces, and what is decoded is still in the
processor's cache when lines are cut from it."""

_MAX_WINDOW_BYTES = 256 * 1024 * 1024
"""Memory that a zstd frame may ask for; zstd itself grants 128 MB unless told otherwise."""
_MAX_XZ_BYTES = 128 * 1024 * 1024
"""Memory that an xz stream may ask for; `xz -9` needs half of it."""


@dataclass(frozen=True, kw_only=True)
class Codec:
    """One way of packing whose units follow one another byte for byte."""

    word: str
    """What a unit is called in messages."""
    magic: bytes
    """What a unit begins with."""
    plausible: Callable[[bytes], bool]
    """Whether the ten bytes given can begin a unit."""
    skip: Callable[[bytes], int]
    """How many bytes to pass over, by the ten bytes given, because they hold no data; 0 for none."""
    decoder: Callable[[], Any]
    """Makes a fresh decoder with `decompress`, `eof`, `needs_input` and `unused_data`."""
    errors: tuple[type[Exception], ...]
    """What the decoder raises on damage."""
    feed_bytes: int
    """Compressed bytes given to the decoder at a time."""
    pads: bool = False
    """Whether zeros may stand between two units."""


class _ZstdDecoder:
    """zstandard's decoder with the interface of isal's."""

    needs_input = True

    def __init__(self) -> None:
        self._decoder = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj()

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Decode `data`. Its output comes at once: small inputs keep it bounded (4 bytes may open to a block of 128 kB)."""
        return self._decoder.decompress(data)


def _skippable(head: bytes) -> int:
    if head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:
        return 8 + int.from_bytes(head[4:8], "little")
    return 0


# The stubs of isal declare its error as an instance.
_ISAL_ERRORS: tuple[type[Exception], ...] = (igzip_lib.error, EOFError, ValueError)  # type: ignore[assignment]

GZ = Codec(
    word="gzip member",
    magic=b"\x1f\x8b\x08",
    plausible=lambda head: head[:3] == b"\x1f\x8b\x08" and head[3] <= 0x1F,
    skip=lambda head: 0,
    decoder=lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP),
    errors=_ISAL_ERRORS,
    feed_bytes=64 * 1024,
)
ZST = Codec(
    word="zstd frame",
    magic=b"\x28\xb5\x2f\xfd",
    plausible=lambda head: head[:4] == b"\x28\xb5\x2f\xfd" and not head[4] & 0x08,
    skip=_skippable,
    decoder=_ZstdDecoder,
    errors=(zstandard.ZstdError,),
    feed_bytes=2048,
)
XZ = Codec(
    word="xz stream",
    magic=b"\xfd7zXZ\0",
    plausible=lambda head: head[:6] == b"\xfd7zXZ\0",
    skip=lambda head: 0,
    decoder=lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _MAX_XZ_BYTES),
    errors=(lzma.LZMAError, EOFError),
    feed_bytes=64 * 1024,
    pads=True,
)

CODECS = {"gz": GZ, "zst": ZST, "xz": XZ}
"""By the form of the file."""
