"""Reading JSON byte by byte in compiled code: what the scan of items is built on.

Every function takes the bytes and a place in them and returns the place behind what it read, or `BAD` for anything that it
does not read: damaged JSON, white space between tokens, numbers or nesting out of the ordinary. It accepts less than JSON
allows and never more, so a caller may leave every line that comes out `BAD` to a complete decoder.

An object is walked from key to key like this, and a list likewise:

    behind, at = at + 1, first_key(text, at)
    while at >= 0:
        behind = …  # the place behind the value whose key is at `at`
        at = next_key(text, behind)
    return behind + 1 if at == LAST else BAD

The bytes must end in a newline. No token may hold one, so every function stops there at the latest, and no place is ever
read behind it.

Source: RFC 8259.
"""

from __future__ import annotations

import numpy as np

from pipeline.run.compiling import compiled

BAD = -1
"""Returned in place of a place: this is not read here."""
LAST = -2
"""Returned in place of a place: nothing follows in this object or list. Below 0, as `BAD` is."""
_MAX_DEPTH = 60

_QUOTE, _BACKSLASH, _COMMA, _COLON = ord('"'), ord("\\"), ord(","), ord(":")
_OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = ord("{"), ord("}"), ord("["), ord("]")
_ZERO, _NINE, _MINUS, _POINT = ord("0"), ord("9"), ord("-"), ord(".")

_STOPS = np.zeros(256, np.bool_)
"""Bytes at which the reading of a string has to look closer: its end, an escape, a control character."""
_STOPS[:32] = _STOPS[_QUOTE] = _STOPS[_BACKSLASH] = True
SHORT_ESCAPES = np.zeros(256, np.uint8)
"""What a letter behind a backslash stands for; 0 for none."""
for _letter, _meaning in zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True):
    SHORT_ESCAPES[_letter] = _meaning
_HEX = np.full(256, 16, np.uint8)
"""Value of a hexadecimal digit; 16 for other bytes."""
for _value, _digit in enumerate(b"0123456789abcdef"):
    _HEX[_digit] = _HEX[ord(chr(_digit).upper())] = _value


def word(name: str) -> np.ndarray:
    """Give the bytes of a name, as compiled code compares them."""
    return np.frombuffer(name.encode(), np.uint8)


_TRUE, _FALSE, _NULL = map(word, ("true", "false", "null"))


@compiled
def byte(text, at):
    """`text[at]` without the test for a negative place, which would cost a third of the time."""
    return text[np.uintp(at)]


@compiled
def string_behind(text, at):
    """Pass the string that begins at `at`: the place behind it."""
    if byte(text, at) != _QUOTE:
        return BAD
    at += 1
    while True:
        while not _STOPS[byte(text, at)]:
            at += 1
        if byte(text, at) == _QUOTE:
            return at + 1
        at = _escape_end(text, at)
        if at == BAD:
            return BAD


@compiled
def _escape_end(text, at):
    """Pass the escape at `at`, to the place behind it: both halves of a surrogate pair, never one alone."""
    if byte(text, at) != _BACKSLASH:
        return BAD
    if SHORT_ESCAPES[byte(text, at + 1)]:
        return at + 2
    unit = code_unit(text, at)
    if unit == BAD or 0xDC00 <= unit < 0xE000:
        return BAD
    if unit < 0xD800 or unit >= 0xE000:
        return at + 6
    return at + 12 if 0xDC00 <= code_unit(text, at + 6) < 0xE000 else BAD


@compiled
def code_unit(text, at):
    """Read the number that an escape of the form `\\uXXXX` writes."""
    if byte(text, at) != _BACKSLASH or byte(text, at + 1) != ord("u"):
        return BAD
    unit = 0
    for place in range(at + 2, at + 6):
        digit = _HEX[byte(text, place)]
        if digit == 16:
            return BAD
        unit = unit * 16 + digit
    return unit


@compiled
def key_end(text, at):
    """Where the key ends whose opening quote is at `at`, if a colon follows: its closing quote. No key has an escape."""
    if byte(text, at) != _QUOTE:
        return BAD
    at += 1
    while not _STOPS[byte(text, at)]:
        at += 1
    if byte(text, at) != _QUOTE or byte(text, at + 1) != _COLON:
        return BAD
    return at


@compiled
def first_key(text, at):
    """Find an object's first key; `LAST` where it is empty, or an empty list stands for it, as in dumps."""
    if byte(text, at) == _OPEN:
        return LAST if byte(text, at + 1) == _CLOSE else at + 1
    return LAST if byte(text, at) == _OPEN_LIST and byte(text, at + 1) == _CLOSE_LIST else BAD


@compiled
def next_key(text, at):
    """Find the next key of an object, `at` being behind a value of it; `LAST` where the object ends there."""
    if at == BAD:
        return BAD
    if byte(text, at) == _COMMA:
        return at + 1
    return LAST if byte(text, at) == _CLOSE else BAD


@compiled
def first_element(text, at):
    """Find a list's first element; `LAST` where it is empty."""
    if byte(text, at) != _OPEN_LIST:
        return BAD
    return LAST if byte(text, at + 1) == _CLOSE_LIST else at + 1


@compiled
def next_element(text, at):
    """Find the next element of a list, `at` being behind one of it; `LAST` where the list ends there."""
    if at == BAD:
        return BAD
    if byte(text, at) == _COMMA:
        return at + 1
    return LAST if byte(text, at) == _CLOSE_LIST else BAD


@compiled
def equals(text, begin, end, name):
    """Whether `text[begin:end]` is a name."""
    if end - begin != name.size:
        return False
    for place in range(name.size):
        if byte(text, begin + place) != name[place]:
            return False
    return True


@compiled
def _word_end(text, at, name):
    for place in range(name.size):
        if byte(text, at + place) != name[place]:
            return BAD
    return at + name.size


@compiled
def digits_end(text, at):
    """Pass the digits at `at`, one or more, to the place behind them."""
    begin = at
    while _ZERO <= byte(text, at) <= _NINE:
        at += 1
    return at if at > begin else BAD


@compiled
def is_short_number(text, begin, end):
    """Whether a number of one to nine digits is here, such as every item's is (`schemas.ids`)."""
    return 0 < end - begin <= 9 and byte(text, begin) != _ZERO and digits_end(text, begin) == end


@compiled
def _number(text, at):
    """Pass a number of at most 100 characters, with an exponent of at most two digits: none that overflows."""
    begin = at
    if byte(text, at) == _MINUS:
        at += 1
    if byte(text, at) == _ZERO:
        at += 1
    else:
        at = digits_end(text, at)
    if at != BAD and byte(text, at) == _POINT:
        at = digits_end(text, at + 1)
    if at != BAD and (byte(text, at) == ord("e") or byte(text, at) == ord("E")):
        at += 2 if byte(text, at + 1) == _MINUS or byte(text, at + 1) == ord("+") else 1
        exponent, at = at, digits_end(text, at)
        if at - exponent > 2:
            return BAD
    return at if at - begin <= 100 else BAD


@compiled
def _scalar(text, at):
    first = byte(text, at)
    if first == _QUOTE:
        return string_behind(text, at)
    if first == ord("t"):
        return _word_end(text, at, _TRUE)
    if first == ord("f"):
        return _word_end(text, at, _FALSE)
    if first == ord("n"):
        return _word_end(text, at, _NULL)
    return _number(text, at)


@compiled
def value_end(text, at):
    """Pass the value that begins at `at`, whatever it is, to the place behind it.

    In `{"a":[{"b":1}]}` an object, a list and an object are open at the 1: three deep, their kinds 1, 0, 1, which is 5. The
    first `}` fits, as 5 is odd, and leaves 2: the next bracket must be a list's.
    """
    depth, objects = 0, np.uint64(0)  # the kinds of the open brackets, innermost in the lowest bit: 1 for an object
    while True:
        if _opens(text, at):
            depth += 1
            is_object = byte(text, at) == _OPEN
            objects = objects << np.uint64(1) | np.uint64(is_object)
            at = _after_key(text, at + 1) if is_object else at + 1
            if at == BAD or depth > _MAX_DEPTH:
                return BAD
            continue
        at = _flat_end(text, at)
        while at != BAD and depth and byte(text, at) != _COMMA:
            if byte(text, at) != (_CLOSE if objects & np.uint64(1) else _CLOSE_LIST):
                return BAD
            at += 1
            depth -= 1
            objects >>= np.uint64(1)
        if at == BAD or depth == 0:
            return at
        at = _after_key(text, at + 1) if objects & np.uint64(1) else at + 1
        if at == BAD:
            return BAD


@compiled
def _opens(text, at):
    """Whether an object or list that is not empty begins here."""
    first = byte(text, at)
    if first == _OPEN:
        return byte(text, at + 1) != _CLOSE
    return first == _OPEN_LIST and byte(text, at + 1) != _CLOSE_LIST


@compiled
def _after_key(text, at):
    """Pass a key and its colon, to the place behind them."""
    end = key_end(text, at)
    return BAD if end == BAD else end + 2


@compiled
def _flat_end(text, at):
    """Pass a value that is no object or list, or an empty one, to the place behind it."""
    first = byte(text, at)
    return at + 2 if first == _OPEN or first == _OPEN_LIST else _scalar(text, at)


@compiled
def string_field(text, at, name, place):
    """Read an object with a string as its field `name`, not an empty one: the place behind the object.

    `place` gets where the string begins and ends.
    """
    found, behind, at = False, at + 1, first_key(text, at)
    while at >= 0:
        key, end = at + 1, key_end(text, at)
        behind = BAD if end == BAD else value_end(text, end + 2)
        if behind == BAD:
            return BAD
        if equals(text, key, end, name):
            if found or byte(text, end + 2) != _QUOTE or behind == end + 4:
                return BAD
            found = True
            place[0], place[1] = end + 3, behind - 1
        at = next_key(text, behind)
    return behind + 1 if found and at == LAST else BAD
