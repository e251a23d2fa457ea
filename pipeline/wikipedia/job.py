"""The wikipedia job: XML dumps of Wikipedias to `pages` (lead, contexts with raw links) and `redirects`.

A task is a range of one dump file; it reads the pages that begin in it, from compressed bytes to its own shards. Dumps
may be whole or in parts, multistream or not, packed as bz2, gz, zst or plain, of today's export schema or the one
before: all go through the same ranges. Pages that cannot be read are rejected one by one; a damaged file ends the job,
unless `salvage` says to read on behind the damage.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from pipeline.dumps.multistream import cut_at_streams, find_index, read_index
from pipeline.dumps.ranges import ByteRange, Element, read_elements, read_head, warm_ups
from pipeline.dumps.record import describe_dump
from pipeline.dumps.sources import expand_sources, plan_sources
from pipeline.run import compiling, storage
from pipeline.run.job import Job, Task
from pipeline.run.task_output import TaskOutput, TaskRecord
from pipeline.wikipedia.articles import ArticleOptions, read_article
from pipeline.wikipedia.columns import PageColumns, redirect_rows
from pipeline.wikipedia.left_out import failed_wikis, unfit_files, without_wikis
from pipeline.wikipedia.pages import DumpPage, PageProblem, page_namespace, read_page
from pipeline.wikipedia.siteinfo import HEAD_BYTES, SiteInfo, read_siteinfo
from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from pipeline.wikis.languages import find_wiki
from schemas import PAGES, REDIRECTS
from schemas.errors import InputCorrupt, UsageError

Variant = Literal["zh-cn", "zh-hans", "zh-sg", "zh-tw", "zh-hant", "zh-hk"]

_WIKI_IN_NAME = re.compile(r"(?P<code>[a-z]{2,12}(?:[-_][a-z]{2,12}){0,3}?)(?:_wiki\.|wiki[-_.])")
_FLUSH_PAGES, _FLUSH_CHARACTERS = 2_000, 8_000_000


@dataclass(frozen=True, kw_only=True)
class WikipediaConfig:
    """Which dumps are read, and what is kept of their pages."""

    dumps: tuple[str, ...]
    """Paths, URLs or glob patterns of XML dumps; indexes of multistream dumps are found beside them by their names."""
    output: str
    """Folder of the dataset."""
    context_characters: int = 1_000
    """Most characters of a context. Method: open."""
    lead_characters: int = 1_200
    """Most characters of a lead; longer ones are cut at a sentence. Method: open."""
    table_cells: bool = False
    """Keep the text and links of table cells, a row a line."""
    zh_variant: Variant = "zh-cn"
    """Which variant the markup of wikis in two scripts is resolved to; Serbian and others show their first."""
    wiki_from_name: bool = False
    """Take the wiki from the beginning of the file's name (`de_wiki.xml.bz2`, `dewiki-2026…`) instead of the header."""
    use_index: bool = True
    """Cut a multistream dump at the streams its index lists, and count its pages against the index."""
    range_bytes: int = 16 * 1024 * 1024
    """Compressed bytes of a task."""
    max_page_bytes: int = 16 * 1024 * 1024
    """Longest page that is read, in bytes of XML; longer ones are rejected. MediaWiki's own limit is 2 MiB of text."""
    max_text_characters: int = 4 * 1024 * 1024
    """Longest wikitext that is read; longer ones are rejected, so that no page takes more than seconds, whatever its
    markup. A limit in seconds would give other rows on another machine."""
    salvage: bool = False
    """Read on behind damaged blocks of a bz2 dump; each becomes a reject that says which pages are missing."""
    allow_partial: bool = False
    """Leave out a wiki whose dump is damaged, and say so in the manifest, where otherwise the job would end."""
    max_reject_share: float = 0.001
    """Largest share of records that may be rejected, 0 to 1."""


def inputs(config: WikipediaConfig) -> dict[str, str]:
    """The dump files by size, date and checksum as far as known."""
    return {storage.file_name(path): describe_dump(path, storage.size(path)) for path in dump_files(config)}


def dump_files(config: WikipediaConfig) -> list[str]:
    """The dump files that the patterns name; index files among them are passed over."""
    return [path for path in expand_sources(config.dumps) if "-index" not in storage.file_name(path)]


def plan(config: WikipediaConfig) -> list[Task]:
    """Ranges of each dump, with what its header says.

    Raises:
        UsageError: a dump is of a wiki that is no Wikipedia.
        InputCorrupt: a dump is not a MediaWiki dump, declares a document type, or its index does not fit.
    """
    tasks: list[Task] = []
    for path in dump_files(config):
        name = storage.file_name(path)
        try:
            parts = _plan_file(config, path)
        except InputCorrupt as error:
            named = _WIKI_IN_NAME.match(name)
            if not config.allow_partial or named is None:
                raise
            parts = [({"failed": str(error), "wiki": find_wiki(named["code"]).wiki}, 0)]
        for payload, length in parts:
            tasks.append(Task(index=len(tasks), source=name, payload=payload, num_bytes=length))
    compiling.get_ready(_warm_ups(config, tasks))
    return tasks


def _warm_ups(config: WikipediaConfig, tasks: list[Task]) -> list[str]:
    return warm_ups(ByteRange(**task.payload["span"]) for task in tasks if "span" in task.payload)


def _plan_file(config: WikipediaConfig, path: str) -> list[tuple[dict[str, Any], int]]:
    """The payload and the size of the task of each range of a dump."""
    site = read_siteinfo(read_head(path, HEAD_BYTES, storage.open_read), path)
    wiki = dump_wiki(path, site, config.wiki_from_name)
    spans = plan_sources([path], config.range_bytes)
    index_path = find_index(path) if config.use_index and spans[0].form == "bz2" else None
    index = read_index(index_path, spans[0].size) if index_path else None
    if index:
        spans = cut_at_streams(spans, index)
    parts = []
    for span in spans:
        payload: dict[str, Any] = {"span": dataclasses.asdict(span), "wiki": wiki}
        payload |= {"namespaces": list(site.namespaces.items())}
        payload |= {"index": index_path, "pages": index.pages_between(span.start, span.end) if index else None}
        parts.append((payload, span.end - span.start))
    return parts


def dump_wiki(path: str, site: SiteInfo, from_name: bool) -> str:
    """The database name of a dump's wiki.

    Raises:
        UsageError: neither header nor name says, or no Wikipedia has that name.
    """
    name = site.wiki
    if from_name or not name:
        found = _WIKI_IN_NAME.match(storage.file_name(path))
        if found is None:
            raise UsageError(f"{path}: no wiki in this name; name the file like dewiki-20260901-….xml.bz2")
        name = found["code"]
    try:
        return find_wiki(name).wiki
    except UsageError as error:
        raise UsageError(f"{path} is a dump of {name!r}: {error}") from error


def run_task(config: WikipediaConfig, task: Task, out: TaskOutput) -> None:
    """Read the pages of one range into shards."""
    pa.set_cpu_count(1)
    try:
        _read_range(config, task, out)
    except InputCorrupt as error:
        if not config.allow_partial:
            raise
        out.forget()
        out.notes = {"expected": None, "pages": 0, "failed": str(error)}
    out.notes |= {"file": task.source, "wiki": task.payload["wiki"]}


def _read_range(config: WikipediaConfig, task: Task, out: TaskOutput) -> None:
    payload = task.payload
    if "failed" in payload:
        raise InputCorrupt(payload["failed"])
    span = ByteRange(**payload["span"])
    reader = _PageReader(config, payload, out)
    elements = read_elements(
        span,
        b"<page>",
        b"</page>",
        max_element_bytes=config.max_page_bytes,
        final_mark=b"</mediawiki>",
        open_file=storage.open_read,
        salvage=config.salvage,
    )
    for element in elements:
        if element.problem == "damaged":
            reader.pass_damage(element, span.size)
        else:
            reader.read(element)
    reader.flush()
    if payload["pages"] is not None and payload["pages"] > reader.seen:
        out.ledger.count("pages_lost", payload["pages"] - reader.seen)
    out.notes = {"expected": payload["pages"], "pages": reader.seen}


class _PageReader:
    """Sorts the pages of one range into rows, drops and rejects."""

    def __init__(self, config: WikipediaConfig, payload: dict[str, Any], out: TaskOutput) -> None:
        self._out, self._ledger, self._payload = out, out.ledger, payload
        header = {int(number): name for number, name in payload["namespaces"]}
        names = {} if config.wiki_from_name else header
        self._dialect = wiki_dialect(payload["wiki"], names, config.zh_variant)
        self._options = ArticleOptions(
            context_characters=config.context_characters,
            lead_characters=config.lead_characters,
            table_cells=config.table_cells,
        )
        self._longest_text = config.max_text_characters
        self._columns = PageColumns(self._dialect.wiki, self._dialect.language)
        self._redirects: list[tuple[str, str]] = []
        self.seen = 0
        """Pages met, whatever became of them."""
        self._last_page_id = 0

    def read(self, element: Element) -> None:
        """Take one element of the dump to a row, a drop or a reject."""
        self._ledger.read()
        if element.problem is not None:
            self._reject(element, element.problem, f"an element that is {element.problem.replace('_', ' ')}", None)
            return
        self.seen += 1
        try:
            if page_namespace(element.data) != 0:
                self._ledger.drop("namespace")
                return
            page = read_page(element.data)
        except PageProblem as problem:
            self._reject(element, problem.reason, str(problem), problem.page_id)
            return
        if len(page.text) > self._longest_text:
            detail = f"wikitext of {len(page.text):,} characters, the limit is {self._longest_text:,}"
            self._reject(element, "text_too_large", detail, str(page.page_id))
            return
        self._sort(page)

    def _sort(self, page: DumpPage) -> None:
        self._last_page_id = page.page_id
        if page.redirect is not None:
            self._ledger.keep()
            self._ledger.count("redirects")
            self._redirects.append((page.title, page.redirect))
        elif page.model != "wikitext":
            self._ledger.drop("model")
        elif page.is_deleted or not page.text.strip():
            self._ledger.drop("deleted" if page.is_deleted else "empty")
        else:
            self._keep(page)

    def _keep(self, page: DumpPage) -> None:
        article = read_article(page.text, page.title, self._dialect, self._options)
        self._ledger.keep()
        self._ledger.count("articles")
        self._ledger.count("contexts", len(article.contexts))
        if article.lead_missing:
            self._ledger.count(f"lead_missing_{article.lead_missing}")
        for fate, number in article.fates.items():
            self._ledger.count(f"links_{fate}", number)
        self._ledger.count("links_taken_out", article.links_taken_out)
        of_itself = sum(target == page.title for _, links in article.contexts for _, _, target, _ in links)
        self._ledger.count("links_article_to_own_page", of_itself)
        self._columns.add(page, article)
        if len(self._columns) >= _FLUSH_PAGES or self._columns.characters >= _FLUSH_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        """Write the rows held."""
        wiki = self._dialect.wiki
        self._out.write(PAGES, self._columns.take(), partition=wiki)
        self._out.write(REDIRECTS, redirect_rows(wiki, self._redirects), partition=wiki)
        self._redirects = []

    def _reject(self, element: Element, reason: str, detail: str, record: str | None) -> None:
        plain = self._payload["span"]["form"] == "plain"
        self._ledger.reject(
            reason,
            offset=element.offset if plain else element.unit,
            detail=detail if plain else f"{detail}; {element.offset} decoded bytes after that byte",
            excerpt=element.data,
            record=record,
        )

    def pass_damage(self, gap: Element, size: int) -> None:
        """Account for damaged bytes of a dump of `size` bytes that are read past."""
        missing = f"some pages behind id {self._last_page_id}; no index says which"
        if self._payload["index"]:
            missing = f"some of {read_index(self._payload['index'], size).describe(gap.unit)}"
        self._ledger.read()
        self._ledger.reject("damaged_block", offset=gap.unit, detail=f"{missing}; {gap.detail}")


def settle(config: WikipediaConfig, records: list[TaskRecord]) -> list[TaskRecord]:
    """Leave out wikis that failed, where that is allowed."""
    failed = failed_wikis(records, unfit_files(records, salvaged=config.salvage)) if config.allow_partial else {}
    for wiki, reason in failed.items():
        print(f"wikipedia: {wiki} is left out: {reason}", file=sys.stderr)
    return without_wikis(records, failed)


def verify(config: WikipediaConfig, records: list[TaskRecord]) -> None:
    """Check each dump against its index and that it holds pages at all.

    Raises:
        InputCorrupt: a dump has no page, or not as many as its index lists; or every wiki would be left out.
    """
    unfit = unfit_files(records, salvaged=config.salvage)
    left = {record.notes["wiki"] for record in records} - set(failed_wikis(records, unfit))
    if unfit and not (config.allow_partial and left):
        raise InputCorrupt(next(iter(unfit.values())))


def properties(config: WikipediaConfig, records: list[TaskRecord]) -> dict[str, Any]:
    """Attribution for readers of the dataset, and what is missing from it."""
    licence = "CC BY-SA 4.0, see the wikis' terms; page and revision ids name the authors' pages"
    failed = failed_wikis(records, unfit_files(records, salvaged=config.salvage)) if config.allow_partial else {}
    return {"text_licence": licence} | ({"left_out": failed} if failed else {})


JOB = Job(
    name="wikipedia",
    config=WikipediaConfig,
    plan=plan,
    run_task=run_task,
    tables=(PAGES, REDIRECTS),
    inputs=inputs,
    properties=properties,
    settle=settle,
    verify=verify,
    warm_ups=_warm_ups,
)
