"""JSON strings to UTF-8, one behind the other."""

from __future__ import annotations

import numpy as np

from pipeline.run.compiling import compiled, inlined
from pipeline.wikidata.scan.json_bytes import SHORT_ESCAPES, byte, code_unit, equals

_BACKSLASH = ord("\\")


@compiled
def put(text, begin, end, strings):
    """Append `text[begin:end]`, the inside of a JSON string that has been read, as UTF-8.

    The pair D83D DE00 is the letter 0x10000 + (0x3D << 10) + 0x200 = 0x1F600, whose UTF-8 is F0 9F 98 80.
    """
    data, at = strings.data, strings.size[1]
    while begin < end:
        letter = byte(text, begin)
        if letter != _BACKSLASH:
            data[np.uintp(at)] = letter
            begin += 1
            at += 1
        elif byte(text, begin + 1) != ord("u"):
            data[np.uintp(at)] = SHORT_ESCAPES[byte(text, begin + 1)]
            begin += 2
            at += 1
        else:
            code = code_unit(text, begin)
            begin += 6
            if 0xD800 <= code < 0xE000:
                code = 0x10000 + ((code - 0xD800) << 10) + (code_unit(text, begin) - 0xDC00)
                begin += 6
            at = _put_code(data, at, code)
    strings.ends[strings.size[0]] = at
    strings.size[0] += 1
    strings.size[1] = at


@compiled
def _put_code(data, at, code):
    if code < 0x80:
        data[at] = code
        return at + 1
    if code < 0x800:
        data[at] = 0xC0 | code >> 6
        data[at + 1] = 0x80 | code & 0x3F
        return at + 2
    if code < 0x10000:
        data[at] = 0xE0 | code >> 12
        data[at + 1] = 0x80 | code >> 6 & 0x3F
        data[at + 2] = 0x80 | code & 0x3F
        return at + 3
    data[at] = 0xF0 | code >> 18
    data[at + 1] = 0x80 | code >> 12 & 0x3F
    data[at + 2] = 0x80 | code >> 6 & 0x3F
    data[at + 3] = 0x80 | code & 0x3F
    return at + 4


@compiled
def hash_of(text, begin, end):
    """Make the hash, a number of 24 bits, by which `text[begin:end]` is found in a table."""
    found = 0
    for place in range(begin, end):
        found = (found * 31 + text[place]) & 0xFFFFFF
    return found


@inlined
def number_in(names, text, begin, end):
    """Return the number of `text[begin:end]` among the names of a table (`buffers.Names`), or -1."""
    place = hash_of(text, begin, end)
    while True:
        place &= names.table.size - 1
        number = names.table[place]
        if number < 0:
            return -1
        first = names.ends[number - 1] if number else 0
        if equals(text, begin, end, names.codes[first : names.ends[number]]):
            return number
        place += 1
