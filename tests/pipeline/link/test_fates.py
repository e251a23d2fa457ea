"""Which reason stands where several hold."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.link.fates import Fate, count_fates, is_mention, link_fates
from pipeline.link.title_index import ABSENT, DISAMBIGUATION, NO_ITEM, REDIRECT, SECTION

CASES = [
    (np.uint32(64), False, False, Fate.RESOLVED),
    (np.uint32(64) | REDIRECT, False, False, Fate.VIA_REDIRECT),
    (np.uint32(64), True, False, Fate.SECTION),
    (np.uint32(64), True, True, Fate.FROM_DISAMBIGUATION),
    (ABSENT, True, False, Fate.RED_LINK),
    (NO_ITEM, False, False, Fate.NO_ITEM),
    (SECTION, False, False, Fate.SECTION),
    (NO_ITEM | REDIRECT, False, False, Fate.NO_ITEM),
    (NO_ITEM | DISAMBIGUATION, False, False, Fate.DISAMBIGUATION),
    (np.uint32(64) | DISAMBIGUATION, False, False, Fate.DISAMBIGUATION),
    (np.uint32(99), False, False, Fate.DISAMBIGUATION),
    (np.uint32(77) | REDIRECT, True, False, Fate.NOT_AN_ARTICLE),
]


@pytest.mark.parametrize(("value", "section", "from_namesakes", "fate"), CASES)
def test_fate(value: np.uint32, section: bool, from_namesakes: bool, fate: Fate) -> None:
    found = link_fates(
        np.array([value], np.uint32),
        is_section=np.array([section]),
        from_disambiguation=np.array([from_namesakes]),
        from_repeated=np.array([False]),
        namesakes=np.array([99], np.uint32),
        others=np.array([70, 77], np.uint32),
    )
    assert found.tolist() == [fate]
    assert is_mention(found).tolist() == [fate in (Fate.RESOLVED, Fate.VIA_REDIRECT)]


def test_a_page_read_before_gives_no_mention() -> None:
    nothing, off = np.empty(0, np.uint32), np.array([False])
    found = link_fates(np.array([64], np.uint32), is_section=off, from_disambiguation=off, from_repeated=np.array([True]),
                       namesakes=nothing, others=nothing)  # fmt: skip
    assert found.tolist() == [Fate.REPEATED_PAGE] and not is_mention(found).any()


def test_counts_add_up() -> None:
    fates = np.array([0, 1, 1, 9], np.uint8)
    assert count_fates(fates) == {Fate.RESOLVED: 1, Fate.VIA_REDIRECT: 2, Fate.CAPPED: 1}
