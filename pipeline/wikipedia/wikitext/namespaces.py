"""Which links of a wiki lead to its articles, and which to files, categories, other namespaces or other wikis.

A dump's header lists a wiki's localised namespace names but neither aliases nor the canonical English names, and some
dumps carry the header of another wiki. So the header is joined with what MediaWiki itself knows: `data/namespaces.tsv`
and `data/interwiki.tsv`, both made by `pipeline.wikis.mediawiki`. A name holds on the wikis that have it, nowhere else.

Source: `MediaWikiTitleCodec::splitTitleString` (namespaces first, then prefixes of other wikis, a wiki's own cut off).
"""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from pipeline.wikipedia.wikitext.spacing import BLANKS

Fate = Literal["article", "file", "category", "namespace", "language", "interwiki", "section", "empty", "invalid"]
"""What becomes of a link: only an `article` makes a mention; `file`, `category` and `language` leave no text; `invalid`
is a title that MediaWiki takes for none."""

TITLE_BLANKS = f" \n_\u200e\u200f{BLANKS}"
"""Characters that do not count at the ends of a link's target."""
FILE_ENDING = re.compile(
    r"\.(?:jpe?g|png|svg|gif|tiff?|webp|ogg|oga|ogv|webm|pdf|djvu|mid|wav|flac|mp3|stl|xcf)\s*\Z", re.I
)
"""The end of a file's name."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_INVALID = re.compile(r"[\x00-\x1f\x7f-\x9f<>\[\]{}|]|%[0-9A-Fa-f]{2}|&[#\w]+;|(?:\A|/)\.\.?(?:/|\Z)|~~~")
"""What no title holds once its percents are characters (`MediaWikiTitleCodec::getTitleInvalidRegex`, relative paths)."""
_DATA = pathlib.Path(__file__).with_name("data")
_CATEGORY, _FILE = 14, 6
_SHOWN: dict[Fate, Fate] = {"file": "namespace", "category": "namespace", "language": "interwiki"}


@dataclass(frozen=True)
class Namespaces:
    """The prefixes of one wiki and the fate of a link that carries one."""

    fates: Mapping[str, Fate]
    """Folded prefix (see `fold`) to fate."""
    own: frozenset[str] = frozenset()
    """Folded prefixes that lead to the wiki itself: `de` on dewiki."""
    foreign_files: frozenset[str] = frozenset()
    """Folded names of the file namespace on any wiki. Before a file's ending one is a link pasted from there."""

    def classify(self, target: str) -> tuple[Fate, str, str]:
        """Return the fate of a link, its title and its fragment.

        Args:
            target: what stands before the first `|` of a link, as written.
        """
        title, _, fragment = (unquote(target) if "%" in target else target).partition("#")
        title = title.strip(TITLE_BLANKS)
        shown = title.startswith(":")
        if shown:
            title = title[1:].lstrip(TITLE_BLANKS)
        fragment = _CONTROL.sub("", fragment)
        if not title:
            return ("section" if fragment else "empty"), "", fragment
        if _INVALID.search(title):
            return "invalid", title, ""
        fate = self._fate_of_prefix(title)
        if fate == "own":
            title = title.partition(":")[2].lstrip(TITLE_BLANKS)
            fate = self._fate_of_prefix(title)
        if fate == "own" or fate == "article":
            return ("article" if title else "empty"), title, fragment
        if not title.partition(":")[2].strip():
            return "empty", "", fragment
        return _SHOWN.get(fate, fate) if shown else fate, title, fragment

    def _fate_of_prefix(self, title: str) -> Fate | Literal["own"]:
        """Return what the prefix of a title makes of a link; `own` where it leads to this wiki and has to be cut off."""
        prefix, colon, _ = title.partition(":")
        if not colon:
            return "article"
        folded = fold(prefix)
        found = self.fates.get(folded)
        if found is not None:
            return found
        if folded in self.own:
            return "own"
        return "file" if folded in self.foreign_files and FILE_ENDING.search(title) else "article"


def fold(prefix: str) -> str:
    """Return the form in which prefixes are compared: no case, one space between words."""
    return " ".join(prefix.replace("_", " ").split()).casefold()


def wiki_namespaces(wiki: str, header: Mapping[int, str] | None = None) -> Namespaces:
    """Return the prefixes of a wiki, from its dump's header and the bundled tables.

    Args:
        wiki: database name, for instance `dewiki`.
        header: namespace numbers and localised names as the dump's header lists them.
    """
    fates, own = _interwiki_prefixes(wiki)
    names = _namespace_table()
    language, of_wiki = names.of_wikis.get(wiki, ("en", {}))
    for table in (names.everywhere, names.of_languages.get(language, {}), of_wiki):
        for number, forms in table.items():
            fates.update(dict.fromkeys(map(fold, forms), _fate_of_number(number)))
    for number, name in (header or {}).items():
        if name:
            fates[fold(name)] = _fate_of_number(number)
    return Namespaces(fates, own - fates.keys(), names.files)


def _fate_of_number(number: int) -> Fate:
    """Return what a namespace makes of a link; `Media:` (-2) is no file on the page but a link that shows its text."""
    if number == _FILE:
        return "file"
    return "category" if number == _CATEGORY else "namespace"


def _interwiki_prefixes(wiki: str) -> tuple[dict[str, Fate], frozenset[str]]:
    """Return the fates of prefixes that lead from a wiki to others, and those that lead to itself."""
    fates: dict[str, Fate] = {}
    own: frozenset[str] = frozenset()
    for kind, (of_wiki, *prefixes) in read_rows(_DATA / "interwiki.tsv"):
        if of_wiki not in ("*", wiki):
            continue
        if kind == "own":
            own = frozenset(map(fold, prefixes))
        else:
            fates.update(dict.fromkeys(map(fold, prefixes), "language" if kind == "language" else "interwiki"))
    return {prefix: fate for prefix, fate in fates.items() if prefix not in own}, own


@dataclass(frozen=True)
class _NamespaceTable:
    everywhere: dict[int, list[str]]
    of_languages: dict[str, dict[int, list[str]]]
    of_wikis: dict[str, tuple[str, dict[int, list[str]]]]
    """Language and names of each wiki."""
    files: frozenset[str]
    """Folded names of the file namespace on any wiki."""


@functools.cache
def _namespace_table() -> _NamespaceTable:
    scopes: dict[str, dict[int, list[str]]] = {}
    languages: dict[str, str] = {}
    for scope, cells in read_rows(_DATA / "namespaces.tsv"):
        if cells and "=" not in cells[0]:
            languages[scope], *cells = cells
        numbered = (cell.partition("=") for cell in cells)
        scopes[scope] = {int(number): names.split(",") for number, _, names in numbered}
    files = frozenset(fold(name) for names in scopes.values() for name in names.get(_FILE, ()))
    of_wikis = {wiki: (language, scopes.pop(wiki)) for wiki, language in languages.items()}
    return _NamespaceTable(scopes.pop("*"), scopes, of_wikis, files)


def read_rows(path: pathlib.Path) -> list[tuple[str, list[str]]]:
    """Read a tab-separated table: the first cell of each line and the rest; `#` lines and empty ones are comments."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            first, *rest = line.split("\t")
            rows.append((first, rest))
    return rows
