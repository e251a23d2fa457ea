"""Measure the text quality of Wikipedia dumps as the `wikipedia` job reads them: a table by wiki, as Markdown.

    python -m pipeline quality --dumps 'dumps/*.xml.bz2'

By wiki: pages with leftovers per 1,000 (`pipeline.wikipedia.quality.leftovers`), defects in leads, leads missing by reason, share of
text kept, and links: whether each span holds its surface, how many of those mwparserfromhell finds are found, and their
fates.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.dumps.ranges import read_elements, read_head
from pipeline.dumps.sources import plan_sources
from pipeline.run.storage import open_read
from pipeline.wikipedia.articles import Article, ArticleOptions, read_article
from pipeline.wikipedia.job import WikipediaConfig, dump_files, dump_wiki
from pipeline.wikipedia.pages import DumpPage, PageProblem, page_namespace, read_page
from pipeline.wikipedia.quality.leftovers import LEAD_DEFECT, is_hard, leftovers
from pipeline.wikipedia.quality.reference import MAX_BYTES, kept_characters, reduced, reference_links
from pipeline.wikipedia.siteinfo import HEAD_BYTES, read_siteinfo
from pipeline.wikipedia.wikitext.dialects import Dialect, wiki_dialect
from pipeline.wikis.titles import normalise_title

WHOLE_FILE = 1 << 40
_MARKUP = re.compile(r"\[\[|\]\]|\{\{|\}\}|''|\||\n|^\s|\s$|</?[a-z]+[^<>]*>")
EXAMPLES = 3
"""How many places of each class are printed."""


@dataclass(frozen=True, kw_only=True)
class QualityConfig:
    """Which dumps are measured, and how much of them."""

    dumps: tuple[str, ...]
    """Paths, URLs or glob patterns of XML dumps."""
    max_pages: int = 0
    """Most articles of one dump; 0 for all."""
    wiki_from_name: bool = False
    """Take the wiki from the file's name instead of the header, as in the job."""
    compare_links: bool = True
    """Compare links with mwparserfromhell's, which takes most of the time."""
    examples: bool = False
    """Print places of each leftover below the table."""


@dataclass
class WikiQuality:
    """What was measured on one wiki."""

    pages: int = 0
    failing: Counter[str] = field(default_factory=Counter)
    """Pages by class of leftover; `any` and `any but parentheses` count pages with a hard one."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    leads: int = 0
    lead_defects: int = 0
    title_in_lead: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    characters: int = 0
    characters_possible: int = 0
    links: int = 0
    links_exact: int = 0
    reference_links: int = 0
    links_found: int = 0
    spans_wrong: int = 0
    fates: Counter[str] = field(default_factory=Counter)

    def add(self, other: WikiQuality) -> None:
        """Add another wiki's figures."""
        for name, value in vars(other).items():
            if name == "examples":
                for kind, places in value.items():
                    self.examples.setdefault(kind, []).extend(places)
            elif isinstance(value, Counter):
                getattr(self, name).update(value)
            else:
                setattr(self, name, getattr(self, name) + value)

    def measure(self, page: DumpPage, article: Article, dialect: Dialect, compare: bool) -> None:
        """Add one article."""
        self.pages += 1
        self._text(page, article)
        self._lead(page, article)
        self.fates.update(article.fates)
        if compare and len(page.text) <= MAX_BYTES:
            self._links(page, article, dialect)

    def _text(self, page: DumpPage, article: Article) -> None:
        text = "\n".join(text for text, _ in article.contexts)
        self.characters += len(text)
        self.characters_possible += kept_characters(page.text)
        found = leftovers(text)
        for name, place in found.items():
            self.failing[name] += 1
            if len(self.examples.setdefault(name, [])) < EXAMPLES:
                self.examples[name].append(f"{page.title}: {place}")
        hard = {name for name in found if is_hard(name)}
        self.failing["any"] += bool(hard)
        self.failing["any but parentheses"] += bool(hard - {"parentheses"})

    def _lead(self, page: DumpPage, article: Article) -> None:
        if article.lead is None:
            self.missing[str(article.lead_missing)] += 1
            return
        self.leads += 1
        name = page.title.partition("(")[0].strip()
        self.title_in_lead += name.lower() in article.lead.lower()
        defect = LEAD_DEFECT.search(article.lead)
        if defect:
            self.lead_defects += 1
            place = article.lead[max(defect.start() - 30, 0) : defect.end() + 20]
            if len(self.examples.setdefault("lead", [])) < EXAMPLES:
                self.examples["lead"].append(f"{page.title}: {place}")

    def _links(self, page: DumpPage, article: Article, dialect: Dialect) -> None:
        wanted = reference_links(page.text, dialect)
        self.reference_links += wanted.total()
        by_title: dict[str, Counter[str]] = {}
        for (title, surface), number in wanted.items():
            by_title.setdefault(title, Counter())[surface] += number
        for text, links in article.contexts:
            end_before = 0
            for start, end, title, _ in links:
                self.links += 1
                self.spans_wrong += not end_before <= start < end <= len(text) or bool(_MARKUP.search(text[start:end]))
                end_before = end
                self._match(by_title.get(normalise_title(title), Counter()), reduced(text[start:end]))

    def _match(self, wanted: Counter[str], surface: str) -> None:
        """Count a link as found where mwparserfromhell has it; its surface may be longer by the trail."""
        if wanted[surface] > 0:
            exact: str | None = surface
        else:
            exact = max(
                (text for text in wanted if wanted[text] > 0 and surface.startswith(text)), key=len, default=None
            )
        if exact is not None:
            wanted[exact] -= 1
            self.links_exact += 1
            self.links_found += 1


def read_articles(config: QualityConfig) -> Iterator[tuple[DumpPage, Dialect]]:
    """The articles of the dumps, with the wikitext of their wikis."""
    job = WikipediaConfig(dumps=config.dumps, output="", wiki_from_name=config.wiki_from_name)
    for path in dump_files(job):
        site = read_siteinfo(read_head(path, HEAD_BYTES, open_read), path)
        header = {} if config.wiki_from_name else site.namespaces
        dialect = wiki_dialect(dump_wiki(path, site, config.wiki_from_name), header)
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
    """The page, where the job would read it as an article."""
    try:
        page = read_page(data) if page_namespace(data) == 0 else None
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
    """Measure and print."""
    from pipeline.wikipedia.quality.report import render

    print(render(measure(config), examples=config.examples))
