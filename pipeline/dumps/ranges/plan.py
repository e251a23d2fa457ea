"""Ranges of a dump file, planned from its size and its first bytes alone."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Literal

from pipeline.run.storage import open_read
from schemas.errors import InputCorrupt

log = logging.getLogger(__name__)

Form = Literal["plain", "gz", "bz2", "zst", "xz"]
"""How a dump file is packed."""

Opener = Callable[[str], BinaryIO]
"""Opens a path for reading bytes; the file can seek."""

DEFAULT_RANGE_BYTES = 64 * 1024 * 1024
"""Compressed bytes a range, where the caller does not say."""

_MAGIC: tuple[tuple[bytes, Form], ...] = (
    (b"\x1f\x8b", "gz"),
    (b"BZh", "bz2"),
    (b"\x28\xb5\x2f\xfd", "zst"),
    (b"\xfd7zXZ\0", "xz"),
)
_EXTENSIONS: dict[str, Form] = {
    ".gz": "gz",
    ".bz2": "bz2",
    ".zst": "zst",
    ".xz": "xz",
    ".json": "plain",
    ".xml": "plain",
}
_FOREIGN = ((b"PK\x03\x04", "a zip archive"), (b"7z\xbc\xaf", "a 7z archive"))
_SKIPPABLE_FRAME = b"\x2a\x4d\x18"


@dataclass(frozen=True, kw_only=True)
class ByteRange:
    """The part of one file that one task reads: the units that begin in [start, end)."""

    path: str
    """Local path or URL of the file."""
    start: int
    """First compressed byte."""
    end: int
    """One past the last compressed byte."""
    form: Form
    """How the file is packed, as its first bytes say."""
    size: int
    """Size of the whole file in bytes."""

    @property
    def is_first(self) -> bool:
        """Whether the file's first byte is in this range."""
        return self.start == 0

    @property
    def is_last(self) -> bool:
        """Whether the file's last byte is in this range."""
        return self.end == self.size


def detect_form(head: bytes, path: str) -> Form:
    """Tell how a file is packed by its first bytes, and warn where its name says otherwise.

    Raises:
        InputCorrupt: the bytes are an HTML page, or an archive of a kind that dumps never have.
    """
    _refuse_foreign(head, path)
    form: Form = next((form for magic, form in _MAGIC if head.startswith(magic)), "plain")
    if head[1:4] == _SKIPPABLE_FRAME and head[0] & 0xF0 == 0x50:
        form = "zst"
    named = _EXTENSIONS.get(os.path.splitext(path)[1].lower())
    if named is not None and named != form:
        log.warning("%s is %s by its first bytes, not %s as its name says; read as %s", path, form, named, form)
    return form


def _refuse_foreign(head: bytes, path: str) -> None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        line = head.lstrip().splitlines()[0][:120].decode("utf-8", "replace")
        raise InputCorrupt(
            f"{path}, byte 0: this is an HTML page, not a dump. Its first line is {line!r}. "
            "The server most likely answered with an error page: download the file again."
        )
    for magic, kind in _FOREIGN:
        if head.startswith(magic):
            raise InputCorrupt(
                f"{path}, byte 0: this is {kind}. Expected plain text, gz, bz2, zst or xz: pack it anew."
            )


def plan_ranges(
    path: str,
    num_bytes_per_range: int = DEFAULT_RANGE_BYTES,
    open_file: Opener = open_read,
) -> list[ByteRange]:
    """Cut a file into ranges of nearly equal size, in order.

    Only the size and the first bytes are read. A range in which no unit begins is simply empty when read.

    Raises:
        InputMissing: there is no such file.
        InputCorrupt: the file is empty, an HTML page, or of a kind that dumps never have.
    """
    if num_bytes_per_range < 1:
        raise ValueError(f"num_bytes_per_range must be positive, got {num_bytes_per_range}")
    with open_file(path) as file:
        head = file.read(512)
        size = file.seek(0, os.SEEK_END)
    if not head:
        raise InputCorrupt(f"{path} is empty (0 bytes). Download it again and compare its size with the server's.")
    form = detect_form(head, path)
    count = -(-size // num_bytes_per_range)
    cuts = [size * index // count for index in range(count + 1)]
    return [
        ByteRange(path=path, start=start, end=end, form=form, size=size)
        for start, end in zip(cuts, cuts[1:], strict=False)
    ]
