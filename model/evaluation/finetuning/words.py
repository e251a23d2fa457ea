"""Tokens of words that a set has already split: which tokens are a word's, and which of them stands for it.

The words are joined by blanks and tokenised as running text, as in pre-training. Given to a byte-level tokenizer one by one
they would lose the blanks before them, and `lives` would come out as the end of a word that begins before it.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any


@dataclass(frozen=True)
class WordTokens:
    """The token ids of one word, at least one, and the place among them of the one that holds its first character."""

    token_ids: list[int]
    first: int


def word_tokens(words: Sequence[str], tokenizer: Any) -> list[WordTokens]:
    """Return the tokens of each word, in order; the unknown token for a word of which the tokenizer leaves nothing.

    A token belongs to the word of its first character that is no blank; one of blanks alone to the word that follows.
    """
    text = " ".join(words)
    starts = [0, *accumulate(len(word) + 1 for word in words)][: len(words)]
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    token_ids: list[list[int]] = [[] for _ in words]
    first: list[int | None] = [None] * len(words)
    for token_id, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        word = bisect_right(starts, _first_character(text, start, end)) - 1
        if first[word] is None and start <= starts[word] < end:
            first[word] = len(token_ids[word])
        token_ids[word].append(token_id)
    return [
        WordTokens(own or [tokenizer.unk_token_id], place or 0) for own, place in zip(token_ids, first, strict=True)
    ]


def _first_character(text: str, start: int, end: int) -> int:
    """Return the first character of a stretch that is no blank; of blanks alone the one behind them."""
    blanks = len(text[start:end]) - len(text[start:end].lstrip(" "))
    return min(start + blanks, len(text) - 1)
