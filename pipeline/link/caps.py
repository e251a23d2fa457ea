"""The cap on mentions of one entity in one language: an even share is kept, and no row is shuffled for it.

A survey counts each entity's mentions shard by shard. Where the total of a language is beyond the cap, mention number J
(counted through the shards in order, from 0) is kept when floor((J + 1) cap / total) > floor(J cap / total): exactly
`cap` of them, spread evenly over the wiki's pages. A worker needs only where its shard's count begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.wikis.numbers import Numbers, find_keys

FREQUENT = np.dtype([("number", "<u4"), ("before", "<i8"), ("total", "<i8")])
"""One entity beyond the cap, for one shard: mentions of it in earlier shards, and in all."""


@dataclass(frozen=True, kw_only=True)
class ShardCounts:
    """Mentions of each entity in one shard."""

    numbers: Numbers
    """Entity numbers, ascending."""
    counts: NDArray[np.int64]
    """How often each is mentioned."""


def count_mentions(numbers: Numbers) -> ShardCounts:
    """Count the entities of a shard's mentions."""
    unique, counts = np.unique(numbers, return_counts=True)
    return ShardCounts(numbers=unique, counts=counts.astype(np.int64))


def frequent_entities(shards: Sequence[ShardCounts], cap: int) -> list[NDArray[np.void]]:
    """For each shard of one language, in order, the entities beyond the cap (`FREQUENT` rows, ascending numbers)."""
    numbers = np.concatenate([shard.numbers for shard in shards]) if shards else np.empty(0, np.uint32)
    counts = np.concatenate([shard.counts for shard in shards]) if shards else np.empty(0, np.int64)
    unique, places = np.unique(numbers, return_inverse=True)
    totals = np.bincount(places, counts, minlength=len(unique)).astype(np.int64)
    frequent, totals = unique[totals > cap], totals[totals > cap]
    before = np.zeros(len(frequent), np.int64)
    rows = []
    for shard in shards:
        piece = np.empty(len(frequent), FREQUENT)
        piece["number"], piece["before"], piece["total"] = frequent, before, totals
        places, found = find_keys(shard.numbers, frequent)
        rows.append(piece[found])
        before[found] += shard.counts[places[found]]
    return rows


class Cap:
    """Decides for one shard's mentions, given in order, which are kept."""

    def __init__(self, cap: int, frequent: NDArray[np.void]) -> None:
        """`frequent` are this shard's rows of `frequent_entities`; `cap` is the number kept of each."""
        self._cap = cap
        self._numbers, self._totals = frequent["number"].copy(), frequent["total"].copy()
        self._seen = frequent["before"].copy()

    def keeps(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Whether each of the next mentions is kept, shape [len(numbers)]."""
        places, frequent = find_keys(self._numbers, numbers.astype(np.uint32))
        kept = np.ones(len(numbers), np.bool_)
        if not frequent.any():
            return kept
        places = places[frequent]
        occurrence = self._seen[places] + _rank_within(places)
        total = self._totals[places]
        kept[frequent] = (occurrence + 1) * self._cap // total > occurrence * self._cap // total
        np.add.at(self._seen, places, 1)
        return kept


def _rank_within(groups: NDArray[np.intp]) -> NDArray[np.int64]:
    """How many earlier entries are of the same group, for each entry."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.r_[0, np.flatnonzero(ordered[1:] != ordered[:-1]) + 1]
    sizes = np.diff(np.r_[starts, len(ordered)])
    ranks = np.empty(len(groups), np.int64)
    ranks[order] = np.arange(len(groups)) - np.repeat(starts, sizes)
    return ranks
