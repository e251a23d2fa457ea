"""An independent reading of a page by mwparserfromhell, against which our links and our text are measured.

Slow (some 80 pages a second) and used for measuring only.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

import mwparserfromhell
from mwparserfromhell.nodes import Tag, Text, Wikilink
from mwparserfromhell.wikicode import Wikicode

from pipeline.wikipedia.wikitext.dialects import Dialect
from pipeline.wikipedia.wikitext.extension_tags import take_out_extension_tags
from pipeline.wikipedia.wikitext.transclusions import match_braces
from pipeline.wikis.titles import normalise_title

MAX_BYTES = 400_000
"""Longest page that is read this way, in characters: its worst pages take seconds."""
_SKIPPED_TAGS = frozenset(
    "ref references table gallery nowiki pre math timeline source syntaxhighlight imagemap".split()
)
_TABLE = re.compile(r"\n[ :]*\{\|.*?\n[ ]*\|\}(?!\})", re.DOTALL)
_SURFACE_MARKUP = re.compile(r"'''''|'''?|<[^<>]*>|&[#\w]+;|[\[\]\s\u200e\u200f\u00ad]+")


def reference_links(wikitext: str, dialect: Dialect) -> Counter[tuple[str, str]]:
    """Return the links to articles in a page's text as (normalised title, reduced surface) without those in templates, tables,
    references and captions; empty for pages over `MAX_BYTES`."""
    code = mwparserfromhell.parse(wikitext)
    found = (_article_link(node, before, after, dialect) for node, before, after in _top_level(code))
    return Counter(link for link in found if link is not None)


def _top_level(code: Wikicode) -> Iterator[tuple[Wikilink, str, str]]:
    """Yield the links with the text right before and right behind each."""
    nodes = list(code.nodes)
    for node, before, after in zip(nodes, [None, *nodes], [*nodes[1:], None], strict=False):
        if isinstance(node, Wikilink):
            yield node, str(before) if isinstance(before, Text) else "", str(after) if isinstance(after, Text) else ""
        elif isinstance(node, Tag) and node.contents is not None:
            if str(node.tag).strip().lower() not in _SKIPPED_TAGS:
                yield from _top_level(node.contents)


def _article_link(node: Wikilink, before: str, after: str, dialect: Dialect) -> tuple[str, str] | None:
    """Return title and surface of a link to an article, the letters around it that join it by the wiki's rule included."""
    fate, title, _ = dialect.namespaces.classify(str(node.title))
    if fate != "article" or (node.text is not None and "[[" in str(node.text)):
        return None
    if any(not isinstance(part, Text | Tag) for part in node.title.nodes):
        return None
    surface = reduced(str(node.title if node.text is None else node.text))
    if not surface:
        return None
    trail = dialect.trail.match(after)
    first = len(before)
    while dialect.prefix is not None and first and dialect.prefix.match(before, first - 1):
        first -= 1
    return normalise_title(title), reduced(before[first:]) + surface + reduced(trail[0] if trail else "")


def reduced(surface: str) -> str:
    """Return a surface without markup, blanks and character references, to compare two readings of it."""
    return unicodedata.normalize("NFC", _SURFACE_MARKUP.sub("", surface))


def kept_characters(wikitext: str) -> int:
    """Characters of a page without templates, tables, references and comments, its other markup still in it."""
    text = take_out_extension_tags(wikitext)
    spans = sorted((start, end) for start, (end, _) in match_braces(text).items())
    length, position = 0, 0
    pieces = []
    for start, end in spans:
        if start >= position:
            pieces.append(text[position:start])
            position = end
    pieces.append(text[position:])
    bare = _TABLE.sub("", "\n" + "".join(pieces))
    length = len(bare)
    return length
