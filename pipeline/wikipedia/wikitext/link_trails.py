"""The letters around a link that belong to it: `[[dog]]s` is one word in English, `ال[[قاهرة]]` one in Arabic.

`data/link_trails.tsv` holds MediaWiki's own expressions, made by `pipeline.wikis.mediawiki`.

Source: `$linkTrail`, `$linkPrefixCharset` and `$linkPrefixExtension`; `Parser::handleInternalLinks`, `Linker::splitTrail`.
"""

from __future__ import annotations

import functools
import pathlib
import re
import sys
import unicodedata

from pipeline.wikipedia.wikitext.data_table import by_key
from pipeline.wikipedia.wikitext.marks import OPENING
from pipeline.wikipedia.wikitext.namespaces import read_rows

_DATA = pathlib.Path(__file__).with_name("data") / "link_trails.tsv"
_TRAIL = re.compile(r"/\^\((.*)\)\(\.\*\)\$/\w+")
_CODE_POINT = re.compile(r"\\x\{([0-9a-fA-F]{1,6})\}")
_OTHERS = ("/^([a-z]+)(.*)$/sD", "-")
"""What MediaWiki takes for a language without rules of its own: English."""


def link_trail(wiki: str) -> re.Pattern[str]:
    """Return the pattern that matches the trail of a link; it matches the empty string where there is none."""
    return _trail_pattern(_table().get(wiki, _OTHERS)[0])


def link_prefix(wiki: str) -> re.Pattern[str] | None:
    """Return the pattern of one letter that joins a link behind it, as those before it do; None on most wikis."""
    letters = _table().get(wiki, _OTHERS)[1]
    return None if letters == "-" else _prefix_pattern(letters)


def end_of_trail(trail: re.Pattern[str], text: str, position: int) -> int:
    """Where the trail ends of a link that ends at `position`."""
    found = trail.match(text, position)
    return found.end() if found else position


def part_prefix(text: str, letter: re.Pattern[str], marked: str) -> tuple[str, str]:
    """Move the letters at the end of a text that join the link behind it into the link.

    Args:
        text: what stands before the link.
        letter: the pattern of one such letter.
        marked: the link's surface between its marks.
    """
    cut = len(text)
    while cut and letter.match(text, cut - 1):
        cut -= 1
    if cut == len(text):
        return text, marked
    surface = OPENING.match(marked)
    begin = surface.end() if surface else 0
    return text[:cut], f"{marked[:begin]}{text[cut:]}{marked[begin:]}"


@functools.cache
def _trail_pattern(expression: str) -> re.Pattern[str]:
    found = _TRAIL.fullmatch(expression)
    if found is None:
        raise ValueError(f"link trail {expression!r}: expected /^(…)(.*)$/ as MediaWiki writes them")
    return re.compile(f"(?:{_translated(found[1])})?")


@functools.cache
def _prefix_pattern(letters: str) -> re.Pattern[str]:
    return re.compile(f"[{_translated(letters)}]")


def _translated(expression: str) -> str:
    """Return an expression of PCRE in the words of `re`: code points, and the class of all letters."""
    if "\\p{L}" in expression:
        expression = expression.replace("\\p{L}", f"[{_all_letters()}]")
    return _CODE_POINT.sub(lambda code: f"\\U{int(code[1], 16):08x}", expression)


@functools.cache
def _all_letters() -> str:
    """Return the letters of all scripts as the inside of a character class."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code))[0] == "L":
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)


@functools.cache
def _table() -> dict[str, tuple[str, str]]:
    """Trail and prefix of each wiki, as MediaWiki writes them."""
    rows = ((wiki, (trail, prefix)) for wikis, (trail, prefix) in read_rows(_DATA) for wiki in wikis.split(","))
    return by_key(_DATA, rows)
