"""Cut an article's marked text into contexts with links at exact offsets.

A context is text of one section, made of whole paragraphs where they fit the budget and of whole sentences where not.
`text[start:end]` is a link's surface because both are read from the same marks, after everything else is done.
"""

from __future__ import annotations

import bisect
import unicodedata
from collections import Counter

from pipeline.wikipedia.wikitext.holes import HOLE, Holes, without_holes
from pipeline.wikipedia.wikitext.marks import SECTION_MARK, Span, headings_below, read_marks
from pipeline.wikipedia.wikitext.sentences import sentence_ends

Context = tuple[str, list[Span]]
"""A piece of text and the links in it."""
Headings = tuple[str, ...]
"""Titles of the headings above a context, the outermost first; none in the lead."""


def cut_contexts(
    marked: str, links: list[tuple[str, str]], budget: int, holes: Holes, left_out: Counter[str]
) -> tuple[list[Context], list[Headings]]:
    """Contexts of an article, and the headings above each.

    Args:
        marked: tidy text with marks, a paragraph a line, `marks.heading` where headings stood.
        links: title and fragment of each link by the number in its mark.
        budget: most characters of a context; only a link's surface that is longer by itself may pass it.
        holes: of the page.
        left_out: counts the sentences that go because of a hole, by template.
    """
    text, spans = read_marks(marked, links)
    if HOLE in text:
        text, place = without_holes(text, holes, left_out)
        moved = ((place(start), place(end), title, fragment) for start, end, title, fragment in spans)
        spans = [span for span in moved if 0 <= span[0] < span[1]]
    composed = unicodedata.is_normalized("NFC", text)
    contexts: list[Context] = []
    above: list[Headings] = []
    first = 0
    for low, high, headings in _pieces(text, spans, budget):
        while first < len(spans) and spans[first][0] < low:
            first += 1
        last = first
        while last < len(spans) and spans[last][1] <= high:
            last += 1
        contexts.append(_context(text[low:high], spans[first:last], low, composed))
        above.append(headings)
        first = last
    return contexts, above


def _pieces(text: str, spans: list[Span], budget: int) -> list[tuple[int, int, Headings]]:
    """Where contexts begin and end: paragraphs of one section joined up to the budget, long ones cut."""
    pieces: list[tuple[int, int, Headings]] = []
    headings: Headings = ()
    low = high = position = 0
    for line in text.split("\n"):
        start, position = position, position + len(line) + 1
        if line.startswith(SECTION_MARK):
            pieces.append((low, high, headings))
            low = high = start + len(line)
            headings = headings_below(headings, line)
            continue
        if not line.strip():
            continue
        end = start + len(line)
        if high > low and end - low <= budget:
            high = end
            continue
        pieces.append((low, high, headings))
        low, high = start, end
        if high - low > budget:
            *whole, (low, high) = _cut_paragraph(text, spans, (start, end), budget)
            pieces += [(*piece, headings) for piece in whole]
    pieces.append((low, high, headings))
    stripped = ((*_stripped(text, low, high), headings) for low, high, headings in pieces)
    return [piece for piece in stripped if piece[0] < piece[1]]


def _stripped(text: str, low: int, high: int) -> tuple[int, int]:
    while low < high and (text[low].isspace() or text[low] == SECTION_MARK):
        low += 1
    while low < high and text[high - 1].isspace():
        high -= 1
    return low, high


def _cut_paragraph(text: str, spans: list[Span], piece: tuple[int, int], budget: int) -> list[tuple[int, int]]:
    """Cut one paragraph at sentence ends, at blanks where a sentence is too long, and never inside a link."""
    low, high = piece
    ends = [low + end for end in sentence_ends(text[low:high])]
    first, last = bisect.bisect_left(spans, (low,)), bisect.bisect_left(spans, (high,))
    inside = [(start, end) for start, end, _, _ in spans[first:last]]
    cuts: list[tuple[int, int]] = []
    number = 0
    while high - low > budget:
        limit, best = low + budget, low
        while number < len(ends) and ends[number] <= limit:
            best, number = ends[number], number + 1
        cut = _outside_links(best, inside, low)
        if cut <= low:
            blank = text.rfind(" ", low + 1, limit)
            cut = _outside_links(blank + 1 if blank > low else limit, inside, low)
        if cut <= low:
            cut = _outside_links(limit, inside, limit)
        cuts.append((low, cut))
        low = cut
    return [*cuts, (low, high)]


def _outside_links(cut: int, links: list[tuple[int, int]], low: int) -> int:
    """Return a cut moved out of a link it would split: before it, or behind it where that would be before `low`."""
    number = bisect.bisect_left(links, (cut, -1)) - 1
    if number >= 0 and links[number][0] < cut < links[number][1]:
        start, end = links[number]
        return start if start > low else end
    return cut


def _context(text: str, spans: list[Span], shift: int, composed: bool) -> Context:
    links = [(start - shift, end - shift, title, fragment) for start, end, title, fragment in spans]
    if not composed:
        text, links = _composed(text, links)
    return text, links


def _composed(text: str, links: list[Span]) -> tuple[str, list[Span]]:
    """Compose a text to NFC and move its links along; a character composed over a link's border joins the link."""
    borders = sorted({0, len(text), *(border for link in links for border in link[:2])})
    moved = {0: 0}
    done = ""
    for low, high in zip(borders, borders[1:], strict=False):
        done = unicodedata.normalize("NFC", done + text[low:high])
        moved[high] = len(done)
    kept = [(moved[start], min(moved[end], len(done)), title, fragment) for start, end, title, fragment in links]
    return done, [span for span in kept if span[0] < span[1]]
