"""Scanned items to record batches: owns the buffers, lets them grow, teaches the scan new language codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.wikidata.cleaning import clean_array
from pipeline.wikidata.columns import ItemOptions
from pipeline.wikidata.entity_json import MAX_LANGUAGE_FIELDS
from pipeline.wikidata.kinds import page_kind
from pipeline.wikidata.scan import buffers as layout
from pipeline.wikidata.scan.buffers import Strings
from pipeline.wikidata.scan.items import scan
from pipeline.wikidata.scan.plain_text import PLAIN_LETTERS, mark_doubtful
from pipeline.wikidata.sitelinks import SitelinkColumns
from pipeline.wikidata.texts import texts_column
from pipeline.wikis.languages import other_wikis
from schemas import ENTITIES, TRIPLES, Table

MAX_TEXT_BYTES = 8 * 1024 * 1024
"""More bytes at once are not scanned: the buffers would have to have room for as many more."""
MAX_LANGUAGES = 1000
"""So many codes are learnt, each at the price of reading its line anew; a dump has some 600."""
_ROOM = 2 * 1024 * 1024
"""So many bytes more than needed are made room for at a time."""


class ItemScanner:
    """Gathers the rows of items from the bytes of their lines; `take` hands out what came together."""

    def __init__(self, options: ItemOptions, *, ids_seen: set[str], sitelinks: SitelinkColumns) -> None:
        """Args:
        options: what is kept of an item.
        ids_seen: ids that came before; those of the items scanned are added.
        sitelinks: where the links go.
        """
        languages = None if options.languages is None else sorted(options.languages)
        self._wanted = None if languages is None else frozenset(languages)
        self._codes: list[str] = list(languages or ())
        self._languages = layout.number_languages(self._codes, self._wanted)
        self._buffers = layout.empty_buffers()
        # Where the decoder makes dictionaries of all languages, it also looks at the texts that are not kept.
        learns = languages is None or len(languages) > MAX_LANGUAGE_FIELDS
        self._scratch = layout.empty_scratch(learns=learns, **_wikis_with_a_page(options))
        self._ids_seen, self._sitelinks = ids_seen, sitelinks
        self._kinds, self._page_classes = options.kinds, pa.array(list(options.kinds), pa.string())
        self._lines, self._lines_are_utf8 = b"", True
        self._room = 0
        """Bytes of JSON that there is room for without looking."""
        self._sizes_before = self._buffers.sizes.copy()
        self._fates_before = self._buffers.fates.copy()
        self._num_cleaned = 0

    def __len__(self) -> int:
        """Count the items gathered since the last `take`."""
        return int(self._buffers.ids.size[0])

    def scan(self, data: bytes, at: int, max_items: int, max_bytes: int) -> int:
        """Read items from the line at `at` on, until one that is not read here, or whose id came before.

        Args:
            data: lines, each with its newline.
            at: where to begin.
            max_items: stop when so many items have been added.
            max_bytes: stop when they have so many bytes of JSON, or more.

        Returns:
            Where the first line begins that has not been read.
        """
        self._sizes_before[:], self._fates_before[:] = self._buffers.sizes, self._buffers.fates
        if len(data) - at > MAX_TEXT_BYTES or not data.endswith(b"\n") or not self._is_utf8(data):
            return at
        behind = self._scan(data, at, max_items, max_bytes)
        ids = self._last_ids()
        if not self._ids_seen.isdisjoint(ids) or len(set(ids)) < len(ids):
            self._undo()
            return at
        self._ids_seen.update(ids)
        return behind

    def _is_utf8(self, lines: bytes) -> bool:
        """Whether lines are UTF-8; looked through once, however often they are scanned from another place."""
        if lines is not self._lines:
            self._lines, self._lines_are_utf8 = lines, is_utf8(lines)
        return self._lines_are_utf8

    def _scan(self, data: bytes, at: int, max_items: int, max_bytes: int) -> int:
        """Do the same, from a place before which all languages are known to the next that is not, and on from there."""
        self._reserve(len(data) - at)
        text = np.frombuffer(data, np.uint8)
        state = self._scratch.state
        while True:
            begins, ends = self.last_places()
            items_left, bytes_left = max_items - len(ends), max_bytes - sum(ends) + sum(begins)
            at = scan(text, at, items_left, bytes_left, self._buffers, self._languages, self._scratch)
            if not state[layout.CODE_END] or len(self._codes) >= MAX_LANGUAGES:
                return at
            self._codes.append(data[state[layout.CODE_BEGIN] : state[layout.CODE_END]].decode())
            self._languages = layout.number_languages(self._codes, self._wanted)

    def _last_ids(self) -> list[str]:
        """Ids of the items that the last call of `scan` added."""
        ids = self._buffers.ids
        before, begin = self._sizes_before[0]
        ends = ids.ends[before : len(self)].tolist()
        text = ids.data[begin : ids.size[1]].tobytes().decode("ascii")
        return [text[low - begin : high - begin] for low, high in zip([begin, *ends], ends, strict=False)]

    def last_places(self) -> tuple[list[int], list[int]]:
        """Where the JSON of each item that the last call of `scan` added begins, and where it ends, in its data."""
        added = slice(self._sizes_before[0, 0], len(self))
        return self._buffers.line_begins[added].tolist(), self._buffers.line_ends[added].tolist()

    def _undo(self) -> None:
        """Take back what the last call of `scan` added."""
        self._buffers.sizes[:], self._buffers.fates[:] = self._sizes_before, self._fates_before

    @property
    def counts(self) -> Counter[str]:
        """Statements by what became of them, and texts that had to be cleaned."""
        fates = zip(layout.FATES, self._buffers.fates.tolist(), strict=True)
        return +Counter({f"statements_{fate}": n for fate, n in fates} | {"texts_cleaned": self._num_cleaned})

    def take(self) -> dict[Table, pa.RecordBatch]:
        """Give the rows of the items since the last call, by table; their sitelinks go to those of the whole range."""
        buffers = self._buffers
        ids, objects = _string_array(buffers.ids), _string_array(buffers.objects)
        num_links = np.diff(buffers.link_ends[: len(self)], prepend=np.int32(0))
        rows = {ENTITIES: self._entities(ids, objects, num_links), TRIPLES: self._triples(ids, objects)}
        titles, doubtful = _string_array(buffers.titles), _doubtful(buffers.titles)
        self._sitelinks.add_columns(ids, num_links, _string_array(buffers.wikis), titles, doubtful)
        buffers.sizes[:] = 0
        return {table: batch for table, batch in rows.items() if batch.num_rows}

    def _entities(self, ids: pa.StringArray, objects: pa.StringArray, num_links: np.ndarray) -> pa.RecordBatch:
        buffers, schema = self._buffers, ENTITIES.columns
        class_ends = _offsets(buffers.class_ends[: len(self)])
        classes = objects.take(pa.array(buffers.class_rows[: buffers.sizes[layout.CLASSES, 0]]))
        instance_of = pa.ListArray.from_arrays(pa.array(class_ends), classes, type=schema.field("instance_of").type)
        kinds = pa.array(self._page_kinds(classes, class_ends), pa.string())
        return pa.RecordBatch.from_arrays([ids, instance_of, kinds, pa.array(num_links), self._texts()], schema=schema)

    def _page_kinds(self, classes: pa.StringArray, ends: np.ndarray) -> list[str | None]:
        """Find each item's page kind by its classes, of which item `i` has those from `ends[i]` to `ends[i + 1]`."""
        kinds: list[str | None] = [None] * (len(ends) - 1)
        hits = np.flatnonzero(pc.is_in(classes, self._page_classes).to_numpy(zero_copy_only=False))
        for item in set((np.searchsorted(ends, hits, side="right") - 1).tolist()):
            kinds[item] = page_kind(classes[ends[item] : ends[item + 1]].to_pylist(), self._kinds)
        return kinds

    def _triples(self, ids: pa.StringArray, objects: pa.StringArray) -> pa.RecordBatch:
        buffers, num_triples = self._buffers, len(objects)
        subjects = ids.take(pa.array(buffers.subjects[:num_triples]))
        ranks = _named(buffers.ranks[:num_triples].astype(np.int32), layout.RANKS)
        arrays = [subjects, _string_array(buffers.relations), objects, ranks]
        return pa.RecordBatch.from_arrays(arrays, schema=TRIPLES.columns)

    def _texts(self) -> pa.ListArray:
        buffers, num_rows = self._buffers, int(self._buffers.labels.size[0])
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
        self._num_cleaned += changed
        return column

    def _reserve(self, num_bytes: int) -> None:
        """Make room for what `num_bytes` of JSON can hold."""
        self._room -= num_bytes
        if self._room < 0:
            self._room = _ROOM
            self._buffers, self._scratch = layout.with_room(self._buffers, self._scratch, num_bytes + _ROOM)


def _wikis_with_a_page(options: ItemOptions) -> dict[str, Any]:
    """Return what the scan has to know of the wikis where an item has to have a page."""
    if not options.rows.only_linked:
        return {}
    if options.wikis is None:
        return {"linked": layout.ON_WIKIPEDIA, "wikis": sorted(other_wikis())}
    return {"linked": layout.ON_NAMED, "wikis": options.wikis}


def compile_now() -> None:
    """Compile the scan, so that processes to come find its code on disk."""
    scanner = ItemScanner(ItemOptions(languages=("en",)), ids_seen=set(), sitelinks=SitelinkColumns(None))
    scanner.scan(b'{"type":"item","id":"Q1"}\n', 0, 1, 1)
    scanner.take()


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


def is_utf8(lines: bytes) -> bool:
    """Whether bytes are UTF-8."""
    if lines.isascii():
        return True
    try:
        lines.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
