"""Items that were merged into others: from the ids that dumps still name to those that are meant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.wikis.numbers import ids_of_numbers, numbers_of_ids
from schemas.sorted_keys import find_keys

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class MergedItems:
    """Items that lead to others."""

    merged: Numbers
    """Their numbers, ascending."""
    entity: Numbers
    """Number of the item each leads to."""

    def resolve(self, ids: pa.StringArray) -> tuple[pa.StringArray, int]:
        """Put the item that is meant in place of merged ones; returns the ids and how many were replaced."""
        numbers, num_replaced = self.resolve_numbers(numbers_of_ids(ids))
        return (ids_of_numbers(numbers), num_replaced) if num_replaced else (ids, 0)

    def resolve_numbers(self, numbers: Numbers) -> tuple[Numbers, int]:
        """Do so for the numbers of items."""
        places, hits = find_keys(self.merged, numbers)
        num_replaced = int(hits.sum())
        return (np.where(hits, self.entity[places], numbers) if num_replaced else numbers), num_replaced
