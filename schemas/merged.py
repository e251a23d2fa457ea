"""`merged`: items that Wikidata's editors found to be one, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from schemas.tables import Table, required


@dataclass(frozen=True, kw_only=True)
class Merged:
    """One item that was merged into another: its id leads to the other's from then on."""

    merged: str
    """Item id that is no item any more; statements may still name it."""
    entity: str
    """Item id it leads to, through all mergers since."""


MERGED = Table(
    name="merged",
    version=1,
    row=Merged,
    columns=pa.schema([required("merged", pa.string()), required("entity", pa.string())]),
)
