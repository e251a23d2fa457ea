"""Merged items: from Wikidata's SQL dumps `redirect` and `page` to a table, and into the rows that name them.

A JSON dump holds no redirects, yet statements go on naming items that were merged into others. `redirect` says to which item
a page leads, `page` which item that page was.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.dumps.sql import read_rows
from pipeline.wikis.merged_items import MergedItems, Numbers
from pipeline.wikis.numbers import ids_of_numbers
from schemas import ENTITIES, MERGED, TRIPLES, Table
from schemas.sorted_keys import find_keys

_ROWS_AT_ONCE = 500_000
_LONGEST_CHAIN = 20
"""Mergers that are followed; longer ones are cycles, which lead nowhere."""


def merged_rows(items: MergedItems) -> pa.RecordBatch:
    """Rows of `merged`."""
    return pa.RecordBatch.from_arrays(
        [ids_of_numbers(items.merged), ids_of_numbers(items.entity)], schema=MERGED.columns
    )


def resolve_rows(items: MergedItems, rows: dict[Table, pa.RecordBatch]) -> tuple[dict[Table, pa.RecordBatch], int]:
    """Put the items that are meant in place of merged ones, as objects of triples and as classes of items.

    Returns:
        The rows, and how many objects were replaced.
    """
    num_resolved = 0
    if TRIPLES in rows:
        objects, num_resolved = items.resolve(rows[TRIPLES].column("object"))
        rows = rows | {TRIPLES: rows[TRIPLES].set_column(2, TRIPLES.columns.field("object"), objects)}
    if ENTITIES in rows:
        place = ENTITIES.columns.get_field_index("instance_of")
        lists = rows[ENTITIES].column(place)
        classes, changed = items.resolve(lists.flatten())
        if changed:
            resolved = pa.ListArray.from_arrays(_offsets(lists), classes, type=lists.type)
            rows = rows | {ENTITIES: rows[ENTITIES].set_column(place, ENTITIES.columns.field(place), resolved)}
    return rows, num_resolved


def _offsets(lists: pa.ListArray) -> pa.Int32Array:
    """Offsets into the flattened values."""
    sizes = np.asarray(lists.value_lengths())
    return pa.array(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32))


def read_merged(redirects: Path, pages: Path) -> MergedItems:
    """Read the SQL dumps `redirect` and `page` of Wikidata.

    Raises:
        InputMissing, InputCorrupt: as `pipeline.dumps.sql.read_rows`.
    """
    columns = ("rd_from", "rd_namespace", "rd_title")
    targets = {
        int(page): int(title[1:])
        for page, namespace, title in read_rows(redirects, "redirect", columns)
        if namespace == b"0" and _is_item(title)
    }
    page_ids = np.array(sorted(targets), np.int64)
    found: list[tuple[Numbers, Numbers]] = []
    for ids, numbers in _items_of_pages(pages):
        hits = find_keys(page_ids, ids)[1]
        found.append((numbers[hits], np.array([targets[page] for page in ids[hits].tolist()], np.int64)))
    merged = np.concatenate([numbers for numbers, _ in found]) if found else page_ids[:0]
    entity = np.concatenate([to for _, to in found]) if found else page_ids[:0]
    order = np.argsort(merged)
    return _followed(MergedItems(merged[order], entity[order]))


def _items_of_pages(path: Path) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield (page ids, item numbers) of Wikidata's pages of items, in batches."""
    rows = (
        (int(page), int(title[1:]))
        for page, namespace, title in read_rows(path, "page", ("page_id", "page_namespace", "page_title"))
        if namespace == b"0" and _is_item(title)
    )
    while batch := list(islice(rows, _ROWS_AT_ONCE)):
        pages, numbers = np.array(batch, np.int64).T
        yield pages, numbers


def _is_item(title: bytes) -> bool:
    return title[:1] == b"Q" and title[1:].isdigit()


def _followed(items: MergedItems) -> MergedItems:
    """Lead every merged item to one that is not merged itself; those of a cycle lead nowhere and are left out."""
    entity = items.entity
    for _ in range(_LONGEST_CHAIN):
        places, hits = find_keys(items.merged, entity)
        if not hits.any():
            break
        entity = np.where(hits, items.entity[places], entity)
    ends = ~find_keys(items.merged, entity)[1]
    return MergedItems(items.merged[ends], entity[ends])
