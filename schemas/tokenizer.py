"""What a tokenizer does, as one number that the job that tokenises and the trainer make alike, and its offsets repaired.

Two tokenizers with the same pieces are not the same: one may lower its text, split it elsewhere, or drop its accents, and
then gives ids that the other never makes. So the number is taken over the ids and offsets of texts in many scripts, as the
`tokenizers` library encodes them, besides the pieces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

Offsets = list[tuple[int, int]]
"""Half-open spans of characters, one per token."""

PROBE_TEXTS = (
    "The quick brown Fox's 3,141.59 km-long trip (2026-11-30), isn't it? A b c.",
    "Ångström naïve façade Straße İstanbul Łódź cafe\N{COMBINING ACUTE ACCENT} Việt Nam ŋ ɓ",
    "Москва — столица России; їжак, Ћирилица, ҡала, Ӏ",
    "Η Αθήνα είναι πρωτεύουσα· Ὀδυσσεύς   Հայաստան, Երևան։ საქართველო თბილისი",
    "القاهرة هِيَ عاصمةُ مصر، ١٢٣؛ فارسی می\N{ZERO WIDTH NON-JOINER}خواهم پژوهش اردو ٹھیک",
    "ירושלים עִבְרִית, ייִדיש  አዲስ አበባ፣ ኢትዮጵያ",
    "नई दिल्ली भारत की राजधानी है। ঢাকা বাংলাদেশ தமிழ் తెలుగు ಕನ್ನಡ മലയാളം ਪੰਜਾਬੀ ગુજરાતી සිංහල",
    "กรุงเทพมหานคร ภาษาไทย ປະເທດລາວ ភាសាខ្មែរ မြန်မာ བོད་ཡིག",
    "東京は日本の首都です。カタカナ ﾊﾝｶｸ ひらがな、「引用」 繁體中文與简体中文，一二三！",
    "대한민국의 수도는 서울특별시이다. \N{HANGUL SYLLABLE GAG}",
    "ＡＢＣ１２３ ﬁ ½ ² ™ № … “quotes” ‘x’ «y» ≠ ∑ → 100 % €5",
    "\N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-5} "
    "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER} \N{EGYPTIAN HIEROGLYPH A001}",
    " leading,  two blanks\ttab\nline no\N{NO-BREAK SPACE}break soft\N{SOFT HYPHEN}hyphen https://example.org/a_b?c=d ",
)
"""Texts that tokenizers treat differently: scripts, case, accents in both forms, digits, widths, blanks, joiners."""
_NO_BLANKS = re.compile(r"\S+")


def tokenizer_fingerprint(tokenizer: Any) -> str:
    """Return the sha256 over all pieces in the order of their ids, and over the ids and offsets of `PROBE_TEXTS`.

    Args:
        tokenizer: a `tokenizers.Tokenizer`; its settings are as before when this returns.
    """
    by_id = {number: piece for piece, number in tokenizer.get_vocab(with_added_tokens=True).items()}
    pieces = [by_id.get(number, "") for number in range(max(by_id, default=-1) + 1)]
    return sha256(json.dumps([pieces, probed(tokenizer)], ensure_ascii=False).encode()).hexdigest()


def probed(tokenizer: Any) -> list[tuple[list[int], Offsets]]:
    """Return ids and offsets of the probe texts, whole, and with nothing in them taken for a special token."""
    special, truncation, padding = tokenizer.encode_special_tokens, tokenizer.truncation, tokenizer.padding
    tokenizer.encode_special_tokens = True
    tokenizer.no_truncation()
    tokenizer.no_padding()
    found = [tokenizer.encode(text, add_special_tokens=False) for text in PROBE_TEXTS]
    tokenizer.encode_special_tokens = special
    if truncation is not None:
        tokenizer.enable_truncation(**truncation)
    if padding is not None:
        tokenizer.enable_padding(**padding)
    return [(list(one.ids), list(one.offsets)) for one in found]


def covering_offsets(text: str, offsets: Sequence[tuple[int, int]]) -> Offsets:
    """Return a tokenizer's offsets with the characters that it left out given back to their tokens.

    Some pre-tokenizers report words from their second character on, or up to the last but one. Characters that are no
    blank and lie in no token go to the token that begins right behind them, else to the one that ends right before them;
    where there is neither, as for a word that normalisation dropped, they stay without one.

    "a word" with the tokens (1, 1) and (3, 6) gives (0, 1) and (2, 6).
    """
    repaired = list(offsets)
    for start, end in _uncovered(text, offsets):
        token = next((i for i, span in enumerate(repaired) if span[0] == end and _joins(text, span, 0)), None)
        if token is not None:
            repaired[token] = (start, repaired[token][1])
            continue
        before = (i for i, span in enumerate(repaired) if span[1] == start and _joins(text, span, -1))
        token = max(before, default=None)
        if token is not None:
            repaired[token] = (repaired[token][0], end)
    return repaired


def _joins(text: str, span: tuple[int, int], side: int) -> bool:
    """Whether a token can hold the character beside its first (0) or last (-1): it is empty, or has no blank there."""
    return span[0] == span[1] or not text[slice(*span)][side].isspace()


def _uncovered(text: str, offsets: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the stretches of characters that are no blanks and lie in no token."""
    stretches: list[tuple[int, int]] = []
    reached = 0
    for start, end in (*offsets, (len(text), len(text))):
        if start > reached and not text[reached:start].isspace():
            stretches += [found.span() for found in _NO_BLANKS.finditer(text, reached, start)]
        reached = max(reached, end)
    return stretches


def uncovered_share(tokenizer: Any) -> float:
    """Return the share of the probe's characters, blanks left out, that no token holds even when repaired."""
    missing = total = 0
    for text, (_, offsets) in zip(PROBE_TEXTS, probed(tokenizer), strict=True):
        missing += sum(end - start for start, end in _uncovered(text, covering_offsets(text, offsets)))
        total += sum(not character.isspace() for character in text)
    return missing / total
