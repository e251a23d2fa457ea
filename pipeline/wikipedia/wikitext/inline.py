"""Small pieces of wikitext as text: character references, and the surface of a link."""

from __future__ import annotations

import html
import re
from html.entities import html5

from pipeline.wikipedia.wikitext.marks import heading
from pipeline.wikipedia.wikitext.spacing import tidy_characters

_CONTROL = re.compile("[\x00-\x1f\ud800-\udfff]")
_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]]*)\]\]")
_HOLE = re.compile("\x1b.")
_MARKUP = re.compile(r"'''''|'''?|</?[a-zA-Z][^<>]*+>|&#?\w{1,31};|\[\[|\]\]|\[(?:https?:)?//[^\s\]]*+|[\[\]{}\n]")


_SWITCHES = frozenset("notoc forcetoc toc noeditsection newsectionlink nogallery hiddencat index noindex".split())
_REFERENCE = re.compile(r"&#?\w{1,31};")


def is_switch(word: str) -> bool:
    """Whether the word between two pairs of underscores tells the software something and is no text: `__NOTOC__`."""
    return word == word.upper() or word.lower() in _SWITCHES


def resolved(text: str) -> str:
    """Return a text with its character references as characters; an `&` without its semicolon is one."""
    return _REFERENCE.sub(lambda reference: _meant(reference[0]), text)


def _meant(reference: str) -> str:
    """Return what a reference stands for, itself where it is none: `&ampamp;` begins like one."""
    return html.unescape(reference) if reference[1] == "#" else html5.get(reference[1:], reference)


def character(reference: str) -> str:
    """Return the character of an HTML reference such as `&nbsp;`; the reference itself where there is no such character."""
    found = _meant(reference)
    if found in ("<", ">", "&"):
        return found
    if found in "\r\n\t":
        return " "
    return "" if _CONTROL.search(found) else tidy_characters(found)


def plain_inline(text: str) -> str:
    """Return the text of a link's surface: quotes and tags taken out, references resolved."""
    return tidy_characters(_MARKUP.sub(_replacement, text))


def plain_heading(line: str) -> str:
    """Make the mark of a heading (`marks.heading`) from its line of wikitext: level and title, marks of holes and links gone."""
    bare = line.strip()
    signs = min(len(bare) - len(bare.lstrip("=")), len(bare) - len(bare.rstrip("=")), (len(bare) - 1) // 2, 6)
    title = _LINK.sub(r"\1", _HOLE.sub("", bare[signs : len(bare) - signs]))
    return heading(max(signs, 1), plain_inline(title))


def _replacement(found: re.Match[str]) -> str:
    token = found[0]
    if token[0] == "&":
        return character(token)
    return " " if token == "\n" or token[1:3].lower() == "br" else ""
