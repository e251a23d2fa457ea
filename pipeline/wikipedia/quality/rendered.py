"""What a reader reads on a rendered page: the paragraphs and list items of MediaWiki's HTML, with their links and, on Parsoid's
pages, the template calls that wrote parts of them.

The truth that our reading of wikitext is measured against, so it shares no rule with it: classes, roles and types of the HTML
alone decide. Pages of both of MediaWiki's parsers are read. The walk has its own stack.

Source: the specification of Parsoid's HTML (versions 1.5 to 2.8), and counts over 309 of its pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser, LexborNode

BLOCKS = frozenset("p li dd dt".split())
CELLS = frozenset("td th caption".split())
FORMULA = "⟨formula⟩"
"""Stands for a formula: its sentence is compared with nothing."""
PRONUNCIATION = "\x1a"
"""Stands for a pronunciation, which the text leaves out on purpose."""

_GONE_TAGS = frozenset(
    "pre style script link meta figure figcaption noscript h1 h2 h3 h4 h5 h6 rt rp audio video".split()
)
_GONE_TYPES = re.compile(
    r"mw:(?:File|Image|Video|Audio|Extension/(?:ref|references|gallery|imagemap|mapframe|timeline|score))\b"
)
_GONE_CLASSES = frozenset(
    "reference mw-ref mw-references-wrap references noprint Inline-Template need_ref_tag hatnote dablink rellink homonymie "
    "navbox metadata sistersitebox side-box ambox bandeau-container bandeau-portail bandeau-article mw-editsection "
    "mw-empty-elt toc gallery thumb infobox infobox_v2 infobox_v3 mw-broken-media geo-nondefault geo-multi-punct "
    "geo-inline-hidden cs1-hidden-error cs1-maint sortkey shortdescription catlinks printfooter navbar "
    "mw-file-description".split()
)
_GONE_ROLES = frozenset(("note", "navigation"))
_SOURCES = frozenset(("citation", "ouvrage", "cite"))
_SOUNDS = frozenset(("IPA", "API", "ext-phonos", "haudio"))
_HIDDEN = re.compile(r"display\s*:\s*none")
_NOTE = re.compile(r"\s*\[.*\]\s*\Z", re.DOTALL)
_INDENTED = re.compile(r"\n[ \t]{2,}")
_NAMESPACE_PAGE = re.compile(r"\./|(?:https?:)?//[^/]+/wiki/|/wiki/")


@dataclass
class Call:
    """A template call and what a reader sees of it."""

    name: str
    """The template's name as the page writes it."""
    arguments: dict[str, str]
    """Wikitext by argument name."""
    seen: str = ""
    """The text it left."""
    before: str = ""
    """Text of its block before it."""
    after: str = ""
    """Text of its block behind it."""

    def wikitext(self) -> str:
        """Return the call as it stood on the page, but for blanks."""
        arguments = (value if name.isdigit() else f"{name}={value}" for name, value in self.arguments.items())
        numbered = [name for name in self.arguments if name.isdigit()]
        if numbered != [str(number) for number in range(1, len(numbered) + 1)]:
            arguments = (f"{name}={value}" for name, value in self.arguments.items())
        return "{{" + "|".join([self.name, *arguments]) + "}}"


@dataclass
class Block:
    """A paragraph or list item."""

    pieces: list[str] = field(default_factory=list)
    links: list[tuple[int, int, str]] = field(default_factory=list)
    """First and last piece and title of each link to a page of the wiki."""
    calls: list[tuple[int, int, Call]] = field(default_factory=list)
    """First and last piece of what each template call left."""
    is_source: bool = False
    """Whether it names a book or an article in full, as lists of literature do."""
    is_cell: bool = False
    """Whether it stands in a table."""

    def text(self) -> str:
        """All its text."""
        return "".join(self.pieces)


def is_translated(html: str) -> bool:
    """Whether a page was translated by a browser before it was saved: other words than the wiki's."""
    return html.count("<font ") * 10_000 > len(html)


def is_reindented(blocks: list[Block]) -> bool:
    """Whether a page was indented anew after MediaWiki made it, which puts blanks into words and before commas.

    Such blanks stand in two of five of its blocks or more; MediaWiki leaves none there, only between boxes and in formulas.
    """
    return 5 * sum(_INDENTED.search(block.text().strip()) is not None for block in blocks) > len(blocks)


def read_blocks(html: str, cells: bool = False) -> list[Block]:
    """Return the blocks of a page that a reader reads as text, in the order in which they end.

    Args:
        html: of one page.
        cells: whether what stands in tables is among them.
    """
    root = LexborHTMLParser(html).css_first(".mw-parser-output") or LexborHTMLParser(html).body
    blocks = _Walk().read(root) if root is not None else []
    return [block for block in blocks if cells or not block.is_cell]


class _Walk:
    """One pass over a page."""

    def __init__(self) -> None:
        self._done: list[Block] = []
        self._open: list[Block] = []
        self._groups: dict[str, tuple[Call, Block, int]] = {}
        self._tables = 0

    def read(self, root: LexborNode) -> list[Block]:
        stack: list[tuple[LexborNode, bool]] = [(root, False)]
        while stack:
            node, left = stack.pop()
            if left:
                self._leave(node)
            elif node.is_text_node:
                self._say(node.text(deep=False, strip=False))
            elif node.is_element_node and self._enter(node):
                stack.append((node, True))
                stack.extend((child, False) for child in reversed(list(children(node))))
        return self._done

    def _say(self, text: str) -> None:
        if self._open and text:
            self._open[-1].pieces.append(text)

    def _enter(self, node: LexborNode) -> bool:
        """Whether what is inside counts."""
        self._begin_call(node)
        if "mwe-math-element" in (node.attrs.get("class") or "") or node.tag == "math":
            self._say(FORMULA)
        elif node.tag == "br":
            self._say(" ")
        elif _is_sound(node):
            self._say(PRONUNCIATION)
        elif not is_gone(node):
            self._tables += node.tag == "table"
            if node.tag in BLOCKS or (node.tag in CELLS and self._tables):
                self._open.append(Block(is_cell=self._tables > 0))
            elif self._open and _is_source(node):
                self._open[-1].is_source = True
            elif node.tag == "a" and self._open and linked_title(node):
                self._open[-1].links.append((len(self._open[-1].pieces), -1, linked_title(node)))
            return True
        self._end_call(node)
        return False

    def _leave(self, node: LexborNode) -> None:
        self._tables -= node.tag == "table"
        if node.tag in (BLOCKS | CELLS) and self._open:
            self._done.append(self._open.pop())
        elif node.tag == "a" and self._open and self._open[-1].links and linked_title(node):
            block = self._open[-1]
            start, _, title = block.links[-1]
            block.links[-1] = (start, len(block.pieces), title)
        self._end_call(node)

    def _begin_call(self, node: LexborNode) -> None:
        about = node.attrs.get("about") or ""
        if about.startswith("#mwt") and "mw:Transclusion" in (node.attrs.get("typeof") or "") and self._open:
            call = _call(node.attrs.get("data-mw") or "")
            if call is not None:
                self._groups[about] = (call, self._open[-1], len(self._open[-1].pieces))

    def _end_call(self, node: LexborNode) -> None:
        """Note how far a call reaches, again with each node of its group; only those that stay in one block count."""
        found = self._groups.get(node.attrs.get("about") or "")
        if found is None:
            return
        call, block, start = found
        if block.calls and block.calls[-1][2] is call:
            block.calls.pop()
        if self._open and self._open[-1] is block:
            block.calls.append((start, len(block.pieces), call))


def children(node: LexborNode) -> Iterator[LexborNode]:
    """Yield the nodes inside one, text among them."""
    child = node.first_child
    while child is not None:
        yield child
        child = child.next


def is_gone(node: LexborNode) -> bool:
    """Whether a node and what is inside it are no text of the article."""
    if node.tag in _GONE_TAGS or _GONE_TYPES.search(node.attrs.get("typeof") or ""):
        return True
    classes = (node.attrs.get("class") or "").split()
    return (
        not _GONE_CLASSES.isdisjoint(classes)
        or (node.attrs.get("role") or "") in _GONE_ROLES
        or (node.attrs.get("id") or "") in ("coordinates", "toc")
        or _HIDDEN.search(node.attrs.get("style") or "") is not None
        or (node.tag == "sup" and _NOTE.match(node.text()) is not None)
    )


def _is_source(node: LexborNode) -> bool:
    return node.tag == "cite" or not _SOURCES.isdisjoint((node.attrs.get("class") or "").split())


def _is_sound(node: LexborNode) -> bool:
    return not _SOUNDS.isdisjoint((node.attrs.get("class") or "").split())


def linked_title(node: LexborNode) -> str:
    """Return the title of the page of this wiki that an anchor leads to; empty for other anchors."""
    rel, href = node.attrs.get("rel"), node.attrs.get("href") or ""
    if rel is None and (node.attrs.get("class") or "").find("ext") >= 0:
        return ""
    start = _NAMESPACE_PAGE.match(href)
    if (rel is not None and rel != "mw:WikiLink") or start is None:
        missing = re.search(r"[?&]title=([^&]+)&.*redlink=1", href)
        return unquote(missing[1]).replace("_", " ") if missing and rel is None else ""
    return unquote(href[start.end() :].partition("#")[0].partition("?action=")[0]).replace("_", " ")


def _call(data: str) -> Call | None:
    """Return the template call that a `data-mw` attribute describes; None where it is several, or more than a call."""
    try:
        parts = json.loads(data)["parts"]
        (part,) = parts
        template = part["template"]
        arguments = {name: value["wt"].strip() for name, value in template["params"].items()}
        return Call(template["target"]["wt"].strip(), arguments)
    except (ValueError, KeyError, TypeError):
        return None


def read_calls(html: str) -> list[Call]:
    """Return the calls in running text of a page of Parsoid's, with what a reader sees of each."""
    found: list[Call] = []
    for block in read_blocks(html):
        for start, end, call in block.calls:
            call.before, call.seen = "".join(block.pieces[:start]), "".join(block.pieces[start:end])
            call.after = "".join(block.pieces[end:])
            if call.before.strip() or call.after.strip():
                found.append(call)
    return found
