"""Whether our rules say of template calls what MediaWiki says of them.

The pairs are those of `rendered.read_calls`: each call as the page writes it, and the text that a reader sees. Compared are
characters without blanks, in their compatible forms, for `²` and a raised 2 are one to a reader.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from pipeline.wikipedia.articles import expanded, marked_text
from pipeline.wikipedia.quality.rendered import FORMULA, PRONUNCIATION, Call
from pipeline.wikipedia.wikitext.dialects import Dialect
from pipeline.wikipedia.wikitext.holes import HOLE, Holes
from pipeline.wikipedia.wikitext.marks import read_marks
from pipeline.wikipedia.wikitext.parentheses import repair
from pipeline.wikipedia.wikitext.spacing import tidy_characters
from pipeline.wikipedia.wikitext.templates import fold_name

Outcome = Literal["equal", "other", "silent", "left out", "unseen", "said"]
"""What a reader sees is said as it is; something else is; nothing is, for want of a rule; nothing is, by a rule. What no reader
sees is not said; or it is."""


@dataclass
class CallFigures:
    """Calls by what became of them."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    """Calls that are `other`, `silent` or `said`, by template."""
    examples: dict[str, str] = field(default_factory=dict)
    """The first wrong call of each template."""

    @property
    def share(self) -> float:
        """Calls that render equal, of those that a reader sees and that no rule leaves out on purpose."""
        seen = self.outcomes["equal"] + self.outcomes["other"] + self.outcomes["silent"]
        return self.outcomes["equal"] / seen if seen else 1.0

    def add(self, calls: Iterable[Call], dialect: Dialect) -> None:
        """Judge calls of one page."""
        for call in calls:
            outcome, said = judge(call, dialect)
            self.outcomes[outcome] += 1
            if outcome in ("other", "silent", "said"):
                name = fold_name(call.name)
                self.wrong[name] += 1
                self.examples.setdefault(name, f"{call.wikitext()} → {call.seen!r}, ours {said!r}")


def judge(call: Call, dialect: Dialect) -> tuple[Outcome, str]:
    """Return what became of a call, and what we say of it."""
    said = _said(call.wikitext(), dialect)
    whole, ours = tidy_characters(call.seen), bare(said)
    seen = bare(repair(whole))
    if not seen:
        return ("left out" if PRONUNCIATION in call.seen else "said" if ours else "unseen"), said
    if ours in (seen, bare(whole)):
        return "equal", said
    if FORMULA in call.seen or (not ours and dialect.rules.leaves_out(call.name)):
        return "left out", said
    return ("other" if ours else "silent"), said


def _said(wikitext: str, dialect: Dialect) -> str:
    """Return what is left of a call that stands between two words; nothing where nobody knows its text."""
    marked = marked_text(expanded(f"\na {wikitext} b", "", dialect, Holes()), dialect)
    said = read_marks(marked.text, marked.links)[0].strip()
    return "" if HOLE in said else said.removeprefix("a").removesuffix("b").strip()


def bare(text: str) -> str:
    """Return a text without blanks and with compatible characters as one."""
    return "".join(unicodedata.normalize("NFKC", text.replace(PRONUNCIATION, "")).replace("\u2044", "/").split())
