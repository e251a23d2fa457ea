"""Feeds the title index of the wanted wikis: sitelinks (from the table or an SQL dump), pages and redirects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dumps.sql import read_items_per_site, read_page_props
from pipeline.link.config import LinkInputs, SharedPaths
from pipeline.link.title_index_build import TitleIndexBuilder
from pipeline.wikis.merged_items import MergedItems
from pipeline.wikis.numbers import numbers_of_ids, save_array
from schemas import MERGED, REDIRECTS, SITELINKS, iter_shard, read_manifest, read_shard
from schemas.errors import InputMissing
from schemas.sorted_keys import find_keys


def add_titles(
    builder: TitleIndexBuilder,
    inputs: LinkInputs,
    shared: SharedPaths,
    sitelinks_sql: str = "",
    keep_section_links: bool = False,
) -> None:
    """Give the builder every title of the wanted wikis.

    Args:
        shared: where the shards of pages have been read to, and repeated pages are noted.
        keep_section_links: whether a redirect to a section counts as one to its page.
        sitelinks_sql: `wb_items_per_site.sql.gz`, or a folder of `<wiki>-…-page_props.sql.gz`; empty to read `sitelinks`.
    """
    builder.merged = _merged_items(inputs)
    if not sitelinks_sql:
        _add_sitelinks(builder, inputs)
    elif Path(sitelinks_sql).is_dir():
        _add_page_props(builder, inputs, shared, Path(sitelinks_sql))
    else:
        for wiki, titles, numbers in read_items_per_site(Path(sitelinks_sql), set(inputs.pages)):
            builder.add_sitelinks(wiki, titles, numbers)
    _add_pages(builder, inputs, shared)
    _add_redirects(builder, inputs, keep_section_links)


def _merged_items(inputs: LinkInputs) -> MergedItems:
    """Return the items that the wikidata dataset knows to have been merged: dumps of other days may still tie pages to them."""
    tables = [read_shard(inputs.wikidata / shard.path, MERGED) for shard in inputs.merged]
    rows = pa.concat_tables(tables) if tables else MERGED.columns.empty_table()
    return MergedItems(*(numbers_of_ids(rows.column(name)) for name in ("merged", "entity")))


def _add_sitelinks(builder: TitleIndexBuilder, inputs: LinkInputs) -> None:
    wanted = pa.array(list(inputs.pages), pa.string())
    for shard in read_manifest(inputs.wikidata).of(SITELINKS):
        for batch in iter_shard(inputs.wikidata / shard.path, SITELINKS, batch_rows=100_000):
            batch = batch.filter(pc.is_in(batch.column("wiki"), value_set=wanted))
            for wiki in pc.unique(batch.column("wiki")).to_pylist():
                rows = batch.filter(pc.equal(batch.column("wiki"), wiki))
                builder.add_sitelinks(wiki, rows.column("title").to_pylist(), numbers_of_ids(rows.column("entity")))


def _add_pages(builder: TitleIndexBuilder, inputs: LinkInputs, shared: SharedPaths) -> None:
    """Titles of pages, and the items that pages name themselves: those of snapshots do, and need no sitelink.

    Also notes which pages of each shard an earlier shard of the wiki had: two dumps of one wiki were read.
    """
    for wiki, shards in inputs.pages.items():
        seen = np.empty(0, np.int64)
        for shard in shards:
            keys, flags, numbers = (
                np.load(shared.of_shard(shard, what)) for what in ("title_keys", "flags", "page_entities")
            )
            builder.add_pages(wiki, keys, flags)
            builder.add_sitelinks(wiki, keys[numbers > 0], numbers[numbers > 0])
            page_ids = np.unique(np.load(shared.of_shard(shard, "page_ids")))
            save_array(shared.of_shard(shard, "repeated_pages"), page_ids[find_keys(seen, page_ids)[1]])
            seen = np.union1d(seen, page_ids)


def _add_redirects(builder: TitleIndexBuilder, inputs: LinkInputs, keep_section_links: bool) -> None:
    manifest = read_manifest(inputs.wikipedia)
    columns = ("title", "target", "fragment")
    for wiki in inputs.pages:
        for shard in manifest.of(REDIRECTS, partition=wiki):
            for batch in iter_shard(inputs.wikipedia / shard.path, REDIRECTS, columns, 100_000):
                to_section = pc.is_valid(batch.column("fragment"))
                if not keep_section_links:
                    builder.add_section_redirects(wiki, batch.filter(to_section).column("title").to_pylist())
                    batch = batch.filter(pc.invert(to_section))
                builder.add_redirects(wiki, batch.column("title").to_pylist(), batch.column("target").to_pylist())


def page_props_file(folder: Path, wiki: str) -> Path:
    """Return the newest table of a wiki's page properties in a folder, which may hold anything else too.

    Raises:
        InputMissing: there is none.
    """
    found = sorted(folder.glob(f"{wiki}-*page_props.sql*"))
    if not found:
        raise InputMissing(
            f"{folder} has no {wiki}-…-page_props.sql.gz: fetch it with `download --page-props`, or name "
            "wb_items_per_site.sql.gz"
        )
    return found[-1]


def _add_page_props(builder: TitleIndexBuilder, inputs: LinkInputs, shared: SharedPaths, folder: Path) -> None:
    """Page ids come from the SQL dump, titles from the pages and redirects that were read; others cannot be named."""
    manifest = read_manifest(inputs.wikipedia)
    for wiki, shards in inputs.pages.items():
        item_of_page = read_page_props(page_props_file(folder, wiki))
        for shard in shards:
            keys, page_ids = (np.load(shared.of_shard(shard, what)) for what in ("title_keys", "page_ids"))
            numbers = np.array([item_of_page.get(page_id, 0) for page_id in page_ids.tolist()], np.int64)
            builder.add_sitelinks(wiki, keys[numbers > 0], numbers[numbers > 0])
        for redirects in manifest.of(REDIRECTS, partition=wiki):
            for batch in iter_shard(inputs.wikipedia / redirects.path, REDIRECTS, ("title", "page_id"), 100_000):
                rows = zip(batch.column("title").to_pylist(), batch.column("page_id").to_pylist(), strict=True)
                tied = [(title, item_of_page[page_id]) for title, page_id in rows if page_id in item_of_page]
                builder.add_sitelinks(wiki, [title for title, _ in tied], [number for _, number in tied])
