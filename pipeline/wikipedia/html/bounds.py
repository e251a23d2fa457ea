"""Bounds on rendered pages before they are parsed: a parser of HTML takes time that grows with the square of some nests.

Measured with lexbor: 32,000 lists in each other take 14 s, an element of 32,000 attributes 2 s. No page of an
encyclopedia comes near: of 309 the deepest has 36 elements in each other. What is over a bound is rejected by name.

Reference lists are cut out of the source before: they are nearly half of its bytes, and none of it is read.
"""

from __future__ import annotations

import re

MAX_DEPTH = 1_000
"""Most elements of a kind that costs, open at once."""
MAX_ATTRIBUTES = 1_000
"""Most attributes of one element."""
_SMALL = 20_000
"""Characters below which nothing takes long, so that nothing is counted."""
_NAMES = (
    "div|ul|ol|li|dl|dd|dt|p|section|blockquote|center|article|aside|nav|header|footer|main|figure|pre|form|button|address|"
    "details|summary|fieldset|h[1-6]|b|i|u|s|em|strong|small|big|font|code|tt|strike|nobr|applet|marquee|object"
)
_COSTLY = re.compile(rf"<(/?(?:{_NAMES}))(?=[\s>/])")
_COSTLY_ANY_CASE = re.compile(_COSTLY.pattern, re.IGNORECASE)
_CAPITAL = re.compile(r"</?[A-Z]")
_LONG_TAG = re.compile(r"<[a-zA-Z][^<]{8000}")
_ATTRIBUTE = re.compile(r"\s+[^\s\"'<>/=]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]*))?")
_REFERENCES = re.compile(r'<ol class="(?:mw-references )?references"|<ol class="mw-references', re.IGNORECASE)
_LIST = re.compile(r"<(/?)ol\b")


def problem_of(html: str) -> str | None:
    """Return what keeps a page from being parsed in time that grows with its size alone; None for nearly all.

    Args:
        html: the page's source.
    """
    if len(html) < _SMALL:
        return None
    opened: dict[str, int] = {}
    depth = 0
    # MediaWiki writes small letters; the pattern for both costs five times as much.
    tags = [tag.lower() for tag in _COSTLY_ANY_CASE.findall(html)] if _CAPITAL.search(html) else _COSTLY.findall(html)
    for tag in tags:
        if tag[0] != "/":
            opened[tag] = opened.get(tag, 0) + 1
            depth += 1
            if depth > MAX_DEPTH:
                return f"more than {MAX_DEPTH:,} elements in each other"
        elif opened.get(tag[1:]):
            opened[tag[1:]] -= 1
            depth -= 1
    for tag in _LONG_TAG.finditer(html):
        if _attributes(html, tag.start()) > MAX_ATTRIBUTES:
            return f"an element of more than {MAX_ATTRIBUTES:,} attributes"
    return None


def _attributes(html: str, start: int) -> int:
    """Return the attributes of the tag that begins at a place, up to the bound."""
    position = html.find(" ", start, start + 100)
    count = 0
    while position > 0 and count <= MAX_ATTRIBUTES and (found := _ATTRIBUTE.match(html, position)):
        position, count = found.end(), count + 1
    return count


def without_reference_lists(html: str) -> str:
    """Return the source without lists of references; one that is not closed stays, for the walk to leave out."""
    pieces: list[str] = []
    position = 0
    while found := _REFERENCES.search(html, position):
        end = _end_of_list(html, found.start())
        if end < 0:
            break
        pieces.append(html[position : found.start()])
        position = end
    pieces.append(html[position:])
    return "".join(pieces) if position else html


def _end_of_list(html: str, start: int) -> int:
    depth = 0
    for mark in _LIST.finditer(html, start):
        depth += -1 if mark[1] else 1
        if depth == 0:
            close = html.find(">", mark.end())
            return close + 1 if close >= 0 else -1
    return -1
