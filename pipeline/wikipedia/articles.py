"""One article's wikitext to what training needs: its lead, its contexts with links, and whether it defines something.

The steps, each linear in the page: extension tags out, templates to their text, script variants, tables out, then the
lead by `lead` and the whole page by `markup`, the repair of what removals left, and the cut into contexts.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from pipeline.wikipedia.config import WikipediaConfig
from pipeline.wikipedia.wikitext.contexts import Context, Headings, cut_contexts
from pipeline.wikipedia.wikitext.dialects import Dialect
from pipeline.wikipedia.wikitext.disambiguation import is_disambiguation
from pipeline.wikipedia.wikitext.extension_tags import take_out_extension_tags
from pipeline.wikipedia.wikitext.holes import HOLE, Holes, without_notes
from pipeline.wikipedia.wikitext.lead import LeadMissing, read_lead
from pipeline.wikipedia.wikitext.markup import Marked, Scanner
from pipeline.wikipedia.wikitext.parentheses import repair
from pipeline.wikipedia.wikitext.sections import Section, section_of
from pipeline.wikipedia.wikitext.tables import take_out_tables
from pipeline.wikipedia.wikitext.transclusions import Transclusions
from pipeline.wikipedia.wikitext.tree import render_tree
from pipeline.wikipedia.wikitext.zh_variants import resolve_variants

MAX_TREE_CHARACTERS = 12_000
"""Most wikitext of one page that is handed to mwparserfromhell for nested links, in characters."""
# An address ends where MediaWiki ends it, and at the marks of the link that begins there.
_URL = re.compile(r"(?:https?|ftp)://[^\s<>\[\]\"）)\x00-\x1f\x7f]*+")
_EMPTY_LINES = re.compile("\n\n\n+")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, kw_only=True)
class ArticleOptions:
    """What is kept of an article."""

    context_characters: int = 1_000
    """Most characters of a context."""
    lead_characters: int = 1_200
    """Most characters of a lead."""
    table_cells: bool = False
    """Whether the text of table cells is kept, a row a line."""
    min_context_characters: int = 0
    """Fewest characters of a context."""
    without_sections: frozenset[str] = frozenset()
    """Kinds of sections whose contexts go."""


def article_options(config: WikipediaConfig) -> ArticleOptions:
    """Return what a configuration says of articles."""
    return ArticleOptions(
        context_characters=config.context_characters,
        lead_characters=config.lead_characters,
        table_cells=config.table_cells,
        min_context_characters=config.min_context_characters,
        without_sections=frozenset(config.without_sections),
    )


@dataclass(frozen=True, kw_only=True)
class Article:
    """What was read from one article."""

    lead: str | None
    """The lead as one paragraph."""
    lead_missing: LeadMissing | None
    """Why there is none."""
    contexts: list[Context]
    """The text in pieces with links."""
    sections: list[Section]
    """Where each context stands."""
    contexts_left_out: Counter[str]
    """Contexts that are not among them: `short`, or in a section of a kind (`in_references`)."""
    is_disambiguation: bool
    """Lists namesakes, defines nothing."""
    fates: Counter[str]
    """Links by fate."""
    left_out: Counter[str]
    """Sentences of the contexts that were left out, by the template whose text in them nobody knows."""
    links_taken_out: int
    """Links that were not read, because templates, tables or extension tags around them left no text."""


@dataclass(frozen=True, kw_only=True)
class WholeText:
    """What a source of pages, wikitext or rendered, makes of one: all that is left is to cut it."""

    text: str
    """The tidy text with marked links and holes."""
    links: list[tuple[str, str]]
    """Surface and target of each marked link."""
    holes: Holes
    """Who made the marks of what has a text that nobody knows."""
    fates: Counter[str]
    """Links by fate."""
    lead: str | None
    """The lead as one paragraph."""
    lead_missing: LeadMissing | None
    """Why there is none."""
    links_taken_out: int = 0
    """Links that were not read."""


def read_article(wikitext: str, title: str, dialect: Dialect, options: ArticleOptions) -> Article:
    """Read one article.

    Args:
        wikitext: the page as its authors wrote it.
        title: its title.
        dialect: the wikitext of its wiki.
        options: what to keep.
    """
    bare = take_out_extension_tags(_CONTROL.sub("", wikitext))
    disambiguation = is_disambiguation(title, bare, dialect.wiki)
    holes = Holes()
    text = expanded(bare, title, dialect, holes)
    without_tables = take_out_tables(text, keep_cells=False)
    lead: str | None = None
    missing: LeadMissing | None = "disambiguation"
    if not disambiguation:
        lead, missing = read_lead(without_tables, dialect, options.lead_characters, title)
    read = take_out_tables(text, True) if options.table_cells else without_tables
    marked = marked_text(read, dialect)
    whole = WholeText(
        text=marked.text,
        links=marked.links,
        holes=holes,
        fates=marked.fates,
        lead=lead,
        lead_missing=missing,
        links_taken_out=max(wikitext.count("[[") - read.count("[["), 0),
    )
    return cut_article(whole, dialect.language, options)


def cut_article(whole: WholeText, language: str, options: ArticleOptions) -> Article:
    """Cut a page's text into contexts and keep those that are wanted: the same last steps for every source of pages."""
    left_out: Counter[str] = Counter()
    cut = cut_contexts(whole.text, whole.links, options.context_characters, whole.holes, left_out)
    contexts, sections, gone = _kept_contexts(*cut, language, options)
    return Article(
        lead=whole.lead,
        lead_missing=whole.lead_missing,
        contexts=contexts,
        sections=sections,
        contexts_left_out=gone,
        is_disambiguation=whole.lead_missing == "disambiguation",
        fates=whole.fates,
        left_out=left_out,
        links_taken_out=whole.links_taken_out,
    )


def _kept_contexts(
    contexts: list[Context], headings: list[Headings], language: str, options: ArticleOptions
) -> tuple[list[Context], list[Section], Counter[str]]:
    """Return the contexts that are wanted, where each stands, and how many of the others were left out for which reason."""
    kept: list[Context] = []
    sections: list[Section] = []
    gone: Counter[str] = Counter()
    for context, above in zip(contexts, headings, strict=True):
        section = section_of(above, language)
        if section.kind in options.without_sections:
            gone[f"in_{section.kind}"] += 1
        elif len(context[0]) < options.min_context_characters:
            gone["short"] += 1
        else:
            kept.append(context)
            sections.append(section)
    return kept, sections, gone


def expanded(wikitext: str, title: str, dialect: Dialect, holes: Holes) -> str:
    """Wikitext without extension tags, with a leading line break and its templates replaced by their text.

    Args:
        wikitext: the page without comments and extension tags.
        title: its title.
        dialect: the wikitext of its wiki.
        holes: makes the marks of what has a text that nobody knows.
    """
    text = "\n" + Transclusions(wikitext, dialect.rules, title, holes, dialect.bodies).expand()
    return resolve_variants(text, dialect.variant) if dialect.variant else text


def marked_text(text: str, dialect: Dialect) -> Marked:
    """Render expanded wikitext without tables to tidy text with marked links."""
    left = MAX_TREE_CHARACTERS

    def nested(wikitext: str, links: list[tuple[str, str]]) -> Marked | None:
        nonlocal left
        left -= len(wikitext)
        return render_tree(wikitext, dialect, links) if left >= 0 else None

    marked = Scanner(dialect, nested).scan(text)
    plain = marked.text if "://" not in marked.text else _URL.sub("", marked.text)
    if HOLE in plain:
        plain = without_notes(plain)
    marked.text = without_gaps(plain)
    return marked


def without_gaps(text: str) -> str:
    """Repair what removals left in a text: empty parentheses, blanks, more than one empty line."""
    return _EMPTY_LINES.sub("\n\n", repair(text))
