"""Tasks over pages: from them and the survey's findings to rows of `mentions` and `descriptions`, column by column."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.link.config import LinkConfig, SharedPaths
from pipeline.link.fates import MENTION_FATES, Cap, count_fates, final_fates, is_mention
from pipeline.link.leads import LeadFate
from pipeline.link.survey import BATCH_ROWS, PAGE_ROW, links_of_batch, open_page_rows
from pipeline.link.title_index import Values, entity_numbers
from pipeline.run.task_output import TaskOutput
from pipeline.wikis.language_notes import LanguageNotes
from pipeline.wikis.languages import wiki_language
from pipeline.wikis.numbers import ids_of_numbers, open_array
from schemas import DESCRIPTIONS, MENTIONS, PAGES, SPLITS, iter_shard, split_of
from schemas.errors import ShardMismatch
from schemas.mentions import MENTION

CONTEXT_COLUMNS = tuple(
    f"contexts.list.element.{field}" for field in ("text", "links.list.element.start", "links.list.element.end")
)
"""The columns of `pages` that are read here; rows say of a page what the survey kept of it."""


@dataclass(frozen=True, kw_only=True)
class LinkedContexts:
    """The contexts of one batch of pages that have mentions."""

    rows: pa.RecordBatch
    """Rows of `mentions`."""
    splits: NDArray[np.str_]
    """The split of each row: `train` or `validation`."""
    num_contexts: int
    """Contexts looked at."""


def link_contexts(
    batch: pa.RecordBatch, values: Values, fates: NDArray[np.uint8], page_values: Values, validation_per_mille: int
) -> LinkedContexts:
    """Tie the links of a batch of pages to entities and keep the contexts that have any.

    Args:
        batch: columns `CONTEXT_COLUMNS` of some pages, and what rows say of them.
        values, fates: what each link leads to, and what becomes of it.
        page_values: what the pages' own titles lead to.
        validation_per_mille: share of page entities whose contexts are for validation.
    """
    links, _ = links_of_batch(batch)
    contexts = batch.column("contexts")
    flat = contexts.flatten()
    per_page = pc.list_value_length(contexts).to_numpy(zero_copy_only=False)
    per_context = pc.list_value_length(flat.field("links")).to_numpy(zero_copy_only=False)
    kept_links = np.flatnonzero(is_mention(fates))
    context_of_link = np.repeat(np.arange(len(flat)), per_context)
    num_mentions = np.bincount(context_of_link[kept_links], minlength=len(flat))
    kept = np.flatnonzero(num_mentions)
    page = np.repeat(np.arange(batch.num_rows), per_page)[kept]
    index = np.arange(len(flat)) - np.repeat(np.cumsum(per_page) - per_page, per_page)
    page_numbers = entity_numbers(page_values)
    columns = {
        "text": flat.field("text").take(pa.array(kept)),
        "mentions": _mention_lists(links.take(pa.array(kept_links)), values[kept_links], num_mentions[kept]),
        "page_entity": ids_of_numbers(page_numbers[page]),
        "context_index": pa.array(index[kept].astype(np.int32)),
    }
    for name in ("language", "wiki", "title", "page_id", "revision_id"):
        columns[name] = batch.column(name).take(pa.array(page))
    rows = pa.RecordBatch.from_arrays([columns[name] for name in MENTIONS.columns.names], schema=MENTIONS.columns)
    splits = _page_splits(batch, page_numbers, validation_per_mille)[page]
    return LinkedContexts(rows=rows, splits=splits, num_contexts=len(flat))


def _mention_lists(links: pa.StructArray, values: Values, sizes: NDArray[np.int64]) -> pa.ListArray:
    entity = ids_of_numbers(entity_numbers(values))
    structs = pa.StructArray.from_arrays([links.field("start"), links.field("end"), entity], fields=list(MENTION))
    offsets = pa.array(np.r_[0, np.cumsum(sizes)].astype(np.int32))
    return pa.ListArray.from_arrays(offsets, structs, type=MENTIONS.columns.field("mentions").type)


def _page_splits(batch: pa.RecordBatch, numbers: NDArray[np.int64], per_mille: int) -> NDArray[np.str_]:
    """Return the split of each page: by its entity, or by the page itself where Wikidata has none for it."""
    pages = zip(batch.column("wiki").to_pylist(), batch.column("page_id").to_pylist(), numbers.tolist(), strict=True)
    keys = (f"Q{number}" if number else f"{wiki} {page_id}" for wiki, page_id, number in pages)
    return np.array([split_of(key, per_mille) for key in keys], dtype=object)


def lead_descriptions(batch: pa.RecordBatch, fates: NDArray[np.uint8], page_values: Values) -> pa.RecordBatch:
    """Rows of `descriptions` from the pages whose lead was kept."""
    kept = np.flatnonzero(fates == LeadFate.KEPT)
    pages = batch.take(pa.array(kept))
    columns = {
        "entity": ids_of_numbers(entity_numbers(page_values[kept])),
        "text": pages.column("lead"),
        "origin": pa.array(["wikipedia"] * len(kept), pa.string()),
        "code": pa.nulls(len(kept), pa.string()),
    }
    for name in ("language", "title", "wiki", "page_id", "revision_id"):
        columns[name] = pages.column(name)
    names = DESCRIPTIONS.columns.names
    return pa.RecordBatch.from_arrays([columns[name] for name in names], schema=DESCRIPTIONS.columns)


def mention_counts(rows: pa.RecordBatch) -> Counter[str]:
    """Contexts, mentions and characters of rows of `mentions`."""
    mentions = pc.sum(pc.list_value_length(rows.column("mentions"))).as_py() or 0
    characters = pc.sum(pc.utf8_length(rows.column("text"))).as_py() or 0
    return Counter(contexts=rows.num_rows, mentions=mentions, characters=characters)


def run_pages(config: LinkConfig, payload: dict[str, Any], out: TaskOutput) -> None:
    """One shard of `pages`: its leads to `descriptions`, its contexts to `mentions`.

    Raises: ShardMismatch where the shard is not the one that was surveyed.
    """
    shared, path, language = SharedPaths.of_build(out.built), payload["shard"], wiki_language(payload["wiki"])
    names = ("link_values", "link_fates", "page_values", "final_lead_fates")
    values, early, page_values, lead_fates = (open_array(shared.of_path(path, name)) for name in names)
    cap = Cap(config.max_mentions, open_array(shared.of_path(path, "frequent"))) if config.max_mentions else None
    fates = final_fates(early, values, cap, None if config.keep_undescribed else open_array(shared.described))
    notes = LanguageNotes(out.notes)
    _account_links(out, notes, language, fates)
    _account_leads(out, language, lead_fates)
    page = link = 0
    kept = open_page_rows(shared.page_rows(path))
    for contexts in iter_shard(Path(config.wikipedia, path), PAGES, CONTEXT_COLUMNS, BATCH_ROWS):
        batch = _with_names(contexts, kept.slice(page, contexts.num_rows), payload["wiki"], path)
        rows, links = slice(page, page + batch.num_rows), slice(link, link + len(links_of_batch(batch)[0]))
        linked = link_contexts(batch, values[links], fates[links], page_values[rows], config.validation_per_mille)
        _write_contexts(out, notes, language, linked)
        described = lead_descriptions(batch, lead_fates[rows], page_values[rows])
        out.write(DESCRIPTIONS, described, partition=language)
        notes.add(language, "descriptions_wikipedia", described.num_rows)
        page, link = rows.stop, links.stop
    if (page, link) != (len(page_values), len(values)):
        raise ShardMismatch(
            f"{path} has {page} pages and {link} links, the survey saw {len(page_values)} and {len(values)}"
        )


def _with_names(contexts: pa.RecordBatch, pages: pa.Table, wiki: str, path: str) -> pa.RecordBatch:
    """Return a batch of contexts with what rows say of their pages beside.

    Raises: ShardMismatch where pages are missing.
    """
    if pages.num_rows != contexts.num_rows:
        raise ShardMismatch(f"{path} has more pages than the survey saw")
    constants = {"wiki": wiki, "language": wiki_language(wiki)}
    columns = {name: pa.repeat(text, contexts.num_rows) for name, text in constants.items()}
    columns |= {name: pages.column(name).combine_chunks() for name in PAGE_ROW.names}
    return pa.RecordBatch.from_pydict(columns | {"contexts": contexts.column("contexts")})


def _account_links(out: TaskOutput, notes: LanguageNotes, language: str, fates: NDArray[np.uint8]) -> None:
    source = f"links/{language}"
    out.ledger.read(len(fates), source=source)
    for fate, n in count_fates(fates).items():
        notes.add(language, f"links_{fate.name.lower()}", n)
        if fate in MENTION_FATES:
            out.ledger.keep(n, source=source)
        else:
            out.ledger.drop(fate.name.lower(), n, source=source)


def _account_leads(out: TaskOutput, language: str, fates: NDArray[np.uint8]) -> None:
    source = f"leads/{language}"
    out.ledger.read(len(fates), source=source)
    for fate in LeadFate:
        n = int((fates == fate).sum())
        if fate is LeadFate.KEPT:
            out.ledger.keep(n, source=source)
        elif n:
            out.ledger.drop(fate.name.lower(), n, source=source)


def _write_contexts(out: TaskOutput, notes: LanguageNotes, language: str, linked: LinkedContexts) -> None:
    source, rows = f"contexts/{language}", linked.rows
    out.ledger.read(linked.num_contexts, source=source)
    out.ledger.keep(rows.num_rows, source=source)
    out.ledger.drop("no_mention", linked.num_contexts - rows.num_rows, source=source)
    for split in SPLITS:
        chosen = rows.filter(pa.array(linked.splits == split, pa.bool_()))
        out.write(MENTIONS, chosen, partition=language, split=split)
        for name, n in mention_counts(chosen).items():
            notes.add(language, f"{split}_{name}", n)
