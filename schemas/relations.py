"""`relations`: the properties of Wikidata with their texts."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from schemas.tables import Table, list_of, required
from schemas.texts import RELATION_TEXT, RelationText


@dataclass(frozen=True, kw_only=True)
class Relation:
    """One Wikidata property."""

    relation: str
    """Id as Wikidata writes it, for instance `P31`."""
    datatype: str | None
    """Wikidata's datatype, for instance `wikibase-item`; None where the dump does not say."""
    texts: list[RelationText]
    """Label, short description and aliases by language, sorted by language."""


RELATIONS = Table(
    name="relations",
    version=2,
    row=Relation,
    columns=pa.schema(
        [
            required("relation", pa.string()),
            pa.field("datatype", pa.string()),
            required("texts", list_of(RELATION_TEXT)),
        ]
    ),
)
