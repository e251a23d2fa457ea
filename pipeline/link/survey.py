"""The survey: one look at every shard before any row is written, so that workers can decide alone afterwards.

Of `entities`: which are no articles, and which short texts could serve as descriptions. Of `pages`: what each link leads
to, which leads could serve, and how often each entity is mentioned. Texts of contexts are not read.
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
from pipeline.link.caps import ShardCounts, count_mentions
from pipeline.link.fates import is_mention, link_fates
from pipeline.link.leads import LeadFate
from pipeline.link.title_index import DISAMBIGUATION, ENTITY_BITS, Values, WikiTitles, entity_numbers
from pipeline.wikis.numbers import Numbers, contains, find_keys, numbers_of_ids
from schemas import PAGES, iter_shard

BATCH_ROWS = 2_000
"""Pages looked at together: some 60,000 links, 30 MB of text where it is read."""

PAGE_COLUMNS = (
    "title",
    "page_id",
    "is_disambiguation",
    "lead",
    "contexts.list.element.links.list.element.target",
    "contexts.list.element.links.list.element.fragment",
)


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """Entities that are no articles."""

    namesakes: Numbers
    """Disambiguation pages, ascending."""
    others: Numbers
    """Categories, templates, lists and other pages, ascending."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The settings that decide about leads and links; the field docs of `LinkConfig` say what each means."""

    min_bytes: int
    max_characters: int
    keep_section_links: bool


@dataclass(frozen=True, kw_only=True)
class PageSurvey:
    """What the survey of one shard of `pages` found."""

    page_values: Values
    """What the index says of each page's own title, shape [pages]."""
    link_values: Values
    """What each link leads to, in the order of the shard, shape [links]."""
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
    """All links of a batch of pages in order, and the row of the page each stands on."""
    contexts = batch.column("contexts")
    links = contexts.flatten().field("links")
    page_of_context = np.repeat(np.arange(batch.num_rows), _lengths(contexts))
    return links.flatten(), np.repeat(page_of_context, _lengths(links))


def count_links(batch: pa.RecordBatch) -> int:
    """Number of links of a batch of pages."""
    return len(batch.column("contexts").flatten().field("links").flatten())


def _lengths(lists: pa.ListArray) -> NDArray[np.int64]:
    return np.asarray(pc.list_value_length(lists), np.int64)


def section_links(links: pa.StructArray, rules: Rules) -> NDArray[np.bool_]:
    """Whether each link names a section, where such links are not wanted."""
    if rules.keep_section_links:
        return np.zeros(len(links), np.bool_)
    return np.asarray(pc.is_valid(links.field("fragment")), np.bool_)


def early_fates(
    batch: pa.RecordBatch, values: Values, kinds: Kinds, rules: Rules, repeated_pages: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """The fates of all links of a batch of pages, before caps and descriptions are known.

    Args:
        values: what the index says of each link.
        repeated_pages: page ids that an earlier shard of the wiki had, ascending.
    """
    links, page_of_link = links_of_batch(batch)
    flagged = batch.column("is_disambiguation").to_numpy(zero_copy_only=False)
    repeated = find_keys(repeated_pages, batch.column("page_id").to_numpy(zero_copy_only=False))[1]
    return link_fates(
        values,
        is_section=section_links(links, rules),
        from_disambiguation=flagged[page_of_link],
        from_repeated=repeated[page_of_link],
        namesakes=kinds.namesakes,
        others=kinds.others,
    )


def survey_pages(
    path: Path, titles: WikiTitles, kinds: Kinds, rules: Rules, repeated_pages: NDArray[np.int64]
) -> PageSurvey:
    """Survey one shard of `pages`; `repeated_pages` are the page ids that an earlier shard had, ascending."""
    parts: list[PageSurvey] = []
    first_row = 0
    for batch in iter_shard(path, PAGES, PAGE_COLUMNS, BATCH_ROWS):
        parts.append(_survey_batch(batch, first_row, titles, kinds, rules, repeated_pages))
        first_row += batch.num_rows
    mentioned = [np.repeat(part.counts.numbers, part.counts.counts) for part in parts]
    return PageSurvey(
        page_values=_joined([part.page_values for part in parts], np.uint32),
        link_values=_joined([part.link_values for part in parts], np.uint32),
        lead_fates=_joined([part.lead_fates for part in parts], np.uint8),
        candidates=_joined([part.candidates for part in parts], leads.CANDIDATE),
        counts=count_mentions(_joined(mentioned, np.uint32)),
    )


def _joined(pieces: list[NDArray[Any]], dtype: type | np.dtype[Any]) -> NDArray[Any]:
    return np.concatenate(pieces) if pieces else np.empty(0, dtype)


def _survey_batch(
    batch: pa.RecordBatch,
    first_row: int,
    titles: WikiTitles,
    kinds: Kinds,
    rules: Rules,
    repeated_pages: NDArray[np.int64],
) -> PageSurvey:
    page_values = titles.look_up(batch.column("title").to_pylist())
    values = titles.look_up(links_of_batch(batch)[0].field("target").to_pylist())
    fates = early_fates(batch, values, kinds, rules, repeated_pages)
    lead_fates, candidates = _survey_leads(batch, first_row, page_values, kinds, rules)
    return PageSurvey(
        page_values=page_values,
        link_values=values,
        lead_fates=lead_fates,
        candidates=candidates,
        counts=count_mentions(values[is_mention(fates)] & ENTITY_BITS),
    )


def _survey_leads(
    batch: pa.RecordBatch, first_row: int, page_values: Values, kinds: Kinds, rules: Rules
) -> tuple[NDArray[np.uint8], NDArray[np.void]]:
    numbers = entity_numbers(page_values)
    fates = np.zeros(batch.num_rows, np.uint8)
    fates[pc.is_null(batch.column("lead")).to_numpy(zero_copy_only=False)] = LeadFate.NO_LEAD
    fates[contains(kinds.others, numbers)] = LeadFate.NOT_AN_ARTICLE
    fates[numbers == 0] = LeadFate.NO_ITEM
    named_so = contains(kinds.namesakes, numbers) | (page_values & DISAMBIGUATION != 0)
    fates[named_so | batch.column("is_disambiguation").to_numpy(zero_copy_only=False)] = LeadFate.DISAMBIGUATION
    found = []
    for row in np.flatnonzero(fates == LeadFate.KEPT).tolist():
        text = leads.cut_text(batch.column("lead")[row].as_py(), rules.max_characters)
        if leads.long_enough(text, rules.min_bytes):
            own = leads.skeleton(text, batch.column("title")[row].as_py())
            found.append((first_row + row, numbers[row], leads.hash_text(text), leads.hash_text(own)))
        else:
            fates[row] = LeadFate.TOO_SHORT
    return fates, np.array(found, leads.CANDIDATE)
