"""What is known of every shard before any row is written, so that workers can decide alone afterwards.

Of `entities`: which are no articles. Of `pages`: titles, links and leads are read, as keys and hashes; when the title index
is made, the keys alone tell what each link leads to, which leads could serve, and how often each entity is mentioned. What
rows will say of a page, its title and its lead among it, is kept beside (`PAGE_ROW`), 7 % of a shard's bytes, so that the
tasks read the contexts alone: each column of a shard is read once. To keep the contexts beside too would cost more than the
second look at the file that it saves (docs/architecture.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.link import leads
from pipeline.link.fates import ShardCounts, count_mentions, is_mention, link_fates
from pipeline.link.leads import LeadFate
from pipeline.link.title_index import DISAMBIGUATION, ENTITY_BITS, Keys, Values, WikiTitles, entity_numbers, title_keys
from pipeline.run import storage
from pipeline.wikis.numbers import Numbers, contains, numbers_of_ids
from schemas import PAGES, iter_shard
from schemas.sorted_keys import find_keys

BATCH_ROWS = 2_000
"""Pages looked at together: some 60,000 links, 30 MB of text where it is read."""

PAGE_COLUMNS = (
    "title",
    "page_id",
    "revision_id",
    "entity",
    "is_disambiguation",
    "lead",
    "contexts.list.element.links.list.element.target",
    "contexts.list.element.links.list.element.fragment",
)

PAGE_ROW = pa.schema([*(PAGES.columns.field(name) for name in ("title", "page_id", "revision_id", "lead"))])
"""What is kept of a page for its rows; the lead is cut, and null where it cannot serve, whatever the page is about."""


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """Entities that are no articles."""

    namesakes: Numbers
    """Disambiguation pages, ascending."""
    others: Numbers
    """Categories, templates, lists and other pages, ascending."""


LEAD = np.dtype([("row", "<i8"), ("text", "<u8"), ("skeleton", "<u8")])
"""A lead that is long enough: its page's row in the shard, and hashes of text and skeleton."""


@dataclass(frozen=True, kw_only=True)
class ReadPages:
    """What of a shard of `pages` decides about links and leads, 9 bytes a link and some 50 a page."""

    title_keys: Keys
    """Keys of the pages' titles, shape [pages]."""
    page_ids: NDArray[np.int64]
    """Shape [pages]."""
    flags: NDArray[np.bool_]
    """Whether each page says that it lists namesakes, shape [pages]."""
    page_entities: NDArray[np.int64]
    """Number of the item that each page itself names, 0 for none, shape [pages]."""
    num_links: NDArray[np.int64]
    """Links on each page, shape [pages]."""
    target_keys: Keys
    """Keys of the links' targets, in the order of the shard, shape [links]."""
    sections: NDArray[np.bool_]
    """Whether each link names a section, shape [links]."""
    lead_fates: NDArray[np.uint8]
    """`LeadFate` of each page as far as its lead alone decides, shape [pages]."""
    leads: NDArray[np.void]
    """`LEAD` rows of the pages whose lead is kept so far."""


@dataclass(frozen=True, kw_only=True)
class PageSurvey:
    """What the title index says of a shard of `pages`."""

    page_values: Values
    """What it says of each page's own title, shape [pages]."""
    link_values: Values
    """What each link leads to, in the order of the shard, shape [links]."""
    link_fates: NDArray[np.uint8]
    """`Fate` of each link, before caps and descriptions are known, shape [links]."""
    lead_fates: NDArray[np.uint8]
    """`LeadFate` of each page as far as it follows from the page alone, shape [pages]."""
    candidates: NDArray[np.void]
    """`leads.CANDIDATE` rows: the pages whose lead is kept so far."""
    counts: ShardCounts
    """Mentions of each entity."""


@dataclass(frozen=True, kw_only=True)
class EntitySurvey:
    """What the survey of one shard of `entities` found, short texts aside."""

    numbers: Numbers
    """All entity numbers, in the order of the shard."""
    namesakes: Numbers
    """Those that are disambiguation pages, ascending."""
    others: Numbers
    """Those that are other pages than articles, ascending."""


def survey_entities(batches: Iterator[pa.RecordBatch]) -> EntitySurvey:
    """Survey one shard of `entities`."""
    every, namesakes, others = [], [], []
    for batch in batches:
        every.append(numbers_of_ids(batch.column("entity")).astype(np.uint32))
        odd = batch.filter(pc.is_valid(batch.column("page_kind")))
        numbers = numbers_of_ids(odd.column("entity")).astype(np.uint32)
        is_namesake = pc.equal(odd.column("page_kind"), "disambiguation").to_numpy(zero_copy_only=False)
        namesakes.append(numbers[is_namesake])
        others.append(numbers[~is_namesake])
    return EntitySurvey(
        numbers=_joined(every, np.uint32),
        namesakes=np.unique(_joined(namesakes, np.uint32)),
        others=np.unique(_joined(others, np.uint32)),
    )


def links_of_batch(batch: pa.RecordBatch) -> tuple[pa.StructArray, NDArray[np.int64]]:
    """All links of a batch of pages in order, and how many each page has."""
    contexts = batch.column("contexts")
    links = contexts.flatten().field("links")
    ends = np.r_[0, np.cumsum(_lengths(links))][np.cumsum(_lengths(contexts))]
    return links.flatten(), np.diff(ends, prepend=0)


def _lengths(lists: pa.ListArray) -> NDArray[np.int64]:
    return np.asarray(pc.list_value_length(lists), np.int64)


def read_pages(path: Path, wiki: str, *, min_bytes: int, max_characters: int) -> tuple[ReadPages, pa.Table]:
    """Read one shard of `pages`, a batch at a time, to what decides and to what is kept for its rows (`PAGE_ROW`).

    Args:
        min_bytes: shortest lead, in UTF-8.
        max_characters: where leads are cut.
    """
    parts: list[ReadPages] = []
    kept: list[pa.RecordBatch] = []
    first_row = 0
    for batch in iter_shard(path, PAGES, PAGE_COLUMNS, BATCH_ROWS):
        links, num_links = links_of_batch(batch)
        lead_fates, found, texts = _read_leads(batch, first_row, min_bytes, max_characters)
        part = ReadPages(
            title_keys=title_keys(wiki, batch.column("title").to_pylist()),
            page_ids=batch.column("page_id").to_numpy(zero_copy_only=False),
            flags=batch.column("is_disambiguation").to_numpy(zero_copy_only=False),
            page_entities=numbers_of_ids(batch.column("entity")),
            num_links=num_links,
            target_keys=title_keys(wiki, links.field("target").to_pylist()),
            sections=pc.is_valid(links.field("fragment")).to_numpy(zero_copy_only=False),
            lead_fates=lead_fates,
            leads=found,
        )
        parts.append(part)
        named = [batch.column(name) for name in PAGE_ROW.names[:-1]]
        kept.append(pa.RecordBatch.from_arrays([*named, texts], schema=PAGE_ROW))
        first_row += batch.num_rows
    arrays = {name: _joined([getattr(p, name) for p in parts], kind) for name, kind in PAGE_ARRAYS.items()}
    return ReadPages(**arrays), pa.Table.from_batches(kept, PAGE_ROW)


def save_page_rows(path: Path, rows: pa.Table) -> None:
    """Write the `PAGE_ROW` rows of a shard, under their name only when they are whole.

    Raises: StorageError where the disk is full or refuses.
    """
    packed = pa.ipc.IpcWriteOptions(compression="lz4")
    with storage.open_write(str(path)) as file, pa.ipc.new_file(file, PAGE_ROW, options=packed) as writer:
        writer.write_table(rows)


def open_page_rows(path: Path) -> pa.Table:
    """Read what `save_page_rows` wrote."""
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


PAGE_ARRAYS: dict[str, Any] = {
    "title_keys": np.uint64,
    "page_ids": np.int64,
    "flags": np.bool_,
    "page_entities": np.int64,
    "num_links": np.int64,
    "target_keys": np.uint64,
    "sections": np.bool_,
    "lead_fates": np.uint8,
    "leads": LEAD,
}
"""Names and types of the arrays of `ReadPages`."""


def _read_leads(
    batch: pa.RecordBatch, first_row: int, min_bytes: int, max_characters: int
) -> tuple[NDArray[np.uint8], NDArray[np.void], pa.Array]:
    """Return the fate of each lead as far as it decides it alone, `LEAD` rows of those kept so far, and their texts."""
    fates = np.zeros(batch.num_rows, np.uint8)
    fates[pc.is_null(batch.column("lead")).to_numpy(zero_copy_only=False)] = LeadFate.NO_LEAD
    # What such a page says is no description, whatever its title leads to.
    fates[batch.column("is_disambiguation").to_numpy(zero_copy_only=False)] = LeadFate.DISAMBIGUATION
    found: list[tuple[int, int, int]] = []
    texts: list[str | None] = [None] * batch.num_rows
    for row in np.flatnonzero(fates == LeadFate.KEPT).tolist():
        text = leads.cut_text(batch.column("lead")[row].as_py(), max_characters)
        if leads.long_enough(text, min_bytes):
            own = leads.skeleton(text, batch.column("title")[row].as_py())
            found.append((first_row + row, leads.hash_text(text), leads.hash_text(own)))
            texts[row] = text
        else:
            fates[row] = LeadFate.TOO_SHORT
    return fates, np.array(found, LEAD), pa.array(texts, pa.string())


def survey_pages(
    pages: ReadPages,
    titles: WikiTitles,
    kinds: Kinds,
    repeated_pages: NDArray[np.int64],
    *,
    keep_section_links: bool,
) -> PageSurvey:
    """Survey one shard of `pages` that has been read; `repeated_pages` are the ids that an earlier shard had, ascending."""
    page_values, link_values = titles.look_up_keys(pages.title_keys), titles.look_up_keys(pages.target_keys)
    repeated = find_keys(repeated_pages, pages.page_ids)[1]
    fates = link_fates(
        link_values,
        is_section=pages.sections & (not keep_section_links),
        from_disambiguation=np.repeat(pages.flags, pages.num_links),
        from_repeated=np.repeat(repeated, pages.num_links),
        namesakes=kinds.namesakes,
        others=kinds.others,
    )
    lead_fates = _lead_fates(pages, page_values, kinds)
    kept = pages.leads[lead_fates[pages.leads["row"]] == LeadFate.KEPT]
    candidates = np.empty(len(kept), leads.CANDIDATE)
    for name in LEAD.names or ():
        candidates[name] = kept[name]
    candidates["number"] = entity_numbers(page_values[kept["row"]])
    return PageSurvey(
        page_values=page_values,
        link_values=link_values,
        link_fates=fates,
        lead_fates=lead_fates,
        candidates=candidates,
        counts=count_mentions(link_values[is_mention(fates)] & ENTITY_BITS),
    )


def _lead_fates(pages: ReadPages, page_values: Values, kinds: Kinds) -> NDArray[np.uint8]:
    """Which leads could serve, by what their pages are about too."""
    numbers, fates = entity_numbers(page_values), pages.lead_fates.copy()
    # The first reason stands: those set last are the ones asked first.
    fates[contains(kinds.others, numbers)] = LeadFate.NOT_AN_ARTICLE
    fates[numbers == 0] = LeadFate.NO_ITEM
    named_so = contains(kinds.namesakes, numbers) | (page_values & DISAMBIGUATION != 0)
    fates[named_so | pages.flags] = LeadFate.DISAMBIGUATION
    return fates


def _joined(pieces: list[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    return np.concatenate(pieces) if pieces else np.empty(0, dtype)
