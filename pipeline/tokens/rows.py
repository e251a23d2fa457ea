"""From rows of the linked tables to rows of token ids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.tokens.subwords import Encoded, Subwords
from pipeline.wikis.numbers import numbers_of_ids
from schemas import (
    TOKEN_DESCRIPTIONS,
    TOKEN_MENTIONS,
    TOKEN_RELATIONS,
    TOKEN_TEXT,
    TOKEN_TRIPLES,
    UNKNOWN_ENTITY,
    Table,
)
from schemas.tokens import TOKEN_MENTION

_IDS = TOKEN_TEXT.columns.field("token_ids").type


def id_lists(ids: NDArray[np.int32], lengths: NDArray[np.int64]) -> pa.ListArray:
    """Return a column of token ids from all ids and the number of each row."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if offsets[-1] >= 1 << 31:
        raise ValueError(f"{offsets[-1]:,} token ids in one batch; a list column holds 2^31")
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(ids), type=_IDS)


def _rows(table: Table, columns: dict[str, pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([columns[name] for name in table.columns.names], schema=table.columns)


def token_descriptions(batch: pa.RecordBatch, subwords: Subwords) -> pa.RecordBatch:
    """Rows of `descriptions` as token ids."""
    columns = {
        "entity_number": pa.array(numbers_of_ids(batch.column("entity"))),
        "language": batch.column("language"),
        "origin": batch.column("origin"),
        "token_ids": id_lists(*subwords.encode(batch.column("text").to_pylist())),
    }
    return _rows(TOKEN_DESCRIPTIONS, columns)


def token_contexts(batch: pa.RecordBatch, subwords: Subwords) -> tuple[pa.RecordBatch, int]:
    """Rows of `mentions` as token ids, and the number of mentions of which normalisation left nothing.

    A context all of whose mentions are lost stays, without mentions.
    """
    lists = batch.column("mentions")
    sizes = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    flat = lists.flatten()
    starts, ends = (flat.field(name).to_pylist() for name in ("start", "end"))
    bounds = np.r_[0, np.cumsum(sizes)].tolist()
    spans = [list(zip(starts[a:b], ends[a:b], strict=True)) for a, b in zip(bounds, bounds[1:], strict=False)]
    encoded = subwords.encode_spans(batch.column("text").to_pylist(), spans)
    mentions, lost = _token_mentions(encoded, numbers_of_ids(flat.field("entity")))
    page_numbers = numbers_of_ids(batch.column("page_entity"))
    lengths = np.fromiter((len(one.ids) for one in encoded), np.int64, len(encoded))
    ids = np.concatenate([one.ids for one in encoded]) if encoded else np.empty(0, np.int32)
    columns = {
        "language": batch.column("language"),
        "page_entity_number": pa.array(np.where(page_numbers == 0, UNKNOWN_ENTITY, page_numbers)),
        "page_id": batch.column("page_id"),
        "context_index": batch.column("context_index"),
        "token_ids": id_lists(ids, lengths),
        "mentions": mentions,
    }
    return _rows(TOKEN_MENTIONS, columns), lost


def _token_mentions(encoded: Sequence[Encoded], numbers: NDArray[np.int64]) -> tuple[pa.ListArray, int]:
    found = [span for one in encoded for span in one.spans]
    kept = np.fromiter((span is not None for span in found), np.bool_, len(found))
    tokens = np.array([span for span in found if span is not None], np.int32).reshape(-1, 2)
    structs = pa.StructArray.from_arrays(
        [pa.array(tokens[:, 0]), pa.array(tokens[:, 1]), pa.array(numbers[kept])], fields=list(TOKEN_MENTION)
    )
    sizes = [sum(span is not None for span in one.spans) for one in encoded]
    offsets = pa.array(np.r_[0, np.cumsum(sizes)].astype(np.int32))
    lists = pa.ListArray.from_arrays(offsets, structs, type=TOKEN_MENTIONS.columns.field("mentions").type)
    return lists, int((~kept).sum())


def token_relations(batch: pa.RecordBatch, subwords: Subwords) -> dict[str, pa.RecordBatch]:
    """Return the labels of `relations` as token ids, by language."""
    by_language: dict[str, tuple[list[int], list[str]]] = {}
    numbers = numbers_of_ids(batch.column("relation")).tolist()
    for number, texts in zip(numbers, batch.column("texts").to_pylist(), strict=True):
        for text in texts:
            of_language = by_language.setdefault(text["language"], ([], []))
            of_language[0].append(number)
            of_language[1].append(text["label"])
    return {language: _relation_rows(language, *pair, subwords) for language, pair in sorted(by_language.items())}


def _relation_rows(language: str, numbers: list[int], labels: list[str], subwords: Subwords) -> pa.RecordBatch:
    columns = {
        "relation_number": pa.array(numbers, pa.int64()),
        "language": pa.array([language] * len(numbers)),
        "token_ids": id_lists(*subwords.encode(labels)),
    }
    return _rows(TOKEN_RELATIONS, columns)


def token_triples(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of `triples` as numbers."""
    columns = {
        f"{name}_number": pa.array(numbers_of_ids(batch.column(name))) for name in ("subject", "relation", "object")
    }
    return _rows(TOKEN_TRIPLES, columns)


def token_texts(language: str, texts: Sequence[str], subwords: Subwords) -> pa.RecordBatch:
    """Plain documents as token ids."""
    columns = {
        "language": pa.array([language] * len(texts), pa.string()),
        "token_ids": id_lists(*subwords.encode(texts)),
    }
    return _rows(TOKEN_TEXT, columns)


def num_tokens(rows: pa.RecordBatch) -> int:
    """Return the number of token ids in rows of any token table that has them."""
    return len(rows.column("token_ids").flatten())
