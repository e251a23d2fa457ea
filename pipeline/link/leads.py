"""Which leads are fit to define their entity, and how they are cut.

The rule, for the pages of one language:

1. The page is an article with an item: no disambiguation page, and an item that is no category, template or list.
2. Its lead, cut to at most `max_characters` at the end of a sentence (or else of a word), has at least `min_bytes` in
   UTF-8: bytes, since a Chinese character says more than a Latin letter.
3. Of pages with the same item, the first counts. Of equal texts, the one of the lowest item number stays: a text that
   fits two entities defines neither, and the older item is the likelier one.
4. Boilerplate: two leads have the same skeleton when they are equal but for the words of their own titles, digits and
   punctuation ("X is a village in Y" of one bot and one Y). Of each skeleton the `max_same_skeleton` lowest item numbers stay.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SENTENCE_ENDS = re.compile(r"[.!?。！？।॥۔።։။៕](?=[\s\u200b\"'”»)」』]|$)|[。！？]")
_DIGITS_AND_MARKS = re.compile(r"[\W\d_]+")


class LeadFate(IntEnum):
    """What became of a page's lead."""

    KEPT = 0
    """It is the description of the page's entity."""
    NO_LEAD = 1
    """The page has no prose before its first heading."""
    NO_ITEM = 2
    """Wikidata has no item for the page."""
    DISAMBIGUATION = 3
    """The page lists namesakes."""
    NOT_AN_ARTICLE = 4
    """The item is about a category, template, list or another page that is no article."""
    TOO_SHORT = 5
    """Fewer bytes than asked for."""
    SECOND_PAGE = 6
    """Another page of the wiki has the same item."""
    DUPLICATE = 7
    """Another entity has the same text."""
    BOILERPLATE = 8
    """Too many other entities have the same text but for their names and numbers."""


CANDIDATE = np.dtype([("row", "<i8"), ("number", "<u4"), ("text", "<u8"), ("skeleton", "<u8")])
"""A lead that passed rules 1 and 2: its page's row in the shard, its entity, and hashes of text and skeleton."""


def cut_text(text: str, max_characters: int) -> str:
    """Cut at the last sentence end within `max_characters`, else at the last blank, else there; NFC stays NFC."""
    if len(text) <= max_characters:
        return text
    head = text[: max_characters + 1]
    ends = [match.end() for match in _SENTENCE_ENDS.finditer(head) if match.end() <= max_characters]
    if ends and ends[-1] * 2 >= max_characters:
        return head[: ends[-1]]
    blank = head.rfind(" ", 0, max_characters + 1)
    return (head[:blank] if blank * 2 >= max_characters else head[:max_characters]).rstrip()


def long_enough(text: str, min_bytes: int) -> bool:
    """Rule 2's lower bound."""
    return len(text) >= min_bytes or len(text.encode()) >= min_bytes


def skeleton(text: str, title: str) -> str:
    """Return the text without the words of its title, digits, punctuation and case.

    >>> skeleton("Abay is a village. Abay had 120 people.", "Abay")
    'is a village had people'
    """
    title = title.casefold()
    own = set(_DIGITS_AND_MARKS.sub(" ", title).split())
    # The whole title first: Chinese, Japanese and Thai put no blanks around it.
    words = _DIGITS_AND_MARKS.sub(" ", text.casefold().replace(title, " ")).split()
    return " ".join(word for word in words if word not in own)


def hash_text(text: str) -> int:
    """Return the 64-bit hash by which texts are compared."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def decide_leads(shards: Sequence[NDArray[np.void]], max_same_skeleton: int) -> list[NDArray[np.uint8]]:
    """Apply rules 3 and 4 to the candidates of one language.

    Args:
        shards: `CANDIDATE` rows of each shard, in order.

    Returns: the fate of each candidate, shard by shard.
    """
    rows = np.concatenate(shards) if shards else np.empty(0, CANDIDATE)
    fates = np.full(len(rows), LeadFate.KEPT, np.uint8)
    arrival = np.arange(len(rows))
    _demote(fates, np.lexsort((arrival, rows["number"])), rows["number"], 1, LeadFate.SECOND_PAGE)
    _demote(fates, np.lexsort((arrival, rows["number"], rows["text"])), rows["text"], 1, LeadFate.DUPLICATE)
    by_skeleton = np.lexsort((arrival, rows["number"], rows["skeleton"]))
    _demote(fates, by_skeleton, rows["skeleton"], max_same_skeleton, LeadFate.BOILERPLATE)
    ends = np.cumsum([len(shard) for shard in shards])
    return np.split(fates, ends[:-1]) if shards else []


def _demote(fates: NDArray[np.uint8], order: NDArray[np.intp], groups: NDArray[Any], keep: int, fate: LeadFate) -> None:
    """Give `fate` to all but the first `keep` rows of each group that are still kept; `order` sorts by group."""
    order = order[fates[order] == LeadFate.KEPT]
    ordered = groups[order]
    if not len(ordered):
        return
    starts = np.r_[0, np.flatnonzero(ordered[1:] != ordered[:-1]) + 1]
    sizes = np.diff(np.r_[starts, len(ordered)])
    ranks = np.arange(len(ordered)) - np.repeat(starts, sizes)
    fates[order[ranks >= keep]] = fate
