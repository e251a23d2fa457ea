"""Pages of one range of a dump to a task's output, every one of them accounted for."""

from __future__ import annotations

from typing import Any

from pipeline.dumps.multistream import read_index
from pipeline.dumps.ranges import Element, read_elements
from pipeline.run import storage
from pipeline.run.task import Task
from pipeline.run.task_output import TaskOutput
from pipeline.wikipedia.articles import article_options, read_article
from pipeline.wikipedia.columns import PageIds
from pipeline.wikipedia.config import WikipediaConfig
from pipeline.wikipedia.pages import DumpPage, PageProblem, page_namespace, read_page, redirect_fragment
from pipeline.wikipedia.rows import PageRows, range_of, told_where_cut_off
from pipeline.wikipedia.templates import with_templates
from pipeline.wikipedia.wikitext.dialects import wiki_dialect


def read_range(config: WikipediaConfig, task: Task, out: TaskOutput) -> None:
    """Read the pages that begin in a task's range into rows, drops and rejects.

    Raises:
        InputCorrupt: the file is damaged there.
    """
    payload = task.payload
    span = range_of(payload)
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
    with told_where_cut_off(out.ledger, span, config.salvage):
        for element in elements:
            if element.problem == "damaged":
                reader.pass_damage(element, span.size)
            else:
                reader.read(element)
    reader.rows.finish()
    if payload["pages"] is not None and payload["pages"] > reader.seen:
        out.ledger.count("pages_lost", payload["pages"] - reader.seen)
    out.notes = {"expected": payload["pages"], "pages": reader.seen}


class PageReader:
    """Sorts the pages of one range into rows, drops and rejects."""

    def __init__(self, config: WikipediaConfig, payload: dict[str, Any], out: TaskOutput) -> None:
        self._ledger, self._payload = out.ledger, payload
        header = {int(number): name for number, name in payload["namespaces"]}
        names = {} if config.wiki_from_name else header
        self._dialect = wiki_dialect(payload["wiki"], names, config.zh_variant)
        if config.templates:
            self._dialect = with_templates(self._dialect, out.built)
        self._options = article_options(config)
        self._longest_text = config.max_text_characters
        self.rows = PageRows(self._dialect, out)
        """Where rows go."""
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
            number = page_namespace(element.data)
            page = read_page(element.data) if not number else None
            if page is None or (number is None and self._has_namespace(page.title)):
                self._ledger.drop("namespace")
                return
        except PageProblem as problem:
            self._reject(element, problem.reason, str(problem), problem.page_id)
            return
        if len(page.text) > self._longest_text:
            detail = f"wikitext of {len(page.text):,} characters, the limit is {self._longest_text:,}"
            self._reject(element, "text_too_large", detail, str(page.page_id))
            return
        self._sort(page)

    def _has_namespace(self, title: str) -> bool:
        """Whether a title begins with the name of a namespace, for dumps that do not say it otherwise."""
        return self._dialect.namespaces.classify(title)[0] in ("namespace", "file", "category")

    def _sort(self, page: DumpPage) -> None:
        self._last_page_id = page.page_id
        if page.redirect is not None:
            self._ledger.keep()
            self.rows.add_redirect(page.title, page.redirect, page.page_id, redirect_fragment(page.text))
        elif page.model != "wikitext":
            self._ledger.drop("model")
        elif page.is_deleted or not page.text.strip():
            self._ledger.drop("deleted" if page.is_deleted else "empty")
        else:
            article = read_article(page.text, page.title, self._dialect, self._options)
            self.rows.add_article(PageIds(page.title, page.page_id, page.revision_id), article)

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
