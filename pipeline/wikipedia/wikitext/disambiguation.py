"""Pages that list namesakes.

The rule: the title ends in "(disambiguation)" in the words of the wiki, or the page calls one of the wiki's templates of
such pages (`data/disambiguation.tsv`) or holds the magic word `__DISAMBIG__` in one of the wiki's spellings
(`data/disambiguation_words.tsv`).
"""

from __future__ import annotations

import functools
import pathlib
import re
from collections import defaultdict
from dataclasses import dataclass

from pipeline.wikipedia.wikitext.namespaces import read_rows
from pipeline.wikipedia.wikitext.templates import fold_name

_DATA = pathlib.Path(__file__).with_name("data")
_CALL = re.compile(r"\{\{\s*+([^{}|\n]{1,60}+)\s*(?=[|}\n])")
_SHORT = 3
_TITLE = re.compile(r"\(([^()]{3,40})\)\s*$")


@dataclass(frozen=True)
class Marks:
    """What marks such pages on one wiki."""

    titles: frozenset[str]
    """Qualifiers of titles, lower case."""
    templates: frozenset[str]
    """Folded names of templates."""
    starts: tuple[str, ...]
    """Beginnings of folded names of templates."""
    words: tuple[str, ...]
    """Spellings of the magic word."""


def is_disambiguation(title: str, wikitext: str, wiki: str) -> bool:
    """Whether a page lists namesakes instead of defining something.

    Args:
        title: its title.
        wikitext: its text without comments and literals.
        wiki: database name.
    """
    marks = disambiguation_marks(wiki)
    qualifier = _TITLE.search(title)
    if qualifier and qualifier[1].strip().lower() in marks.titles:
        return True
    if any(word in wikitext for word in marks.words):
        return True
    for call in _CALL.finditer(wikitext):
        name = fold_name(call[1])
        # Short names mean other things too: `{{dp}}` lists namesakes, `{{dp|3.5}}` may be a number.
        if len(name) <= _SHORT and wikitext.startswith("|", call.end()):
            continue
        if name in marks.templates or name.startswith(marks.starts):
            return True
    return False


@functools.cache
def disambiguation_marks(wiki: str) -> Marks:
    """Return the marks that a wiki knows."""
    found: dict[str, list[str]] = defaultdict(list)
    for kind, (wikis, *names) in read_rows(_DATA / "disambiguation.tsv"):
        if wikis == "*" or wiki in wikis.split(","):
            found[kind] += (name.lower() for name in names)
    for wikis, words in read_rows(_DATA / "disambiguation_words.tsv"):
        if wikis == "*" or wiki in wikis.split(","):
            found["word"] += words
    return Marks(frozenset(found["title"]), frozenset(found["template"]), tuple(found["start"]), tuple(found["word"]))
