"""What every table of data under `data/` is held to: a key stands in it once."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import TypeVar

Value = TypeVar("Value")


def by_key(path: pathlib.Path, entries: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """Gather a table's entries by key.

    Args:
        path: the table, named in the error.
        entries: key and value, in the table's order.

    Raises:
        ValueError: a key stands twice. The later would win without a word.
    """
    table: dict[str, Value] = {}
    for key, value in entries:
        if key in table:
            raise ValueError(f"{path.name}: {key!r} stands twice, as {table[key]!r} and {value!r}. Keep one of them.")
        table[key] = value
    return table
