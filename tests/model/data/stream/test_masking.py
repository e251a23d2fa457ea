"""Masking: shares over 100,000 tokens, whole mentions, reserved ids, slots, and reproducibility."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from model.batch import IGNORED_LABEL
from model.data.stream.collate import Masker
from tests.model.token_shards import SPECIAL

COUNT = 100_000
NONE = np.empty(0, dtype=np.int64)


@pytest.fixture(scope="module")
def stream() -> np.ndarray:
    return np.random.default_rng(1).integers(4, 999, size=COUNT)


class Masked(NamedTuple):
    """What `Masker.mask` returns."""

    token_ids: np.ndarray
    positions: np.ndarray
    labels: np.ndarray


def mask(stream: np.ndarray, *given: Any, probability: float = 0.15, most: int = COUNT) -> Masked:
    return Masked(*Masker(SPECIAL, probability, most).mask(stream, *given))


def masked(stream: np.ndarray, most: int = COUNT, probability: float = 0.15, place: int = 0) -> Masked:
    everywhere = np.ones(len(stream), dtype=bool)
    return mask(stream, everywhere, NONE, NONE, 7, "mask", place, probability=probability, most=most)


def test_shares_are_15_and_80_10_10(stream: np.ndarray) -> None:
    found = masked(stream)
    used = found.labels != IGNORED_LABEL
    positions = found.positions[used]
    assert len(positions) / COUNT == pytest.approx(0.15, abs=0.005)
    assert (found.labels[used] == stream[positions]).all()
    seen = found.token_ids[positions]
    hidden, kept = seen == SPECIAL.mask, seen == stream[positions]
    assert hidden.mean() == pytest.approx(0.8, abs=0.015)
    assert kept.mean() == pytest.approx(0.1, abs=0.015)
    swapped = seen[~hidden & ~kept]
    assert len(swapped) / len(seen) == pytest.approx(0.1, abs=0.015)
    assert not np.isin(swapped, SPECIAL.reserved).any()
    assert len(np.unique(swapped)) > 700  # of 995 ordinary ids, drawn 1,500 times: 775 are expected
    counts = np.histogram(swapped, bins=5, range=(4, 999))[0]
    assert counts.max() < 1.4 * counts.min()


def test_other_tokens_are_untouched(stream: np.ndarray) -> None:
    found = masked(stream)
    changed = np.flatnonzero(found.token_ids != stream)
    assert np.isin(changed, found.positions).all()


def test_masks_are_a_function_of_the_place(stream: np.ndarray) -> None:
    assert (masked(stream).token_ids == masked(stream).token_ids).all()
    assert (masked(stream, place=1).positions != masked(stream).positions).any()


def test_reserved_ids_and_ineligible_tokens_are_left_alone() -> None:
    reserved = np.resize(np.array([0, 1, 2, 3]), 2_000)
    assert (masked(reserved, probability=1.0).labels == IGNORED_LABEL).all()
    ordinary = np.full(2_000, 50)
    eligible = np.arange(2_000) % 2 == 0
    found = mask(ordinary, eligible, NONE, NONE, 1, probability=1.0, most=2_000)
    used = found.positions[found.labels != IGNORED_LABEL]
    assert used.tolist() == np.flatnonzero(eligible).tolist()


def test_mentions_are_hidden_whole_and_take_slots_first(stream: np.ndarray) -> None:
    hidden = np.arange(500, 560)
    found = mask(stream, np.ones(COUNT, bool), hidden, hidden, 7, most=100)
    assert (found.token_ids[hidden] == SPECIAL.mask).all()
    assert np.isin(hidden, found.positions).all()
    assert (found.labels != IGNORED_LABEL).sum() == 100
    quiet = mask(stream, np.ones(COUNT, bool), hidden, NONE, 7, most=100)
    assert (quiet.token_ids[hidden] == SPECIAL.mask).all()
    assert not np.isin(hidden, quiet.positions).any()


def test_too_few_slots_give_up_tokens_evenly_over_the_stream(stream: np.ndarray) -> None:
    found = masked(stream, most=5_000)
    assert (found.labels != IGNORED_LABEL).all()
    assert (np.diff(found.positions) > 0).all()
    counts = np.histogram(found.positions, bins=10, range=(0, COUNT))[0]
    assert counts.min() > 400
    untouched = np.setdiff1d(np.flatnonzero(found.token_ids != stream), found.positions)
    assert len(untouched) == 0


def test_what_the_tokenizer_does_not_know_is_hidden_in_a_mention_and_never_predicted() -> None:
    stream = np.array([10, 11, 3, 12, 13])
    everywhere, mention = np.ones(5, dtype=bool), np.array([1, 2, 3])
    found = mask(stream, everywhere, mention, mention, 1, probability=0.0, most=5)
    assert found.token_ids.tolist() == [10, SPECIAL.mask, SPECIAL.mask, SPECIAL.mask, 13]
    assert found.labels.tolist() == [11, 12, *[IGNORED_LABEL] * 3] and found.positions.tolist()[:2] == [1, 3]
