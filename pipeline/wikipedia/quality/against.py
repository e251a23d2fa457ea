"""Our reading of a page against what a reader reads: sentences, links, template calls.

A sentence is kept where its characters stand in our text in their order, blanks apart; one of ours was seen where it stands in
the reader's, tables and lists of sources among it. Sentences with formulas are compared with nothing, nor are pages that were
changed after MediaWiki made them, or whose wikitext was.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from pipeline.wikipedia.articles import Article, ArticleOptions, read_article
from pipeline.wikipedia.quality.calls import CallFigures, bare, judge
from pipeline.wikipedia.quality.rendered import FORMULA, Block, is_reindented, is_translated, read_blocks, read_calls
from pipeline.wikipedia.quality.rendered_pages import RenderedPage
from pipeline.wikipedia.wikitext.dialects import Dialect, wiki_dialect
from pipeline.wikipedia.wikitext.parentheses import repair
from pipeline.wikipedia.wikitext.sentences import sentence_ends
from pipeline.wikipedia.wikitext.spacing import tidy_characters
from pipeline.wikis.titles import normalise_title

_ADDRESS = re.compile(r"\[/(?:wiki|w)/\S")
_FORMULA_TAG = re.compile(r"<(math|chem|ce)\b[^<>/]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
MIN_CHARACTERS = 15
"""Shortest sentence that is compared, in characters without blanks."""
_BORDER = "\x1e"


@dataclass
class PageFigures:
    """Counts over the pages of one wiki."""

    pages: int = 0
    sentences: int = 0
    """That a reader reads."""
    kept: int = 0
    """Of these, those in our text."""
    ours: int = 0
    """Sentences of our contexts."""
    seen: int = 0
    """Of these, those that a reader reads."""
    lead_sentences: int = 0
    leads_seen: int = 0
    links: int = 0
    """Links to articles in a reader's prose that the page's text writes out."""
    links_found: int = 0
    links_made: int = 0
    """Links that templates make."""
    links_made_found: int = 0
    our_links: int = 0
    our_links_seen: int = 0
    left_out: int = 0
    """Sentences that we left out because of a hole."""
    calls: CallFigures = field(default_factory=CallFigures)
    blamed: Counter[str] = field(default_factory=Counter)
    """Sentences that were not kept, by a template in them that renders otherwise."""
    lost: list[str] = field(default_factory=list)
    """Sentences of a reader's that we do not have."""
    unseen: list[str] = field(default_factory=list)
    """Sentences of ours that no reader saw."""

    def add(self, other: PageFigures) -> None:
        """Add another wiki's counts."""
        for name, value in vars(other).items():
            if name == "calls":
                self.calls.outcomes.update(value.outcomes)
                self.calls.wrong.update(value.wrong)
                self.calls.examples = {**value.examples, **self.calls.examples}
            elif isinstance(value, Counter):
                getattr(self, name).update(value)
            else:
                setattr(self, name, getattr(self, name) + value)


def is_every_third(title: str) -> bool:
    """Whether a page is among the third that template rules are not written from, by a hash of its title."""
    return sha256(title.encode()).digest()[0] % 3 == 0


def is_remade(wikitext: str) -> bool:
    """Whether a page's wikitext was made from its HTML: its links are addresses."""
    return len(_ADDRESS.findall(wikitext)) > 3


def compare(pages: Iterable[RenderedPage]) -> dict[str, PageFigures]:
    """Figures by wiki, and for the every third page of all wikis under "a third"."""
    found: dict[str, PageFigures] = {}
    for page in pages:
        if is_translated(page.html):
            continue
        figures = PageFigures()
        _compare_page(page, figures)
        found.setdefault(page.wiki, PageFigures()).add(figures)
        if is_every_third(page.title):
            found.setdefault("a third", PageFigures()).add(figures)
    return found


def _compare_page(page: RenderedPage, figures: PageFigures) -> None:
    dialect = wiki_dialect(page.wiki)
    figures.calls.add(read_calls(page.html), dialect)
    everything = read_blocks(page.html, cells=True)
    blocks = [block for block in everything if not block.is_cell]
    if is_reindented(blocks) or is_remade(page.wikitext):
        return
    article = read_article(_FORMULA_TAG.sub(FORMULA, page.wikitext), page.title, dialect, ArticleOptions())
    figures.pages += 1
    figures.left_out += article.left_out.total()
    _sentences(everything, article, dialect, figures)
    _links(everything, article, dialect, page.title, figures)


def _sentences(blocks: list[Block], article: Article, dialect: Dialect, figures: PageFigures) -> None:
    ours = _BORDER.join(bare(text) for text, _ in article.contexts)
    theirs = _BORDER.join(bare(_readable(block)) for block in blocks)
    for block in blocks:
        if block.is_source or block.is_cell:
            continue
        for sentence in _cut(_readable(block)):
            figures.sentences += 1
            if bare(sentence) in ours:
                figures.kept += 1
            else:
                figures.lost.append(sentence)
                figures.blamed.update(_blamed(block, sentence, dialect))
    for sentence in (found for text, _ in article.contexts for line in text.split("\n") for found in _cut(line)):
        figures.ours += 1
        if bare(sentence) in theirs:
            figures.seen += 1
        else:
            figures.unseen.append(sentence)
    for sentence in _cut(article.lead or ""):
        figures.lead_sentences += 1
        figures.leads_seen += bare(sentence) in theirs


def _readable(block: Block) -> str:
    return repair(tidy_characters(" ".join(block.text().split())))


def _cut(text: str) -> Iterator[str]:
    """Yield the sentences of a line that are long enough and hold no formula."""
    borders = [0, *sentence_ends(text), len(text)]
    for low, high in zip(borders, borders[1:], strict=False):
        sentence = text[low:high].strip()
        if len(bare(sentence)) >= MIN_CHARACTERS and FORMULA not in sentence:
            yield sentence


def _blamed(block: Block, sentence: str, dialect: Dialect) -> set[str]:
    """Templates whose text stands in a sentence and that we render otherwise."""
    wanted = bare(sentence)
    found: set[str] = set()
    for start, end, call in block.calls:
        call.seen = "".join(block.pieces[start:end])
        if bare(call.seen) and bare(call.seen) in wanted and judge(call, dialect)[0] != "equal":
            found.add(call.name.strip().lower())
    return found


def _links(blocks: list[Block], article: Article, dialect: Dialect, page: str, figures: PageFigures) -> None:
    ours = Counter(
        (normalise_title(title), bare(text[start:end]))
        for text, links in article.contexts
        for start, end, title, _ in links
    )
    figures.our_links += ours.total()
    written: Counter[tuple[str, str]] = Counter()
    made: Counter[tuple[str, str]] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    for block in blocks:
        for start, end, title in block.links:
            fate, name, _ = dialect.namespaces.classify(title)
            surface = bare("".join(block.pieces[start:end]))
            if fate == "article" and surface and normalise_title(name) != normalise_title(page):
                by_template = any(low <= start and end <= high for low, high, _ in block.calls)
                where = seen if block.is_cell else made if by_template or block.is_source else written
                where[normalise_title(name), surface] += 1
    found = written & ours
    figures.links += written.total()
    figures.links_found += found.total()
    figures.links_made += made.total()
    rest = ours - found
    figures.links_made_found += (made & rest).total()
    figures.our_links_seen += found.total() + ((made + seen) & rest).total()
