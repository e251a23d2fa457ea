"""Places where a template stood whose text nobody knows, and the sentences that go with them.

A template or parser function without a rule leaves a mark. What a mark means shows in the finished line: a box stands alone, a
reference or a note hangs on the word before it or follows a sentence's end, and neither leaves a gap. Any other mark is a hole: a
reader sees words there. A sentence with a hole is no sentence of that page and goes, the rest of its paragraph stays.
"""

from __future__ import annotations

import bisect
import re
from collections import Counter
from collections.abc import Callable

from pipeline.wikipedia.wikitext.marks import MARKS
from pipeline.wikipedia.wikitext.sentences import sentence_ends

HOLE = "\x1b"
"""Begins a mark; the digits behind it are the number of its template's name on the page."""

_DIGITS = "\x04\x05\x06\x07\x08"
"""Digits of base five: of one byte and no white space, so that a page's text stays as small and as quick as it was."""
_BETWEEN = f"[{MARKS}'\"]*"
"""Marks of links and quotes that may stand between a word and a note that hangs on it."""
_MARK = re.compile(f"{HOLE}([{_DIGITS}]++)")
_RUN = re.compile(f"{HOLE}[{_DIGITS}]++(?:[ ,;]*+{HOLE}[{_DIGITS}]++)*+")
_HANGS = re.compile(rf"(?:[^\W\d_]{{2}}|[)）»”’\]%°,;،、，]){_BETWEEN}\Z")
_ENDED = re.compile(rf"(?:[.!?…][\"'”’»){MARKS}]*\s*|[。！？।॥]\s*)\Z")
_POINT = re.compile(rf"{_BETWEEN}[.,;:!?。，、；：।،؛]")
_SHORT = re.compile(r"(?:\b[^\W\d_]|\b[^\W\d_a-zа-яё][^\W\d_]{1,2}|\b\d{1,2}|[IVXLCDM]+)\.[\"'”’»)\]]*\s*\Z")
_SHORT_BEFORE_NUMBER = re.compile(r"\b[^\W\d_]{2,3}\.\s*\Z")
_FOLLOWED = re.compile(rf"{_BETWEEN}(?:\s|[.,;:!?)\]»”’。，、；：）।،؛]|\Z)")


class Holes:
    """The marks of one page."""

    def __init__(self) -> None:
        self.names: list[str] = []
        """Names of templates without a text, in the order they were met."""
        self._numbers: dict[str, int] = {}

    def mark(self, name: str) -> str:
        """Return what a template of this name leaves."""
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        digits = _DIGITS[number % 5]
        while number := number // 5:
            digits = _DIGITS[number % 5] + digits
        return HOLE + digits

    def name(self, digits: str) -> str:
        """Return the name behind the digits of a mark."""
        number = 0
        for digit in digits:
            number = 5 * number + _DIGITS.index(digit)
        return self.names[number]


def is_marks(line: str) -> bool:
    """Whether nothing but marks and blanks stands in a line."""
    return HOLE in line and not _MARK.sub("", line).strip()


def without_notes(text: str) -> str:
    """Return marked text in which only such marks are left as are holes."""
    return "\n".join(_line(line) if HOLE in line else line for line in text.split("\n"))


def _line(line: str) -> str:
    if not _has_words(_MARK.sub("", line)):
        return ""
    pieces, position = [], 0
    for run in _RUN.finditer(line):
        pieces.append(line[position : run.start()])
        position = run.end()
        if _is_hole("".join(pieces), line[position:], run.start() == 0):
            pieces.append(_MARK.search(run[0])[0])  # type: ignore[index]
    pieces.append(line[position:])
    return "".join(pieces)


def _is_hole(before: str, after: str, first: bool) -> bool:
    """Whether a reader sees words where a mark stands in a line, by what stands around it."""
    if first and not before.strip():
        return True
    if _ENDED.search(before):
        return before[-1:].isspace() and (_has_words(after) or _POINT.match(after) is not None)
    return not (_HANGS.search(before) and _FOLLOWED.match(after))


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)


def holed_ranges(text: str) -> list[tuple[int, int, str]]:
    """Where the sentences with a hole stand in a text, each with the digits of its first mark; ascending."""
    found: list[tuple[int, int, str]] = []
    line_start = 0
    for line in text.split("\n"):
        if HOLE in line:
            borders = [0, *_sure_ends(line), len(line)]
            for low, high in zip(borders, borders[1:], strict=False):
                mark = _MARK.search(line, low, high)
                if mark:
                    found.append((line_start + low, line_start + high, mark[1]))
        line_start += len(line) + 1
    return found


def _sure_ends(line: str) -> list[int]:
    """Sentence ends but those behind what may be an abbreviation, a numeral or an initial: half a sentence is none."""
    return [end for end in sentence_ends(line) if not _may_be_short(line[max(end - 12, 0) : end], line[end : end + 1])]


def _may_be_short(before: str, following: str) -> bool:
    return bool(_SHORT.search(before) or (following.isdigit() and _SHORT_BEFORE_NUMBER.search(before)))


def without_holes(text: str, holes: Holes, found: Counter[str]) -> tuple[str, Callable[[int], int]]:
    """Take the sentences with holes out of a text.

    Args:
        text: without marks of links.
        holes: of the page.
        found: counts the sentences by the template that made the hole.

    Returns:
        The text, and where a position of the old text is in the new one; -1 for what was taken out.
    """
    pieces: list[str] = []
    moved: list[tuple[int, int, int]] = []
    position = length = 0
    for low, high, mark in holed_ranges(text):
        found[holes.name(mark)] += 1
        if low > position:
            moved.append((position, low, length))
            pieces.append(text[position:low])
            length += low - position
        position = high
        if text[high : high + 1] == "\n" and (not length or pieces[-1][-1] == "\n"):
            position += 1  # nothing is left of the line
    moved.append((position, len(text), length))
    pieces.append(text[position:])
    starts = [low for low, _, _ in moved]

    def place(old: int) -> int:
        low, high, new = moved[bisect.bisect_right(starts, old) - 1]
        return new + old - low if old <= high else -1

    return "".join(pieces), place
