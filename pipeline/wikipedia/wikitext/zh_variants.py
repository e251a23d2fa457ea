"""Markup of wikis that are written in two scripts: `-{zh-cn:域; zh-tw:體}-` resolved to one variant.

Source: MediaWiki's LanguageConverter: `-{text}-` is shown unconverted, `-{a:x; b:y}-` by variant, flags before a `|`
say more (`H` adds a rule and shows nothing, `A` shows it too, `T` names the title, `R` is raw, `-` removes a rule).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

CONVERTED_WIKIS = frozenset(
    "zhwiki zh_yuewiki zh_classicalwiki ganwiki wuuwiki srwiki shwiki kkwiki kuwiki uzwiki tgwiki iuwiki crhwiki "
    "shiwiki tlywiki banwiki mniwiki".split()
)
"""Wikis with a converter; elsewhere `-{` is text."""

_FALLBACKS = {
    "zh-cn": ("zh-cn", "zh-hans", "zh-sg", "zh-my", "zh"),
    "zh-hans": ("zh-hans", "zh-cn", "zh-sg", "zh-my", "zh"),
    "zh-sg": ("zh-sg", "zh-hans", "zh-cn", "zh-my", "zh"),
    "zh-tw": ("zh-tw", "zh-hant", "zh-hk", "zh-mo", "zh"),
    "zh-hant": ("zh-hant", "zh-tw", "zh-hk", "zh-mo", "zh"),
    "zh-hk": ("zh-hk", "zh-hant", "zh-mo", "zh-tw", "zh"),
    "sr-ec": ("sr-ec", "sr-cyrl"),
    "sr-el": ("sr-el", "sr-latn"),
}
VARIANTS = tuple(_FALLBACKS)
"""Variants that may be asked for."""

_MARK = re.compile(r"-\{|\}-")
_FLAGS = re.compile(r"\s*((?:[A-Z+\-]|[a-z]{2,3}(?:-[a-z]+)?|[; ])*)\|")
_HIDDEN = frozenset("HTD-")
_ALTERNATIVE = re.compile(r"(?:^|;)\s*(?:[^;:=<>\[\]]*?=>)?\s*([a-z]{2,3}(?:-[a-z]+)?)\s*:")


def resolve_variants(text: str, variant: str) -> str:
    """Replace converter markup by the text of one variant; marks without a partner are dropped. Linear, by a stack."""
    if "-{" not in text:
        return text
    pieces: list[str] = []
    opened: list[int] = []
    position = 0
    for mark in _MARK.finditer(text):
        pieces.append(text[position : mark.start()])
        position = mark.end()
        if mark[0] == "-{":
            opened.append(len(pieces))
        elif opened:
            start = opened.pop()
            inside = "".join(pieces[start:])
            del pieces[start:]
            pieces.append(variant_text(inside, variant) if len(opened) < 10 else "")
    pieces.append(text[position:])
    return "".join(pieces)


def variant_text(inside: str, variant: str) -> str:
    """Return what the markup between `-{` and `}-` shows to a reader of `variant`."""
    flags = _FLAGS.match(inside)
    if flags:
        if _HIDDEN & set(flags[1]):
            return ""
        inside = inside[flags.end() :]
        if "R" in flags[1]:
            return inside
    alternatives = dict(_alternatives(inside))
    return pick_variant(alternatives, variant) if alternatives else inside


def pick_variant(alternatives: Mapping[str, str], variant: str) -> str:
    """Return the text for a variant or the nearest to it; the first where none is near."""
    wanted = _FALLBACKS.get(variant, (variant,))
    return next((alternatives[code] for code in wanted if code in alternatives), next(iter(alternatives.values())))


def _alternatives(inside: str) -> list[tuple[str, str]]:
    found = list(_ALTERNATIVE.finditer(inside))
    ends = [*(following.start() for following in found[1:]), len(inside)][: len(found)]
    return [(one[1], inside[one.end() : end].strip().rstrip(";").strip()) for one, end in zip(found, ends, strict=True)]
