"""Synthetic tables of the wikidata and wikipedia jobs, at any size: titles, pages and links as skewed as real ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas import (
    ENTITIES,
    PAGES,
    REDIRECTS,
    RELATIONS,
    SITELINKS,
    TRIPLES,
    UNSPLIT,
    Manifest,
    Shard,
    ShardWriter,
    Table,
    shard_path,
    write_manifest,
)

_SYLLABLES = (
    "ba lin ton mar ko vi der san ro al ber to kyo new york ist an bul ka ra chi ma ne wa shi".split()
)  # 25 of them: a number's digits in base 25
LINKS_PER_CONTEXT, CONTEXTS_PER_PAGE, PAGES_PER_SHARD = 5, 4, 25_000
_SENTENCE = "The quick brown fox of this city jumps over the lazy dog of that river, as it did in the year before. "


def titles_between(start: int, end: int) -> Iterator[str]:
    """Distinct titles of 20 characters on average, as in English; number i always has the same one."""
    for number in range(start, end):
        mixed, words = number * 2_654_435_761 % (1 << 40), []
        for _ in range(2):
            syllables = _SYLLABLES[mixed % 25], _SYLLABLES[mixed // 25 % 25], _SYLLABLES[mixed // 625 % 25]
            words.append("".join(syllables).capitalize())
            mixed //= 15_625
        yield f"{words[0]} {words[1]} {number % 100_003}" + (" (film)" if number % 3 == 0 else "")


@dataclass(frozen=True, kw_only=True)
class World:
    """What was written."""

    pages: int
    """Pages."""
    contexts: int
    """Contexts."""
    links: int
    """Links in them."""
    num_bytes: int
    """Size of all tables on disk."""


def write_world(folder: Path, num_links: int) -> World:
    """Write the datasets `wikidata` and `wikipedia` of one wiki below `folder`.

    Links go to pages with a Zipf-like skew, a tenth of them by redirects, another tenth to no page.
    """
    draws = np.random.default_rng(1)
    pages = max(1, num_links // (LINKS_PER_CONTEXT * CONTEXTS_PER_PAGE))
    starts, shards = range(0, pages, PAGES_PER_SHARD), []
    for index, start in enumerate(starts):
        rows = _pages(draws, start, min(start + PAGES_PER_SHARD, pages), pages)
        shards.append(_write(folder / "wikipedia", PAGES, rows, "enwiki", index, len(starts)))
    shards.append(_write(folder / "wikipedia", REDIRECTS, _redirects(pages), "enwiki", 0, 1))
    _finish(folder / "wikipedia", shards)
    tables = {
        ENTITIES: _entities(pages),
        SITELINKS: _sitelinks(pages),
        TRIPLES: _triples(draws, pages),
        RELATIONS: _relations(),
    }
    items = [_write(folder / "wikidata", table, rows, "", 0, 1) for table, rows in tables.items()]
    _finish(folder / "wikidata", items)
    contexts = pages * CONTEXTS_PER_PAGE
    num_bytes = sum(shard.bytes for shard in shards + items)
    return World(pages=pages, contexts=contexts, links=contexts * LINKS_PER_CONTEXT, num_bytes=num_bytes)


def _write(folder: Path, table: Table, rows: pa.Table, partition: str, index: int, count: int) -> Shard:
    path = shard_path(table, partition, UNSPLIT, index, count)
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    with (folder / path).open("wb") as sink:
        writer = ShardWriter(sink, table)
        writer.write(rows)
        num_rows, num_bytes, checksum = writer.close()
    return Shard(path=path, table=table.name, partition=partition, split=UNSPLIT, rows=num_rows, bytes=num_bytes,
                 sha256=checksum)  # fmt: skip


def _finish(folder: Path, shards: list[Shard]) -> None:
    tables = dict.fromkeys((shard.table for shard in shards), 1)
    write_manifest(
        folder,
        Manifest(job="benchmark", tables=tables, shards=sorted(shards, key=lambda shard: shard.path), accounts=[],
                 counters={}, inputs={}, config={}, code_version="benchmark"),
    )  # fmt: skip


def _targets(draws: np.random.Generator, count: int, pages: int) -> list[str]:
    """Titles that links name: pages by a skewed draw, `Alias …` redirects, `Missing …` pages that are not there."""
    numbers = (pages ** draws.random(count)).astype(np.int64) - 1
    titles = list(titles_between(0, pages))
    kinds = draws.integers(0, 10, count).tolist()
    prefixes = {0: "Alias ", 1: "Missing "}
    return [prefixes.get(kind, "") + titles[number] for kind, number in zip(kinds, numbers.tolist(), strict=True)]


def _lists(values: pa.Array, size: int, kind: pa.DataType) -> pa.ListArray:
    offsets = np.arange(0, len(values) + 1, size, dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=kind)


def _pages(draws: np.random.Generator, start: int, end: int, pages: int) -> pa.Table:
    count = end - start
    contexts = count * CONTEXTS_PER_PAGE
    links = contexts * LINKS_PER_CONTEXT
    context_type = PAGES.columns.field("contexts").type.value_type
    link_lists = context_type.field("links").type
    starts: NDArray[np.int32] = np.tile(np.arange(LINKS_PER_CONTEXT, dtype=np.int32) * 80, contexts)
    fields = list(link_lists.value_type)
    link_rows = pa.StructArray.from_arrays(
        [pa.array(starts), pa.array(starts + 9), pa.array(_targets(draws, links, pages)), pa.nulls(links, pa.string())],
        fields=fields,
    )
    texts = pa.array([_SENTENCE * 4 + str(number) for number in range(contexts)])
    sections = [pa.nulls(contexts, field.type) for field in list(context_type)[2:]]
    context_rows = pa.StructArray.from_arrays(
        [texts, _lists(link_rows, LINKS_PER_CONTEXT, link_lists), *sections], fields=list(context_type)
    )
    titles = list(titles_between(start, end))
    numbers = pa.array(np.arange(start + 1, end + 1, dtype=np.int64))
    leads = [f"{title} is place {number} of the list. {_SENTENCE}" for number, title in enumerate(titles, start)]
    columns = {
        "wiki": pa.array(["enwiki"] * count),
        "language": pa.array(["en"] * count),
        "title": pa.array(titles),
        "page_id": numbers,
        "revision_id": numbers,
        "is_disambiguation": pa.array([False] * count),
        "lead": pa.array(leads),
        "lead_missing": pa.nulls(count, pa.string()),
        "contexts": _lists(context_rows, CONTEXTS_PER_PAGE, PAGES.columns.field("contexts").type),
    }
    rows = {field.name: columns.get(field.name, pa.nulls(count, field.type)) for field in PAGES.columns}
    return pa.table(rows, schema=PAGES.columns)


def _redirects(pages: int) -> pa.Table:
    titles = list(titles_between(0, pages))
    said = {"wiki": ["enwiki"] * pages, "title": [f"Alias {title}" for title in titles], "target": titles}
    rows = {field.name: said.get(field.name, pa.nulls(pages, field.type)) for field in REDIRECTS.columns}
    return pa.table(rows, schema=REDIRECTS.columns)


def _sitelinks(pages: int) -> pa.Table:
    ids = [f"Q{number + 1}" for number in range(pages)]
    return pa.table([["enwiki"] * pages, list(titles_between(0, pages)), ids], schema=SITELINKS.columns)


def _entities(pages: int) -> pa.Table:
    texts = [[{"language": "en", "label": title, "short_description": f"thing number {number}", "aliases": []}]
             for number, title in enumerate(titles_between(0, pages))]  # fmt: skip
    rows = {
        "entity": [f"Q{number + 1}" for number in range(pages)],
        "instance_of": [[] for _ in range(pages)],
        "page_kind": [None] * pages,
        "num_sitelinks": [1] * pages,
        "texts": texts,
    }
    return pa.table(rows, schema=ENTITIES.columns)


def _triples(draws: np.random.Generator, pages: int) -> pa.Table:
    subjects = np.repeat(np.arange(1, pages + 1), 4).tolist()
    objects = draws.integers(1, pages + 1, 4 * pages).tolist()
    columns = [[f"Q{number}" for number in subjects], ["P17"] * len(subjects), [f"Q{number}" for number in objects]]
    return pa.table([*columns, ["normal"] * len(subjects)], schema=TRIPLES.columns)


def _relations() -> pa.Table:
    text = {"language": "en", "label": "country", "short_description": None, "aliases": [], "code": "en"}
    return pa.Table.from_pylist(
        [{"relation": "P17", "datatype": "wikibase-item", "texts": [text]}], schema=RELATIONS.columns
    )
