"""Pages that list namesakes.

The rule: the title ends in "(disambiguation)" in the words of some wiki, or the page calls a disambiguation template
(`data/disambiguation.tsv`) or holds the magic word `__DISAMBIG__`.
"""

from __future__ import annotations

import functools
import pathlib
import re

from pipeline.wikipedia.wikitext.data_table import by_key
from pipeline.wikipedia.wikitext.namespaces import read_rows
from pipeline.wikipedia.wikitext.templates import fold_name

_DATA = pathlib.Path(__file__).with_name("data") / "disambiguation.tsv"
_CALL = re.compile(r"\{\{\s*+([^{}|\n]{1,60}+)\s*(?=[|}\n])")
_SHORT = 3
_TITLE = re.compile(r"\(([^()]{3,40})\)\s*$")


def is_disambiguation(title: str, wikitext: str) -> bool:
    """Whether a page lists namesakes instead of defining something."""
    names = _names()
    qualifier = _TITLE.search(title)
    if qualifier and qualifier[1].strip().lower() in names["title"]:
        return True
    if "__DISAMBIG__" in wikitext:
        return True
    templates, starts = names["template"], tuple(names["start"])
    for call in _CALL.finditer(wikitext):
        name = fold_name(call[1])
        # Short names mean other things elsewhere: `{{dp}}` lists namesakes in Dutch, `{{dp|3.5}}` is a number in English.
        if len(name) <= _SHORT and wikitext.startswith("|", call.end()):
            continue
        if name in templates or name.startswith(starts):
            return True
    return False


@functools.cache
def _names() -> dict[str, frozenset[str]]:
    return by_key(_DATA, ((kind, frozenset(name.lower() for name in names)) for kind, names in read_rows(_DATA)))
