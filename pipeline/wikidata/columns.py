"""Wikidata entities, one a line of JSON, to the columns of `entities`, `relations`, `triples`, `sitelinks` and more.

    line ─▶ typed structures (entity_json) ─▶ columns (texts, statements, sitelinks) ─▶ record batches

`add` reads any line. One that cannot be used raises `EntityRefused` with a reason; one that is left out on purpose (lexemes,
redirects) returns the reason. Either way the columns stay as they were. Runs of ordinary items are read several times as fast
by `scan.scanner`, into the same rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from pipeline.wikidata.decoding import EntityDecoder, EntityRefused, reason_absent, reason_to_drop
from pipeline.wikidata.filters import KEEP_ALL, RowFilter
from pipeline.wikidata.kinds import KIND_OF_CLASS, page_kind
from pipeline.wikidata.sitelinks import SitelinkColumns
from pipeline.wikidata.statements import LiteralColumns, QualifierColumns, TripleColumns, item_values
from pipeline.wikidata.texts import TextColumns, relation_texts
from pipeline.wikis.merged_items import MergedItems
from schemas import ENTITIES, LITERALS, QUALIFIERS, RELATIONS, TRIPLES, Table
from schemas.ids import is_item_id, is_property_id

Ranks = Literal["best", "all"]

INSTANCE_OF = "P31"


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
    rows: RowFilter = KEEP_ALL
    """Which items and statements are written."""
    kinds: Mapping[str, str] = field(default_factory=lambda: KIND_OF_CLASS)
    """Page kind by class."""
    merged: MergedItems | None = None
    """Items that lead to others, which take their places in statements; None leaves ids as they are."""


class EntityColumns:
    """Gathers the rows of many entities; `take` hands out what came together."""

    def __init__(self, options: ItemOptions) -> None:
        """`options` say what is kept."""
        all_ranks = options.ranks == "all"
        languages = None if options.languages is None else tuple(sorted(options.languages))
        self._item_texts, self._property_texts = TextColumns(languages), TextColumns(languages)
        self._triples = TripleColumns(all_ranks=all_ranks)
        self._literals = LiteralColumns(all_ranks=all_ranks) if options.literals else None
        self._qualifiers = QualifierColumns(all_ranks=all_ranks) if options.qualifiers else None
        self._decoder = EntityDecoder(self._item_texts.fields, full_statements=options.literals or options.qualifiers)
        self._kinds, self._only_linked = options.kinds, options.rows.only_linked
        self.ids_seen: set[str] = set()
        """Ids of all entities so far: of several lines with one id, the first is kept."""
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
        """Count entities and properties gathered since the last `take`."""
        return len(self._items) + len(self._properties)

    @property
    def has_items(self) -> bool:
        """Whether any of them is an item."""
        return bool(self._items)

    def add(self, line: bytes) -> str | None:
        """Add one entity's line, without the comma at its end.

        Returns:
            None where it became a row, otherwise the reason why it is left out on purpose.

        Raises:
            EntityRefused: it is damaged, or not what an entity can be.
        """
        if self._only_linked and self._add_unlinked(line):
            return None
        entity = self._decoder.decode(line)
        name, kind = entity.id, entity.type
        if entity.missing is not None or entity.redirects is not None or entity.redirect is not None:
            return reason_absent(entity)
        if kind == "item" or (kind is None and name and name[0] == "Q"):
            self._check_id(name, is_item_id(name))
            self._add_item(entity)
            return None
        if kind == "property" or (kind is None and name and name[0] == "P"):
            self._check_id(name, is_property_id(name))
            self._add_property(entity)
            return None
        return reason_to_drop(entity, line)

    def _add_unlinked(self, line: bytes) -> bool:
        """Add an item's id, and nothing else, if no wiki that is kept has a page on it; returns whether that was so.

        The filter of rows leaves it out, and the work on its texts and statements is spared.

        Raises:
            EntityRefused: no item has such an id, or the item came before.
        """
        outline = self._decoder.outline(line)
        if outline is None or any(self.sitelinks.keeps(wiki) for wiki in outline.sitelinks or ()):
            return False
        self._check_id(outline.id, is_item_id(outline.id))
        self._items.append(outline.id)  # type: ignore[arg-type]  # an item's id is text
        self._class_ends.append(len(self._classes))
        self._page_kinds.append(None)
        self._num_sitelinks.append(0)
        self._item_texts.add(None, None, None)
        return True

    def _check_id(self, name: str | None, is_valid: bool) -> None:
        if name is None or not is_valid:
            shown = name[:40] if name else None
            raise EntityRefused("bad_id", f"id {shown!r} is none of its type, or its number is too large", shown)
        if name in self.ids_seen:
            raise EntityRefused("duplicate_id", f"{name} came before in this range; the first one is kept", name)
        self.ids_seen.add(name)

    def _add_item(self, entity: Any) -> None:
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
        self._page_kinds.append(page_kind(classes, self._kinds) if classes else None)
        self._num_sitelinks.append(len(links) if links else 0)
        self._item_texts.add(entity.labels, entity.descriptions, entity.aliases)
        if links:
            self.sitelinks.add(name, links)

    def _add_property(self, entity: Any) -> None:
        self._properties.append(entity.id)
        self._datatypes.append(entity.datatype)
        self._property_texts.add(entity.labels, entity.descriptions, entity.aliases)

    def _refuse_list(self, name: str, **fields: Any) -> None:
        for name_of_field, value in fields.items():
            if type(value) is list and value:
                raise EntityRefused(
                    "json_shape", f"{name_of_field} is a list that is not empty, expected an object", name
                )

    def take(self) -> dict[Table, pa.RecordBatch]:
        """Give the rows of every table but `sitelinks` gathered since the last call; empty batches are left out."""
        rows = {ENTITIES: self._take_entities(), RELATIONS: self._take_relations(), TRIPLES: self._triples.take()}
        if self._literals is not None:
            rows[LITERALS] = self._literals.take()
        if self._qualifiers is not None:
            rows[QUALIFIERS] = self._qualifiers.take()
        self.sitelinks.pack()
        self._start()
        return {table: batch for table, batch in rows.items() if batch.num_rows}

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
            relation_texts(self._property_texts.take()),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=RELATIONS.columns)

    def counts(self) -> Counter[str]:
        """Further counts over all lines: statements by what became of them, texts cleaned, links left out, lines mended."""
        total = self._item_texts.counts + self._property_texts.counts + self._triples.counts + self.sitelinks.counts
        for option in (self._literals, self._qualifiers):
            total += option.counts if option is not None else Counter()
        if self._decoder.num_mended:
            total["entities_mended"] = self._decoder.num_mended
        return total
