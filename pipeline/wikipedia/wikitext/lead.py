"""The lead of an article: the section before the first heading as one paragraph a reader would accept.

The section is cut out first, prose lines are chosen, then mwparserfromhell reads them; what is left of removed things
is repaired. Where there is no prose the reason is said.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from pipeline.wikipedia.wikitext.dialects import Dialect
from pipeline.wikipedia.wikitext.holes import HOLE, holed_ranges, is_marks, without_notes
from pipeline.wikipedia.wikitext.marks import read_marks
from pipeline.wikipedia.wikitext.markup import Scanner
from pipeline.wikipedia.wikitext.parentheses import repair
from pipeline.wikipedia.wikitext.sentences import cut_at_sentence
from pipeline.wikipedia.wikitext.spacing import tidy_characters
from pipeline.wikipedia.wikitext.tree import MAX_CHARACTERS, render_tree

LeadMissing = Literal["disambiguation", "empty", "hole", "list", "no_prose"]
"""Why an article has no lead: it lists namesakes; nothing stands before its first heading; its first sentence has a hole; only
lists stand there; no sentence."""

MIN_LETTERS = 24
"""Fewest letters of a lead, vowel signs included; a Chinese, Japanese, Korean or Ethiopic character counts for three."""

_FULL_STOPS = frozenset(".!?。।։۔؟።")
_HEADING = re.compile(r"\n==?[^=\n][^\n]*=[ \t]*(?=\n|\Z)|\n={3,}[^\n]*=[ \t]*(?=\n|\Z)")
_NOT_PROSE = re.compile(
    r"[*#:;|!{}]|-{4}|\s*\[\[[^\[\]|]*\]\]\s*$|<(?:div|p|center|table|gallery)\b[^>]*>\s*$|</\w+>\s*$"
)
_ITALIC_LINE = re.compile(r"\s*(?:<small>)?\s*''(?!')[^\n]*(?<!')''\s*\.?\s*(?:</small>)?\s*$")
# An epigraph: a quotation and at most a name behind it.
_QUOTATION = re.compile(
    r"\s*'*(?:[«“”\"„‟「『][^«“”\"„「『\n]*[»”“\"」』])'*\s*\.?\s*(?:[—–―-]\s*[^.!?\n]{2,60})?\s*\Z"
)
_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
_BOLD = re.compile(r"'''[^'\n]*'''")
_TRAILING = re.compile(r"(?:<[^<>]*>|[\s'\])»”\"])+\Z")
_ROW = re.compile(r"[•·|→←↔⋅⇐⇒◄►]|&[lr]arr;")
_NOT_LETTERS = re.compile(r"<[^<>]*>|&\w+;|[\W\d_]")
_SEPARATOR = re.compile(r"\s*[•·|→←↔⋅]\s*|\s+[–—/]\s+|\s*[,、，،]\s*")
# What mwparserfromhell leaves as text where quotes or brackets do not pair up over a paragraph; the scanner reads on.
_UNREAD = re.compile(r"''|\[\[|\]\]")
# No blank between sentences of scripts that have none between words.
_CJK_JOIN = re.compile("([。！？」）]) (?=[\u3040-\u30ff\u3400-\u9fff「（])")
_LETTER = re.compile(r"[^\W\d_]|[\u0900-\u0dff\u0e31-\u0e4e\u102b-\u103e\u17b4-\u17d3]")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af\u1200-\u139f]")


def read_lead(text: str, dialect: Dialect, budget: int, title: str) -> tuple[str | None, LeadMissing | None]:
    """Return the lead of a page, or why there is none.

    Args:
        text: wikitext that begins with a line break, without templates, tables and extension tags.
        dialect: the wiki's wikitext.
        budget: most characters of a lead; it is cut at a sentence.
        title: the page's title.
    """
    heading = _HEADING.search(text)
    section = text[: heading.start()] if heading else text
    lines = [line for line in section.split("\n") if line.strip() and not is_marks(line)]
    prose = [line for line in lines if not _NOT_PROSE.match(line)]
    if not prose:
        return None, "list" if lines else "empty"
    if len(prose) > 1:
        prose = [line for line in prose if not _ITALIC_LINE.match(line)] or prose
    said = [line for line in prose if not _QUOTATION.match(line)]
    prose = [line for line in said if not is_navigation(line)]
    if not prose:
        return None, "list" if said else "no_prose"
    chosen = _within(prose, min(MAX_CHARACTERS, 3 * budget))
    found = render_tree(chosen, dialect)
    if found is None or _UNREAD.search(found.text):
        found = Scanner(dialect).scan("\n" + chosen)
    plain, _ = read_marks(repair(without_notes(tidy_characters(found.text))), found.links)
    return finished_lead(plain.split("\n"), budget, lists=len(lines) > 2 * len(prose))


def finished_lead(paragraphs: list[str], budget: int, lists: bool) -> tuple[str | None, LeadMissing | None]:
    """Return the lead of a page's first paragraphs, or why there is none.

    Args:
        paragraphs: plain text, but for the marks of holes.
        budget: most characters of a lead; it is cut at a sentence.
        lists: whether lists are most of what stands before the first heading.
    """
    lead = _joined(paragraphs)
    if HOLE in lead:
        lead = _without_holes(lead)
        if not lead:
            return None, "hole"
    if lead:
        return unicodedata.normalize("NFC", cut_at_sentence(lead, budget)), None
    return None, "list" if lists else "no_prose" if any(map(str.strip, paragraphs)) else "empty"


def is_navigation(line: str) -> bool:
    """Whether a line of wikitext is a row of links or names and says nothing: neighbouring years, an index, namesakes."""
    words = line.split()
    if len(words) >= 6 and all(len(word) <= 2 for word in words):
        return True
    if _TRAILING.sub("", line[-200:])[-1:] in _FULL_STOPS:
        return False
    links = _LINK.findall(line)
    rest = _NOT_LETTERS.sub("", _BOLD.sub("", _LINK.sub("", line)))
    if len(links) >= (2 if len(_ROW.findall(line)) >= 2 else 3):
        return len(rest) <= max(sum(map(len, links)) // 8, 2) and not rest.islower()
    names = [name for part in _SEPARATOR.split(line) if (name := part.strip(" '()"))]
    return len(names) >= 4 and all(map(_is_name, names))


def _is_name(text: str) -> bool:
    """Up to three words of which none is a small one, a letter, or a year."""
    words = text.split()
    return len(words) <= 3 and not any(word[0].islower() for word in words)


def _within(lines: list[str], most: int) -> str:
    """Return the first lines up to a number of characters; a single longer one is cut."""
    kept: list[str] = []
    length = 0
    for line in lines:
        length += len(line) + 1
        if length > most and kept:
            break
        kept.append(line[:most])
    return "\n".join(kept)


def _joined(paragraphs: list[str]) -> str:
    """Paragraphs as one, without those that only announce a list or say nothing; empty where no prose is left."""
    kept: list[str] = []
    for paragraph in paragraphs:
        paragraph = paragraph.strip()
        if paragraph.count(" | ") > 1:  # a row of links to neighbouring pages
            continue
        if paragraph.endswith((":", "：", "՝")):
            paragraph = _without_announcement(paragraph)
        letters = _letters(paragraph)
        if letters >= MIN_LETTERS or (letters > 8 and (kept or paragraph[-1:] in _FULL_STOPS)):
            kept.append(paragraph)
    whole = _CJK_JOIN.sub(r"\1", " ".join(kept))
    if _letters(whole) < MIN_LETTERS:
        return ""
    return whole


def _without_holes(lead: str) -> str:
    """Return a lead without its sentences that have a hole; nothing where the first one has."""
    ranges = holed_ranges(lead)
    if ranges[0][0] == 0:
        return ""
    ends = [0, *(high for _, high, _ in ranges)]
    starts = [*(low for low, _, _ in ranges), len(lead)]
    return "".join(lead[end:start] for end, start in zip(ends, starts, strict=True)).strip()


def _without_announcement(paragraph: str) -> str:
    """Return a paragraph without its last sentence, which ends in a colon."""
    shorter = cut_at_sentence(paragraph, len(paragraph) - 1)
    return shorter if shorter[-1:] in _FULL_STOPS else ""


def _letters(text: str) -> int:
    """Letters of a text, counted until they are enough."""
    found = 0
    for start in range(0, len(text), 4 * MIN_LETTERS):
        piece = text[start : start + 4 * MIN_LETTERS]
        found += len(_LETTER.findall(piece)) + 2 * len(_CJK.findall(piece))
        if found >= MIN_LETTERS:
            break
    return found
