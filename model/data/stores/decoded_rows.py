"""Rows of token tables as flat arrays: the step from Arrow columns to numbers, without a Python object per row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from model.data.stores.ragged import Numbers, Ragged


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
