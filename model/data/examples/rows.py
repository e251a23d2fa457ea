"""Rows of units as flat arrays: the step from Parquet pages to numbers, without a Python object per row."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.data.examples.units import Unit
from model.data.stores.ragged import Numbers, Ragged, TextRows, TripleRows, decode_texts
from model.data.stores.token_dataset import TokenDataset
from schemas import TOKEN_MENTIONS, TOKEN_TEXT, TOKEN_TRIPLES

CACHE_BYTES = 32 * 1024 * 1024
"""Decoded row groups kept by one reader, for units of the same row group that follow each other."""


@dataclass(frozen=True)
class Origin:
    """Where the rows of a window came from, for logs and for their languages."""

    units: Sequence[Unit]
    """The units, in the order they were read."""
    unit_of_row: Numbers
    """Index of each row's unit."""
    row: Numbers
    """Number of each row within its row group."""

    def names(self, objective: str) -> RowNames:
        """Return what names rows in logs."""
        prefixes = [f"{objective} {unit.group.shard.path}:{unit.group.index}:" for unit in self.units]
        return RowNames(prefixes, self.unit_of_row.tolist(), self.row.tolist())


@dataclass(frozen=True, slots=True)
class RowNames:
    """Names rows when asked: objective, shard, row group, row."""

    prefixes: list[str]
    unit_of_row: list[int]
    row: list[int]

    def __getitem__(self, row: int) -> str:
        return f"{self.prefixes[self.unit_of_row[row]]}{self.row[row]}"


class RowReader:
    """Reads units, remembering the row groups it decoded last."""

    def __init__(self, data: TokenDataset, *, mentions: bool) -> None:
        """Args:
        data: the shards.
        mentions: read the mentions of contexts too.
        """
        self._data = data
        contexts = ["token_ids", "mentions"] if mentions else ["token_ids"]
        self._columns = {
            TOKEN_MENTIONS.name: contexts,
            TOKEN_TEXT.name: ["token_ids"],
            TOKEN_TRIPLES.name: ["subject_number", "relation_number", "object_number"],
        }
        self._cache: OrderedDict[tuple[str, int], TextRows | TripleRows] = OrderedDict()
        self._bytes: dict[tuple[str, int], int] = {}

    def texts(self, units: Sequence[Unit]) -> tuple[TextRows, Origin]:
        """Read units of `mentions` or `text` into one set of rows, in the order of the units."""
        return _concatenate([_cut_texts(self._group(unit), unit) for unit in units]), _origin(units)

    def triples(self, units: Sequence[Unit]) -> tuple[TripleRows, Origin]:
        """Read units of `triples` into one set of rows, in the order of the units."""
        groups = [(self._group(unit), slice(unit.start, unit.stop)) for unit in units]
        columns = ("subject", "relation", "object")
        rows = TripleRows(*(np.concatenate([getattr(group, name)[part] for group, part in groups]) for name in columns))
        return rows, _origin(units)

    def _group(self, unit: Unit) -> TextRows | TripleRows:
        key = (unit.group.shard.path, unit.group.index)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        self._cache[key], self._bytes[key] = self._decode(unit)
        while sum(self._bytes.values()) > CACHE_BYTES and len(self._cache) > 1:
            del self._bytes[self._cache.popitem(last=False)[0]]
        return self._cache[key]

    def _decode(self, unit: Unit) -> tuple[TextRows | TripleRows, int]:
        names = self._columns[unit.table.name]
        table = self._data.read(unit.table, unit.group, names)
        if unit.table.name == TOKEN_TRIPLES.name:
            return TripleRows(*(table.column(name).to_numpy() for name in names)), table.nbytes
        return decode_texts(table), table.nbytes


def _cut_texts(rows: TextRows | TripleRows, unit: Unit) -> TextRows:
    """Take a unit's rows out of its row group, sharing the arrays where the unit is the whole group."""
    assert isinstance(rows, TextRows)
    part = slice(unit.start, unit.stop)
    tokens = rows.tokens.slice(unit.start, unit.stop)
    low, high = tokens.starts[0], tokens.starts[-1] + tokens.lengths[-1]
    first = rows.first_mention[part]
    early, late = first[0], first[-1] + rows.num_mentions[part][-1]
    return TextRows(
        Ragged(tokens.values[low:high], tokens.starts - low, tokens.lengths),
        first - early,
        rows.num_mentions[part],
        rows.mention_first[early:late],
        rows.mention_last[early:late],
        rows.mention_entity[early:late],
    )


def _concatenate(parts: Sequence[TextRows]) -> TextRows:
    shifts = np.cumsum([0] + [len(part.mention_first) for part in parts[:-1]])
    return TextRows(
        Ragged.concatenate([part.tokens for part in parts]),
        np.concatenate([part.first_mention + shift for part, shift in zip(parts, shifts, strict=True)]),
        np.concatenate([part.num_mentions for part in parts]),
        np.concatenate([part.mention_first for part in parts]),
        np.concatenate([part.mention_last for part in parts]),
        np.concatenate([part.mention_entity for part in parts]),
    )


def _origin(units: Sequence[Unit]) -> Origin:
    sizes = [unit.stop - unit.start for unit in units]
    return Origin(
        units,
        np.repeat(np.arange(len(units)), sizes),
        np.concatenate([np.arange(unit.start, unit.stop) for unit in units]),
    )
