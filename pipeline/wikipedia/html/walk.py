"""From a rendered page's tree to text with marked links: one walk in the order of the document, with a stack of its own.

Text counts inside paragraphs and items of lists alone. What `rules` leave out is stepped over with all that is inside it;
unknown elements are transparent. The paragraphs of the lead are the direct children of the section before the first
heading: boxes and notices stand nested there, or are no paragraphs.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipeline.wikipedia.html.anchors import read_anchor
from pipeline.wikipedia.html.rules import (
    ASKED,
    GONE_IDS,
    GONE_ROLES,
    GONE_TAGS,
    HEADINGS,
    LINE_TAGS,
    ROLE_TAGS,
    TRANSPARENT,
    is_hidden,
    kind_of_class,
    kind_of_type,
)
from pipeline.wikipedia.html.variants import shown_variant
from pipeline.wikipedia.wikitext.dialects import Dialect
from pipeline.wikipedia.wikitext.formulas import formula_text, lowered, raised
from pipeline.wikipedia.wikitext.holes import HOLE
from pipeline.wikipedia.wikitext.marks import GONE, LINK_END, MARKS, gone_links, heading, opening
from pipeline.wikipedia.wikitext.tables import CELL_SEPARATOR
from pipeline.wikipedia.wikitext.templates import SOUND_MARK

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]+")
_DIGITS = re.compile(r"[0-9+\-−n]{1,6}")
_NOTE = re.compile(rf"[\s{MARKS}]*\[.*\][\s{MARKS}]*", re.DOTALL)
_NO_TITLE = re.compile(f"[{MARKS}{SOUND_MARK}]|{HOLE}.")
_EMPTY_LINK = re.compile(GONE)
_DISPLAY = re.compile(r"^\{\\(?:displaystyle|textstyle)\s*(.*)\}$", re.DOTALL)
_SOUND_FILE = re.compile(r"\.(?:og[ag]|wav|mp3|flac|opus|mid)\b", re.IGNORECASE)
_IDENTIFIER = "(identifier)"
"""Ends the titles behind "ISBN" or "doi" in citations: a library's links, in every list of books, and no mentions."""


@dataclass
class Rendered:
    """The text of a page."""

    text: str = ""
    """A paragraph a line, list items too; links between their marks, a heading's line where one stood."""
    links: list[tuple[str, str]] = field(default_factory=list)
    """Title and fragment of each marked link by its number."""
    fates: Counter[str] = field(default_factory=Counter)
    """Links by fate."""
    lead: list[str] = field(default_factory=list)
    """Marked paragraphs of the lead."""
    lead_lists: bool = False
    """Whether a list stands before the first heading."""


def walk_page(
    source: str, title: str, dialect: Dialect, formula: Callable[[str], str], cells: bool = False
) -> Rendered:
    """Read a page's HTML.

    Args:
        source: the HTML, within the bounds of `bounds`.
        title: the page's.
        dialect: of its wiki, for namespaces and script variant.
        formula: makes the mark of a formula that has no text, from its TeX.
        cells: whether tables leave their cells, a row a line.
    """
    body = LexborHTMLParser(source).body
    walk = _Walk(title, dialect, formula, cells)
    return walk.read(body) if body is not None else walk.page


class _Walk:
    def __init__(self, title: str, dialect: Dialect, formula: Callable[[str], str], cells: bool) -> None:
        self._title, self._dialect, self._formula, self._cells = title, dialect, formula, cells
        self.page = Rendered()
        self._pieces: list[str] = []
        self._stack: list[tuple[LexborNode | None, Callable[[int], None] | None, int]] = []
        self._lines = 0
        """Elements open that hold text."""
        self._lead_level = 0
        """How many elements are open around a direct child of the lead's section; -1 behind the lead."""

    def read(self, body: LexborNode) -> Rendered:
        """Walk from the first child of the body to its end."""
        node = body.first_child
        stack, pieces = self._stack, self._pieces
        gone = GONE_TAGS if self._cells else GONE_TAGS | {"table"}
        while True:
            if node is None:
                if not stack:
                    break
                node, close, start = stack.pop()
                if close is not None:
                    close(start)
                continue
            tag = node.tag or "-"
            if tag == "-text":
                if self._lines:
                    text = node.text_content or ""
                    pieces.append(text if text.isprintable() else _CONTROL.sub(" ", text))
                node = node.next
                continue
            if tag in TRANSPARENT:
                child = self._open(node, None, 0)
            elif tag in gone or tag[0] == "-":
                child = None
            else:
                child = self._enter(node, tag)
            node = node.next if child is None else child
        self.page.text = "".join(pieces)
        return self.page

    def _enter(self, node: LexborNode, tag: str) -> LexborNode | None:
        """Note an element; returns its first child where it is to be read, and then expects to be left."""
        if tag == "br":
            self._say(" ")
            return None
        if tag == "a":
            return self._open_anchor(node)
        if tag in ASKED and (kind := self._kind(node, tag)):
            self._stand_in(node, kind)
            return None
        if tag in LINE_TAGS:
            return self._open(node, *self._line(tag))
        if tag in ("ul", "ol", "dl"):
            return self._open(node, self._end_of_list if self._lines else None, 0)
        if tag in HEADINGS:
            return self._open(node, *self._heading(tag))
        if tag in ("sup", "sub"):
            return self._open(node, self._raise if tag == "sup" else self._lower, len(self._pieces))
        if tag in ("table", "tr", "td", "th", "caption"):
            return self._open(node, *self._part_of_table(tag))
        if tag in ("section", "div"):
            return self._open(node, *self._section(node, tag))
        return self._open(node, None, 0)

    def _open(self, node: LexborNode, close: Callable[[int], None] | None, start: int) -> LexborNode | None:
        child = node.first_child
        if child is None:
            if close is not None:
                close(start)
            return None
        self._stack.append((node.next, close, start))
        return child

    def _say(self, text: str) -> None:
        if self._lines:
            self._pieces.append(text)

    def _kind(self, node: LexborNode, tag: str) -> str:
        """Return what keeps an element from being read as text; empty where nothing does."""
        ask = node.attrs.get
        if (classes := ask("class")) and (kind := kind_of_class(classes)):
            return kind
        if (types := ask("typeof")) and (kind := kind_of_type(types)):
            return kind
        if (style := ask("style")) and is_hidden(style):
            return "gone"
        if tag in ROLE_TAGS and ask("role") in GONE_ROLES:
            return "gone"
        name = ask("id")
        return "gone" if name and (name in GONE_IDS or (tag == "li" and name.startswith("cite_note"))) else ""

    def _stand_in(self, node: LexborNode, kind: str) -> None:
        """Say what stands for an element that is not read."""
        if kind == "sound":
            self._say(SOUND_MARK)
        elif kind == "formula":
            self._say(self._formula_text(node))
        elif kind == "variant":
            self._say(shown_variant(node.attrs.get("data-mw-variant") or "", self._dialect.variant))

    def _formula_text(self, node: LexborNode) -> str:
        found = node.css_first('annotation[encoding="application/x-tex"]')
        tex = (found.text() if found is not None else "").strip()
        if not tex:
            picture = node.css_first("img[alt]")
            tex = ((picture.attrs.get("alt") if picture is not None else "") or "").strip()
        display = _DISPLAY.match(tex)
        tex = display[1].strip() if display else tex
        return html.unescape(formula_text(tex)) or self._formula(tex)

    def _open_anchor(self, node: LexborNode) -> LexborNode | None:
        ask = node.attrs.get
        href, rel = ask("href"), ask("rel") or ""
        if not href or not self._lines:
            return self._open(node, None, 0)
        if "MediaLink" in rel and _SOUND_FILE.search(href):  # "(listen)"
            self._say(SOUND_MARK)
            return None
        classes = ask("class") or ""
        if not rel and ("external" in classes or "extiw" in classes):
            rel = "mw:WikiLink/Interwiki" if "extiw" in classes else "mw:ExtLink"
        fate, title, fragment = read_anchor(rel, href, self._title, self._dialect.namespaces)
        self.page.fates[fate] += 1
        if fate != "article" or title.endswith(_IDENTIFIER):
            return self._open(node, None, 0)
        self._pieces.append(opening(len(self.page.links)))
        self.page.links.append((title, fragment))
        return self._open(node, self._end_of_link, 0)

    def _end_of_link(self, _: int) -> None:
        self._pieces.append(LINK_END)

    def _line(self, tag: str) -> tuple[Callable[[int], None], int]:
        """Begin a paragraph or an item; inside a table it is only a blank."""
        self._pieces.append(LINE_TAGS[tag])
        self._lines += 1
        in_lead = self._lead_level >= 0
        if in_lead and tag != "p":
            self.page.lead_lists = True
        if tag != "p":
            return self._end_of_item, 0
        direct = in_lead and len(self._stack) == self._lead_level
        return (self._end_of_lead_line if direct else self._end_of_line), len(self._pieces)

    def _end_of_line(self, start: int) -> None:
        self._lines -= 1
        self._pieces.append("\n")

    def _end_of_item(self, _: int) -> None:
        self._lines -= 1

    def _end_of_list(self, _: int) -> None:
        """Let what follows a list inside an item begin a line of its own."""
        self._pieces.append("\n")

    def _end_of_lead_line(self, start: int) -> None:
        self.page.lead.append("".join(self._pieces[start:]))
        self._end_of_line(start)

    def _heading(self, tag: str) -> tuple[Callable[[int], None], int]:
        self._lead_level = -1
        self._lines += 1
        self._pieces.append(tag[1])
        return self._end_of_heading, len(self._pieces) - 1

    def _end_of_heading(self, start: int) -> None:
        self._lines -= 1
        level, *title = self._pieces[start:]
        self._pieces[start:] = [f"\n{heading(int(level), _NO_TITLE.sub('', ''.join(title)))}\n"]

    def _section(self, node: LexborNode, tag: str) -> tuple[Callable[[int], None] | None, int]:
        """Return a section or what stands round the whole page: their direct paragraphs are the lead, until the first heading."""
        first = node.attrs.get("data-mw-section-id") if tag == "section" else None
        if first is not None and first.isdigit() and first != "0":
            self._lead_level = -1
        elif first == "0" and self._lead_level == len(self._stack):
            self._lead_level += 1
        elif tag == "div" and "mw-parser-output" in (node.attrs.get("class") or ""):
            self._lead_level = len(self._stack) + 1  # whatever a skin has put around it
        return None, 0

    def _raise(self, start: int) -> None:
        self._script(start, raised)

    def _lower(self, start: int) -> None:
        self._script(start, lowered)

    def _script(self, start: int, change: Callable[[str], str]) -> None:
        """Digits go up or down as characters; a note in square brackets goes."""
        text = "".join(self._pieces[start:])
        if _NOTE.fullmatch(text):
            self._pieces[start:] = [gone_links(text)]
        elif _DIGITS.fullmatch(text):
            self._pieces[start:] = [change(text.replace("−", "-"))]

    def _part_of_table(self, tag: str) -> tuple[Callable[[int], None] | None, int]:
        """Cells of a table: each row a line, blanks and borders between the cells."""
        if tag == "table" or not self._cells:
            return None, 0
        if tag == "tr":
            return self._end_of_row, len(self._pieces)
        self._lines += 1
        return self._end_of_cell, len(self._pieces)

    def _end_of_cell(self, start: int) -> None:
        self._lines -= 1
        inside = " ".join("".join(self._pieces[start:]).split())
        self._pieces[start:] = [inside, CELL_SEPARATOR] if _EMPTY_LINK.sub("", inside) else []

    def _end_of_row(self, start: int) -> None:
        row = "".join(self._pieces[start:]).removesuffix(CELL_SEPARATOR)
        self._pieces[start:] = [f"\n{row}\n"] if row.strip() else []
