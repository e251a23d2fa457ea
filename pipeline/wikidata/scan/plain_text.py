"""Which strings are surely clean: told from their letters alone, without looking at how they stand together."""

from __future__ import annotations

import unicodedata

import numpy as np

from pipeline.run.compiling import compiled_once

_BASIC = 0x10000
_NEVER_PLAIN = ((0, 0x20), (0x7F, 0xA0), (0xD800, 0xE000), (0x1160, 0x1200))
"""Control characters, surrogates, and the vowels and finals of Hangul, which join what stands before them."""


def _plain_letters() -> np.ndarray:
    """For each letter below U+10000: whether a string of such letters alone is NFC and without control characters.

    Such a letter is NFC by itself, has the combining class 0, and is never the second part of a composition.
    """
    plain = np.ones(_BASIC, np.bool_)
    for low, high in _NEVER_PLAIN:
        plain[low:high] = False
    for code in range(0xA0, _BASIC):
        letter = chr(code)
        decomposition = unicodedata.decomposition(letter)
        if not decomposition:
            plain[code] &= not unicodedata.combining(letter)
        elif decomposition[0] != "<":
            plain[code] &= unicodedata.is_normalized("NFC", letter) and not unicodedata.combining(letter)
            second = decomposition.partition(" ")[2]
            if second:
                plain[int(second, 16)] = False
        # What is set in angle brackets (a superscript, say) is NFC, and takes no part in compositions.
    return plain


PLAIN_LETTERS = _plain_letters()


@compiled_once
def mark_doubtful(data, ends, plain_letters, doubtful):
    """Mark the strings that hold a letter which is not plain, or one from U+10000 on.

    Args:
        data: uint8: their UTF-8, one behind the other.
        ends: int32: where each ends.
        plain_letters: bool [65536].
        doubtful: bool, by string; what is marked.
    """
    at = 0
    for number in range(ends.size):
        doubtful[number] = False
        while at < ends[number]:
            first = np.int64(data[at])
            length = 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
            code = first if length == 1 else 0
            if length == 2:
                code = (first & 0x1F) << 6 | np.int64(data[at + 1]) & 0x3F
            elif length == 3:
                code = (first & 0x0F) << 12 | (np.int64(data[at + 1]) & 0x3F) << 6 | np.int64(data[at + 2]) & 0x3F
            at += length
            if not plain_letters[code]:
                doubtful[number] = True
                at = ends[number]
