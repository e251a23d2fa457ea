"""Entity tags in the schemes in which they are published, brought to one: IOB with types in capitals.

Read: IOB1 and IOB2 (kept as they are, for the metric reads both), and the schemes that also mark ends and entities of one
token: IOBES, BILOU, BMES, BMEWO. Anything else, a bare `PER`, a `B-` without a type, is refused with its place.
"""

import re
from collections.abc import Sequence

from schemas.errors import InputCorrupt

OUTSIDE = "O"

_TAG = re.compile(r"([BIESLUMW])-([^\W_][\w./&-]*)", re.IGNORECASE)
_INSIDE = "IMEL"
"""Prefixes of a token that goes on with an entity."""
_LAST = "ESLUW"
"""Prefixes of a token after which an entity is over."""


def is_tag(text: str) -> bool:
    """Whether a text is a tag in one of the schemes that are read."""
    return text.upper() == OUTSIDE or _TAG.fullmatch(text) is not None


def iob_tags(tags: Sequence[str], place: str) -> tuple[str, ...]:
    """Bring the tags of one sentence to IOB. Raises: InputCorrupt for what is no tag.

    `S-PER E-PER` becomes `B-PER B-PER`: the first ends an entity, so that the second begins one.
    """
    read, over = [], ""
    for tag in tags:
        prefix, kind = _split(tag, place)
        opens = prefix not in _INSIDE or (kind != "" and kind == over)
        read.append(f"{'B' if opens else 'I'}-{kind}" if kind else OUTSIDE)
        over = kind if prefix in _LAST else ""
    return tuple(read)


def types_of(tags: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the entity types in tag sequences, in alphabetical order."""
    return tuple(sorted({tag[2:] for sequence in tags for tag in sequence if tag != OUTSIDE}))


def _split(tag: str, place: str) -> tuple[str, str]:
    """Prefix and type; both empty outside of entities."""
    if tag.upper() == OUTSIDE:
        return OUTSIDE, ""
    found = _TAG.fullmatch(tag)
    if found is None:
        raise InputCorrupt(
            f"{place}: found the tag {tag[:40]!r}, expected O, or B- or I- and a type as in B-PER "
            "(IOB1, IOB2, IOBES or BILOU)"
        )
    return found[1].upper(), found[2].upper()
