"""How many rows of Wikidata have nothing in a field that most have: dumps write `{}`, `[]` or no field at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from schemas import ENTITIES, RELATIONS, TRIPLES, Table


def count_empty_fields(rows: Mapping[Table, pa.RecordBatch]) -> Counter[str]:
    """Counts by name of what is empty in rows that belong together: the triples are those of the entities."""
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
