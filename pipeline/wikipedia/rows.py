"""Rows of one task: articles and redirects of one wiki, written in batches and counted as they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.dumps.ranges import ByteRange
from pipeline.run.accounts import Ledger
from pipeline.run.task_output import TaskOutput
from pipeline.wikipedia.articles import Article
from pipeline.wikipedia.columns import PageColumns, PageIds, Redirect, redirect_rows
from pipeline.wikipedia.wikitext.dialects import Dialect
from schemas import PAGES, REDIRECTS
from schemas.errors import InputCorrupt

_FLUSH_PAGES, _FLUSH_CHARACTERS = 2_000, 8_000_000
HOLES = "sentences with a hole"
"""Source in the accounts, behind the wiki: sentences that a template without a rule left incomplete, dropped by its name."""
_MOST_NAMES = 60
"""Templates that a task's account of holes names, the most frequent ones; the rest share one line."""


def range_of(payload: dict[str, Any]) -> ByteRange:
    """Return the range that a task reads.

    Raises:
        InputCorrupt: planning already met damage, and the task's dump could not be cut.
    """
    if "failed" in payload:
        raise InputCorrupt(payload["failed"])
    return ByteRange(**payload["span"])


@contextmanager
def told_where_cut_off(ledger: Ledger, span: ByteRange, salvage: bool) -> Iterator[None]:
    """Where damage is passed over, let what follows in a range that is cut off be one reject instead of the end."""
    try:
        yield
    except InputCorrupt as error:
        if not salvage:
            raise
        ledger.read()
        ledger.reject("cut_off", offset=span.start, detail=f"what follows in this range is lost: {error}")


class PageRows:
    """Takes articles and redirects to shards and into the accounts."""

    def __init__(self, dialect: Dialect, out: TaskOutput) -> None:
        self._wiki, self._out, self._ledger = dialect.wiki, out, out.ledger
        self._columns = PageColumns(dialect.wiki, dialect.language)
        self._redirects: list[Redirect] = []
        self._holes: Counter[str] = Counter()

    def add_article(self, page: PageIds, article: Article) -> None:
        """Add one article, and count what became of it and its links."""
        self._ledger.keep()
        self._ledger.count("articles")
        self._ledger.count("contexts", len(article.contexts))
        if article.lead_missing:
            self._ledger.count(f"lead_missing_{article.lead_missing}")
        for fate, number in article.fates.items():
            self._ledger.count(f"links_{fate}", number)
        for reason, number in article.contexts_left_out.items():
            self._ledger.count(f"contexts_{reason}", number)
        self._ledger.count("links_taken_out", article.links_taken_out)
        self._holes.update(article.left_out)
        of_itself = sum(target == page.title for _, links in article.contexts for _, _, target, _ in links)
        self._ledger.count("links_article_to_own_page", of_itself)
        self._columns.add(page, article)
        if len(self._columns) >= _FLUSH_PAGES or self._columns.characters >= _FLUSH_CHARACTERS:
            self._flush()

    def add_redirect(self, title: str, target: str, page_id: int | None = None, fragment: str | None = None) -> None:
        """Add one redirect; `fragment` is the section it leads to."""
        self._ledger.count("redirects")
        self._redirects.append((title, page_id, target, fragment))

    def finish(self) -> None:
        """Write the rows held, and enter the sentences left out into the accounts."""
        self._flush()
        self._account_for_holes()

    def _flush(self) -> None:
        self._out.write(PAGES, self._columns.take(), partition=self._wiki)
        self._out.write(REDIRECTS, redirect_rows(self._wiki, self._redirects), partition=self._wiki)
        self._redirects = []

    def _account_for_holes(self) -> None:
        """Enter the sentences left out, by template."""
        if not self._holes:
            return
        source = f"{self._wiki}: {HOLES}"
        self._ledger.read(self._holes.total(), source=source)
        named = self._holes.most_common(_MOST_NAMES)
        for name, number in named:
            self._ledger.drop(name, number, source=source)
        others = self._holes.total() - sum(number for _, number in named)
        if others:
            self._ledger.drop("other templates", others, source=source)
