"""Rows of token tables as flat arrays, without a Python object per row; and choices made within rows of unlike length.

A worked line: the rows [7, 8], [] and [9] are the values [7, 8, 9] with starts [0, 2, 2] and lengths [2, 0, 1], which Arrow
writes as the offsets [0, 2, 2, 3].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from model.data.draws import KeyPart, uniform

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Slices:
    """Pieces of one array, cut out when asked for."""

    values: npt.NDArray[np.integer]
    starts: list[int]
    stops: list[int]

    def __getitem__(self, place: int) -> npt.NDArray[np.integer]:
        return self.values[self.starts[place] : self.stops[place]]


def slices(
    values: npt.NDArray[np.integer], starts: Numbers, lengths: npt.NDArray[np.integer], rows: Numbers, most: int
) -> Slices:
    """Return chosen rows, each cut to its first `most` values."""
    first = starts[rows]
    return Slices(values, first.tolist(), (first + np.minimum(lengths[rows], most)).tolist())


@dataclass(frozen=True)
class Ragged:
    """Rows of token ids: row `i` is `values[starts[i] : starts[i] + lengths[i]]`."""

    values: npt.NDArray[np.int32]
    """All ids, end to end."""
    starts: Numbers
    """Where each row starts."""
    lengths: Numbers
    """Length of each row."""

    @classmethod
    def from_offsets(cls, values: npt.NDArray[np.int32], offsets: npt.NDArray[np.integer]) -> Ragged:
        """Build from `len(rows) + 1` offsets."""
        bounds = offsets.astype(np.int64, copy=False)
        return cls(values, bounds[:-1], np.diff(bounds))

    @classmethod
    def concatenate(cls, parts: Sequence[Ragged]) -> Ragged:
        """Put the rows of several into one."""
        if len(parts) == 1:
            return parts[0]
        shifts = np.cumsum([0] + [len(part.values) for part in parts[:-1]])
        return cls(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.starts + shift for part, shift in zip(parts, shifts, strict=True)]),
            np.concatenate([part.lengths for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.starts)

    def row(self, index: int | np.integer) -> npt.NDArray[np.int32]:
        """Return one row, without copying."""
        start = self.starts[index]
        return self.values[start : start + self.lengths[index]]

    def slice(self, start: int, stop: int) -> Ragged:
        """Return a range of rows, without copying their ids."""
        return Ragged(self.values, self.starts[start:stop], self.lengths[start:stop])


@dataclass(frozen=True)
class TextRows:
    """Contexts with their mentions, or plain texts without."""

    tokens: Ragged
    """Ids of each row."""
    first_mention: Numbers
    """Where the mentions of each row start."""
    num_mentions: Numbers
    """How many mentions each row has."""
    mention_first: npt.NDArray[np.int32]
    """First sub-token of each mention, in its row."""
    mention_last: npt.NDArray[np.int32]
    """Last sub-token of each mention, inclusive."""
    mention_entity: Numbers
    """Item each mention leads to."""


@dataclass(frozen=True)
class TripleRows:
    """Triples as three columns."""

    subject: Numbers
    relation: Numbers
    object: Numbers


def decode_texts(table: pa.Table) -> TextRows:
    """Turn Arrow columns `token_ids` and, where there, `mentions` into flat arrays, sharing their memory."""
    ids = whole(table.column("token_ids"))
    tokens = Ragged.from_offsets(ids.values.to_numpy(), ids.offsets.to_numpy())
    if "mentions" not in table.column_names:
        none, no32 = np.zeros(len(tokens), np.int64), np.empty(0, np.int32)
        return TextRows(tokens, none, none, no32, no32, np.empty(0, np.int64))
    mentions = whole(table.column("mentions"))
    offsets = mentions.offsets.to_numpy().astype(np.int64)
    first, last, entity = (mentions.values.field(name).to_numpy() for name in ("first", "last", "entity_number"))
    return TextRows(tokens, offsets[:-1], np.diff(offsets), first, last, entity)


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, without copying where it is one already."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def expand(starts: Numbers, lengths: Numbers) -> tuple[Numbers, Numbers]:
    """List all positions of ragged rows.

    Returns:
        (row of each position, position): for starts [5, 9] and lengths [2, 1]: rows [0, 0, 1], positions [5, 6, 9].
    """
    rows = np.repeat(np.arange(len(starts)), lengths)
    before = np.cumsum(lengths) - lengths
    return rows, np.arange(len(rows)) - before[rows] + starts[rows]


def argmin_within(rows: Numbers, scores: npt.NDArray[np.float64], num_rows: int) -> Numbers:
    """Return for each row the index of its smallest score, -1 where a row has none or only infinite ones.

    Args:
        rows: the row of each score, in rising order.
        scores: one score per candidate; `inf` forbids it.
        num_rows: number of rows.
    """
    chosen = np.full(num_rows, -1, dtype=np.int64)
    if len(rows) == 0:
        return chosen
    starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
    smallest = np.repeat(np.minimum.reduceat(scores, starts), np.diff(np.r_[starts, len(rows)]))
    winners = np.flatnonzero((scores == smallest) & np.isfinite(scores))
    chosen[rows[winners[::-1]]] = winners[::-1]  # reversed: of equal scores the first stays
    return chosen


def draw_from_runs(values: Numbers, first: Numbers, lengths: Numbers, count: int, *key: KeyPart) -> Numbers:
    """Draw `count` values from each run, as [runs, count]; -1 where a run is empty or a value was drawn twice.

    Args:
        values: the runs end to end.
        first, lengths: where each run starts and how long it is.
        count: draws per run, with replacement.
        key: what the draws depend on.
    """
    draws = uniform(len(first) * count, *key).reshape(len(first), count)
    places = first[:, None] + np.floor(draws * lengths[:, None]).astype(np.int64)
    empty = (lengths == 0)[:, None]
    drawn = np.where(empty, -1, values[np.where(empty, 0, places)]) if len(values) else np.full(draws.shape, -1)
    for place in range(1, count):
        drawn[(drawn[:, :place] == drawn[:, place, None]).any(axis=1), place] = -1
    return drawn
