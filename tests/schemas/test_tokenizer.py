"""The fingerprint of what a tokenizer does, and offsets that leave characters out."""

from __future__ import annotations

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from schemas.tokenizer import PROBE_TEXTS, covering_offsets, tokenizer_fingerprint, uncovered_share

PIECES = ["[UNK]", *"abcdefgh", "the", "##e", "##a"]


def tokenizer(pieces: list[str], lower: bool = False) -> Tokenizer:
    made = Tokenizer(models.WordPiece({piece: place for place, piece in enumerate(pieces)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if lower:
        made.normalizer = normalizers.Lowercase()
    return made


def test_a_fingerprint_is_of_pieces_their_order_and_what_is_done_with_them() -> None:
    one, two = tokenizer(PIECES), tokenizer(PIECES)
    two.enable_truncation(3)
    two.enable_padding(length=5)
    assert tokenizer_fingerprint(one) == tokenizer_fingerprint(two)
    assert two.truncation["max_length"] == 3 and two.padding["length"] == 5 and not two.encode_special_tokens
    others = [tokenizer(PIECES, lower=True), tokenizer([*PIECES, "z"]), tokenizer([PIECES[0], *PIECES[:0:-1]])]
    assert len({tokenizer_fingerprint(made) for made in (one, *others)}) == 4


@pytest.mark.parametrize(
    ("text", "offsets", "expected"),
    [
        ("a word", [(1, 1), (3, 6)], [(0, 1), (2, 6)]),  # one character late, as in RobBERT of 2023
        ("a word", [(0, 1), (2, 5)], [(0, 1), (2, 6)]),  # one too early
        ("hello world", [(0, 4), (5, 11)], [(0, 5), (5, 11)]),  # the gap is no part of a token that begins with a blank
        ("ab cd", [(0, 2), (3, 5)], [(0, 2), (3, 5)]),
        ("a \N{ZERO WIDTH SPACE} b", [(0, 1), (4, 5)], [(0, 1), (4, 5)]),  # dropped by normalisation: no token's
        ("x\N{THUMBS UP SIGN}y", [(0, 1), (1, 2), (1, 2), (2, 3)], [(0, 1), (1, 2), (1, 2), (2, 3)]),
        ("", [], []),
    ],
)
def test_characters_go_back_to_their_tokens(
    text: str, offsets: list[tuple[int, int]], expected: list[tuple[int, int]]
) -> None:
    assert covering_offsets(text, offsets) == expected


def test_every_character_of_a_late_tokenizer_is_found_again() -> None:
    for text in PROBE_TEXTS:
        exact = _words(text)
        assert covering_offsets(text, [(start + 1, end) for start, end in exact]) == exact


def _words(text: str) -> list[tuple[int, int]]:
    return [span for _, span in pre_tokenizers.WhitespaceSplit().pre_tokenize_str(text)]


def test_tokenizers_that_leave_text_out_are_found() -> None:
    assert uncovered_share(tokenizer(PIECES)) == 0
    silent = tokenizer(PIECES)
    silent.pre_tokenizer = pre_tokenizers.Split(Regex(r"\S{3,}"), "removed")
    assert uncovered_share(silent) > 0.5
