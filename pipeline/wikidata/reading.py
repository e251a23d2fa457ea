"""Lines of one range of a Wikidata dump to a task's output, every entity in them accounted for.

    lines ─▶ compiled code (scan), for runs of ordinary items ─┬─▶ record batches ─▶ shards
         └─▶ decoder (columns), for any other line ────────────┘

A dump's first line is `[`, then one entity a line with a comma at its end except the last, then `]`. Files made by others
may have the bracket on an entity's line, carriage returns, a byte order mark, zero padding, no brackets at all, or several
entities in some lines (`layout` is for those with other line breaks). The rows are the same, and in the order of the lines,
whichever way reads them.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dumps.ranges import ByteRange, Lines
from pipeline.dumps.ranges.chunk import Chunk
from pipeline.run.task_output import TaskOutput
from pipeline.wikidata.columns import EntityColumns, ItemOptions
from pipeline.wikidata.decoding import EntityRefused
from pipeline.wikidata.layout import EntitySplitter, entity_text
from pipeline.wikidata.merged import resolve_rows
from schemas import ENTITIES, RELATIONS, SITELINKS, TRIPLES, Table

if TYPE_CHECKING:
    from pipeline.wikidata.scan.scanner import ItemScanner

ENTITIES_PER_BATCH = 1024
BYTES_PER_BATCH = 32 * 1024 * 1024
"""Rows are handed on when this many entities, or decoded bytes, have come together."""
UNIT_WORDS = {"gz": "gzip member", "bz2": "bzip2 block", "zst": "zstd frame", "xz": "xz stream"}


class EntityReading:
    """Takes the entities of one range to its output."""

    def __init__(
        self,
        options: ItemOptions,
        span: ByteRange,
        out: TaskOutput,
        *,
        scans: bool,
        max_line_bytes: int,
        check_keys_every: int,
    ) -> None:
        """Args:
        options: what is kept of each entity.
        span: the range.
        out: where the rows go.
        scans: whether compiled code is used where it can be. Getting it ready takes half a second, and many seconds the
            first time ever.
        max_line_bytes: longest line that is read.
        check_keys_every: of so many entities one is looked through for doubled keys; 0 for none.
        """
        self._columns, self._span, self._out, self._max_line_bytes = EntityColumns(options), span, out, max_line_bytes
        self._scanner = _open_scanner(options, self._columns) if scans and can_scan(options) else None
        self._runs: list[dict[Table, pa.RecordBatch]] = []
        """Rows of runs of lines that were read one way, each before a run that was read the other way."""
        self._num_in_runs = 0
        self._every = check_keys_every or sys.maxsize
        self._number = int(check_keys_every == 0)
        """Entities so far; one too many where none is to be looked through."""
        self._gathered = 0
        """Bytes of JSON since the last batch."""
        self._filter, self._merged = options.rows, options.merged
        self._left = sys.maxsize
        """Entities that may still be read."""

    def stop_after(self, max_entities: int) -> None:
        """Read so many entities and no more."""
        self._left = max_entities

    @property
    def is_full(self) -> bool:
        """Whether as many entities have been read as were asked for."""
        return self._left <= 0

    def add_lines(self, lines: Lines) -> None:
        """Add the entity of each line; reject a line over the limit."""
        if lines.oversize:
            self.refuse(
                "too_large", f"the line has {lines.oversize:,} bytes, the limit is {self._max_line_bytes:,}", lines
            )
            return
        data, at = lines.data, 0
        while at < len(data) and not self.is_full:
            behind = self._scan(data, at)
            if behind == at:
                behind = data.index(b"\n", at) + 1
                text = entity_text(data[at : behind - 1])
                if text:
                    self.add(text, lines, at)
            at = behind

    def refuse(self, reason: str, detail: str, lines: Lines) -> None:
        """Reject the entity that begins with a line."""
        self._out.ledger.read()
        self._reject(reason, detail, lines.data.partition(b"\n")[0], lines, 0)
        self._left -= 1

    def __len__(self) -> int:
        """Return the number of entities whose rows have not been handed on."""
        return self._num_in_runs + len(self._columns) + (0 if self._scanner is None else len(self._scanner))

    def _scan(self, data: bytes, at: int) -> int:
        """Add a run of ordinary items; returns where the line begins that ends it."""
        if self._scanner is None:
            return at
        room = min(ENTITIES_PER_BATCH - len(self), self._left)
        behind = self._scanner.scan(data, at, room, BYTES_PER_BATCH - self._gathered)
        begins, ends = self._scanner.last_places()
        if not ends:
            return at
        if self._columns.has_items:
            self._end_run(self._columns)
        self._out.ledger.read(len(ends))
        self._out.ledger.keep(len(ends))
        for index in range(-self._number % self._every, len(ends), self._every):
            self._check_keys(data[begins[index] : ends[index]])
        self._after(len(ends), sum(ends) - sum(begins))
        return behind

    def _end_run(self, read_by: EntityColumns | ItemScanner | None) -> None:
        """Put away the rows of lines that were read one way, before a line that is read the other way."""
        if read_by is not None and len(read_by):
            self._num_in_runs += len(read_by)
            self._runs.append(read_by.take())

    def add(self, text: bytes, lines: Lines, at: int) -> None:
        """Add one entity, which is at place `at` of its lines, and account for it."""
        ledger, reason = self._out.ledger, None
        try:
            reason = self._columns.add(text)
        except EntityRefused as refused:
            if refused.reason in ("json_syntax", "unknown_type") and self._add_each(text, lines, at):
                return
            reason = refused.reason
            ledger.read()
            self._reject(reason, refused.detail, text, lines, at, record=refused.record)
        else:
            ledger.read()
            if self._columns.has_items:  # those of the scan come before it; properties have a table of their own
                self._end_run(self._scanner)
            if reason is None:
                ledger.keep()
            else:
                ledger.drop(reason)
        if reason is None and self._number % self._every == 0:
            self._check_keys(text)
        self._after(1, len(text))

    def _add_each(self, text: bytes, lines: Lines, at: int) -> bool:
        """Add the entities of a line that is no entity: an answer of the API, or several of a list; returns whether it is."""
        splitter = EntitySplitter(self._max_line_bytes)
        found = list(splitter.split(Chunk(text, lines.unit, 0, True)))
        if not splitter.is_between or not found or found[0].text == text:
            return False
        for one in found:
            if not self.is_full:
                self.add(one.text, lines, at + one.offset)
        return True

    def _check_keys(self, text: bytes) -> None:
        self._out.ledger.count("entities_checked_for_doubled_keys", 1)
        self._out.ledger.count("doubled_keys", num_doubled_keys(text))

    def _after(self, num_entities: int, num_bytes: int) -> None:
        """Note that so much more has been read; hand rows on when there are enough."""
        self._number += num_entities
        self._left -= num_entities
        self._gathered += num_bytes
        if len(self) >= ENTITIES_PER_BATCH or self._gathered >= BYTES_PER_BATCH:
            self._write()

    def _reject(
        self, reason: str, detail: str, text: bytes, lines: Lines, at: int, *, record: str | None = None
    ) -> None:
        if self._span.form in UNIT_WORDS:
            detail = f"{detail}, in the {UNIT_WORDS[self._span.form]} at byte {lines.unit}"
        self._out.ledger.reject(reason, offset=lines.offset + at, detail=detail, excerpt=text, record=record)

    def _write(self) -> None:
        self._end_run(self._columns)
        self._end_run(self._scanner)
        rows = self._chosen(_joined(self._runs))
        for table, batch in rows.items():
            self._out.write(table, batch)
        for name, n in count_empty_fields(rows).items():
            self._out.ledger.count(name, n)
        self._runs, self._num_in_runs, self._gathered = [], 0, 0

    def _chosen(self, rows: dict[Table, pa.RecordBatch]) -> dict[Table, pa.RecordBatch]:
        """Return the rows that are written, with items for merged ones; what is left out is accounted for."""
        ledger = self._out.ledger
        if self._merged is not None:
            rows, num_resolved = resolve_rows(self._merged, rows)
            ledger.count("triples_of_merged_objects", num_resolved)
        if self._filter.keeps_all:
            return rows
        rows, left_out = self._filter.apply(rows, self._columns.sitelinks, ledger.counters)
        ledger.keep(-left_out.total())
        for reason, n in left_out.items():
            ledger.drop(reason, n)
        return rows

    def counts(self) -> Counter[str]:
        """Return counts of all lines besides those of rows: statements by what became of them, cleaned texts, lost links."""
        scanned = Counter() if self._scanner is None else self._scanner.counts
        return self._columns.counts() + scanned

    def finish(self) -> None:
        """Hand on what is left, and all counts."""
        self._write()
        self._out.write(SITELINKS, self._columns.sitelinks.take())
        for name, n in self.counts().items():
            self._out.ledger.count(name, n)


def can_scan(options: ItemOptions) -> bool:
    """Whether compiled code can do what is asked for: it keeps the best ranks alone, no literals and no qualifiers."""
    return options.ranks == "best" and not options.literals and not options.qualifiers


def _open_scanner(options: ItemOptions, columns: EntityColumns) -> ItemScanner:
    # Imported here because Numba takes a third of a second and 60 MB.
    from pipeline.wikidata.scan.scanner import ItemScanner

    return ItemScanner(options, ids_seen=columns.ids_seen, sitelinks=columns.sitelinks)


def _joined(runs: list[dict[Table, pa.RecordBatch]]) -> dict[Table, pa.RecordBatch]:
    """Return the rows of all runs by table."""
    if len(runs) == 1:
        return runs[0]
    tables = dict.fromkeys(table for run in runs for table in run)
    return {table: pa.concat_batches([run[table] for run in runs if table in run]) for table in tables}


def num_doubled_keys(line: bytes) -> int:
    """How many keys of a line that could be decoded are overruled by a later one of the same name, at any depth.

    The decoder of entities takes such a line as any other. To see it, the line has to be read once more, and slower: that is
    why only some lines of a dump are looked at. Who writes one doubled key has a mistake in what writes the dump, and so many.
    """
    doubled = 0

    def look(pairs: list[tuple[str, object]]) -> None:
        nonlocal doubled
        doubled += len(pairs) - len({key for key, _ in pairs})

    try:
        json.loads(line, object_pairs_hook=look, parse_int=str, parse_float=str, strict=False)
    except (ValueError, RecursionError):
        return 0  # something odd in a field that tables do not need, and that the decoder passes over unread
    return doubled


def count_empty_fields(rows: Mapping[Table, pa.RecordBatch]) -> Counter[str]:
    """Count by field of the rows that have nothing in it: dumps write `{}`, `[]` or no field at all.

    The rows belong together: the triples are those of the entities.
    """
    counts: Counter[str] = Counter()
    for table in (ENTITIES, RELATIONS):
        if table in rows:
            counts[f"{table.name}_without_label"] = rows[table].num_rows - _num_labelled(rows[table].column("texts"))
    if ENTITIES in rows:
        entities = rows[ENTITIES]
        with_triples = pc.count_distinct(rows[TRIPLES].column("subject")).as_py() if TRIPLES in rows else 0
        counts["entities_without_triples"] = entities.num_rows - with_triples
        counts["entities_without_sitelinks"] = pc.sum(pc.equal(entities.column("num_sitelinks"), 0)).as_py()
    return +counts


def _num_labelled(texts: pa.ListArray) -> int:
    """Rows with a label in at least one language."""
    has_label = pc.is_valid(pc.struct_field(pc.list_flatten(texts), "label"))
    return int(pc.count_distinct(pc.list_parent_indices(texts).filter(has_label)).as_py())
