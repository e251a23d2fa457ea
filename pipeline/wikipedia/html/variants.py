"""Text in two scripts on rendered pages: Parsoid converts none, it keeps each rule as JSON in an empty element.

Source: specification of Parsoid's HTML, "Language conversion blocks" (`data-mw-variant`).
"""

from __future__ import annotations

import html
import json
import re

from pipeline.wikipedia.wikitext.zh_variants import pick_variant

_TAG = re.compile(r"<[^<>]*>")


def shown_variant(data: str, variant: str) -> str:
    """Return the text that a reader of a variant sees where a rule stands.

    Args:
        data: the element's `data-mw-variant`.
        variant: for instance `zh-cn`; empty on wikis without a converter.
    """
    try:
        rule = json.loads(data)
    except ValueError:
        return ""
    if not isinstance(rule, dict) or rule.get("title") or rule.get("remove"):
        return ""
    for name in ("disabled", "filter"):
        if isinstance(rule.get(name), dict):
            return _plain(rule[name].get("t"))
    alternatives: dict[str, str] = {}
    for name in ("twoway", "oneway"):
        for one in rule.get(name) or ():
            if isinstance(one, dict) and isinstance(one.get("l"), str):
                alternatives.setdefault(one["l"], _plain(one.get("t")))
    return pick_variant(alternatives, variant) if alternatives else ""


def _plain(text: object) -> str:
    return html.unescape(_TAG.sub("", text)) if isinstance(text, str) else ""
