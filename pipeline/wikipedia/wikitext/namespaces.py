"""Which links of a wiki lead to its articles, and which to files, categories, other namespaces or other wikis.

A dump's header lists a wiki's localised namespace names but neither aliases nor the canonical English names, and some
dumps carry the header of another wiki. So three sources are joined: the header, the wiki's row in
`data/namespaces.tsv`, and names that hold on every wiki (`data/namespace_aliases.tsv`, `data/interwiki.tsv`).

Source: siteinfo of 327 Wikipedias (2023-09) and namespace aliases of 351 wikis (2026-01).
"""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.wikipedia.wikitext.spacing import BLANKS

Fate = Literal["article", "file", "category", "namespace", "language", "interwiki", "section", "empty", "invalid"]
"""What becomes of a link: only an `article` makes a mention; `file`, `category` and `language` leave no text; `invalid`
is a title that MediaWiki takes for none."""

TITLE_BLANKS = f" \n_\u200e\u200f{BLANKS}"
"""Characters that do not count at the ends of a link's target."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_DATA = pathlib.Path(__file__).with_name("data")
_CATEGORY, _FILE, _MEDIA = 14, 6, -2
_ALIASES: dict[str, Fate] = {"file": "file", "category": "category"}


@dataclass(frozen=True)
class Namespaces:
    """The prefixes of one wiki and the fate of a link that carries one."""

    fates: Mapping[str, Fate]
    """Folded prefix (see `fold`) to fate."""

    def classify(self, target: str) -> tuple[Fate, str, str]:
        """The fate of a link, its title and its fragment.

        Args:
            target: what stands before the first `|` of a link, as written.
        """
        title, _, fragment = target.partition("#")
        title = title.strip(TITLE_BLANKS)
        shown = title.startswith(":")
        if shown:
            title = title[1:].lstrip(TITLE_BLANKS)
        fragment = _CONTROL.sub("", fragment)
        if not title:
            return ("section" if fragment else "empty"), "", fragment
        if _CONTROL.search(title):
            return "invalid", title, ""
        prefix, colon, rest = title.partition(":")
        if not colon:
            return "article", title, fragment
        fate = self.fates.get(fold(prefix), "article")
        if fate == "article":
            return fate, title, fragment
        if not rest.strip():
            return "empty", "", fragment
        return _SHOWN.get(fate, fate) if shown else fate, title, fragment


_SHOWN: dict[Fate, Fate] = {"file": "namespace", "category": "namespace", "language": "interwiki"}


def fold(prefix: str) -> str:
    """The form in which prefixes are compared: no case, one space between words."""
    return " ".join(prefix.replace("_", " ").split()).casefold()


def wiki_namespaces(wiki: str, header: Mapping[int, str] | None = None) -> Namespaces:
    """The prefixes of a wiki, from its dump's header and the bundled tables.

    Args:
        wiki: database name, for instance `dewiki`.
        header: namespace numbers and localised names as the dump's header lists them.
    """
    fates: dict[str, Fate] = dict(_shared_fates())
    tables = _namespace_table()
    for names in (tables["canonical"], tables.get(wiki, {}), header or {}):
        for number, name in names.items():
            if name:
                fates[fold(name)] = _fate_of_number(number)
    return Namespaces(fates)


def _fate_of_number(number: int) -> Fate:
    if number in (_FILE, _MEDIA):
        return "file"
    return "category" if number == _CATEGORY else "namespace"


@functools.cache
def _shared_fates() -> dict[str, Fate]:
    """Prefixes that mean the same on every wiki; a wiki's own names overrule them."""
    fates: dict[str, Fate] = {}
    for kind, names in read_rows(_DATA / "interwiki.tsv"):
        fates.update(dict.fromkeys(map(fold, names), "language" if kind == "language" else "interwiki"))
    for kind, names in read_rows(_DATA / "namespace_aliases.tsv"):
        fates.update(dict.fromkeys(map(fold, names), _ALIASES.get(kind, "namespace")))
    return fates


@functools.cache
def _namespace_table() -> dict[str, dict[int, str]]:
    table: dict[str, dict[int, str]] = {}
    for wiki, cells in read_rows(_DATA / "namespaces.tsv"):
        numbered = (cell.partition("=") for cell in cells)
        table[wiki] = {int(number): name for number, _, name in numbered}
    return table


def read_rows(path: pathlib.Path) -> list[tuple[str, list[str]]]:
    """Read a tab-separated table: the first cell of each line and the rest; `#` lines and empty ones are comments."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            first, *rest = line.split("\t")
            rows.append((first, rest))
    return rows
