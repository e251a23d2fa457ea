"""Texts of the sets' files, plain or gzipped: UTF-8, or Latin-1 where a form was published in it."""

import gzip
import zlib
from pathlib import Path

from schemas.errors import InputCorrupt


def read_text(path: Path, *, latin_1: bool = False) -> str:
    """Read a file. `latin_1` allows for the form in which CoNLL-2002 and -2003 were published.

    Raises: InputCorrupt for a damaged gzip stream, for bytes that are no UTF-8, and for a file that is no text.
    """
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InputCorrupt(f"{path}: the gzip stream is damaged ({error}); fetch the file again") from error
    if b"\0" in data:
        raise InputCorrupt(f"{path}: found a zero byte at {data.index(0):,}, expected text in UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if latin_1 and _is_latin_1(data):
            return data.decode("latin-1")
        raise InputCorrupt(
            f"{path}: byte {error.start:,} is no UTF-8 ({error.reason}); fetch the file again, or write it in UTF-8"
        ) from error


def read_lines(path: Path, *, latin_1: bool = False) -> list[str]:
    """Read a file's lines. Raises: as `read_text` does."""
    # Not `splitlines`: it also cuts at U+2028 and U+0085, which stand inside real texts.
    text = read_text(path, latin_1=latin_1)
    if "\n" not in text:
        text = text.replace("\r", "\n")  # old Macs end lines so
    return [line.rstrip("\r") for line in text.split("\n")]


def _is_latin_1(data: bytes) -> bool:
    """Whether bytes that are no UTF-8 are Latin-1 rather than damaged UTF-8, which has more characters than scars."""
    characters = sum(character > "\x7f" for character in data.decode("utf-8", errors="ignore"))
    scars = data.decode("utf-8", errors="replace").count("\ufffd")
    return scars > characters
