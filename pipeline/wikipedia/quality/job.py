"""Measure the text quality of Wikipedia dumps as the `wikipedia` job reads them: a table by wiki, as Markdown.

    python -m pipeline quality --dumps 'dumps/*.xml.bz2'
    python -m pipeline quality --against pages/

By wiki: pages with leftovers per 1,000 (`leftovers.py`), defects in leads, leads missing by reason, share of text kept, and
links: whether each span holds its surface, how many of those mwparserfromhell finds are found, and their
fates. Against rendered pages: sentences, links and template calls as a reader sees them (`against.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.dumps.ranges import read_elements, read_head
from pipeline.dumps.sources import plan_sources
from pipeline.run.storage import open_read
from pipeline.wikipedia.articles import ArticleOptions, read_article
from pipeline.wikipedia.config import WikipediaConfig
from pipeline.wikipedia.job import dump_files, dump_wiki
from pipeline.wikipedia.pages import DumpPage, PageProblem, page_namespace, read_page
from pipeline.wikipedia.quality.against import compare
from pipeline.wikipedia.quality.against_report import render_against
from pipeline.wikipedia.quality.figures import WikiQuality
from pipeline.wikipedia.quality.rendered_pages import read_pages
from pipeline.wikipedia.quality.report import render
from pipeline.wikipedia.siteinfo import HEAD_BYTES, read_siteinfo
from pipeline.wikipedia.wikitext.dialects import Dialect, wiki_dialect
from schemas.errors import UsageError

WHOLE_FILE = 1 << 40


@dataclass(frozen=True, kw_only=True)
class QualityConfig:
    """Which dumps are measured, and how much of them."""

    dumps: tuple[str, ...] = ()
    """Paths, URLs or glob patterns of XML dumps."""
    against: str = ""
    """Folder of rendered pages with their text (`<wiki>/<title>.html` and `.wikitext`, or records of snapshots as NDJSON): what
    a reader reads is compared with what we read. Takes the place of dumps."""
    max_pages: int = 0
    """Most articles of one dump; 0 for all."""
    wiki_from_name: bool = False
    """Take the wiki from the file's name instead of the header, as in the job."""
    compare_links: bool = True
    """Compare links with mwparserfromhell's, which takes most of the time."""
    examples: bool = False
    """Print places of each leftover below the table."""


def read_articles(config: QualityConfig) -> Iterator[tuple[DumpPage, Dialect]]:
    """Yield the articles of the dumps, with the wikitext of their wikis."""
    job = WikipediaConfig(dumps=config.dumps, output="", wiki_from_name=config.wiki_from_name)
    for path in dump_files(job):
        site = read_siteinfo(read_head(path, HEAD_BYTES, open_read), path)
        header = {} if config.wiki_from_name else site.namespaces
        dialect = wiki_dialect(dump_wiki(path, site.wiki, config.wiki_from_name), header)
        number = 0
        for span in plan_sources([path], WHOLE_FILE):
            for element in read_elements(span, b"<page>", b"</page>", open_file=open_read):
                page = _article(element.data) if element.problem is None else None
                if page is not None:
                    number += 1
                    yield page, dialect
                if config.max_pages and number >= config.max_pages:
                    break


def _article(data: bytes) -> DumpPage | None:
    """Return the page, where the job would read it as an article."""
    try:
        page = read_page(data) if not page_namespace(data) else None
    except PageProblem:
        return None
    wanted = page is not None and page.redirect is None and page.model == "wikitext" and page.text.strip()
    return page if wanted else None


def measure(config: QualityConfig) -> dict[str, WikiQuality]:
    """Figures by wiki, in the order of the dumps."""
    found: dict[str, WikiQuality] = {}
    options = ArticleOptions()
    for number, (page, dialect) in enumerate(read_articles(config)):
        article = read_article(page.text, page.title, dialect, options)
        found.setdefault(dialect.wiki, WikiQuality()).measure(page, article, dialect, config.compare_links)
        if number % 200 == 0 and sys.stderr.isatty():
            print(f"\r{number:,} articles", end="", file=sys.stderr)
    return found


CONFIG = QualityConfig


def run(config: QualityConfig) -> None:
    """Measure and print.

    Raises:
        UsageError: neither dumps nor rendered pages are named, or both.
    """
    if bool(config.dumps) == bool(config.against):
        raise UsageError(
            "quality measures --dumps by themselves, or a folder of pages --against what a reader reads: name one"
        )
    if config.against:
        print(render_against(compare(read_pages(Path(config.against))), examples=config.examples))
    else:
        print(render(measure(config), examples=config.examples))
