"""`descriptions`: the texts that define entities for training."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from schemas.tables import Table, required


@dataclass(frozen=True, kw_only=True)
class Description:
    """One text that defines one entity in one language; at most one row per (entity, language)."""

    entity: str
    """Item id."""
    language: str
    """Language of the text."""
    code: str | None
    """Wikidata's code of the short description: the language's, or one of the same language in another script, region or
    spelling (`bbc-latn` for `bbc`); None for `wikipedia`."""
    text: str
    """The definition, NFC."""
    origin: str
    """`wikipedia` (the page's lead) or `wikidata` (label and short description)."""
    title: str | None
    """Title of the page the lead is from; None for `wikidata`."""
    wiki: str | None
    """Wiki of that page; None for `wikidata`."""
    page_id: int | None
    """Page id, for attribution; None for `wikidata`."""
    revision_id: int | None
    """Revision id, for attribution; None for `wikidata`."""


DESCRIPTIONS = Table(
    name="descriptions",
    version=2,
    row=Description,
    columns=pa.schema(
        [
            required("entity", pa.string()),
            required("language", pa.string()),
            pa.field("code", pa.string()),
            required("text", pa.string()),
            required("origin", pa.string()),
            pa.field("title", pa.string()),
            pa.field("wiki", pa.string()),
            pa.field("page_id", pa.int64()),
            pa.field("revision_id", pa.int64()),
        ]
    ),
    partitioned_by="language",
)
