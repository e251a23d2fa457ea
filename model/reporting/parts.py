"""What a report page is put together from: sections with notes, charts, tables and numbered sources."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from model.evaluation.results import Row, format_measure


@dataclass(frozen=True)
class Table:
    """Cells as text; the first `left` columns are names."""

    head: list[str]
    lines: list[list[str]]
    left: int = 1


@dataclass(frozen=True)
class Chart:
    """An image and what it shows, in words."""

    address: str
    caption: str
    wide: bool = False
    """Whether a phone should let it be moved sideways, because it could not be read at the width of the page."""


@dataclass(frozen=True)
class Section:
    """One part of the page."""

    title: str
    text: str = ""
    notes: list[str] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    """Of published scores, in the order of the numbers that the tables give them."""
    stand_in: bool = False
    examples: list[dict[str, str]] = field(default_factory=list)
    """Queries of retrieval with their texts."""


def rows_table(rows: Sequence[Row], leave_out: Sequence[str]) -> Table:
    """Rows of results with their keys as names, some keys left out."""
    keys = [k for k in dict.fromkeys(k for row in rows for k in row.keys) if k not in leave_out]
    names = list(dict.fromkeys(name for row in rows for name in row.measures))
    lines = [[*(row.keys.get(k, "") for k in keys), *(measure_cell(row, name) for name in names)] for row in rows]
    return Table([*keys, *names], lines, left=len(keys))


def measure_cell(row: Row, name: str) -> str:
    """One measure of a row as text; empty where the row has none of that name."""
    return format_measure(name, row.measures[name]) if name in row.measures else ""
