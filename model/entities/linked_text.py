"""A document of a linking set with its mentions, each checked to stand where the set says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from model.entities.mentions import Span
from schemas.errors import InputCorrupt

_ITEM = re.compile(r"Q[1-9][0-9]*")


@dataclass
class LinkedText:
    """A document with its mentions, in the order of the set."""

    name: str
    language: str
    text: str
    spans: list[Span] = field(default_factory=list)
    entities: list[str] = field(default_factory=list)
    """Item of each span; "" where a title has none in the tables."""
    bins: list[str] = field(default_factory=list)
    """How frequent the set says each item is, or whether it is hard; "" where it says neither."""


def add_mention(text: LinkedText, start: int, end: int, surface: str, item: Any, bin_name: str, place: str) -> None:
    """Add a mention. Raises: InputCorrupt where the text does not have it there, and for what is no item."""
    if text.text[start:end] != surface or start < 0:
        raise InputCorrupt(
            f"{place}: the mention {surface[:40]!r} does not stand at character {start} of {text.name}, "
            f"found {text.text[max(start, 0) : end][:40]!r}"
        )
    if not isinstance(item, str) or not _ITEM.fullmatch(item):
        raise InputCorrupt(
            f"{place}: found the entity {item!r}, expected an item such as Q64; blanked sets cannot be scored"
        )
    text.spans.append(Span(start, end))
    text.entities.append(item)
    text.bins.append(bin_name)


def number_of(text: str, place: str) -> int:
    """Return a place in a text. Raises: InputCorrupt for what is none."""
    if not text.isdecimal():
        raise InputCorrupt(f"{place}: found {text[:40]!r}, expected a number of characters")
    return int(text)
