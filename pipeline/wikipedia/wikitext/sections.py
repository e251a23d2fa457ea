"""What a section is, where its title says so: references, external links, a filmography, …

`data/section_kinds.tsv` lists the titles by language. They are compared without case, in the language of
the wiki and in English. Of the headings above a context the innermost that says something counts: "Novels" below "Works".
"""

from __future__ import annotations

import functools
import pathlib
from dataclasses import dataclass

from pipeline.wikipedia.wikitext.data_table import by_key
from pipeline.wikipedia.wikitext.namespaces import read_rows

_DATA = pathlib.Path(__file__).with_name("data") / "section_kinds.tsv"


@dataclass(frozen=True, slots=True)
class Section:
    """Where a context stands."""

    title: str | None
    """Title of the innermost section; None in the lead."""
    kind: str | None
    """What it is, or a section around it; None for prose."""


@functools.lru_cache(maxsize=4096)
def section_of(headings: tuple[str, ...], language: str) -> Section:
    """Return the section below some headings, the outermost first, on a wiki of a language."""
    return Section(headings[-1] or None if headings else None, section_kind(headings, language))


def section_kind(headings: tuple[str, ...], language: str) -> str | None:
    """Return the kind of the section below some headings; None for prose.

    Args:
        headings: the titles above it, the outermost first.
        language: code of the wiki's language.
    """
    if not headings:
        return None
    kinds = _kinds(language)
    found = (kinds.get(_folded(title)) for title in reversed(headings))
    return next((kind for kind in found if kind), None)


@functools.cache
def _kinds(language: str) -> dict[str, str]:
    """Kind by folded title, for a language."""
    rows = [(kind, cells) for kind, cells in read_rows(_DATA) if cells[0] in ("en", language)]
    found: dict[str, str] = {}
    for code in ("en", language):
        of_code = ((_folded(title), kind) for kind, (of, *titles) in rows if of == code for title in titles)
        found |= by_key(_DATA, of_code)
    return found


def _folded(title: str) -> str:
    return " ".join(title.split()).strip(" :.;").casefold()
