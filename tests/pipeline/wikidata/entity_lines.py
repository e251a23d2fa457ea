"""Makes and reads lines of a Wikidata dump for tests."""

from __future__ import annotations

import bz2
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.dumps.ranges import ByteRange, Lines
from pipeline.run.accounts import Ledger
from pipeline.wikidata.columns import EntityColumns, ItemOptions
from pipeline.wikidata.reading import EntityReading
from pipeline.wikidata.scan.scanner import ItemScanner
from schemas import ENTITIES, LITERALS, QUALIFIERS, RELATIONS, SITELINKS, TRIPLES, Table

TABLES = (ENTITIES, RELATIONS, TRIPLES, LITERALS, QUALIFIERS)

DUMPS = (
    "1000-entities.json.bz2",
    "100lines.json.gz",
    "twenty_entities.json.bz2",
    "qsdump-entity-2023.json.bz2",
    "reserialised-humans.json.gz",
    "mock-dump-with-bugs.json",
)
"""Files of the real data that are dumps."""


def real_lines(folder: Path, name: str) -> list[bytes]:
    """The entities of a file of the real data, without the commas."""
    path = folder / "wikidata" / name
    opened = {".bz2": bz2.open, ".gz": gzip.open}.get(path.suffix, open)
    with opened(path, "rb") as file:  # type: ignore[operator]
        lines = [line.strip().rstrip(b",") for line in file]
    return [line for line in lines if line.startswith(b"{")]


def line_of(**fields: Any) -> bytes:
    """An item's line with the fields given, in the form of dumps; `type` and `id` are added."""
    return json.dumps({"type": "item", "id": "Q1", **fields}, separators=(",", ":")).encode()


def statement(value: Any, rank: str = "normal", **more: Any) -> dict[str, Any]:
    """A statement with a datavalue's `value`, or an item where that is a string like `Q5`."""
    if isinstance(value, str) and value[:1] == "Q":
        value = {"entity-type": "item", "id": value, "numeric-id": int(value[1:])}
    return {"mainsnak": {"snaktype": "value", "property": "P1", "datavalue": {"value": value}}, "rank": rank, **more}


class Output:
    """Holds in memory what a task would write."""

    def __init__(self) -> None:
        self.ledger = Ledger(job="wikidata", source="lines")
        self.rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in (*TABLES, SITELINKS)}

    def write(self, table: Table, rows: pa.RecordBatch | pa.Table) -> None:
        """Append rows to those of their table."""
        rows.validate(full=True)
        assert rows.schema.equals(table.columns)
        self.rows[table.name] += rows.to_pylist()


def reading_of(*, scans: bool = True, **options: Any) -> tuple[EntityReading, Output]:
    """A reading of lines as the job's tasks do it, and where its rows go."""
    out, span = Output(), ByteRange(path="lines", form="plain", start=0, end=0, size=0)
    reading = EntityReading(
        ItemOptions(**options),
        span,
        out,  # type: ignore[arg-type]
        scans=scans,
        max_line_bytes=1 << 26,
        check_keys_every=0,
    )
    return reading, out


def scanner_of(**options: Any) -> tuple[ItemScanner, EntityColumns]:
    """A scanner, and the columns that it shares ids and sitelinks with."""
    chosen = ItemOptions(**options)
    columns = EntityColumns(chosen)
    return ItemScanner(chosen, ids_seen=columns.ids_seen, sitelinks=columns.sitelinks), columns


def rows_of(*lines: bytes, **options: Any) -> dict[str, list[dict[str, Any]]]:
    """The rows that lines become, by table; the same whether they are scanned or decoded."""
    decoded = EntityColumns(ItemOptions(**options))
    for line in lines:
        decoded.add(line)
    rows = taken_rows(decoded.take(), decoded)
    reading, out = reading_of(**options)
    reading.add_lines(Lines(b"".join(line + b",\n" for line in lines), 0, 0))
    reading.finish()
    assert out.rows == rows
    assert reading.counts() == decoded.counts()
    return rows


def taken_rows(taken: dict[Table, pa.RecordBatch], columns: EntityColumns) -> dict[str, list[dict[str, Any]]]:
    """All rows that came together, by table, with the sitelinks of the columns."""
    out = Output()
    for table, rows in {**taken, SITELINKS: columns.sitelinks.take()}.items():
        out.write(table, rows)
    return out.rows


def triples_of(*lines: bytes, **options: Any) -> list[tuple[str, str, str, str]]:
    """The triples that lines become."""
    return [tuple(row.values()) for row in rows_of(*lines, **options)["triples"]]  # type: ignore[misc]


def expected_texts(entity: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The column `texts` as a plain reading of the JSON gives it."""
    labels, descriptions, aliases = (
        entity.get(field) if isinstance(entity.get(field), dict) else {}
        for field in ("labels", "descriptions", "aliases")
    )
    for language in sorted({*labels, *descriptions, *aliases}):
        yield {
            "language": language,
            "label": labels.get(language, {}).get("value"),
            "short_description": descriptions.get(language, {}).get("value"),
            "aliases": [alias["value"] for alias in aliases.get(language, [])],
        }
