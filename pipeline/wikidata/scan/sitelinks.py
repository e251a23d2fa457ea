"""Sitelinks of an item: every wiki with its title; which wikis are kept is decided later, once per wiki."""

from __future__ import annotations

from pipeline.run.compiling import compiled, inlined
from pipeline.wikidata.scan.buffers import LINKED, ON_NAMED
from pipeline.wikidata.scan.json_bytes import (
    BAD,
    LAST,
    equals,
    first_key,
    key_end,
    next_key,
    string_field,
    value_end,
    word,
)
from pipeline.wikidata.scan.strings import hash_of, number_in, put

_TITLE, _WIKI = word("title"), word("wiki")
_MOST_LINKS = 2_000
"""More than there are wikis. Invented ones are looked for one by one where hashes are shared, so that an item with more of
them is the decoder's, which takes linear time."""


@inlined
def read_sitelinks(text, at, buffers, scratch):
    """Read an item's sitelinks, each of another wiki; the place behind them."""
    first, place = buffers.wikis.size[0], scratch.place
    behind, at = at + 1, first_key(text, at)
    while at >= 0:
        key, end = at + 1, key_end(text, at)
        if end == BAD or buffers.wikis.size[0] - first >= _MOST_LINKS:
            return BAD
        if _came_before(text, key, end, first, buffers.wikis, scratch.links):
            return BAD
        behind = string_field(text, end + 2, _TITLE, place)
        if behind == BAD:
            return BAD
        put(text, key, end, buffers.wikis)
        put(text, place[0], place[1], buffers.titles)
        at = next_key(text, behind)
    return behind + 1 if at == LAST else BAD


@compiled
def _came_before(text, begin, end, first, wikis, links):
    """Whether a wiki is among `wikis` from number `first` on.

    An item's links are numbers 40 to 42 so far. Where its hash holds 17, an earlier item's link, the wiki is new; where it
    holds 41, it may be the wiki of 41 or another of that hash, so all three are compared. Either way 43 is left there.
    """
    place = hash_of(text, begin, end) % links.size
    # A number left there by an earlier item can only lead to a look at all wikis of this one, never past one of them.
    near, links[place] = links[place], wikis.size[0]
    if not first <= near < wikis.size[0]:
        return False
    return _any_equal(text, begin, end, first, wikis)


@compiled
def _any_equal(text, begin, end, first, strings):
    """Whether `text[begin:end]` is among `strings` from number `first` on."""
    start = strings.ends[first - 1] if first else 0
    for number in range(first, strings.size[0]):
        stop = strings.ends[number]
        if equals(text, begin, end, strings.data[start:stop]):
            return True
        start = stop
    return False


@compiled
def unlinked_end(text, at, scratch):
    """Return the place behind an item's sitelinks if none is to a wiki where it has to have a page; `BAD` if one is."""
    behind, at = at + 1, first_key(text, at)
    while at >= 0:
        key, end = at + 1, key_end(text, at)
        if end == BAD or _is_wanted(text, key, end, scratch):
            return BAD
        behind = value_end(text, end + 2)
        at = next_key(text, behind)
    return behind + 1 if at == LAST else BAD


@inlined
def _is_wanted(text, begin, end, scratch):
    """Whether a wiki is one where an item has to have a page (`wikis.languages.is_wikipedia`, or chosen by name)."""
    is_named = number_in(scratch.wikis, text, begin, end) >= 0
    if scratch.state[LINKED] == ON_NAMED:
        return is_named
    return not is_named and end - begin >= _WIKI.size and equals(text, end - _WIKI.size, end, _WIKI)
