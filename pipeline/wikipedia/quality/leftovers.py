"""Markup and traces of removed markup in text that should have none: what a reader would stumble over.

The classes follow those under which other extractors were measured (`docs/text-quality.md`), so that figures compare.
They are applied to our output alone and never decide what it holds.
"""

from __future__ import annotations

import re

_HTML = (
    "b|i|u|s|br|hr|p|div|span|small|big|sub|sup|ref|references|table|tr|td|th|ul|ol|li|center|font|nowiki|gallery|math"
)

HARD: dict[str, re.Pattern[str]] = {
    "templates": re.compile(r"\{\{|\}\}"),
    "tables": re.compile(r"^\s*(?:\{\||\|\}|\|-)|\|\|", re.MULTILINE),
    "attributes": re.compile(
        r"\b(?:style|class|align|valign|colspan|rowspan|bgcolor|cellpadding|cellspacing)\s*=\s*[\"'\w#]", re.IGNORECASE
    ),
    "brackets": re.compile(r"\[\[|\]\]"),
    "file parameters": re.compile(
        r"(?:^|\|)\s*(?:thumb|thumbnail|miniatur|frame|frameless|left|right|center|upright|\d{2,4}px)\s*\|",
        re.MULTILINE,
    ),
    "file names": re.compile(r"\S\.(?:jpe?g|png|svg|gif|ogg|oga|ogv|webm|tiff?|djvu)\b(?!\w)", re.IGNORECASE),
    "tags": re.compile(rf"</?(?:{_HTML})\b[^<>]*>|<(?:{_HTML})\s*$", re.IGNORECASE | re.MULTILINE),
    "comments": re.compile(r"<!--|-->"),
    "quotes": re.compile(r"''"),
    "headings": re.compile(r"^==+[^=\n]+==+\s*$", re.MULTILINE),
    "magic words": re.compile(r"__[A-Z]{3,}__"),
    "entities": re.compile(r"&(?:nbsp|amp|lt|gt|quot|[nm]dash|thinsp|#\d{1,6}|#x[0-9a-f]{1,5});", re.IGNORECASE),
    "category lines": re.compile(
        r"^(?:Category|Categoría|Kategorie|Catégorie|Categoria|Категория|[a-z]{2,3}):\S", re.MULTILINE
    ),
    "external links": re.compile(r"\[(?:https?:)?//"),
    "converter": re.compile(r"-\{|\}-"),
    "parentheses": re.compile(r"[(（][\s,;:/–—-]*[)）]|[(（]\s*[,;:،؛，；、]|[,;،؛，；、]\s*[)）]"),
}
"""Classes of which none may be left; a page with any counts as one page."""

SOFT: dict[str, re.Pattern[str]] = {
    "space before a point": re.compile(r"\S [,.،。，](?:\s|$)", re.MULTILINE),
    "list marks": re.compile(r"^[*#:;]", re.MULTILINE),
    "addresses": re.compile(r"https?://\S"),
    "doubled comma": re.compile(r",\s*,"),
    "unpaired bracket": re.compile(r"\[[^\]\n]*$|^[^\[\n]*\]", re.MULTILINE),
}
"""Classes that are counted beside the hard ones."""

LEAD_DEFECT = re.compile(
    r"[(（][\s,;:/–—-]*[)）]|[(（]\s*[,;:،؛，；、.]|[,;:،؛，；、]\s*[)）]|[(（]\s|\s[)）]|\[\s*\]|(?<!\.)\.\.(?!\.)| ,"
)
"""Defects of parentheses and points in a lead."""


LEAD_SHAPES: dict[str, re.Pattern[str]] = {
    "navigation line": re.compile(r"\A[^.!?।。]{0,200}?(?:\s[•·|→←⋅]\s?[^.!?।。]{1,80}?){2}|\A[←→]"),
    "epigraph": re.compile(r"\A[«“„‟「『][^»”“」』]*[»”“」』]\s*(?:[—–―-]|\Z)"),
    "hanging dash": re.compile(r"\A\s*[–—―-]\s|\s[–—―-]\s*\Z|\s[–—―]\s*[.,;]"),
}
"""Shapes of leads that are no first paragraph of an article."""


def leftovers(text: str) -> dict[str, str]:
    """Return the classes found in a text, with the first place of each."""
    found = {}
    for name, pattern in {**HARD, **SOFT}.items():
        place = pattern.search(text)
        if place:
            found[name] = text[max(place.start() - 30, 0) : place.end() + 30].replace("\n", "⏎")
    return found


def is_hard(name: str) -> bool:
    """Whether a class counts towards the pages with leftovers."""
    return name in HARD
