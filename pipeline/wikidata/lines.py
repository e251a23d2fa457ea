"""Lines of a Wikidata JSON dump: where the entity in one begins and ends.

A dump's first line is `[`, then one entity a line with a comma at its end except the last, then `]`. Files made by others
may have the bracket on an entity's line, carriage returns, a byte order mark, zero padding, or no brackets at all.
"""

from __future__ import annotations

from typing import Literal

from schemas.errors import InputCorrupt

Layout = Literal["array", "lines", "document"]
"""`array`: brackets around, one entity a line; `lines`: no brackets; `document`: one entity over several lines."""

HEAD_BYTES = 64 * 1024
"""Decoded bytes of a file that tell its layout."""
FINAL_MARK = {"array": b"]", "lines": b"", "document": b"}"}
"""What a file of each layout must end in."""

_BLANK = b" \t\r\n\0"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def entity_text(line: bytes) -> bytes:
    """The JSON of the entity in a line; empty for brackets, blank lines and padding."""
    if line[:1] == b"{" and line[-2:] == b"},":
        return line[:-1]
    text = line.strip(_BLANK).removeprefix(_BYTE_ORDER_MARK)
    text = text.removeprefix(b"[").removesuffix(b"]").strip(_BLANK)
    return text.removeprefix(b",").removesuffix(b",").strip(_BLANK)


def layout_of(head: bytes, path: str) -> Layout:
    """Tell a file's layout by its first decoded bytes.

    Raises:
        InputCorrupt: it is no JSON of Wikidata.
    """
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip(_BLANK)
    if text.startswith(b"["):
        return "array"
    if text.startswith(b"{"):
        first_line, newline, _ = text.partition(b"\n")
        return "document" if newline and first_line.strip() == b"{" else "lines"
    found = text[:40].decode("utf-8", "replace")
    raise InputCorrupt(
        f"{path}, byte 0: the file begins with {found!r}, expected '[' or an entity's '{{'. "
        "It is no JSON dump of Wikidata; name one like latest-all.json.gz."
    )
