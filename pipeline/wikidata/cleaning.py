"""Strings of a dump as text columns hold them: NFC, and no control characters.

Wikidata's own texts are almost always so already. What is surely clean is told over whole columns, the rest string by string.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_CONTROL = re.compile("[ ]*[\x00-\x1f\x7f-\x9f][ \x00-\x1f\x7f-\x9f]*")


def clean_text(text: str) -> str:
    """NFC, with each run of control characters (C0, DEL, C1) and spaces around them as one space, and none at the ends."""
    if _CONTROL.search(text):
        text = _CONTROL.sub(" ", text).strip()
    return unicodedata.normalize("NFC", text)


def text_array(texts: Sequence[str | None]) -> tuple[pa.StringArray, int]:
    """Make a column of clean strings; returns it and how many strings had to be changed."""
    return clean_array(pa.array(texts, pa.string()))


def clean_array(column: pa.StringArray, doubtful: pa.BooleanArray | None = None) -> tuple[pa.StringArray, int]:
    """Clean a column of strings; returns it and how many strings had to be changed.

    Args:
        column: the strings.
        doubtful: which of them have to be looked at, where the caller knows; the others are clean.
    """
    if doubtful is None:
        doubtful = _doubtful(column)
    texts = column.filter(doubtful).to_pylist()
    # One call for a whole column would be slower: a single Hangul or Indic letter makes it normalise everything.
    cleaned = [clean_text(text) for text in texts]
    changed = sum(map(operator.ne, texts, cleaned))
    return (pc.replace_with_mask(column, doubtful, pa.array(cleaned, pa.string())), changed) if changed else (column, 0)


def _doubtful(column: pa.StringArray) -> pa.BooleanArray:
    """Strings that are not ASCII; all, if there is a control character in any."""
    return column.is_valid() if _has_control(column) else pc.fill_null(pc.invert(pc.string_is_ascii(column)), False)


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
