"""What the scan of items writes to: arrays longer than what they hold, with their sizes beside them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.wikidata.scan.strings import hash_of

NUM_STRINGS = 8
CLASSES = NUM_STRINGS
"""Place of the number of `class_rows` in `Buffers.sizes`, behind the sizes of the eight columns of strings."""

RANKS = ("preferred", "normal", "deprecated")
"""Ranks by number."""
FATES = (
    *("item_value", "literal_value", "somevalue", "novalue", "without_value"),
    *("property_value", "lexeme_value", "form_value", "sense_value", "seen", "not_of_best_rank"),
)
"""What `Buffers.fates` counts: the kinds of values a statement can have, and two more."""
NUM_KINDS = 9
PROPERTY_NUMBERS = 1 << 17
"""Properties with a higher number are not read here; the highest of 2026 is below P15000."""
LINK_HASHES = 1 << 12

LINE, CODE_BEGIN, CODE_END, LEARNS, LINKED = range(5)
"""Places in `Scratch.state`."""
ANY_ITEM, ON_NAMED, ON_WIKIPEDIA = range(3)
"""Which items are read: all, those with a page on one of the named wikis, those with one on any Wikipedia."""


class Strings(NamedTuple):
    """Strings one behind the other: `Q5` and `Q64` are the bytes `Q5Q64`, the ends 2 and 5, and the size (2, 5)."""

    data: np.ndarray
    """uint8: their UTF-8."""
    ends: np.ndarray
    """int32: where each ends in `data`."""
    size: np.ndarray
    """int64 [2]: how many there are, and their bytes together. A row of `Buffers.sizes`."""


class Buffers(NamedTuple):
    """Columns of items."""

    ids: Strings
    labels: Strings
    descriptions: Strings
    aliases: Strings
    relations: Strings
    objects: Strings
    wikis: Strings
    titles: Strings
    sizes: np.ndarray
    """int64 [NUM_STRINGS + 1, 2]."""
    line_begins: np.ndarray
    """int64, by item: where its JSON begins in the bytes it came from."""
    line_ends: np.ndarray
    """int64, by item: where it ends there."""
    text_ends: np.ndarray
    """int32, by item: how many rows of texts there are up to its last."""
    class_ends: np.ndarray
    """int32, by item: the same of `class_rows`."""
    link_ends: np.ndarray
    """int32, by item: the same of `wikis` and `titles`."""
    languages: np.ndarray
    """int32, by row of texts: number of its language."""
    has_label: np.ndarray
    """bool, by row of texts; the label is empty where it is False."""
    has_description: np.ndarray
    """bool, by row of texts."""
    alias_ends: np.ndarray
    """int32, by row of texts: how many aliases there are up to its last."""
    subjects: np.ndarray
    """int32, by triple: its item's number among the items."""
    ranks: np.ndarray
    """uint8, by triple."""
    class_rows: np.ndarray
    """int32: triples whose relation is P31."""
    fates: np.ndarray
    """int64, as `FATES`: statements so far."""


class Names(NamedTuple):
    """Names by number, to be found by their letters."""

    table: np.ndarray
    """int32, a power of two long: the number of the name whose hash leads here, -1 for none."""
    codes: np.ndarray
    """uint8: all names one behind the other."""
    ends: np.ndarray
    """int32: where each ends in `codes`."""


class Languages(NamedTuple):
    """Label codes by number, and what is noted by language while a line is read."""

    table: np.ndarray
    """As `Names.table`."""
    codes: np.ndarray
    """As `Names.codes`."""
    ends: np.ndarray
    """As `Names.ends`."""
    order: np.ndarray
    """int32: numbers of the codes that are kept, by the alphabet."""
    label_places: np.ndarray
    """int64 [codes, 2]: where the label begins and ends in the line; 0 for none."""
    description_places: np.ndarray
    """int64 [codes, 2]: the same of the description."""
    alias_ranges: np.ndarray
    """int64 [codes, 2]: first and last but one of the aliases in `Scratch.alias_places`."""


class Scratch(NamedTuple):
    """What else is noted while a line is read."""

    state: np.ndarray
    """int64 [5]: number of the line, where an unknown code begins and ends, whether those stop the scan, and which items have
    to have a page: `ANY_ITEM`, `ON_NAMED` or `ON_WIKIPEDIA`."""
    wikis: Names
    """The wikis where an item has to have a page; for `ON_WIKIPEDIA` those that are none though their names end as if."""
    properties: np.ndarray
    """int64 [PROPERTY_NUMBERS]: the last line in which each property came."""
    alias_places: np.ndarray
    """int64 [n, 2]: where each alias of the line begins and ends."""
    links: np.ndarray
    """int64 [LINK_HASHES]: number of the last link to a wiki of each hash."""
    place: np.ndarray
    """int64 [2]: where a title begins and ends."""
    tallies: np.ndarray
    """int64 [ranks, kinds of values]: statements of one property."""
    saved_sizes: np.ndarray
    """As `Buffers.sizes`: before the line."""
    saved_fates: np.ndarray
    """As `Buffers.fates`: before the line."""


_ITEM, _TEXT, _TRIPLE = "ids", "labels", "objects"
_ENTRIES: dict[str, tuple[str, type]] = {
    "line_begins": (_ITEM, np.int64),
    "line_ends": (_ITEM, np.int64),
    "text_ends": (_ITEM, np.int32),
    "class_ends": (_ITEM, np.int32),
    "link_ends": (_ITEM, np.int32),
    "languages": (_TEXT, np.int32),
    "has_label": (_TEXT, np.bool_),
    "has_description": (_TEXT, np.bool_),
    "alias_ends": (_TEXT, np.int32),
    "subjects": (_TRIPLE, np.int32),
    "ranks": (_TRIPLE, np.uint8),
    "class_rows": (_TRIPLE, np.int32),
}
"""Arrays of the buffers besides strings, each with the strings it is as long as."""
_LEAST_BYTES_OF_ENTRY = 8
"""No alias, statement, sitelink or text takes fewer bytes of JSON than this."""


def empty_buffers() -> Buffers:
    """Buffers without room for anything."""
    sizes = np.zeros((NUM_STRINGS + 1, 2), np.int64)
    fields: dict[str, Any] = {"sizes": sizes, "fates": np.zeros(len(FATES), np.int64)}
    for name, size in zip(Buffers._fields, sizes[:NUM_STRINGS], strict=False):
        fields[name] = Strings(np.empty(0, np.uint8), np.empty(0, np.int32), size)
    for name, (_, kind) in _ENTRIES.items():
        fields[name] = np.empty(0, kind)
    return Buffers(**fields)


def empty_scratch(*, learns: bool, linked: int = ANY_ITEM, wikis: Sequence[str] = ()) -> Scratch:
    """Scratch without room for aliases.

    Args:
        learns: whether unknown codes stop the scan.
        linked, wikis: which items are read, see `Scratch.wikis`.
    """
    state = np.zeros(5, np.int64)
    state[LEARNS], state[LINKED] = learns, linked
    return Scratch(
        state=state,
        wikis=number_names(wikis),
        properties=np.zeros(PROPERTY_NUMBERS, np.int64),
        alias_places=np.empty((0, 2), np.int64),
        links=np.zeros(LINK_HASHES, np.int64),
        place=np.zeros(2, np.int64),
        tallies=np.zeros((len(RANKS), NUM_KINDS), np.int64),
        saved_sizes=np.zeros((NUM_STRINGS + 1, 2), np.int64),
        saved_fates=np.zeros(len(FATES), np.int64),
    )


def with_room(buffers: Buffers, scratch: Scratch, num_bytes: int) -> tuple[Buffers, Scratch]:
    """Give the same, with room for what `num_bytes` more of JSON can hold."""
    num_entries = num_bytes // _LEAST_BYTES_OF_ENTRY + 1
    fields = buffers._asdict()
    for name, column in fields.items():
        if isinstance(column, Strings):
            count, size = column.size.tolist()
            data, ends = _grown(column.data, size, num_bytes), _grown(column.ends, count, num_entries)
            fields[name] = Strings(data, ends, column.size)
        elif name in _ENTRIES:
            fields[name] = _grown(column, int(fields[_ENTRIES[name][0]].size[0]), num_entries)
    return Buffers(**fields), scratch._replace(alias_places=_grown(scratch.alias_places, 0, num_entries))


def _grown(array: np.ndarray, used: int, more: int) -> np.ndarray:
    """Give the array, or a longer copy where it has no room for `more` entries behind those in use."""
    if used + more <= len(array):
        return array
    grown = np.empty((max(used + more, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[:used] = array[:used]
    return grown


def number_names(names: Sequence[str]) -> Names:
    """Names by their place in a list, with a table to find them in.

    The hash of `en` is 101 · 31 + 110 = 3,241. A table of one name has 32 places, and `en` is at 3,241 & 31 = 9, or behind it
    at the first place that was free.
    """
    encoded = [name.encode() for name in names]
    table = np.full(1 << (4 * len(names) + 16).bit_length(), -1, np.int32)
    for number, name in enumerate(encoded):
        place = hash_of.py_func(name, 0, len(name)) & len(table) - 1
        while table[place] >= 0:
            place = (place + 1) & len(table) - 1
        table[place] = number
    ends = np.cumsum([len(name) for name in encoded], dtype=np.int32)
    return Names(table, np.frombuffer(b"".join(encoded), np.uint8), ends)


def number_languages(codes: Sequence[str], wanted: Collection[str] | None) -> Languages:
    """Codes by their place in a list; texts are kept in those `wanted`, None keeps all."""
    kept = [number for number, code in enumerate(codes) if wanted is None or code in wanted]
    return Languages(
        *number_names(codes),
        order=np.array(sorted(kept, key=codes.__getitem__), np.int32),
        label_places=np.zeros((len(codes), 2), np.int64),
        description_places=np.zeros((len(codes), 2), np.int64),
        alias_ranges=np.zeros((len(codes), 2), np.int64),
    )
