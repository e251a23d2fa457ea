"""Strings of a dump as text columns hold them: NFC, and no control characters.

Wikidata's own texts are almost always so already; the check runs over whole columns, and only a column that fails it is
mended string by string.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_is_normalized = unicodedata.is_normalized
_CONTROL = re.compile("[ ]*[\x00-\x1f\x7f-\x9f][ \x00-\x1f\x7f-\x9f]*")


def clean_text(text: str) -> str:
    """NFC, with each run of control characters (C0, DEL, C1) and spaces around them as one space, and none at the ends."""
    if _CONTROL.search(text):
        text = _CONTROL.sub(" ", text).strip()
    return unicodedata.normalize("NFC", text)


def text_array(texts: Sequence[str | None]) -> tuple[pa.StringArray, int]:
    """Make a column of clean strings; returns it and how many strings had to be changed."""
    return clean_array(pa.array(texts, pa.string()))


def clean_array(column: pa.StringArray) -> tuple[pa.StringArray, int]:
    """Clean a column of strings; returns it and how many strings had to be changed."""
    # One call for the whole column would be slower: a single Hangul or Indic letter makes it normalise everything.
    others = column.filter(pc.invert(pc.string_is_ascii(column))).to_pylist()
    if all(_is_normalized("NFC", text) for text in others) and not _has_control(column):
        return column, 0
    texts = column.to_pylist()
    cleaned = [None if text is None else clean_text(text) for text in texts]
    changed = sum(old != new for old, new in zip(texts, cleaned, strict=True))
    return pa.array(cleaned, pa.string()), changed


def _has_control(column: pa.StringArray) -> bool:
    """Whether a control character is in any string, looked for in the UTF-8 bytes (C1 ones are C2 80 to C2 9F)."""
    buffer = column.buffers()[2]
    if buffer is None or buffer.size == 0:
        return False
    codes = np.frombuffer(buffer, dtype=np.uint8)
    if bool(((codes < 0x20) | (codes == 0x7F)).any()):
        return True
    leads = np.flatnonzero(codes[:-1] == 0xC2)
    return bool((codes[leads + 1] < 0xA0).any())
