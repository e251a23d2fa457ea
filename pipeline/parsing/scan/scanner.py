"""Scanned items to record batches: owns the buffers, lets them grow, teaches the scan new language codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.parsing.entity_kinds import CLASSES as PAGE_CLASSES
from pipeline.parsing.entity_kinds import page_kind
from pipeline.parsing.scan import buffers as layout
from pipeline.parsing.scan.buffers import Buffers, Languages, Scratch, Strings
from pipeline.parsing.scan.items import scan
from pipeline.parsing.scan.plain_text import PLAIN_LETTERS, mark_doubtful
from pipeline.parsing.scan.strings import slot_of
from pipeline.parsing.text_cleaning import clean_array
from pipeline.parsing.text_columns import texts_column
from schemas import ENTITIES, TRIPLES

MAX_TEXT_BYTES = 8 * 1024 * 1024
"""More bytes at once are not scanned: the buffers would have to have room for as many more."""
_ROOM = 2 * 1024 * 1024
"""So many bytes more than needed are made room for at a time."""
_LEAST_BYTES_OF_ENTRY = 8
"""No alias, statement, sitelink or text takes fewer bytes of JSON than this."""
_ITEM, _TEXT, _TRIPLE = ("ids", "labels", "objects")
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
_PAGE_CLASSES = pa.array([entity for classes in PAGE_CLASSES.values() for entity in classes])


class ScannedItems(NamedTuple):
    """Rows of the items scanned."""

    entities: pa.RecordBatch
    triples: pa.RecordBatch
    ids: pa.StringArray
    """Ids of the items, for their links."""
    num_links: np.ndarray
    wikis: pa.StringArray
    titles: pa.StringArray
    doubtful_titles: pa.BooleanArray
    """Which titles may have to be cleaned."""


class ItemScanner:
    """Gathers the rows of items from the bytes of their lines; `take` hands out what came together."""

    def __init__(self, languages: Sequence[str] | None, *, learns: bool) -> None:
        """Args:
        languages: label codes to keep; None keeps all.
        learns: whether texts in other languages are read too, and not kept; always so where all are kept.
        """
        self._wanted = None if languages is None else frozenset(languages)
        self._codes: list[str] = list(languages or ())
        self._languages = _languages(self._codes, self._wanted)
        self._sizes = np.zeros((layout.NUM_STRINGS + 1, 2), np.int64)
        self._buffers = _empty_buffers(self._sizes)
        self._scratch = _scratch(self._sizes, self._buffers.fates)
        self._scratch.state[layout.LEARNS] = learns or languages is None
        self._room = 0
        """Bytes of JSON that there is room for without looking."""
        self._before = self._sizes.copy()
        self._fates_before = self._buffers.fates.copy()
        self.counts: Counter[str] = Counter()
        """Texts that had to be cleaned."""

    def __len__(self) -> int:
        """Number of items gathered since the last `take`."""
        return int(self._sizes[0, 0])

    def scan(self, data: bytes, at: int, max_items: int, max_bytes: int) -> int:
        """Read items from the line at `at` on, until one that is not read here.

        Args:
            data: lines in UTF-8, each with its newline.
            at: where to begin.
            max_items: stop when so many items have been added.
            max_bytes: stop when they have so many bytes of JSON, or more.

        Returns:
            Where the first line begins that has not been read.
        """
        self._before[:], self._fates_before[:] = self._sizes, self._buffers.fates
        if len(data) - at > MAX_TEXT_BYTES or not data.endswith(b"\n"):
            return at
        self._reserve(len(data) - at)
        text = np.frombuffer(data, np.uint8)
        state, first = self._scratch.state, len(self)
        while True:
            added = len(self) - first
            at = scan(text, at, max_items - added, max_bytes, self._buffers, self._languages, self._scratch)
            if not state[layout.CODE_END]:
                return at
            self._codes.append(data[state[layout.CODE_BEGIN] : state[layout.CODE_END]].decode())
            self._languages = _languages(self._codes, self._wanted)

    def last_ids(self) -> list[str]:
        """Ids of the items that the last call of `scan` added."""
        before, begin = self._before[0]
        ends = self._buffers.ids.ends[before : len(self)].tolist()
        text = self._buffers.ids.data[begin : self._sizes[0, 1]].tobytes().decode("ascii")
        return [text[low - begin : high - begin] for low, high in zip([begin, *ends], ends, strict=False)]

    def last_places(self) -> tuple[list[int], list[int]]:
        """Where the JSON of each item that the last call of `scan` added begins, and where it ends, in its data."""
        added = slice(self._before[0, 0], len(self))
        return self._buffers.line_begins[added].tolist(), self._buffers.line_ends[added].tolist()

    def undo(self) -> None:
        """Take back what the last call of `scan` added."""
        self._sizes[:], self._buffers.fates[:] = self._before, self._fates_before

    def fates(self) -> Counter[str]:
        """Statements so far, by what became of them."""
        counted = zip(layout.FATES, self._buffers.fates.tolist(), strict=True)
        return +Counter({f"statements_{fate}": n for fate, n in counted})

    def take(self) -> ScannedItems:
        """The rows of the items since the last call."""
        buffers, num_items = self._buffers, len(self)
        ids, objects = _string_array(buffers.ids), _string_array(buffers.objects)
        link_ends = buffers.link_ends[:num_items]
        num_links = np.diff(link_ends, prepend=np.int32(0))
        texts = self._take_texts()
        class_ends = _offsets(buffers.class_ends[:num_items])
        classes = objects.take(pa.array(buffers.class_rows[: self._sizes[layout.CLASSES, 0]]))
        instance_of = pa.ListArray.from_arrays(
            pa.array(class_ends), classes, type=ENTITIES.columns.field("instance_of").type
        )
        kinds = pa.array(_page_kinds(classes, class_ends), pa.string())
        entities = pa.RecordBatch.from_arrays(
            [ids, instance_of, kinds, pa.array(num_links), texts], schema=ENTITIES.columns
        )
        num_triples = len(objects)
        ranks = _named(buffers.ranks[:num_triples].astype(np.int32), layout.RANKS)
        subjects = ids.take(pa.array(buffers.subjects[:num_triples]))
        triples = pa.RecordBatch.from_arrays(
            [subjects, _string_array(buffers.relations), objects, ranks], schema=TRIPLES.columns
        )
        wikis, titles = _string_array(buffers.wikis), _string_array(buffers.titles)
        doubtful = _doubtful(buffers.titles)
        self._sizes[:] = 0
        return ScannedItems(entities, triples, ids, num_links, wikis, titles, doubtful)

    def _take_texts(self) -> pa.ListArray:
        buffers, num_rows = self._buffers, int(self._sizes[1, 0])
        return texts_column(
            _named(buffers.languages[:num_rows], self._codes),
            self._clean_array(buffers.labels, buffers.has_label[:num_rows]),
            self._clean_array(buffers.descriptions, buffers.has_description[:num_rows]),
            self._clean_array(buffers.aliases),
            alias_ends=pa.array(_offsets(buffers.alias_ends[:num_rows])),
            ends=pa.array(_offsets(buffers.text_ends[: len(self)])),
        )

    def _clean_array(self, strings: Strings, has: np.ndarray | None = None) -> pa.StringArray:
        column, changed = clean_array(_string_array(strings, has), _doubtful(strings))
        self.counts["texts_cleaned"] += changed
        return column

    def _reserve(self, num_bytes: int) -> None:
        """Make room for what `num_bytes` of JSON can hold."""
        self._room -= num_bytes
        if self._room >= 0:
            return
        self._room, num_bytes = _ROOM, num_bytes + _ROOM
        num_entries = num_bytes // _LEAST_BYTES_OF_ENTRY + 1
        fields = self._buffers._asdict()
        for name, column in fields.items():
            if isinstance(column, Strings):
                count, size = column.size.tolist()
                fields[name] = Strings(
                    _grown(column.data, size, num_bytes), _grown(column.ends, count, num_entries), column.size
                )
            elif name in _ENTRIES:
                fields[name] = _grown(column, int(fields[_ENTRIES[name][0]].size[0]), num_entries)
        self._buffers = Buffers(**fields)
        self._scratch = self._scratch._replace(alias_places=_grown(self._scratch.alias_places, 0, num_entries))


def compile_now() -> None:
    """Compile the scan, so that processes to come find its code on disk."""
    scanner = ItemScanner(("en",), learns=False)
    scanner.scan(b'{"type":"item","id":"Q1"}\n', 0, 1, 1)
    scanner.take()


def _grown(array: np.ndarray, used: int, more: int) -> np.ndarray:
    """The array, or a longer copy where it has no room for `more` entries behind those in use."""
    if used + more <= len(array):
        return array
    grown = np.empty((max(used + more, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[:used] = array[:used]
    return grown


def _empty_buffers(sizes: np.ndarray) -> Buffers:
    fields: dict[str, Any] = {"sizes": sizes, "fates": np.zeros(len(layout.FATES), np.int64)}
    for name, size in zip(Buffers._fields, sizes[: layout.NUM_STRINGS], strict=False):
        fields[name] = Strings(np.empty(0, np.uint8), np.empty(0, np.int32), size)
    for name, (_, kind) in _ENTRIES.items():
        fields[name] = np.empty(0, kind)
    return Buffers(**fields)


def _scratch(sizes: np.ndarray, fates: np.ndarray) -> Scratch:
    return Scratch(
        state=np.zeros(4, np.int64),
        properties=np.zeros(layout.PROPERTY_NUMBERS, np.int64),
        alias_places=np.empty((0, 2), np.int64),
        links=np.zeros(layout.LINK_SLOTS, np.int64),
        place=np.zeros(2, np.int64),
        tallies=np.zeros((len(layout.RANKS), layout.NUM_KINDS), np.int64),
        saved_sizes=np.zeros_like(sizes),
        saved_fates=np.zeros_like(fates),
    )


def _languages(codes: Sequence[str], wanted: frozenset[str] | None) -> Languages:
    """Codes by number, and a table to find their numbers in."""
    encoded = [code.encode() for code in codes]
    table = np.full(1 << (4 * len(codes) + 16).bit_length(), -1, np.int32)
    for number, code in enumerate(encoded):
        slot = slot_of.py_func(code, 0, len(code)) & len(table) - 1
        while table[slot] >= 0:
            slot = (slot + 1) & len(table) - 1
        table[slot] = number
    kept = [number for number, code in enumerate(codes) if wanted is None or code in wanted]
    return Languages(
        table=table,
        codes=np.frombuffer(b"".join(encoded), np.uint8),
        ends=np.cumsum([len(code) for code in encoded], dtype=np.int32),
        order=np.array(sorted(kept, key=codes.__getitem__), np.int32),
        label_places=np.zeros((len(codes), 2), np.int64),
        description_places=np.zeros((len(codes), 2), np.int64),
        alias_ranges=np.zeros((len(codes), 2), np.int64),
    )


def _offsets(ends: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int32), ends])


def _string_array(strings: Strings, has: np.ndarray | None = None) -> pa.StringArray:
    """Make an array of strings; where `has` is given and False, null."""
    count, size = strings.size.tolist()
    offsets, data = pa.py_buffer(_offsets(strings.ends[:count])), pa.py_buffer(strings.data[:size].tobytes())
    if has is None or has.all():
        return pa.StringArray.from_buffers(count, offsets, data)
    valid = pa.py_buffer(np.packbits(has, bitorder="little"))
    return pa.StringArray.from_buffers(count, offsets, data, valid, int(count - has.sum()))


def _doubtful(strings: Strings) -> pa.BooleanArray:
    """Which strings may have to be cleaned."""
    count, size = strings.size.tolist()
    doubtful = np.empty(count, np.bool_)
    mark_doubtful(strings.data[:size], strings.ends[:count], PLAIN_LETTERS, doubtful)
    return pa.array(doubtful)


def _named(numbers: np.ndarray, names: Sequence[str]) -> pa.StringArray:
    return pa.array(names, pa.string()).take(pa.array(numbers))


def _page_kinds(classes: pa.StringArray, ends: np.ndarray) -> list[str | None]:
    """The page kind of each item by its classes, of which item `i` has those from `ends[i]` to `ends[i + 1]`."""
    kinds: list[str | None] = [None] * (len(ends) - 1)
    hits = np.flatnonzero(pc.is_in(classes, _PAGE_CLASSES).to_numpy(zero_copy_only=False))
    for item in set((np.searchsorted(ends, hits, side="right") - 1).tolist()):
        kinds[item] = page_kind(classes[ends[item] : ends[item + 1]].to_pylist())
    return kinds
