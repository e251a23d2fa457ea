"""Wikidata entities, one a line of JSON, to the columns of `entities`, `relations`, `triples`, `sitelinks` and more.

    line ─▶ typed structures (entity_json) ─▶ columns (text_columns, statements, …) ─▶ record batches
    many lines ─▶ compiled code (scan) ─▶ the same record batches

`add` reads any line. One that cannot be used raises `EntityRefused` with a reason; one that is left out on purpose (lexemes,
redirects) returns the reason. Either way the columns stay as they were. `scan` reads runs of ordinary items, several times as
fast, and stops before any other line. The rows are the same, and in the order of the lines, whichever reads them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from pipeline.wikidata.decoding import EntityDecoder, EntityRefused, is_utf8, reason_to_drop
from pipeline.wikidata.kinds import page_kind
from pipeline.wikidata.sitelinks import SitelinkColumns
from pipeline.wikidata.statements import LiteralColumns, QualifierColumns, TripleColumns, item_values
from pipeline.wikidata.texts import TextColumns
from schemas import ENTITIES, LITERALS, QUALIFIERS, RELATIONS, TRIPLES, Table

if TYPE_CHECKING:
    from pipeline.wikidata.scan.scanner import ItemScanner

Ranks = Literal["best", "all"]

INSTANCE_OF = "P31"

_ITEM_ID = re.compile(r"Q[1-9][0-9]*")
_PROPERTY_ID = re.compile(r"P[1-9][0-9]*")


@dataclass(frozen=True, kw_only=True)
class ItemOptions:
    """What is kept of an entity."""

    languages: tuple[str, ...] | None = None
    """Label codes to keep, None for all."""
    wikis: tuple[str, ...] | None = None
    """Database names of the wikis whose sitelinks are kept, None for all Wikipedias."""
    ranks: Ranks = "best"
    """`best` keeps the best-ranked statements of each property, `all` every statement with its rank."""
    literals: bool = False
    """Whether statements with literal values are kept."""
    qualifiers: bool = False
    """Whether qualifiers are kept."""


class EntityColumns:
    """Gathers the rows of many entities; `take` hands out what came together."""

    def __init__(self, options: ItemOptions, *, scans: bool = False) -> None:
        """Args:
        options: what is kept.
        scans: whether `scan` reads anything. Getting its compiled code ready takes half a second, and many seconds the first
            time ever.
        """
        all_ranks = options.ranks == "all"
        languages = None if options.languages is None else tuple(sorted(options.languages))
        self._item_texts, self._property_texts = TextColumns(languages), TextColumns(languages)
        self._triples = TripleColumns(all_ranks=all_ranks)
        self._literals = LiteralColumns(all_ranks=all_ranks) if options.literals else None
        self._qualifiers = QualifierColumns(all_ranks=all_ranks) if options.qualifiers else None
        self._decoder = EntityDecoder(self._item_texts.fields, full_statements=options.literals or options.qualifiers)
        learns = self._item_texts.fields is None
        self._scanner = _scanner(languages, learns=learns) if scans and can_scan(options) else None
        self._segments: list[dict[Table, pa.RecordBatch]] = []
        self._num_packed = 0
        self._ids_seen: set[str] = set()
        self._lines, self._lines_are_utf8 = b"", True
        self.sitelinks = SitelinkColumns(options.wikis)
        """Sitelinks of all entities; not part of `take`, because they are sorted over all."""
        self._start()

    def _start(self) -> None:
        self._items: list[str] = []
        self._classes: list[str] = []
        self._class_ends: list[int] = [0]
        self._page_kinds: list[str | None] = []
        self._num_sitelinks: list[int] = []
        self._properties: list[str] = []
        self._datatypes: list[str | None] = []

    def __len__(self) -> int:
        """Number of entities and properties gathered since the last `take`."""
        return self._num_packed + self._num_added + (len(self._scanner) if self._scanner else 0)

    @property
    def _num_added(self) -> int:
        return len(self._items) + len(self._properties)

    def add(self, line: bytes) -> str | None:
        """Add one entity's line, without the comma at its end.

        Returns:
            None where it became a row, otherwise the reason why it is left out on purpose.

        Raises:
            EntityRefused: it is damaged, or not what an entity can be.
        """
        entity = self._decoder.decode(line)
        name, kind = entity.id, entity.type
        if kind == "item" or (kind is None and name and name[0] == "Q"):
            self._check_id(name, _ITEM_ID, line)
            self._add_item(entity)
            return None
        if kind == "property" or (kind is None and name and name[0] == "P"):
            self._check_id(name, _PROPERTY_ID, line)
            self._add_property(entity)
            return None
        return reason_to_drop(entity, line)

    def scan(self, lines: bytes, at: int, max_items: int, max_bytes: int) -> tuple[int, list[int], list[int]]:
        """Add items from the line that begins at `at` on, until one comes that `scan` does not read.

        Args:
            lines: whole lines, each with its newline.
            at: where to begin.
            max_items: stop when so many have been added.
            max_bytes: stop when they have so many bytes of JSON, or more.

        Returns:
            Where the first line begins that has not been read; where the JSON of each item added begins; where it ends.
        """
        if self._scanner is None or not self._is_utf8(lines):
            return at, [], []
        behind = self._scanner.scan(lines, at, max_items, max_bytes)
        names = self._scanner.last_ids()
        if not names:
            return at, [], []
        if not self._ids_seen.isdisjoint(names) or len(set(names)) < len(names):
            self._scanner.undo()
            return at, [], []
        if self._items:
            self._pack_added()
        self._ids_seen.update(names)
        return behind, *self._scanner.last_places()

    def _is_utf8(self, lines: bytes) -> bool:
        """Whether lines are UTF-8; looked through once, however often they are scanned from another place."""
        if lines is not self._lines:
            self._lines, self._lines_are_utf8 = lines, is_utf8(lines)
        return self._lines_are_utf8

    def _check_id(self, name: str | None, pattern: re.Pattern[str], line: bytes) -> None:
        if name is None or not pattern.fullmatch(name):
            raise EntityRefused("bad_id", f"id {name!r} is none of its type", name)
        if name in self._ids_seen:
            raise EntityRefused("duplicate_id", f"{name} came before in this range; the first one is kept", name)
        self._ids_seen.add(name)

    def _add_item(self, entity: Any) -> None:
        self._pack_scanned()
        name, claims, links = entity.id, entity.claims, entity.sitelinks
        if type(claims) is list or type(links) is list:
            self._refuse_list(name, claims=claims, sitelinks=links)
        if claims:
            self._triples.add(name, claims)
            if self._literals is not None:
                self._literals.add(name, claims)
            if self._qualifiers is not None:
                self._qualifiers.add(name, claims)
        classes = item_values(claims[INSTANCE_OF]) if claims and INSTANCE_OF in claims else ()
        self._items.append(name)
        self._classes += classes
        self._class_ends.append(len(self._classes))
        self._page_kinds.append(page_kind(classes) if classes else None)
        self._num_sitelinks.append(len(links) if links else 0)
        self._item_texts.add(entity.labels, entity.descriptions, entity.aliases)
        if links:
            self.sitelinks.add(name, links)

    def _add_property(self, entity: Any) -> None:
        self._properties.append(entity.id)
        self._datatypes.append(entity.datatype)
        self._property_texts.add(entity.labels, entity.descriptions, entity.aliases)

    def _refuse_list(self, name: str, **fields: Any) -> None:
        for field, value in fields.items():
            if type(value) is list and value:
                raise EntityRefused("json_shape", f"{field} is a list that is not empty, expected an object", name)

    def take(self) -> dict[Table, pa.RecordBatch]:
        """The rows of every table but `sitelinks` gathered since the last call; empty batches are left out."""
        self._pack_added()
        self._pack_scanned()
        segments, self._segments, self._num_packed = self._segments, [], 0
        tables = dict.fromkeys(table for segment in segments for table in segment)
        return {
            table: pa.concat_batches([segment[table] for segment in segments if table in segment]) for table in tables
        }

    def _pack_added(self) -> None:
        """Make a segment of the rows of `add`."""
        if not self._num_added:
            return
        rows = {ENTITIES: self._take_entities(), RELATIONS: self._take_relations(), TRIPLES: self._triples.take()}
        if self._literals is not None:
            rows[LITERALS] = self._literals.take()
        if self._qualifiers is not None:
            rows[QUALIFIERS] = self._qualifiers.take()
        self._add_segment(rows)
        self.sitelinks.pack()
        self._start()

    def _pack_scanned(self) -> None:
        """Make a segment of the rows of `scan`."""
        if self._scanner is None or not len(self._scanner):
            return
        scanned = self._scanner.take()
        self._add_segment({ENTITIES: scanned.entities, TRIPLES: scanned.triples})
        self.sitelinks.add_columns(
            scanned.ids, scanned.num_links, scanned.wikis, scanned.titles, scanned.doubtful_titles
        )

    def _add_segment(self, rows: dict[Table, pa.RecordBatch]) -> None:
        self._num_packed += rows[ENTITIES].num_rows + (rows[RELATIONS].num_rows if RELATIONS in rows else 0)
        self._segments.append({table: batch for table, batch in rows.items() if batch.num_rows})

    def _take_entities(self) -> pa.RecordBatch:
        schema = ENTITIES.columns
        classes = pa.ListArray.from_arrays(
            pa.array(self._class_ends, pa.int32()),
            pa.array(self._classes, pa.string()),
            type=schema.field("instance_of").type,
        )
        arrays = [
            pa.array(self._items, pa.string()),
            classes,
            pa.array(self._page_kinds, pa.string()),
            pa.array(self._num_sitelinks, pa.int32()),
            self._item_texts.take(),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _take_relations(self) -> pa.RecordBatch:
        arrays = [
            pa.array(self._properties, pa.string()),
            pa.array(self._datatypes, pa.string()),
            self._property_texts.take(),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=RELATIONS.columns)

    def counts(self) -> Counter[str]:
        """Further counts over all lines: statements by what became of them, texts cleaned, links left out, lines mended."""
        total = self._item_texts.counts + self._property_texts.counts + self._triples.counts + self.sitelinks.counts
        for option in (self._literals, self._qualifiers):
            total += option.counts if option is not None else Counter()
        if self._scanner is not None:
            total += self._scanner.counts
        if self._decoder.num_mended:
            total["entities_mended"] = self._decoder.num_mended
        return total


def can_scan(options: ItemOptions) -> bool:
    """Whether `EntityColumns.scan` can do what is asked for: it keeps the best ranks alone, no literals and no qualifiers."""
    return options.ranks == "best" and not options.literals and not options.qualifiers


def _scanner(languages: Sequence[str] | None, *, learns: bool) -> ItemScanner:
    # Imported here because Numba takes a third of a second and 60 MB.
    from pipeline.wikidata.scan.scanner import ItemScanner

    return ItemScanner(languages, learns=learns)
