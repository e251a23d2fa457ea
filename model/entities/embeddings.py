"""Embeddings of descriptions: one row per (entity, language), written to Parquet in parts that a rerun finds again."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from model.data.stores.descriptions import DescriptionStore
from model.data.stores.ragged import Numbers
from model.evaluation.documents import description
from model.evaluation.embedder import Embedder
from schemas.errors import ShardMismatch, StorageError, UsageError

PART_ROWS = 65_536
"""Rows of a part."""
_CHUNK_ROWS = 4_096
"""Descriptions embedded at a time, ordered by length among themselves."""


def schema(width: int) -> pa.Schema:
    """Return the columns of `embeddings/*.parquet`."""
    vector = pa.list_(pa.field("item", pa.float32(), nullable=False), width)
    return pa.schema(
        [
            pa.field("entity_number", pa.int64(), nullable=False),
            pa.field("language", pa.string(), nullable=False),
            pa.field("vector", vector, nullable=False),
        ]
    )


def chosen_records(store: DescriptionStore, languages: tuple[str, ...]) -> tuple[Numbers, Numbers]:
    """Return (items, records) of the descriptions to embed, by rising item and language.

    Raises:
        UsageError: there is none in the languages asked for.
    """
    if unknown := sorted(set(languages) - set(store.languages)):
        raise UsageError(
            f"there are no descriptions in {', '.join(unknown)}; there are in {', '.join(store.languages)}."
        )
    wanted = np.array([not languages or language in languages for language in store.languages])
    records = np.flatnonzero(wanted[store.language])
    owners = np.searchsorted(store.first_record, records, side="right") - 1
    return store.entities[owners], records


def write_parts(
    embedder: Embedder, store: DescriptionStore, items: Numbers, records: Numbers, folder: Path
) -> list[Path]:
    """Embed descriptions into numbered parts; parts that are there already are kept.

    Args:
        embedder: the model with its key head.
        store: the descriptions.
        items, records: what to embed, in this order.
        folder: where the parts go.

    Returns:
        the parts' paths, in order.

    Raises:
        StorageError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths, started, done = [], time.monotonic(), 0
    for number, first in enumerate(range(0, len(records), PART_ROWS)):
        paths.append(folder / f"part-{number:05d}.parquet")
        if paths[-1].exists():
            continue
        part = slice(first, first + PART_ROWS)
        try:
            _write_part(embedder, store, items[part], records[part], paths[-1])
        except OSError as error:
            raise StorageError(
                f"cannot write {paths[-1]}: {error}. Free some space, or name another folder."
            ) from error
        done += len(records[part])
        rate = done / (time.monotonic() - started)
        print(f"embedded {min(first + PART_ROWS, len(records)):,} of {len(records):,}, {rate:,.0f}/s", file=sys.stderr)
    return paths


def read_parts(paths: list[Path]) -> Iterator[tuple[Numbers, npt.NDArray[np.float32]]]:
    """Yield (items, vectors) of each part.

    Raises:
        ShardMismatch: a part is damaged.
    """
    for path in paths:
        try:
            table = pq.read_table(path, columns=["entity_number", "vector"], page_checksum_verification=True)
        except (OSError, pa.ArrowInvalid) as error:
            raise ShardMismatch(f"{path} is damaged: {error}. Remove it and run embed again.") from error
        vectors = table.column("vector").combine_chunks()
        width = table.schema.field("vector").type.list_size
        yield table.column("entity_number").to_numpy(), vectors.flatten().to_numpy().reshape(-1, width)


def _write_part(embedder: Embedder, store: DescriptionStore, items: Numbers, records: Numbers, path: Path) -> None:
    beside = path.with_name(path.name + ".partial")
    writer: pq.ParquetWriter | None = None
    names = np.array(store.languages)
    for first in range(0, len(records), _CHUNK_ROWS):
        chunk = slice(first, first + _CHUNK_ROWS)
        texts = [store.tokens(record).tolist() for record in records[chunk].tolist()]
        documents = [description(ids, embedder.special, embedder.lengths) for ids in texts]
        vectors = embedder.embed(documents, "mep_key").numpy().astype(np.float32)
        columns = schema(vectors.shape[1])
        flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), type=columns.field("vector").type)
        languages = names[store.language[records[chunk]]].tolist()
        writer = writer or pq.ParquetWriter(beside, columns, compression="zstd", write_page_checksum=True)
        writer.write_table(pa.table([items[chunk], languages, flat], schema=columns))
    if writer:
        writer.close()
        os.rename(beside, path)
