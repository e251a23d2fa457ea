"""Labels, descriptions and aliases of an item."""

from __future__ import annotations

from pipeline.run.compiling import compiled, inlined
from pipeline.wikidata.scan.buffers import CODE_BEGIN, CODE_END, LEARNS
from pipeline.wikidata.scan.json_bytes import (
    BAD,
    LAST,
    first_element,
    first_key,
    key_end,
    next_element,
    next_key,
    string_field,
    value_end,
    word,
)
from pipeline.wikidata.scan.strings import number_in, put

_VALUE = word("value")


@compiled
def read_texts(text, at, places, languages, state):
    """Read texts by language; `places` gets where each begins and ends. The place behind them."""
    behind, at = at + 1, first_key(text, at)
    while at >= 0:
        key, end = at + 1, key_end(text, at)
        if end == BAD:
            return BAD
        number = number_in(languages, text, key, end)
        if number >= 0:
            behind = string_field(text, end + 2, _VALUE, places[number])
        else:
            behind = _unknown(text, key, end, state)
        at = next_key(text, behind)
    return behind + 1 if at == LAST else BAD


@inlined
def read_aliases(text, at, languages, scratch):
    """Read lists of texts by language. The place behind them."""
    count, behind, at = 0, at + 1, first_key(text, at)
    while at >= 0:
        key, end = at + 1, key_end(text, at)
        if end == BAD:
            return BAD
        number = number_in(languages, text, key, end)
        if number >= 0:
            first = count
            behind, count = _alias_list(text, end + 2, count, scratch.alias_places)
            languages.alias_ranges[number, 0], languages.alias_ranges[number, 1] = first, count
        else:
            behind = _unknown(text, key, end, scratch.state)
        at = next_key(text, behind)
    return behind + 1 if at == LAST else BAD


@inlined
def _alias_list(text, at, count, places):
    """Read one language's aliases; the place behind them, and how many there are in `places` now."""
    behind, at = at + 1, first_element(text, at)
    while at >= 0:
        behind = string_field(text, at, _VALUE, places[count])
        count += 1
        at = next_element(text, behind)
    return (behind + 1 if at == LAST else BAD), count


@inlined
def add_texts(text, buffers, languages, scratch):
    """Append the texts noted for a line to the columns, by the alphabet of languages."""
    labels, descriptions, ranges = languages.label_places, languages.description_places, languages.alias_ranges
    for number in languages.order:
        if labels[number, 1] == 0 and descriptions[number, 1] == 0 and ranges[number, 0] == ranges[number, 1]:
            continue
        row = buffers.labels.size[0]
        buffers.languages[row] = number
        buffers.has_label[row] = labels[number, 1] > 0
        buffers.has_description[row] = descriptions[number, 1] > 0
        put(text, labels[number, 0], labels[number, 1], buffers.labels)
        put(text, descriptions[number, 0], descriptions[number, 1], buffers.descriptions)
        for alias in range(ranges[number, 0], ranges[number, 1]):
            put(text, scratch.alias_places[alias, 0], scratch.alias_places[alias, 1], buffers.aliases)
        buffers.alias_ends[row] = buffers.aliases.size[0]
    forget_texts(languages)


@compiled
def forget_texts(languages):
    """Forget what was noted for a line."""
    languages.label_places[:] = 0
    languages.description_places[:] = 0
    languages.alias_ranges[:] = 0


@compiled
def _unknown(text, key, end, state):
    """Pass over the texts of a language that is not wanted, or stop so that its code is learnt."""
    if not state[LEARNS]:
        return value_end(text, end + 2)
    state[CODE_BEGIN], state[CODE_END] = key, end
    return BAD
