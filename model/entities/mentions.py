"""Mentions in a text: marked `[[…]]` by the user, or found, the longest run of words that names an indexed item."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from model.entities.lookup import Lookup
from schemas.errors import UsageError

LONGEST_NAME_WORDS = 8
"""Most words (characters, where words are not spaced) of a name that is looked for."""
LONGEST_INFLECTED_WORDS = 3
"""Most words of a name that is looked for in an inflected form."""
SHORTEST_SMALL = 4
"""Fewest letters of a name in a text without capitals: below, every "in" and "die" is someone's alias."""
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Thai, Lao, Burmese, Khmer, kana and Han: written without spaces, so every character may begin a name."""
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:[-'’.][^\W{_UNSPACED}]+)*")
_MARK = re.compile(r"\[\[|\]\]")


@dataclass(frozen=True)
class Span:
    """A mention within a text."""

    start: int
    """First character."""
    end: int
    """End, exclusive."""


def read_marks(marked: str) -> tuple[str, list[Span]]:
    """Take the marks out of a text.

    Returns:
        (text without marks, the marked spans in order)

    Raises:
        UsageError: marks are not balanced, are nested, or hold nothing.

    >>> read_marks("near [[Paris]], Texas")
    ('near Paris, Texas', [Span(start=5, end=10)])
    """
    pieces, spans, length, opened, before = [], [], 0, -1, 0
    for mark in _MARK.finditer(marked):
        pieces.append(marked[before : mark.start()])
        length, before = length + len(pieces[-1]), mark.end()
        if (mark.group() == "[[") != (opened < 0):
            raise UsageError(
                f"the marks of {marked!r} are not balanced at character {mark.start()}: write [[mention]]."
            )
        if opened >= 0:
            if not pieces[-1].strip():
                raise UsageError(f"a mark of {marked!r} holds nothing: write [[mention]].")
            spans.append(Span(opened, length))
        opened = length if opened < 0 else -1
    if opened >= 0:
        raise UsageError(f"a mark of {marked!r} is not closed: write [[mention]].")
    return "".join([*pieces, marked[before:]]), spans


def find_mentions(text: str, lookup: Lookup, knows: Callable[[int], bool]) -> list[Span]:
    """Find names of indexed items in a text: leftmost first, of several the longest, none overlapping.

    A name has at least two characters and does not begin with a small letter, in scripts that have them. A text without a single
    capital letter is taken to be written so: there a name may begin with a small letter and has at least four.
    """
    words = list(_WORD.finditer(text))
    runs = [
        (Span(words[first].start(), words[last].end()), last - first + 1)
        for first in range(len(words))
        for last in range(min(first + LONGEST_NAME_WORDS, len(words)) - 1, first - 1, -1)
    ]
    small = not any(character.isupper() for character in text)
    runs = [(span, length) for span, length in runs if _may_be_a_name(text[span.start : span.end], small)]
    surfaces = [text[span.start : span.end] for span, _ in runs]
    exact = lookup.entities(surfaces, inflected=False)
    found: list[Span] = []
    for (span, length), surface, items in zip(runs, surfaces, exact, strict=True):
        if found and span.start < found[-1].end:
            continue
        if not items and length <= LONGEST_INFLECTED_WORDS:
            items = lookup.entities([surface])[0]
        if any(map(knows, items)):
            found.append(span)
    return found


def _may_be_a_name(surface: str, small: bool) -> bool:
    """Tell whether a run of words may be a name, `small` saying that the text has no capital letters."""
    first = surface[0]
    is_small = first.islower() and first.upper() != first
    if "\n" in surface or (is_small and not small):
        return False
    return len(surface) >= (SHORTEST_SMALL if is_small else 2)
