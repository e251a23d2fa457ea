"""Entities of one range of a Wikidata dump to a task's output, every one of them accounted for."""

from __future__ import annotations

import sys

from pipeline.dumps.ranges import ByteRange, Lines
from pipeline.run.task_output import TaskOutput
from pipeline.wikidata.columns import EntityColumns
from pipeline.wikidata.decoding import EntityRefused
from pipeline.wikidata.doubled_keys import num_doubled_keys
from pipeline.wikidata.empty_fields import count_empty_fields
from pipeline.wikidata.lines import entity_text
from schemas import SITELINKS

ENTITIES_PER_BATCH = 1024
BYTES_PER_BATCH = 32 * 1024 * 1024
"""Rows are handed on when this many entities, or decoded bytes, have come together."""
UNIT_WORDS = {"gz": "gzip member", "bz2": "bzip2 block", "zst": "zstd frame"}


class EntityReading:
    """Takes the entities of one range to its output."""

    def __init__(
        self, columns: EntityColumns, span: ByteRange, out: TaskOutput, *, max_line_bytes: int, check_keys_every: int
    ) -> None:
        """Args:
        columns: where the rows come together.
        span: the range.
        out: where they go.
        max_line_bytes: longest line that is read.
        check_keys_every: of so many entities one is looked through for doubled keys; 0 for none.
        """
        self._columns, self._span, self._out, self._max_line_bytes = columns, span, out, max_line_bytes
        self._every = check_keys_every or sys.maxsize
        self._number = int(check_keys_every == 0)
        """Entities so far; one too many where none is to be looked through."""
        self._gathered = 0
        """Bytes of JSON since the last batch."""

    def add_lines(self, lines: Lines) -> None:
        """Add the entity of each line; reject a line over the limit."""
        if lines.oversize:
            detail = f"the line has {lines.oversize:,} bytes, the limit is {self._max_line_bytes:,}"
            self._out.ledger.read()
            self._reject("too_large", detail, lines.lines[0], lines, 0)
            return
        data, at = lines.data, 0
        while at < len(data):
            behind = self._scan(data, at)
            if behind == at:
                behind = data.index(b"\n", at) + 1
                text = entity_text(data[at : behind - 1])
                if text:
                    self.add(text, lines, at)
            at = behind

    def _scan(self, data: bytes, at: int) -> int:
        """Add a run of ordinary items; returns where the line begins that ends it."""
        room = ENTITIES_PER_BATCH - len(self._columns)
        behind, begins, ends = self._columns.scan(data, at, room, BYTES_PER_BATCH - self._gathered)
        self._out.ledger.read(len(ends))
        self._out.ledger.keep(len(ends))
        for index in range(-self._number % self._every, len(ends), self._every):
            self._check_keys(data[begins[index] : ends[index]])
        self._after(len(ends), sum(ends) - sum(begins))
        return behind

    def add(self, text: bytes, lines: Lines, at: int) -> None:
        """Add one entity, which is at place `at` of its lines, and account for it."""
        ledger, reason = self._out.ledger, None
        ledger.read()
        try:
            reason = self._columns.add(text)
        except EntityRefused as refused:
            reason = refused.reason
            self._reject(reason, refused.detail, text, lines, at, record=refused.record)
        else:
            if reason is None:
                ledger.keep()
            else:
                ledger.drop(reason)
        if reason is None and self._number % self._every == 0:
            self._check_keys(text)
        self._after(1, len(text))

    def _check_keys(self, text: bytes) -> None:
        self._out.ledger.count("entities_checked_for_doubled_keys", 1)
        self._out.ledger.count("doubled_keys", num_doubled_keys(text))

    def _after(self, num_entities: int, num_bytes: int) -> None:
        """Note that so much more has been read; hand rows on when there are enough."""
        self._number += num_entities
        self._gathered += num_bytes
        if len(self._columns) >= ENTITIES_PER_BATCH or self._gathered >= BYTES_PER_BATCH:
            self._write()

    def _reject(
        self, reason: str, detail: str, text: bytes, lines: Lines, at: int, *, record: str | None = None
    ) -> None:
        if self._span.form in UNIT_WORDS:
            detail = f"{detail}, in the {UNIT_WORDS[self._span.form]} at byte {lines.unit}"
        self._out.ledger.reject(reason, offset=lines.offset + at, detail=detail, excerpt=text, record=record)

    def _write(self) -> None:
        taken = self._columns.take()
        for table, rows in taken.items():
            self._out.write(table, rows)
        for name, n in count_empty_fields(taken).items():
            self._out.ledger.count(name, n)
        self._gathered = 0

    def finish(self) -> None:
        """Hand on what is left, and all counts."""
        self._write()
        self._out.write(SITELINKS, self._columns.sitelinks.take())
        for name, n in self._columns.counts().items():
            self._out.ledger.count(name, n)
