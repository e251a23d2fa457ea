"""Marks in a page's text: where the surface of a link to an article begins and ends, and where a heading stood.

A mark is made of control characters that no XML document can hold. The mark at a link's start carries the number of its
link, so that whatever is rewritten later, removed, doubled or put elsewhere, a surface keeps its own target: `\\x02` and
the digits of 12 before `Berlin`, `\\x03` behind it, is link 12 of the page.
"""

from __future__ import annotations

import re

LINK_START, LINK_END = "\x02", "\x03"
"""Stand around the surface of a link to an article; the link's number follows `LINK_START`."""
SECTION_MARK = "\x1d"
"""Begins the line of a heading: its level and its title follow (`heading`)."""
NUMBER = "[\x0e-\x17]"
"""A pattern for one digit of a link's number; Python counts none of these characters as white space."""
MARKS = f"{LINK_START}{LINK_END}\x0e-\x17"
"""The characters of links' marks, for a class of a pattern."""
GONE = f"{LINK_START}{NUMBER}*+{LINK_END}"
"""A pattern for what a link leaves whose surface went: its two marks."""
OPENING = re.compile(f"{LINK_START}{NUMBER}*+")
"""The mark before a surface, with its number."""

Span = tuple[int, int, str, str]
"""Start, end, title and fragment of a link; plain tuples, for there are hundreds on a page."""

_TO_DIGITS = {ord("0") + digit: 0x0E + digit for digit in range(10)}
_OPENINGS = [LINK_START + str(number).translate(_TO_DIGITS) for number in range(2_000)]
_FROM_DIGITS = {marked: plain for plain, marked in _TO_DIGITS.items()}
_NUMBERS = {mark[1:]: number for number, mark in enumerate(_OPENINGS)}
_LINK = re.compile(f"{LINK_START}({NUMBER}++)([^{LINK_START}{LINK_END}{SECTION_MARK}\n]*+){LINK_END}")
_STRAY = re.compile(f"[{MARKS}]++")


def opening(number: int) -> str:
    """Return the mark before the surface of a page's link of that number."""
    return _OPENINGS[number] if number < len(_OPENINGS) else LINK_START + str(number).translate(_TO_DIGITS)


def heading(level: int, title: str) -> str:
    """Return the line that stands for a heading of a level, 1 to 6."""
    return f"{SECTION_MARK}{level}{' '.join(title.split())}"


def headings_below(above: tuple[str, ...], line: str) -> tuple[str, ...]:
    """Return the titles above what follows a heading: those of its outer sections, and its own.

    Args:
        above: titles before it, the outermost first, the one at place n being of level n + 2 or deeper.
        line: the heading's line.
    """
    level, title = line[1:2], line[2:]
    depth = max(int(level) - 2, 0) if level.isdecimal() else 0
    return (*above[:depth], *("" for _ in range(depth - len(above))), title.strip())


def gone_links(text: str) -> str:
    """Return what stays of the links that begin in a text when it is dropped: their marks, around nothing."""
    return "".join(f"{mark}{LINK_END}" for mark in OPENING.findall(text))


def read_marks(marked: str, links: list[tuple[str, str]]) -> tuple[str, list[Span]]:
    """Take the marks out of a text.

    A link of which a rewrite left one mark only, or whose surface runs over lines, is text like any other.

    Args:
        marked: text with marks.
        links: title and fragment of each link by its number.

    Returns:
        The plain text, and where each link that still has a surface stands in it, without the blanks around it.
    """
    first, *parts = _LINK.split(marked)
    pieces = [_plain(first)]
    spans: list[Span] = []
    length = len(pieces[0])
    for number, surface, rest in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        rest = _plain(rest)
        end = length + len(surface)
        if surface:
            title, fragment = links[_NUMBERS[number] if number in _NUMBERS else int(number.translate(_FROM_DIGITS))]
            bare = surface.strip()
            start = length if bare == surface else length + len(surface) - len(surface.lstrip())
            if bare:
                spans.append((start, start + len(bare), title, fragment))
        pieces += (surface, rest)
        length = end + len(rest)
    return "".join(pieces), spans


def _plain(text: str) -> str:
    return _STRAY.sub("", text) if LINK_START in text or LINK_END in text else text
