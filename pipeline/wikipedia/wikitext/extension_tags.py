"""Take out of wikitext what its parser never reads as wikitext: comments, references, formulas, galleries, literals.

The contents of an extension tag reach to its closing tag whatever stands between, so they go first: braces and brackets
inside them do not count. One pass, linear: an opening without a closing is looked for once per kind of tag.
"""

from __future__ import annotations

import re

from pipeline.wikipedia.wikitext.formulas import formula_text
from pipeline.wikipedia.wikitext.inline import resolved

_DROPPED = (
    "ref|references|gallery|timeline|score|syntaxhighlight|source|templatedata|templatestyles|imagemap|graph|mapframe|"
    "maplink|inputbox|categorytree|charinsert|indicator|phonos|quiz|page-collection|includeonly|style|"
    "script|abschnitt|langconvert|dynamicpagelist|listing|rt|rp"
)
BORDER = "\x01"
"""Left by an empty `<nowiki/>`: it parts a link from the letters behind it, and `spacing` takes it out."""

UNREADABLE = "{{<math>}}"
"""Left by a formula that cannot be told in a line of text: a template that nobody has, and so a hole (`holes`)."""
_SIGNS = frozenset(("math", "chem", "ce", "hiero"))

_OPENING = re.compile(
    rf"<(?:(!--)|(/?)({_DROPPED}|nowiki|pre|math|chem|ce|hiero|h[1-6]|section|noinclude|onlyinclude)\b([^<>]*+)>)",
    re.IGNORECASE,
)
_LITERAL = str.maketrans({char: f"&#{ord(char)};" for char in "[]{}<>|='*#:;_-\n!"})
_EDITOR_TAG = re.compile(r'</?[bi](?: id="[^"]*")?>')
_CLOSINGS: dict[str, re.Pattern[str]] = {}


def take_out_extension_tags(text: str) -> str:
    """Return wikitext without comments and extension tags; literals (`<nowiki>`) stay as character references.

    An unclosed comment reaches to the end of the page, an unclosed tag is dropped alone, as MediaWiki does.
    """
    pieces: list[str] = []
    position = 0
    unclosed: set[str] = set()
    while opening := _OPENING.search(text, position):
        start, end = opening.span()
        if opening[1]:
            kept, start, end = "", *_comment_span(text, start)
        else:
            kept, end = _element(text, opening, unclosed)
        pieces += (text[position:start], kept)
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def _comment_span(text: str, start: int) -> tuple[int, int]:
    """Where a comment begins and ends; one that fills its lines takes the line break along."""
    close = text.find("-->", start + 4)
    if close < 0:
        return start, len(text)
    end = close + 3
    if (start == 0 or text[start - 1] == "\n") and text[end : end + 1] == "\n":
        end += 1
    return start, end


def _element(text: str, opening: re.Match[str], unclosed: set[str]) -> tuple[str, int]:
    """Return the text an extension tag leaves behind, and where it ends."""
    name, end = opening[3].lower(), opening.end()
    if name == "nowiki" and opening[4].endswith("/"):
        return BORDER, end
    if opening[2] or opening[4].endswith("/") or name in unclosed or name in ("section", "noinclude", "onlyinclude"):
        return "", end
    closing = _closing_pattern(name).search(text, end)
    if closing is None:
        unclosed.add(name)
        return "", end
    inside = text[end : closing.start()]
    if name[0] == "h" and name[1:].isdigit():
        marks = "=" * int(name[1])
        return f"\n{marks} {' '.join(inside.split())} {marks}\n", closing.end()
    if name in ("nowiki", "pre"):
        return _literal(inside), closing.end()
    if name in _SIGNS:
        return (name == "math" and formula_text(inside)) or (UNREADABLE if inside.strip() else ""), closing.end()
    return "", closing.end()


def _literal(inside: str) -> str:
    """Return the text of `<nowiki>`: a pair of apostrophes is a quotation mark there, tags are an editor's accident."""
    return _EDITOR_TAG.sub("", resolved(inside)).replace("''", '"').translate(_LITERAL)


def _closing_pattern(name: str) -> re.Pattern[str]:
    if name not in _CLOSINGS:
        _CLOSINGS[name] = re.compile(rf"</{re.escape(name)}\s*+>", re.IGNORECASE)
    return _CLOSINGS[name]
