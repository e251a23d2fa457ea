"""Title normalisation: one form for links, redirects and sitelinks."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.wikis.titles import normalise_title, normalise_titles, split_fragment, upper_first

CASES = [
    ("berlin", "Berlin"),
    ("Mount_Everest", "Mount Everest"),
    ("  Mount   Everest _", "Mount Everest"),
    ("Mount\u00a0Everest", "Mount Everest"),
    ("AT&amp;T", "AT&T"),
    ("Caf%C3%A9", "Café"),
    ("100%", "100%"),
    ("50%FF", "50%FF"),
    ("Cafe\u0301", "Café"),
    (":Berlin", "Berlin"),
    ("Berlin#History", "Berlin"),
    ("#History", ""),
    ("", ""),
    ("élan", "Élan"),
    ("ßeta", "ßeta"),
    ("თბილისი", "თბილისი"),
    ("жито", "Жито"),
    ("ۇيغۇر\u200f", "ۇيغۇر"),
    ("日本", "日本"),
    ("iPhone", "IPhone"),
    ("ﬁsh", "Fish"),
    ("ǆep", "ǅep"),
    ("Ǆep", "ǅep"),
    ("ßa", "ßa"),
    ("ևա", "Եւա"),
    ("თბილისი", "თბილისი"),
    ("C&num;", "C"),
]


@pytest.mark.parametrize(("written", "title"), CASES)
def test_titles_as_written_in_pages(written: str, title: str) -> None:
    assert normalise_title(written) == title


def test_the_wikis_own_rule_for_the_first_letter() -> None:
    assert normalise_title("ćibo", "case-sensitive") == "ćibo"
    assert normalise_title("istanbul", "first-letter-dotted-i") == "İstanbul"
    assert normalise_title("ısparta", "first-letter-dotted-i") == "Isparta"
    assert normalise_title("istanbul") == "Istanbul"
    assert normalise_title("ısıq", "first-letter-acute-i") == "Ísıq"
    assert normalise_title("iskusstvo", "first-letter-acute-i") == "Iskusstvo"


def test_fragments_are_kept_apart() -> None:
    assert split_fragment("Berlin#Early_history") == ("Berlin", "Early history")
    assert split_fragment("Berlin") == ("Berlin", "")
    assert split_fragment("A&amp;B#c") == ("A&B", "c")


def test_upper_first_changes_no_more_than_one_letter() -> None:
    assert upper_first("aBc") == "ABc" and upper_first("") == "" and upper_first("1a") == "1a"


@given(st.text(max_size=40))
def test_a_normal_title_is_clean(title: str) -> None:
    once = normalise_title(title)
    assert once == unicodedata.normalize("NFC", once)
    assert "_" not in once and once == once.strip(" ") and "  " not in once


@given(st.text(alphabet=st.characters(exclude_characters="&%#:", exclude_categories=["Cs", "Cc"]), max_size=40))
def test_normalising_twice_changes_nothing(title: str) -> None:
    once = normalise_title(title)
    assert normalise_title(once) == once


@given(st.lists(st.text(alphabet="aZé é_&;%41#: \u200e\u3000\u0301ßijა9", max_size=8), max_size=5))
def test_many_at_once_are_as_one_by_one(titles: list[str]) -> None:
    for case in ("first-letter", "case-sensitive", "first-letter-dotted-i", "first-letter-acute-i"):
        assert normalise_titles(titles, case) == [normalise_title(title, case) for title in titles]
