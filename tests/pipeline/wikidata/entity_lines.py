"""Makes and reads lines of a Wikidata dump for tests."""

from __future__ import annotations

import bz2
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.wikidata.columns import EntityColumns, ItemOptions
from schemas import ENTITIES, LITERALS, QUALIFIERS, RELATIONS, TRIPLES

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


def rows_of(*lines: bytes, **options: Any) -> dict[str, list[dict[str, Any]]]:
    """The rows that lines become, by table; the same whether they are scanned or decoded."""
    decoded, scanned = EntityColumns(ItemOptions(**options)), EntityColumns(ItemOptions(**options), scans=True)
    for line in lines:
        decoded.add(line)
    num_scanned = scan_lines(scanned, b"".join(line + b",\n" for line in lines))
    rows = taken_rows(decoded)
    assert taken_rows(scanned) == rows, f"{num_scanned} lines scanned"
    assert scanned.counts() == decoded.counts()
    return rows


def scan_lines(columns: EntityColumns, data: bytes) -> int:
    """Add all lines, each with a comma and a newline, as the job does; returns how many were scanned.

    Raises:
        EntityRefused: a line that is not scanned is refused.
    """
    at = num_scanned = 0
    while at < len(data):
        behind, begins, ends = columns.scan(data, at, 1000, 1 << 30)
        num_scanned += len(ends)
        assert [data[end : end + 2] for end in ends] == [b",\n"] * len(ends)
        assert all(data[begin : begin + 1] == b"{" for begin in begins)
        if behind == at:
            behind = data.index(b"\n", at) + 1
            columns.add(data[at : behind - 2])
        at = behind
    return num_scanned


def taken_rows(columns: EntityColumns) -> dict[str, list[dict[str, Any]]]:
    """All rows that came together, by table."""
    rows: dict[str, list[dict[str, Any]]] = {
        table.name: [] for table in (ENTITIES, RELATIONS, TRIPLES, LITERALS, QUALIFIERS)
    }
    for table, batch in columns.take().items():
        batch.validate(full=True)
        assert batch.schema.equals(table.columns)
        rows[table.name] = batch.to_pylist()
    rows["sitelinks"] = columns.sitelinks.take().to_pylist()
    return rows


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
