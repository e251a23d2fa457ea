"""Which brackets of links belong together."""

from __future__ import annotations

import re

_BRACKETS = re.compile(r"\[\[(?!\[)|\]\]")


def pair_brackets(text: str) -> dict[int, int]:
    """Pair `[[` and `]]`: where an opening stands, the end of its closing."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    for bracket in _BRACKETS.finditer(text):
        if bracket[0] == "[[":
            opened.append(bracket.start())
        elif opened:
            pairs[opened.pop()] = bracket.end()
    return pairs
