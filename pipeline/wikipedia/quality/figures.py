"""What is measured of one wiki's articles, and how one article is measured."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from pipeline.wikipedia.articles import Article
from pipeline.wikipedia.pages import DumpPage
from pipeline.wikipedia.quality.leftovers import LEAD_DEFECT, LEAD_SHAPES, is_hard, leftovers
from pipeline.wikipedia.quality.reference import MAX_BYTES, kept_characters, reduced, reference_links
from pipeline.wikipedia.wikitext.dialects import Dialect
from pipeline.wikipedia.wikitext.sentences import sentence_ends
from pipeline.wikis.titles import normalise_title

_MARKUP = re.compile(r"\[\[|\]\]|\{\{|\}\}|''|\||\n|^\s|\s$|</?[a-z]+[^<>]*>")
EXAMPLES = 3
"""How many places of each class are printed."""


@dataclass
class WikiQuality:
    """What was measured on one wiki."""

    pages: int = 0
    failing: Counter[str] = field(default_factory=Counter)
    """Pages by class of leftover; `any` and `any but parentheses` count pages with a hard one."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    leads: int = 0
    lead_defects: int = 0
    lead_shapes: Counter[str] = field(default_factory=Counter)
    """Leads by a shape that no first paragraph has."""
    sentences: int = 0
    """Sentences of the contexts."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Sentences that went because of a hole, by the template whose text is not known."""
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
        self.left_out.update(article.left_out)
        if compare and len(page.text) <= MAX_BYTES:
            self._links(page, article, dialect)

    def _text(self, page: DumpPage, article: Article) -> None:
        text = "\n".join(text for text, _ in article.contexts)
        self.characters += len(text)
        self.sentences += sum(len(sentence_ends(line)) + 1 for line in text.split("\n") if line)
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
        self.lead_shapes.update(name for name, shape in LEAD_SHAPES.items() if shape.search(article.lead))
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
                surface = text[start:end]
                # MediaWiki shows the quotes of [[''Title'']] as they stand: they are no markup there.
                marked = bool(_MARKUP.search(surface)) and f"[[{surface}]]" not in page.text
                self.spans_wrong += not end_before <= start < end <= len(text) or marked
                end_before = end
                self._match(by_title.get(normalise_title(title), Counter()), reduced(surface))

    def _match(self, wanted: Counter[str], surface: str) -> None:
        """Count a link as found where mwparserfromhell has it, with the letters around it that MediaWiki's rule joins to it."""
        if wanted[surface] > 0:
            wanted[surface] -= 1
            self.links_exact += 1
            self.links_found += 1
