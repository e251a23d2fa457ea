"""Entities that several dumps hold: the first shard's row counts, later ones are passed over.

One dump of Wikidata has every item once. Several files read together (samples, two dates) may not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.wikis.numbers import NumberBits, Numbers, contains, numbers_of_ids


def repeated_in_shards(shards: Iterable[Numbers]) -> Iterator[Numbers]:
    """Yield for each shard, in order, the numbers that an earlier shard had, ascending; one bit per number is held."""
    seen = NumberBits()
    for numbers in shards:
        yield np.unique(numbers[seen.holds(numbers)])
        seen.add(numbers)


class FirstRows:
    """Lets the first row of each entity pass, through the batches of one shard in order."""

    def __init__(self, in_earlier_shards: Numbers) -> None:
        """`in_earlier_shards` are the shard's numbers of `repeated_in_shards`."""
        self._earlier = in_earlier_shards
        self._seen: list[Numbers] = []

    def of_batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a batch of `entities` whose entity was not met before."""
        return batch.filter(pa.array(self._first(numbers_of_ids(batch.column("entity")).astype(np.uint32))))

    def _first(self, numbers: Numbers) -> NDArray[np.bool_]:
        first = np.zeros(len(numbers), np.bool_)
        first[np.unique(numbers, return_index=True)[1]] = True
        first &= ~contains(self._earlier, numbers)
        for seen in self._seen:
            first &= ~contains(seen, numbers)
        self._seen = [np.unique(np.concatenate([*self._seen, numbers]))]
        return first
