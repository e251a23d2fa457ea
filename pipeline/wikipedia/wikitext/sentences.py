"""Where sentences end, in any script, by their closing marks.

No abbreviations are known: the borders are used to cut long text where a cut reads well, not to count sentences.
"""

from __future__ import annotations

import re

_BORDER = re.compile(
    r"[.!?…。！？｡।॥։۔؟።፧။།]"
    r"(?:(?<=[.!?…])['\"”’»)\]]*+(?=\s+[^\sa-zа-яёà-ÿα-ω])\s+"  # a closing mark, a blank, no small letter
    r"|(?<=[。！？｡])['\"”’»」』）)\]]*+\s*"
    r"|(?<=[।॥։۔؟።፧။།])\s*)"
)


def sentence_ends(text: str) -> list[int]:
    """Positions behind each sentence and the blanks that follow it, ascending; the end of the text is not one of them."""
    return [border.end() for border in _BORDER.finditer(text) if border.end() < len(text)]


def cut_at_sentence(text: str, budget: int) -> str:
    """Return the longest beginning of whole sentences within a budget of characters.

    Where the first sentence alone is longer, the cut is at its last blank, or, in scripts without, at the budget.
    """
    if len(text) <= budget:
        return text
    ends = [end for end in sentence_ends(text[: budget + 1]) if end <= budget + 1]
    if ends and ends[-1] * 4 >= budget:
        return text[: ends[-1]].rstrip()
    blank = text.rfind(" ", budget // 2, budget + 1)
    return text[: blank if blank > 0 else budget].rstrip()
