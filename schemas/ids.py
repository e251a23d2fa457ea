"""Which ids are valid, for every parser: what one job takes, no later job refuses.

Items and properties are numbers behind a letter. The title index keeps an item's number in 30 bits, of which the largest value
means something else; Wikidata stands at a seventh of that. Page and revision ids are whole numbers of 64 bits, as tables hold
them.
"""

from __future__ import annotations

import re

MAX_ENTITY_NUMBER = (1 << 30) - 3
"""Largest number of an item or property; of 30 bits the two above stand for other things in the title index of `link`."""
MAX_DATABASE_ID = (1 << 63) - 1
"""Largest page or revision id."""

_ITEM = re.compile(r"Q[1-9][0-9]{0,9}")
_PROPERTY = re.compile(r"P[1-9][0-9]{0,9}")


def is_item_id(name: str | None) -> bool:
    """Tell whether a name is the id of an item: `Q42`, but not `Q042`, `Q1073741823` or `q42`."""
    return name is not None and _ITEM.fullmatch(name) is not None and _is_small(name)


def is_property_id(name: str | None) -> bool:
    """Tell whether a name is the id of a property, as `P31`."""
    return name is not None and _PROPERTY.fullmatch(name) is not None and _is_small(name)


def _is_small(name: str) -> bool:
    return len(name) <= 10 or int(name[1:]) <= MAX_ENTITY_NUMBER


def entity_number(digits: bytes | str) -> int | None:
    """Return the number of an item from its digits; None where no item can have it."""
    number = database_id(digits)
    return number if number is not None and 0 < number <= MAX_ENTITY_NUMBER else None


def database_id(digits: bytes | str) -> int | None:
    """Return a page or revision id from its digits; None where it is no number of 64 bits, however long it is."""
    if not digits.isdigit() or not digits.isascii() or len(digits) > 40:
        return None
    number = int(digits)
    return number if number <= MAX_DATABASE_ID else None
