"""Lines of items to columns: the loop over lines, and the fields of one."""

from __future__ import annotations

from pipeline.run.compiling import compiled, compiled_once, inlined
from pipeline.wikidata.scan.buffers import ANY_ITEM, CLASSES, CODE_END, LINE, LINKED
from pipeline.wikidata.scan.json_bytes import (
    BAD,
    byte,
    digits_end,
    equals,
    first_key,
    key_end,
    next_key,
    string_behind,
    value_end,
    word,
)
from pipeline.wikidata.scan.sitelinks import read_sitelinks, unlinked_end
from pipeline.wikidata.scan.statements import read_claims
from pipeline.wikidata.scan.strings import put
from pipeline.wikidata.scan.texts import add_texts, forget_texts, read_aliases, read_texts

_TYPE, _ID, _ITEM, _LABELS = map(word, ("type", "id", "item", "labels"))
_DESCRIPTIONS, _ALIASES, _CLAIMS, _SITELINKS = map(word, ("descriptions", "aliases", "claims", "sitelinks"))
_DATATYPE, _REDIRECT, _REDIRECTS, _MISSING = map(word, ("datatype", "redirect", "redirects", "missing"))

_QUOTE, _COMMA, _NEWLINE, _ZERO = ord('"'), ord(","), ord("\n"), ord("0")

_HAS_TYPE, _HAS_ID, _HAS_LABELS, _HAS_DESCRIPTIONS, _HAS_ALIASES, _HAS_CLAIMS, _HAS_SITELINKS = (
    1 << bit for bit in range(7)
)


@compiled_once
def scan(text, at, max_items, max_bytes, buffers, languages, scratch):
    """Read items from the line that begins at `at` on, and add them to the buffers.

    Args:
        text: uint8: whole lines, the last with its newline.
        at: where to begin.
        max_items: stop when so many items have been added.
        max_bytes: stop when they have so many bytes of JSON, or more.
        buffers, languages, scratch: what is written to. The buffers must have room for as many bytes as follow in the text,
            and an eighth as many entries.

    Returns:
        Where the first line begins that has not been read. If that is for a language code not known yet,
        `scratch.state[CODE_END]` is where the code ends, otherwise 0.
    """
    state = scratch.state
    state[CODE_END] = 0
    first, num_bytes = buffers.ids.size[0], 0
    while at < text.size and buffers.ids.size[0] - first < max_items and num_bytes < max_bytes:
        _copy(buffers.sizes, scratch.saved_sizes)
        _copy(buffers.fates, scratch.saved_fates)
        state[LINE] += 1
        end = BAD if state[LINKED] == ANY_ITEM else _unlinked_item(text, at, buffers, scratch)
        if end == BAD:
            end = _item(text, at, buffers, languages, scratch)
        behind = end
        if end != BAD and byte(text, end) == _COMMA:
            behind = end + 1
        if end == BAD or byte(text, behind) != _NEWLINE:
            _copy(scratch.saved_sizes, buffers.sizes)
            _copy(scratch.saved_fates, buffers.fates)
            forget_texts(languages)
            return at
        item = buffers.ids.size[0] - 1
        buffers.line_begins[item], buffers.line_ends[item] = at, end
        num_bytes += end - at
        at = behind + 1
    return at


@compiled
def _copy(source, to):
    for place in range(source.size):
        to.flat[place] = source.flat[place]


@inlined
def _item(text, at, buffers, languages, scratch):
    """Read one item; the place behind it."""
    item, seen = buffers.ids.size[0], 0
    behind, at = at + 1, first_key(text, at)
    while at >= 0:
        key, end = at + 1, key_end(text, at)
        if end == BAD:
            return BAD
        behind, field = _field(text, key, end, item, buffers, languages, scratch)
        if seen & field:
            return BAD
        seen |= field
        at = next_key(text, behind)
    if at == BAD or not seen & _HAS_TYPE or not seen & _HAS_ID:
        return BAD
    add_texts(text, buffers, languages, scratch)
    _end_item(item, buffers)
    return behind + 1


@compiled
def _end_item(item, buffers):
    """Note that what was added so far is the item's and those before it."""
    buffers.text_ends[item] = buffers.labels.size[0]
    buffers.class_ends[item] = buffers.sizes[CLASSES, 0]
    buffers.link_ends[item] = buffers.wikis.size[0]


@inlined
def _unlinked_item(text, at, buffers, scratch):
    """Pass over an item without a page where it has to have one; the place behind it. Nothing of it is added but its id.

    `BAD`, and nothing added, for any other line. The JSON is checked as that of every item.
    """
    item, ids_end, seen = buffers.ids.size[0], buffers.ids.size[1], 0
    behind, at = at + 1, first_key(text, at)
    while at >= 0:
        key, end = at + 1, key_end(text, at)
        field, behind = 0, BAD
        if end == BAD:
            pass
        elif equals(text, key, end, _TYPE):
            behind, field = _constant(text, end + 2, _ITEM), _HAS_TYPE
        elif equals(text, key, end, _ID):
            behind, field = _item_id(text, end + 2, buffers.ids), _HAS_ID
        elif equals(text, key, end, _SITELINKS):
            behind, field = unlinked_end(text, end + 2, scratch), _HAS_SITELINKS
        elif not _is_of_others(text, key, end):
            behind = value_end(text, end + 2)
        at = BAD if seen & field else next_key(text, behind)
        seen |= field
    if at == BAD or not seen & _HAS_TYPE or not seen & _HAS_ID:
        buffers.ids.size[0], buffers.ids.size[1] = item, ids_end
        return BAD
    _end_item(item, buffers)
    return behind + 1


@inlined
def _field(text, key, end, item, buffers, languages, scratch):
    """Read one field: the place behind its value, and which one it is; 0 for one that no table needs."""
    at = end + 2
    if equals(text, key, end, _TYPE):
        return _constant(text, at, _ITEM), _HAS_TYPE
    if equals(text, key, end, _ID):
        return _item_id(text, at, buffers.ids), _HAS_ID
    if equals(text, key, end, _LABELS):
        return read_texts(text, at, languages.label_places, languages, scratch.state), _HAS_LABELS
    if equals(text, key, end, _DESCRIPTIONS):
        return read_texts(text, at, languages.description_places, languages, scratch.state), _HAS_DESCRIPTIONS
    if equals(text, key, end, _ALIASES):
        return read_aliases(text, at, languages, scratch), _HAS_ALIASES
    if equals(text, key, end, _CLAIMS):
        return read_claims(text, at, item, buffers, scratch), _HAS_CLAIMS
    if equals(text, key, end, _SITELINKS):
        return read_sitelinks(text, at, buffers, scratch), _HAS_SITELINKS
    return (BAD if _is_of_others(text, key, end) else value_end(text, at)), 0


@compiled
def _is_of_others(text, key, end):
    """Whether a key is one that no item of a dump has."""
    if equals(text, key, end, _DATATYPE) or equals(text, key, end, _REDIRECT):
        return True
    return equals(text, key, end, _REDIRECTS) or equals(text, key, end, _MISSING)


@compiled
def _constant(text, at, expected):
    """Read a string that must be `expected`; the place behind it."""
    behind = string_behind(text, at)
    return behind if equals(text, at + 1, behind - 1, expected) else BAD


@compiled
def _item_id(text, at, ids):
    """Read an item's id, and append it to `ids`; the place behind it."""
    if byte(text, at) != _QUOTE or byte(text, at + 1) != ord("Q") or byte(text, at + 2) == _ZERO:
        return BAD
    end = digits_end(text, at + 2)
    if end == BAD or end - at > 11 or byte(text, end) != _QUOTE:  # ten digits and more are the decoder's
        return BAD
    put(text, at + 1, end, ids)
    return end + 1
