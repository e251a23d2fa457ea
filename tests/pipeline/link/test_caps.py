"""The cap: exact, even, and independent of how the shards are cut into batches."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.link.fates import Cap, count_mentions, frequent_entities

SHARDS = st.lists(st.lists(st.integers(1, 6), max_size=60), min_size=1, max_size=5)


@given(shards=SHARDS, cap=st.integers(1, 12), batch=st.integers(1, 17))
def test_exactly_the_cap_is_kept_of_each_frequent_entity(shards: list[list[int]], cap: int, batch: int) -> None:
    arrays = [np.array(shard, np.uint32) for shard in shards]
    frequent = frequent_entities([count_mentions(array) for array in arrays], cap)
    kept: list[int] = []
    for array, rows in zip(arrays, frequent, strict=True):
        decide = Cap(cap, rows)
        for start in range(0, len(array), batch):
            piece = array[start : start + batch]
            kept += piece[decide.keeps(piece)].tolist()
    for number in range(1, 7):
        total = sum(shard.count(number) for shard in shards)
        assert kept.count(number) == min(cap, total)


def test_kept_mentions_are_spread_evenly() -> None:
    mentions = np.full(1000, 30, np.uint32)
    (rows,) = frequent_entities([count_mentions(mentions)], 10)
    assert np.flatnonzero(Cap(10, rows).keeps(mentions)).tolist() == list(range(99, 1000, 100))


def test_rare_entities_are_all_kept() -> None:
    mentions = np.arange(1, 500, dtype=np.uint32)
    (rows,) = frequent_entities([count_mentions(mentions)], 1)
    assert len(rows) == 0 and Cap(1, rows).keeps(mentions).all()
    assert frequent_entities([], 5) == []
