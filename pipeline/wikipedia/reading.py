"""Pages of one range of a dump to a task's output, every one of them accounted for."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pipeline.dumps.multistream import read_index
from pipeline.dumps.ranges import ByteRange, Element, read_elements
from pipeline.run import storage
from pipeline.run.task import Task
from pipeline.run.task_output import TaskOutput
from pipeline.wikipedia.articles import ArticleOptions, read_article
from pipeline.wikipedia.columns import PageColumns, redirect_rows
from pipeline.wikipedia.config import WikipediaConfig
from pipeline.wikipedia.pages import DumpPage, PageProblem, page_namespace, read_page
from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from schemas import PAGES, REDIRECTS
from schemas.errors import InputCorrupt

_FLUSH_PAGES, _FLUSH_CHARACTERS = 2_000, 8_000_000
HOLES = "sentences with a hole"
"""Source in the accounts, behind the wiki: sentences that a template without a rule left incomplete, dropped by its name."""
_MOST_NAMES = 60
"""Templates that a task's account of holes names, the most frequent ones; the rest share one line."""


def read_range(config: WikipediaConfig, task: Task, out: TaskOutput) -> None:
    """Read the pages that begin in a task's range into rows, drops and rejects.

    Raises:
        InputCorrupt: the file is damaged there.
    """
    payload = task.payload
    if "failed" in payload:
        raise InputCorrupt(payload["failed"])
    span = ByteRange(**payload["span"])
    reader = PageReader(config, payload, out)
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
    reader.account_for_holes()
    if payload["pages"] is not None and payload["pages"] > reader.seen:
        out.ledger.count("pages_lost", payload["pages"] - reader.seen)
    out.notes = {"expected": payload["pages"], "pages": reader.seen}


class PageReader:
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
        self._holes: Counter[str] = Counter()

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
        self._holes.update(article.left_out)
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

    def account_for_holes(self) -> None:
        """Enter the sentences left out into the accounts, by template."""
        if not self._holes:
            return
        source = f"{self._dialect.wiki}: {HOLES}"
        self._ledger.read(self._holes.total(), source=source)
        named = self._holes.most_common(_MOST_NAMES)
        for name, number in named:
            self._ledger.drop(name, number, source=source)
        others = self._holes.total() - sum(number for _, number in named)
        if others:
            self._ledger.drop("other templates", others, source=source)

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
