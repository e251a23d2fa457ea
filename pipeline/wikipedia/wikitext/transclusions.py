"""Templates and parser functions in wikitext: find where each begins and ends, and put its text in its place.

Braces are matched once, over the whole page, by a stack; after that a template without a rule is stepped over in no
time, whatever it holds. Braces that nothing closes are dropped. Linear: each level of nested, rendered templates reads
its part of the page once, and no more than `MAX_DEPTH` levels are rendered.

Source: MediaWiki's preprocessor: the innermost pair first, three braces before two, arguments split at `|` outside of
nested templates and links, `name=value` where a `=` comes first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.wikipedia.wikitext.bodies import MAX_CALLS, NO_BODIES, body_key, is_line
from pipeline.wikipedia.wikitext.holes import Holes
from pipeline.wikipedia.wikitext.parser_functions import FUNCTIONS
from pipeline.wikipedia.wikitext.templates import TemplateRules, fold_name

MAX_DEPTH = 12
"""Levels of rendered templates inside each other; deeper ones leave nothing. MediaWiki itself stops at 40."""

MIN_WORDS = 9
"""Fewest words that a template without a rule is believed to wrap, not to say something of."""

_RUN = re.compile(r"\{\{+|\}\}+")
_BRACES = re.compile(r"\{\{|\}\}")
_NAME = re.compile(r"\s*+([^{}|]*+)")
_UNCLOSED = re.compile(r"\{\{[^{}|\[\]\n]{1,60}+\|")
_SEPARATOR = re.compile(r"\{\{|\[\[|\]\]|\|")
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d[a-z]?")
_BEFORE_WORDS = frozenset(" \n([«“„\"'’—–->（「")
_TARGET = re.compile(r"\[\[[^\[\]|]*+\|")
_LISTED = re.compile(r"(?:\A|\n)[*#] *+[^\s*#][^\n]*+\n[*#]")
"""Two items of a list."""
_WORD = re.compile(r"[^\W\d_]{2,}|[\u3040-\u30ff\u3400-\u9fff]")
_DOUBTED_SINCE = re.compile(
    r"(?:[^\W\d_]{1,12}\s*=\s*)(?:[^\W\d_]{1,12}\.?\s+)?[\d\s/.年月日-]*(?:19|20)\d\d[\d\s/.年月日-]*"
    r"|\d{0,2}\.?\s*[^\W\d_]{3,12}\.?\s+(?:19|20)\d\d"
)
_KEY = re.compile(r"\s*+([^\[\]{}<>=|]*+)=")


class Transclusions:
    """The templates of one page."""

    def __init__(
        self,
        text: str,
        rules: TemplateRules,
        title: str,
        holes: Holes,
        bodies: Mapping[str, str] = NO_BODIES,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Match the braces of `text`.

        Args:
            text: wikitext without comments and extension tags.
            rules: what the wiki's templates say.
            title: the page's title, for `{{PAGENAME}}`.
            holes: makes the marks of templates without a text.
            bodies: wikitext of templates whose own pages are plain, by `body_key`.
            parameters: what a call says, where the text is a template's body.
        """
        self._text = text
        self._rules = rules
        self._title = title
        self._holes = holes
        self._bodies = bodies
        self._parameters = parameters
        self._calls_left = [MAX_CALLS]
        self._ends = match_braces(text)

    def expand(self) -> str:
        """Give the page with each template replaced by its text."""
        return self._expand(0, len(self._text), 0) if "{{" in self._text or "}}" in self._text else self._text

    def _expand(self, low: int, high: int, depth: int) -> str:
        text, pieces, position = self._text, [], low
        if text.find("{{", low, high) < 0 and text.find("}}", low, high) < 0:
            return text[low:high]
        while brace := _BRACES.search(text, position, high):
            start = brace.start()
            pieces.append(text[position:start])
            if text[start] == "}":
                position = start + 2
                continue
            end, width = self._ends.get(start, (0, 0))
            if not end or end > high:
                position = start + 1 if start + 1 in self._ends else self._after_unclosed(start)
                continue
            pieces.append(self._replacement(start + width, end - width, width, depth))
            position = end
        pieces.append(text[position:high])
        return "".join(pieces)

    def _after_unclosed(self, start: int) -> int:
        """Where reading goes on behind braces that nothing closes: behind the template's name where it has arguments."""
        head = _UNCLOSED.match(self._text, start)
        return head.end() if head else start + 2

    def _replacement(self, low: int, high: int, width: int, depth: int) -> str:
        """Give the text of what stands between a pair of braces."""
        if depth >= MAX_DEPTH:
            return self._holes.mark("nested too deep")
        head = _NAME.match(self._text, low, high)
        assert head is not None
        after = head.end()
        if width == 3:  # a parameter of a template, seen from inside: its default
            cuts = self._cuts(low, high)  # its name may hold a link, whose `|` is none
            if self._parameters is not None:
                name = self._expand(low, cuts[0] if cuts else high, depth + 1).strip()
                if name in self._parameters or not cuts:
                    return self._parameters.get(name, "{{{" + name + "}}}")
            return self._expand(cuts[0] + 1, cuts[1] if len(cuts) > 1 else high, depth + 1) if cuts else ""
        name, colon, _ = head[1].partition(":")
        if colon and (function := FUNCTIONS.get(fold_name(name))) is not None:
            values = self._values(low + len(head[0]) - len(head[1]) + len(name) + 1, high, depth)
            said = function(values, self._rules.wiki)
            return self._holes.mark(f"{fold_name(name)}:") if said is None else said
        if after < high and self._text[after] != "|":
            return self._unknown(self._text[low : min(high, low + 40)].strip(), low, high, depth)
        return self._call(head[1].strip(), low, after, high, depth)

    def _values(self, low: int, high: int, depth: int) -> list[str]:
        """Give the arguments of a parser function, expanded and stripped."""
        cuts = [low - 1, *self._cuts(low, high), high]
        return [self._expand(cut + 1, end, depth + 1).strip() for cut, end in zip(cuts, cuts[1:], strict=False)]

    def _unknown(self, name: str, low: int, high: int, depth: int) -> str:
        """Give the mark of a call without a rule; nothing where it is a reference or a box."""
        if self._parameters is not None:
            return self._holes.mark(fold_name(name))
        starts, ends = self._text[low - 3 : low - 2] in ("", "\n"), self._text[high + 2 : high + 3] in ("", "\n")
        is_box = starts and self._text.find("\n", low, high) >= 0
        if is_box and (not ends or not _LISTED.search(self._text, low, high)):
            return ""
        cuts = [*self._cuts(low, high), high]
        if not is_box and self._is_short_note(cuts):
            return ""
        said = self._wrapped(low, cuts, depth, alone=starts and ends)
        return said or ("" if is_box else self._holes.mark(fold_name(name)))

    def _wrapped(self, low: int, cuts: list[int], depth: int, alone: bool) -> str:
        """Give what a call wraps for its looks, or for a doubt of the text: nothing where it may say more.

        `{{wordy passage|the text}}`, `{{two columns|* the list}}`, `{{citation needed span|the text|date=May 2020}}`: known by
        their arguments in every wiki. It stands where words may stand, not on a word as a note does: of the calls of rendered
        pages with nine words or more alone, a reader sees the words of each of the 27 that stand so, of 3 of the 37 others.
        What fills a line is more often a word on the article than of it, but for lists.
        """
        if self._text[low - 3 : low - 2] not in _BEFORE_WORDS:
            return ""
        values = [self._text[cut + 1 : end].strip() for cut, end in zip(cuts, cuts[1:5], strict=False)]
        texts = [place for place, value in enumerate(values) if not _KEY.match(value)]
        if not texts or len(cuts) > 5:
            return ""
        text = values[texts[0]]
        words = len(_WORD.findall(_TARGET.sub("", text[:800])))
        is_text = len(texts) == 1 and (_LISTED.search(text) if alone else words >= MIN_WORDS)
        is_doubted = not alone and texts[0] == 0 and words > 1 and any(map(_DOUBTED_SINCE.fullmatch, values[1:3]))
        return self._expand(cuts[texts[0]] + 1, cuts[texts[0] + 1], depth + 1) if is_text or is_doubted else ""

    def _is_short_note(self, cuts: list[int]) -> bool:
        """Whether a call names an author and a year, as short references do in every wiki: `{{sfn|Taylor|1961|p=7}}`."""
        values = [self._text[cut + 1 : end].strip() for cut, end in zip(cuts[:6], cuts[1:7], strict=False)]
        return len(values) > 1 and values[0][:1].isalpha() and any(map(_YEAR.fullmatch, values[1:]))

    def _call(self, name: str, low: int, after: int, high: int, depth: int) -> str:
        """Give the text of a call whose name begins at `low` and whose arguments begin at the `|` at `after`."""
        function, colon, first = name.partition(":")
        rule = self._rules.find(name)
        known: dict[str, str] = {}
        if rule is None and colon:
            rule = self._rules.find(function + ":")
            known = {"1": first.strip()}
        body = self._bodies.get(body_key(name)) if self._bodies and not self._rules.leaves_out(name) else None
        if rule is None and body is None:
            return self._unknown(name, low, high, depth)
        arguments = known | self._arguments(after, high, depth, 1 + len(known))
        said = self._said_by(body, arguments, depth) if body is not None else None
        if said is None and rule is not None:
            said = rule({**arguments, "PAGENAME": self._title, "NAME": name}, self._rules.wiki)
        return self._unknown(name, low, high, depth) if said is None else said

    def _said_by(self, body: str, arguments: dict[str, str], depth: int) -> str | None:
        """Give what a template's own page says to a call; None where it is more than a piece of a line."""
        if self._calls_left[0] <= 0:
            return None
        self._calls_left[0] -= 1
        inside = Transclusions(body, self._rules, self._title, self._holes, self._bodies, arguments)
        inside._calls_left = self._calls_left
        said = inside._expand(0, len(body), depth + 1).strip()
        return said if is_line(said) else None

    def _arguments(self, after: int, high: int, depth: int, number: int) -> dict[str, str]:
        """Named and numbered arguments of a call, expanded and stripped."""
        arguments: dict[str, str] = {}
        cuts = [*self._cuts(after, high), high]
        for cut, end in zip(cuts, cuts[1:], strict=False):
            key = _KEY.match(self._text, cut + 1, end)
            name = key[1].strip() if key else str(number)
            number += key is None
            arguments[name] = self._expand(key.end() if key else cut + 1, end, depth + 1).strip()
        return arguments

    def _cuts(self, low: int, high: int) -> list[int]:
        """Where the `|` of a call stand, nested templates and links stepped over."""
        cuts, links, position = [], 0, low
        if self._text.find("[[", low, high) < 0 and self._text.find("{{", low, high) < 0:
            while (position := self._text.find("|", position, high)) >= 0:
                cuts.append(position)
                position += 1
            return cuts
        while mark := _SEPARATOR.search(self._text, position, high):
            position = mark.end()
            if mark[0] == "{{":
                end = self._ends.get(mark.start(), (0, 0))[0]
                position = end if mark.start() < end <= high else position
            elif mark[0] == "[[":
                links += 1
            elif mark[0] == "]]":
                links = max(links - 1, 0)
            elif not links:
                cuts.append(mark.start())
        return cuts


def match_braces(text: str) -> dict[int, tuple[int, int]]:
    """Pair the braces of a text: where an opening stands, the end of its closing and whether it is two or three wide."""
    ends: dict[int, tuple[int, int]] = {}
    opened: list[list[int]] = []
    for run in _RUN.finditer(text):
        position, count = run.start(), run.end() - run.start()
        if text[position] == "{":
            opened.append([position, count])
            continue
        while count >= 2 and opened:
            start, width = opened[-1]
            taken = 3 if width >= 3 and count >= 3 else 2
            position, count = position + taken, count - taken
            ends[start + width - taken] = (position, taken)
            opened[-1][1] = width - taken
            if width - taken < 2:
                opened.pop()
    return ends
