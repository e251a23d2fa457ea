"""Rows of each table, drawn by chance, with what the table marks in its texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report.tables import Build

MOST_CHARACTERS = 600
"""Longest text of a cell."""


@dataclass(frozen=True)
class Piece:
    """A run of a text."""

    text: str
    """Its characters."""
    target: str = ""
    """The entity or title it is a mention of; empty for what is none."""


@dataclass(frozen=True)
class Sample:
    """Rows of one table."""

    dataset: str
    """Its dataset."""
    table: str
    """Its folder."""
    head: list[str]
    """Names of the columns."""
    rows: list[list[list[Piece]]]
    """Each cell is a text in pieces."""


def sample_rows(build: Build, rows: int, seed: int) -> list[Sample]:
    """Draw rows of every table.

    Args:
        build: the tables.
        rows: how many of each.
        seed: of the draw.
    """
    found = []
    for dataset, table in build.tables() if rows else ():
        columns = build.columns(dataset, table)
        drawn = build.ask(
            f"select * from {{t}} using sample reservoir({int(rows)} rows) repeatable ({int(seed)})",
            t=f"{dataset}/{table}",
        )
        head = [name for name in columns if name not in ("mentions", "links") or "text" not in columns]
        shown = [[cell(dict(zip(columns, row, strict=True)), name) for name in head] for row in drawn]
        found.append(Sample(dataset, table, head, shown))
    return found


def cell(row: Mapping[str, Any], name: str) -> list[Piece]:
    """Return a cell in pieces: a text with its mentions, anything else as JSON."""
    value = row[name]
    if name == "text" and row.get("mentions"):
        return pieces(value, row["mentions"], "entity")
    if name == "contexts" and value:
        return pieces(value[0]["text"], value[0]["links"], "target")
    if value is None:
        return []
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return [Piece(_cut(text))]


def pieces(text: str, spans: Sequence[Mapping[str, Any]], target: str) -> list[Piece]:
    """Cut a text at its mentions.

    Args:
        text: of any length; it is cut where no mention is cut.
        spans: with `start` and `end` in code points, ordered, and a target.
        target: the field that names it.
    """
    found: list[Piece] = []
    at = 0
    for span in spans:
        if span["end"] > MOST_CHARACTERS:
            break
        found += [Piece(text[at : span["start"]]), Piece(text[span["start"] : span["end"]], span[target])]
        at = span["end"]
    rest = text[at:MOST_CHARACTERS]
    return [piece for piece in [*found, Piece(rest + ("…" if len(text) > MOST_CHARACTERS else ""))] if piece.text]


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"
