"""The rules on leads: length, repeats and boilerplate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.link.leads import CANDIDATE, LeadFate, cut_text, decide_leads, hash_text, long_enough, skeleton


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("Short.", 100, "Short."),
        ("One sentence. Another that is too long.", 20, "One sentence."),
        ("Nothing but words without any end at all", 20, "Nothing but words"),
        ("東京は日本の首都。世界最大の都市の一つである。", 12, "東京は日本の首都。"),
        ("दिल्ली भारत की राजधानी है। यह यमुना पर है", 30, "दिल्ली भारत की राजधानी है।"),
        ("A 3.5 km road and more words", 12, "A 3.5 km"),
        ("unbroken" * 5, 20, ("unbroken" * 5)[:20]),
    ],
)
def test_cut_at_a_sentence_or_a_word(text: str, limit: int, cut: str) -> None:
    assert cut_text(text, limit) == cut


@given(st.text(max_size=80), st.integers(1, 40))
def test_a_cut_is_a_short_beginning(text: str, limit: int) -> None:
    cut = cut_text(text, limit)
    assert len(cut) <= limit or cut == text
    assert text.startswith(cut)


def test_length_is_in_bytes() -> None:
    assert long_enough("東京は日本の首都", 24) and not long_enough("Tokyo is big", 24)


def test_skeletons_forget_names_numbers_and_marks() -> None:
    one = skeleton("Abay (born 1950) is a village in Asia.", "Abay")
    two = skeleton("Zulu, born 1812, is a village in Asia", "Zulu")
    assert one == two == "born is a village in asia"
    assert skeleton("上田市は日本の市。", "上田市") == skeleton("佐久市は日本の市。", "佐久市")
    assert skeleton("Abay is a town.", "Abay") != one


def rows(*leads: tuple[int, str, str]) -> np.ndarray:
    return np.array(
        [
            (i, number, hash_text(text), hash_text(skeleton(text, title)))
            for i, (number, text, title) in enumerate(leads)
        ],
        CANDIDATE,
    )


def test_of_equal_texts_the_oldest_item_stays() -> None:
    first = rows((9, "A river.", "X"), (5, "A river.", "Y"))
    second = rows((7, "A river.", "Z"), (5, "Another page of item five.", "W"))
    decided = decide_leads([first, second], max_same_skeleton=10)
    assert [fates.tolist() for fates in decided] == [
        [LeadFate.DUPLICATE, LeadFate.KEPT],
        [LeadFate.DUPLICATE, LeadFate.SECOND_PAGE],
    ]


def test_boilerplate_is_kept_up_to_its_limit() -> None:
    stubs = rows(*[(100 - n, f"Village{n} is a village with {n} people.", f"Village{n}") for n in range(8)])
    other = rows((3, "Something else altogether.", "Else"))
    decided = decide_leads([stubs, other], max_same_skeleton=3)
    assert decided[0].tolist() == [LeadFate.BOILERPLATE] * 5 + [LeadFate.KEPT] * 3
    assert decided[1].tolist() == [LeadFate.KEPT]


def test_nothing_to_decide() -> None:
    assert decide_leads([], 3) == []
    assert [len(fates) for fates in decide_leads([rows(), rows()], 3)] == [0, 0]
