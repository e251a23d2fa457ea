"""Which rows of those that were read are written: items with a page, items of some classes, some relations.

Rows are left out before they are packed into shards, which is most of a filtered run's work; each is counted by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.wikidata.sitelinks import SitelinkColumns
from pipeline.wikis.numbers import Numbers, contains, numbers_of_ids
from schemas import ENTITIES, LITERALS, QUALIFIERS, TRIPLES, Table

_OF_ITEMS = (TRIPLES, LITERALS, QUALIFIERS)
"""Tables whose rows go with their `subject`."""

Rows = dict[Table, pa.RecordBatch]


@dataclass(frozen=True, kw_only=True)
class RowFilter:
    """What of the rows is written."""

    only_linked: bool = False
    """Whether items without a page on any of the kept wikis are left out."""
    classes: Numbers | None = None
    """Items that are instances of none of these, numbers in ascending order, are left out; None keeps all."""
    relations: Collection[str] | None = None
    """Statements of other relations are left out; None keeps all. `instance_of` of an item stays as it is."""

    @property
    def keeps_all(self) -> bool:
        """Whether nothing is left out."""
        return not self.only_linked and self.classes is None and self.relations is None

    def apply(self, rows: Rows, sitelinks: SitelinkColumns, counts: Counter[str]) -> tuple[Rows, Counter[str]]:
        """Choose among rows that belong together.

        Args:
            rows: by table; the statements are those of the items.
            sitelinks: those of the items are its newest; those of items left out are taken away.
            counts: gets how many statements were left out.

        Returns:
            The rows kept, and how many items were left out by reason.
        """
        left_out: Counter[str] = Counter()
        entities = rows.get(ENTITIES)
        if entities is not None and (self.only_linked or self.classes is not None):
            keep = self._kept_items(entities, sitelinks.newest_entities(), left_out)
            kept = entities.filter(keep)
            rows = rows | {ENTITIES: kept}
            sitelinks.keep_newest(kept.column("entity"))
            for table in _OF_ITEMS:
                if table in rows:
                    chosen = pc.is_in(rows[table].column("subject"), value_set=kept.column("entity"))
                    rows[table] = _filtered(rows[table], chosen, f"{table.name}_of_items_left_out", counts)
        sitelinks.forget_newest()
        if self.relations is not None:
            wanted = pa.array(sorted(self.relations), pa.string())
            for table in _OF_ITEMS:
                if table in rows:
                    chosen = pc.is_in(rows[table].column("relation"), value_set=wanted)
                    rows[table] = _filtered(rows[table], chosen, f"{table.name}_of_other_relations", counts)
        return {table: batch for table, batch in rows.items() if batch.num_rows}, +left_out

    def _kept_items(self, entities: pa.RecordBatch, linked: pa.Array, left_out: Counter[str]) -> pa.BooleanArray:
        keep = np.ones(entities.num_rows, np.bool_)
        if self.only_linked:
            keep &= pc.is_in(entities.column("entity"), value_set=linked).to_numpy(zero_copy_only=False)
            left_out["no_page"] = int((~keep).sum())
        if self.classes is not None:
            of_class = np.zeros(entities.num_rows, np.bool_)
            instance_of = entities.column("instance_of")
            hits = contains(self.classes, numbers_of_ids(instance_of.flatten()))
            of_class[pc.list_parent_indices(instance_of).to_numpy()[hits]] = True
            left_out["other_class"] = int((keep & ~of_class).sum())
            keep &= of_class
        return pa.array(keep)


KEEP_ALL = RowFilter()
"""Leaves nothing out."""


def _filtered(batch: pa.RecordBatch, chosen: pa.BooleanArray, name: str, counts: Counter[str]) -> pa.RecordBatch:
    kept = batch.filter(chosen)
    counts[name] += batch.num_rows - kept.num_rows
    return kept
