"""Render small wikitext through mwparserfromhell's parse tree: leads, and links with other links inside.

The tree is exact where a scanner guesses, but slow, and quadratic on unclosed openings: what it gets is bounded in size
by its callers (`MAX_CHARACTERS`) and holds no templates, tables or extension tags any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import mwparserfromhell
from mwparserfromhell.nodes import ExternalLink, HTMLEntity, Node, Tag, Text, Wikilink
from mwparserfromhell.parser import ParserError
from mwparserfromhell.wikicode import Wikicode

from pipeline.wikipedia.wikitext.dialects import Dialect
from pipeline.wikipedia.wikitext.formulas import lowered, raised
from pipeline.wikipedia.wikitext.inline import character, is_switch
from pipeline.wikipedia.wikitext.markup import Marked, Scanner
from pipeline.wikipedia.wikitext.spacing import tidy_characters

MAX_CHARACTERS = 6_000
"""Longest wikitext that is given to mwparserfromhell, in characters; 0.1 s on its worst input."""
MAX_OPENINGS = 400
"""Most `[` and `<` in it."""

_SWITCH = re.compile(r"__([^\W\d_]++(?:_[^\W\d_]++)*+)__")
_DIGITS = re.compile(r"[0-9+\-−n]{1,6}")
_NO_BRACKETS = str.maketrans("", "", "[]")
_BREAKS = frozenset("br p div li hr blockquote center dd dt".split())
_GONE = frozenset("ref table gallery references style script timeline math score".split())


def render_tree(wikitext: str, dialect: Dialect, links: list[tuple[str, str]] | None = None) -> Marked | None:
    """Render wikitext to marked text; None where it is too large, too deep, or mwparserfromhell gives up.

    Args:
        wikitext: what is rendered.
        dialect: the wiki's wikitext.
        links: what the page's links are so far, to which those of the wikitext are added.
    """
    if len(wikitext) > MAX_CHARACTERS or wikitext.count("[") + wikitext.count("<") > MAX_OPENINGS:
        return None
    try:
        code = mwparserfromhell.parse(wikitext)
    except (ParserError, RecursionError):
        return None
    return _Renderer(dialect, [] if links is None else links).render(code)


class _Renderer:
    def __init__(self, dialect: Dialect, links: list[tuple[str, str]]) -> None:
        self._dialect = dialect
        self._scanner = Scanner(dialect)
        self._marked = Marked(links=links)

    def render(self, code: Wikicode) -> Marked:
        self._marked.text = tidy_characters("".join(self._pieces(code)))
        return self._marked

    def _pieces(self, code: Wikicode) -> Iterator[str]:
        for node in code.nodes:
            if isinstance(node, Text):
                yield _SWITCH.sub(lambda found: "" if is_switch(found[1]) else found[0], node.value)
            elif isinstance(node, Wikilink):
                yield from self._link(node)
            else:
                yield from self._other(node)

    def _other(self, node: Node) -> Iterator[str]:
        if isinstance(node, Tag):
            yield from self._tag(node)
        elif isinstance(node, HTMLEntity):
            yield character(str(node))
        elif isinstance(node, ExternalLink):
            if node.title is not None:
                yield from self._pieces(node.title)

    def _link(self, node: Wikilink) -> Iterator[str]:
        """Yield a link's text: by the scanner, unless its surface holds links of its own, which then count instead."""
        surface = "" if node.text is None else str(node.text)
        fate, _, _ = self._dialect.namespaces.classify(str(node.title))
        if node.text is not None and "[[" in surface and fate not in ("file", "category", "language"):
            yield from self._pieces(node.text)
            return
        simple = surface.translate(_NO_BRACKETS)
        text = f"[[{node.title}]]" if node.text is None else f"[[{node.title}|{simple}]]"
        found = self._scanner.scan(text, self._marked.links)
        self._marked.fates.update(found.fates)
        yield found.text

    def _tag(self, node: Tag) -> Iterator[str]:
        name = str(node.tag).strip().lower()
        if name in _GONE:
            return
        inside = "" if node.contents is None else "".join(self._pieces(node.contents))
        if name in ("sup", "sub") and _DIGITS.fullmatch(inside):
            yield (raised if name == "sup" else lowered)(inside.replace("−", "-"))
            return
        border = "\n" if name in _BREAKS and name != "br" and not node.wiki_markup else " " if name == "br" else ""
        yield border + inside + border.strip(" ")
