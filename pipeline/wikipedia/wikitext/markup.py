"""The scanner: wikitext without templates and tables to text in which the links to articles are marked.

One compiled expression finds the next piece of markup, a table of functions says what it leaves. A link leaves its
surface between two marks (`marks`), so that whatever is tidied later, a mention is what stands between them. Nested
brackets are paired by a stack, once a page, and only on pages that need it. Everything is linear in the page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from pipeline.wikipedia.wikitext.brackets import pair_brackets
from pipeline.wikipedia.wikitext.dialects import Dialect
from pipeline.wikipedia.wikitext.formulas import lowered, raised
from pipeline.wikipedia.wikitext.html_tags import TAGS
from pipeline.wikipedia.wikitext.inline import character, is_switch, plain_heading, plain_inline, resolved
from pipeline.wikipedia.wikitext.link_trails import end_of_trail, part_prefix
from pipeline.wikipedia.wikitext.marks import LINK_END, LINK_START, opening
from pipeline.wikipedia.wikitext.namespaces import FILE_ENDING, TITLE_BLANKS, Fate
from pipeline.wikipedia.wikitext.quotes import shown_apostrophes
from pipeline.wikipedia.wikitext.spacing import BLANKS, UNSEEN

_ODD = "".join(BLANKS + UNSEEN)
_TOKEN = re.compile(
    rf"\[\[(?!//|\.)(?P<title>[^\[\]{{}}|<>:#&%_\x00-\x1f{_ODD}]++)(?:\|(?P<shown>[^\[\]{{}}|<>\n'&_{_ODD}]++))?\]\]"  # plain
    r"|\[\[(?P<target>[^\[\]{}|<>\n]*+)(?:\|(?P<surface>[^\[\]]*+))?\]\]"  # a link with nothing nested
    r"|\[\[(?P<open>)"
    r"|\](?P<close>\])"
    r"|\[(?P<external>(?:https?:|ftps?:|news:|mailto:|irc:|//)(?:[^\[\]\s<>\"']++|'(?!'))*+)[ \t\u3000\u00a0]{0,9}+"
    r"(?P<label>[^\]\n]{0,999}+)\]"
    r"|'(?P<quotes>'++)"
    r"|<(?P<tag>/?[a-zA-Z][a-zA-Z1-6]*+)\b(?P<attributes>[^<>]*+)>"
    r"|&(?P<entity>#?\w{1,31};)"
    r"|__(?P<word>[^\W\d_]++(?:_[^\W\d_]++)*+)__"
    r"|\n(?P<line>[*#:;=|!{} \-]++)|" + "|".join(BLANKS + UNSEEN)
)
_HEADING = re.compile(r"[^\n]*=[ \t]*(?=\n|\Z)")
_LIST_MARKS = re.compile(r"[*#:;]++ *+|-{4,}+|[ ]++")
_ALONE = re.compile(r"\n[*#:; ]*+\[\[[^\[\]\n]*+\]\][ ]*+(?:\n|\Z)")
_PLAIN_TARGET = re.compile(r"[^:#&%~.]*+(?:\.[^:#&%~./]++)*+")
_REST_OF_LINE = re.compile(r"[^\n]*")
_SCRIPT = re.compile(r"([0-9+\-−n]{1,6})</su[bp]\s*>", re.IGNORECASE)
_EXTERNAL_LABEL = re.compile(r"((?:[^\[\]\n]++|\[\[[^\[\]\n]*+\]\])*+)\]")
_ADDRESS = re.compile(r"\s*(?:(?:https?|ftps?|irc|news|mailto):|//)", re.IGNORECASE)
_TERM_LINE = re.compile(r"\n[*#:]*+;")
_TERM = re.compile(
    r"(\n[*#:]*+;(?:[^\n:\[\]{}<]++|<[^<>\n/]*+/>|\[[a-z]*+:?//[^\[\]\n]*+\]|\[\[[^\[\]\n]*+\]\])++):(?!//)"
)
_HEAD = re.compile(r"\[\[([^\[\]{}|<>\n]*+)\|?")
_NOT_TEXT = re.compile(rf"['<&\[\]_{{}}\n{BLANKS}{UNSEEN}]")
_LONGEST_NESTED = 20_000


@dataclass
class Marked:
    """The marked text of a page and what its marks stand for."""

    text: str = ""
    """Lines of text; links to articles stand between their marks."""
    links: list[tuple[str, str]] = field(default_factory=list)
    """Title and fragment of each link by the number that its mark carries; nested readers add to the same list."""
    fates: Counter[str] = field(default_factory=Counter)
    """How many links had which fate (`namespaces.Fate`), `external` among them."""


class Scanner:
    """Reads one page; `scan` is its one method for others."""

    def __init__(
        self, dialect: Dialect, nested: Callable[[str, list[tuple[str, str]]], Marked | None] | None = None
    ) -> None:
        """Prepare for pages of a wiki.

        Args:
            dialect: the wiki's wikitext.
            nested: reads links with links inside, and adds those to the page's; None leaves out what is outermost.
        """
        self._dialect = dialect
        self._nested = nested

    def scan(self, text: str, links: list[tuple[str, str]] | None = None) -> Marked:
        """Render wikitext that begins with a line break and holds neither templates, tables nor extension tags.

        Args:
            text: the wikitext.
            links: the page's links so far, to which those of the text are added; None for a page of its own.
        """
        if ";" in text and _TERM_LINE.search(text):  # a term and what it means stand on lines of their own
            text = _TERM.sub(r"\1\n", text)
        self._text = text
        self._marked = Marked(links=[] if links is None else links)
        self._pairs: dict[int, int] | None = None
        self._line_start = self._line_end = -1
        self._literal = 0
        pieces: list[str] = []
        position = 0
        search = _TOKEN.search
        append = pieces.append
        no_trail, prefix = self._dialect.no_trail, self._dialect.prefix
        while token := search(text, position):
            start, end = token.span()
            append(text[position:start])
            kind = token.lastgroup
            if kind == "shown" or kind == "title":  # nine of ten links
                left, position = self._plain_link(token[1], token[kind]), end
            elif kind == "target" or kind == "surface":
                left, position = self._link(token["target"], token["surface"], start), end
            else:
                left, position = _HANDLERS[kind](self, token)
                append(left)
                continue
            if prefix is not None and left and left[0] == LINK_START:
                pieces[-1], left = part_prefix(pieces[-1], prefix, left)
            if text[end : end + 1] not in no_trail and left and left[-1] == LINK_END:
                position = end_of_trail(self._dialect.trail, text, end)
                left = left[:-1] + text[end:position] + LINK_END
            append(left)
        pieces.append(text[position:])
        self._marked.text = "".join(pieces)
        return self._marked

    def _plain_link(self, target: str, surface: str) -> str:
        """Return a link whose target has neither prefix nor fragment, and whose surface has no markup."""
        title, bare = target.strip(), surface.strip()
        if not title or bare != surface or "''" in bare:
            return self._link(target, None if surface == target else surface)
        mark = opening(len(self._marked.links))
        self._marked.links.append((title, ""))
        self._marked.fates["article"] += 1
        return f"{mark}{bare}{LINK_END}"

    def _classify(self, target: str) -> tuple[Fate, str, str]:
        """`Namespaces.classify`, without its cost for the many targets of plain characters without prefix or fragment."""
        if not _PLAIN_TARGET.fullmatch(target) or not target.isprintable():
            return self._dialect.namespaces.classify(resolved(target) if "&" in target else target)
        title = target.strip(TITLE_BLANKS)
        return ("article" if title else "empty"), title, ""

    def _link(self, target: str, surface: str | None, start: int = -1) -> str:
        """Return what a link leaves: its surface, marked where it leads to an article.

        Args:
            target: what stands before the first `|`.
            surface: what stands behind it; None where there is none.
            start: where the link begins, if that is known: a technical name that fills its line is no prose.
        """
        if _ADDRESS.match(target):  # no link to a page, but brackets around one to elsewhere
            self._marked.fates["external"] += 1
            label = plain_inline(f"{target}|{surface or ''}".partition(" ")[2].rstrip("|"))
            return f"[{label}]" if label else ""
        fate, title, fragment = self._classify(target)
        self._marked.fates[fate] += 1
        if fate in ("file", "category", "language", "empty"):
            return ""
        if surface is None:  # a reader sees what the author wrote
            if fate == "namespace" and start >= 0 and _ALONE.match(self._text, self._text.rfind("\n", 0, start)):
                return ""
            surface = target.strip().removeprefix(":").lstrip().replace("''", "&#39;&#39;")
            surface = unquote(surface) if "%" in surface else surface
        elif "|" in surface:
            if FILE_ENDING.search(title):
                return ""
            surface = surface.strip()
        elif not surface.strip():
            surface = _without_trick(title) if not surface else surface
        if _NOT_TEXT.search(surface):
            surface = plain_inline(surface)
        bare = surface.strip()
        if fate != "article" or not bare:
            return surface
        marked = f"{opening(len(self._marked.links))}{bare}{LINK_END}"
        self._marked.links.append((title, fragment))
        return f"{' ' if surface[0].isspace() else ''}{marked}{' ' if surface[-1].isspace() else ''}"

    def _open(self, token: re.Match[str]) -> tuple[str, int]:
        """Return a link with brackets inside, or one that nothing closes."""
        start, text = token.start(), self._text
        if text.startswith("[", start + 2):
            self._literal += 1
            return "[", start + 1
        if self._pairs is None:
            self._pairs = pair_brackets(text)
        head = _HEAD.match(text, start)
        assert head is not None
        fate, _, _ = self._dialect.namespaces.classify(head[1])
        end = self._pairs.get(start)
        if fate in ("file", "category", "language"):
            self._marked.fates[fate] += 1
            return "", end or self._end_of_open_file(head.end())
        if end is None or head[0][-1:] != "|":
            return "", start + 2
        if end - start > _LONGEST_NESTED:
            return "", head.end()
        inside = text[head.end() : end - 2]
        if text.startswith("]", end) and inside.count("[") > inside.count("]"):
            inside, end = inside + "]", end + 1
        if "[[" not in inside:
            return self._link(head[1], inside.replace("[", "&#91;").replace("]", "&#93;")), end
        found = self._nested(text[start:end], self._marked.links) if self._nested else None
        if found is None:
            return "", head.end()
        self._marked.fates.update(found.fates)
        return found.text, end

    def _end_of_open_file(self, position: int) -> int:
        """Return an unclosed file link reaches to the end of its line."""
        rest = _REST_OF_LINE.match(self._text, position)
        assert rest is not None
        return rest.end()

    def _character(self, token: re.Match[str]) -> tuple[str, int]:
        """Return a blank of another kind, or a character that nobody sees."""
        return " " if token[0] in BLANKS else "", token.end()

    def _close(self, token: re.Match[str]) -> tuple[str, int]:
        """Return what is left of brackets that nothing opened, or that stood before others: `[[[[Berlin]]]]`."""
        literal = self._literal >= 2
        self._literal -= 2 * literal
        return "]]" if literal else "", token.end()

    def _external(self, token: re.Match[str]) -> tuple[str, int]:
        """`[http://… label]` leaves its label, which is read on as wikitext."""
        self._marked.fates["external"] += 1
        if "[[" in token["label"]:
            label = _EXTERNAL_LABEL.match(self._text, token.start("label"))
            if label is None:
                return "", token.start("label")
            found = Scanner(self._dialect).scan(label[1], self._marked.links)
            self._marked.fates.update(found.fates)
            return found.text, label.end()
        return plain_inline(token["label"]), token.end()

    def _quotes(self, token: re.Match[str]) -> tuple[str, int]:
        """Bold and italic marks leave nothing but the apostrophes that are text."""
        start, end = token.span()
        if end - start == 2:
            return "", end
        if start >= self._line_end:
            self._line_start = self._text.rfind("\n", 0, start) + 1
            self._line_end = self._text.find("\n", end) % (len(self._text) + 1)
            self._apostrophes = shown_apostrophes(self._text[self._line_start : self._line_end])
        return "'" * self._apostrophes.get(start - self._line_start, 0), end

    def _tag(self, token: re.Match[str]) -> tuple[str, int]:
        """Tags of HTML leave nothing, or a border; digits in `<sup>` are raised. Other things in <> are text."""
        name = token["tag"].lower()
        if name in ("sup", "sub"):
            digits = _SCRIPT.match(self._text, token.end())
            if digits:
                change = raised if name == "sup" else lowered
                return change(digits[1].replace("−", "-")), digits.end()
        left = TAGS.get(name.lstrip("/"))
        return ("<", token.start() + 1) if left is None else (left, token.end())

    def _entity(self, token: re.Match[str]) -> tuple[str, int]:
        return character(token[0]), token.end()

    def _magic_word(self, token: re.Match[str]) -> tuple[str, int]:
        return ("" if is_switch(token["word"]) else token[0]), token.end()

    def _line(self, token: re.Match[str]) -> tuple[str, int]:
        """Return a line that begins with markup: a heading, a list item, a rule, a row of a table that was torn apart."""
        marks, end = token["line"], token.end()
        if marks[0] == "=":
            found = _HEADING.match(self._text, token.start() + 2)
            if found and len(found[0].strip()) > 1:
                return f"\n{plain_heading('=' + found[0])}", found.end()
        if marks.lstrip(" :*")[:1] in ("|", "{", "}") and marks.lstrip(" :*"):
            return "\n", self._end_of_open_file(end)
        found = _LIST_MARKS.match(marks)
        return ("\n", token.start() + 1 + found.end()) if found else (token[0], end)


_HANDLERS: dict[str | None, Callable[[Scanner, re.Match[str]], tuple[str, int]]] = {
    None: Scanner._character,
    "open": Scanner._open,
    "close": Scanner._close,
    "label": Scanner._external,
    "quotes": Scanner._quotes,
    "attributes": Scanner._tag,
    "entity": Scanner._entity,
    "word": Scanner._magic_word,
    "line": Scanner._line,
}


def _without_trick(title: str) -> str:
    """Return the surface of `[[Berlin (band)|]]`: the title without namespace and what stands in parentheses."""
    return re.sub(r"\s*[(（,，].*$", "", title.rpartition(":")[2])
