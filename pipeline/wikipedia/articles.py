"""One article's wikitext to what training needs: its lead, its contexts with links, and whether it defines something.

The steps, each linear in the page: extension tags out, templates to their text, script variants, tables out, then the
lead by `lead` and the whole page by `markup`, the repair of what removals left, and the cut into contexts.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from pipeline.wikipedia.wikitext.contexts import Context, cut_contexts
from pipeline.wikipedia.wikitext.dialects import Dialect
from pipeline.wikipedia.wikitext.disambiguation import is_disambiguation
from pipeline.wikipedia.wikitext.extension_tags import take_out_extension_tags
from pipeline.wikipedia.wikitext.holes import HOLE, Holes, without_notes
from pipeline.wikipedia.wikitext.lead import LeadMissing, read_lead
from pipeline.wikipedia.wikitext.markup import Marked, Scanner
from pipeline.wikipedia.wikitext.parentheses import repair
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


@dataclass(frozen=True, kw_only=True)
class Article:
    """What was read from one article."""

    lead: str | None
    """The lead as one paragraph."""
    lead_missing: LeadMissing | None
    """Why there is none."""
    contexts: list[Context]
    """The text in pieces with links."""
    is_disambiguation: bool
    """Lists namesakes, defines nothing."""
    fates: Counter[str]
    """Links by fate."""
    left_out: Counter[str]
    """Sentences of the contexts that were left out, by the template whose text in them nobody knows."""
    links_taken_out: int
    """Links that were not read, because templates, tables or extension tags around them left no text."""


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
    left_out: Counter[str] = Counter()
    contexts = cut_contexts(marked.text, marked.links, options.context_characters, holes, left_out)
    return Article(
        lead=lead,
        lead_missing=missing,
        contexts=contexts,
        is_disambiguation=disambiguation,
        fates=marked.fates,
        left_out=left_out,
        links_taken_out=max(wikitext.count("[[") - read.count("[["), 0),
    )


def expanded(wikitext: str, title: str, dialect: Dialect, holes: Holes) -> str:
    """Wikitext without extension tags, with a leading line break and its templates replaced by their text.

    Args:
        wikitext: the page without comments and extension tags.
        title: its title.
        dialect: the wikitext of its wiki.
        holes: makes the marks of what has a text that nobody knows.
    """
    text = "\n" + Transclusions(wikitext, dialect.rules, title, holes).expand()
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
    marked.text = _EMPTY_LINES.sub("\n\n", repair(plain))
    return marked
