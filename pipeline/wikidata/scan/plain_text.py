"""Which strings are surely clean: told from their letters alone, without looking at how they stand together."""

from __future__ import annotations

import unicodedata

import numpy as np

from pipeline.run.compiling import compiled_once

_BASIC = 0x10000
_HANGUL_VOWELS_AND_FINALS = range(0x1160, 0x1200)


def _plain_letters() -> np.ndarray:
    """For each letter below U+10000: whether a string of such letters alone is NFC and without control characters.

    Such a letter is NFC by itself, has the combining class 0, and is never the second part of a composition.
    """
    seconds = set(_HANGUL_VOWELS_AND_FINALS)
    for code in range(_BASIC):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and parts[0][0] != "<":
            seconds.add(int(parts[1], 16))
    plain = np.zeros(_BASIC, np.bool_)
    for code in range(0x20, _BASIC):
        letter = chr(code)
        plain[code] = (
            code not in seconds
            and not unicodedata.combining(letter)
            and unicodedata.category(letter) not in ("Cc", "Cs")
            and unicodedata.is_normalized("NFC", letter)
        )
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
