"""Language sampling: the shares are the formula's, and the order is a function of the position."""

from __future__ import annotations

import numpy as np
import pytest

from model.data.draws import permutation, uniform, words
from model.data.examples.sampling import BLOCK, LanguageSchedule, places, smoothed_shares

SIZES = np.array([1_000_000, 30_000, 30_000, 500, 1])
SHARES = smoothed_shares(SIZES, 0.3)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.7, 1.0])
def test_shares_follow_the_formula(alpha: float) -> None:
    p = SIZES / SIZES.sum()
    expected = [share**alpha / sum(other**alpha for other in p) for share in p]
    assert smoothed_shares(SIZES, alpha) == pytest.approx(expected)


@pytest.mark.parametrize("alpha", [0.3, 0.7, 1.0])
def test_a_block_holds_the_shares_and_every_language(alpha: float) -> None:
    shares = smoothed_shares(SIZES, alpha)
    counts = places(shares)
    assert counts.sum() == BLOCK
    assert counts.min() >= 1
    assert np.abs(counts - shares * BLOCK).max() <= len(SIZES) + 1
    schedule = LanguageSchedule(shares, 1, "mep")
    drawn = np.bincount([schedule.at(position)[0] for position in range(BLOCK)])
    assert drawn.tolist() == counts.tolist()


def test_units_of_a_language_come_in_their_order_without_gaps() -> None:
    schedule = LanguageSchedule(SHARES, 1, "mep")
    numbers: dict[int, list[int]] = {}
    for position in range(2 * BLOCK):
        language, number = schedule.at(position)
        numbers.setdefault(language, []).append(number)
    assert all(found == list(range(len(found))) for found in numbers.values())


def test_a_position_needs_no_history() -> None:
    one, two = LanguageSchedule(SHARES, 1, "mep"), LanguageSchedule(SHARES, 1, "mep")
    far = 123 * BLOCK + 45
    expected = [one.at(position) for position in range(far, far + 10)]
    assert [two.at(position) for position in reversed(range(far, far + 10))][::-1] == expected
    assert expected != [LanguageSchedule(SHARES, 2, "mep").at(position) for position in range(far, far + 10)]


@pytest.mark.parametrize("shares", [[0.1] * 10, [0.6, 0.25, 0.1, 0.05]])
def test_every_stretch_holds_the_shares(shares: list[float]) -> None:
    """Also short ones, such as a short run has; and in no fixed pattern, which lanes could fall into step with."""
    schedule = LanguageSchedule(np.array(shares), 1, "mep")
    drawn = np.array([schedule.at(position)[0] for position in range(2_000)])
    for stop in (40, 384, 2_000):
        counts = np.bincount(drawn[:stop], minlength=len(shares))
        assert np.abs(counts - np.array(shares) * stop).max() <= 1.01
    assert all(len(set(drawn[lane::30].tolist())) == len(shares) for lane in range(30))


def test_draws_are_fixed_for_ever() -> None:
    """Raw Philox words under a blake2b key: a change here would change every run's order."""
    assert words(2, 1, "a").tolist() == words(3, 1, "a")[:2].tolist() == [1820293913899837622, 4664766806473184270]
    assert sorted(permutation(1_000, 1).tolist()) == list(range(1_000))
    draws = uniform(10_000, 5)
    assert 0 <= draws.min() < draws.max() < 1
    assert draws.mean() == pytest.approx(0.5, abs=0.02)


def test_too_many_languages_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit a block"):
        places(np.full(3, 1 / 3), block=2)
