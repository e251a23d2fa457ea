"""Items that share a surface: mentions spelt alike that lead to different items, as candidates for hard negatives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.data.draws import KeyPart
from model.data.stores.array_folder import open_or_build
from model.data.stores.ragged import Numbers, TextRows, decode_texts, draw_from_runs, expand
from model.data.stores.token_dataset import TokenDataset
from schemas import TOKEN_MENTIONS, TRAIN
from schemas.sorted_keys import find_keys

_LAYOUT = 1
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that powers of it never lose bits: 2**64 divided by the golden ratio."""
_MERGE_ROWS = 4_000_000
"""Pairs gathered before repetitions among them are dropped."""

Surfaces = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class SurfaceIndex:
    """Sorted 64-bit hashes of surfaces with two or more items, over runs of those items."""

    surfaces: Surfaces
    """Hash of each ambiguous surface, rising."""
    first_item: Numbers
    """Where the items of each surface start, and the end."""
    items: Numbers
    """Items, rising within a surface."""

    @classmethod
    def of(cls, data: TokenDataset) -> SurfaceIndex:
        """Open the index over the training mentions, building it beside the dataset first if it is not there."""
        note = {"layout": _LAYOUT, "dataset": data.fingerprint}
        arrays, _ = open_or_build(data.cache / "surfaces", note, lambda folder: build(data, folder))
        return cls(**arrays)

    def others(self, surfaces: Surfaces, items: Numbers, count: int, *key: KeyPart) -> Numbers:
        """Draw up to `count` other items of each surface, as [mentions, count], padded with -1."""
        if len(self.surfaces) == 0:
            return np.full((len(items), count), -1, dtype=np.int64)
        places, known = find_keys(self.surfaces, surfaces)
        first = self.first_item[places]
        drawn = draw_from_runs(self.items, first, np.where(known, self.first_item[places + 1] - first, 0), count, *key)
        drawn[drawn == items[:, None]] = -1
        return drawn


def surface_hashes(rows: TextRows, owners: Numbers, mentions: Numbers) -> Surfaces:
    """Hash the ids of mentions: sum of (id + 1) * multiplier ** place, modulo 2**64, then mixed once.

    Args:
        rows: the contexts.
        owners: row of each mention.
        mentions: index of each mention in the mention arrays of `rows`.
    """
    first = rows.mention_first[mentions].astype(np.int64)
    lengths = rows.mention_last[mentions] - first + 1
    starts = rows.tokens.starts[owners] + first
    items, positions = expand(starts, lengths)
    powers = np.cumprod(np.full(max(int(lengths.max(initial=1)), 1), _MULTIPLIER, dtype=np.uint64))
    terms = (rows.tokens.values[positions].astype(np.uint64) + np.uint64(1)) * powers[positions - starts[items]]
    sums = np.add.reduceat(terms, np.cumsum(lengths) - lengths) if len(terms) else np.empty(0, np.uint64)
    return sums ^ (sums >> np.uint64(29))


def build(data: TokenDataset, folder: Path) -> None:
    """Write the index: distinct (surface, item) pairs of the training mentions, kept where a surface has two items."""
    surfaces, items = np.empty(0, np.uint64), np.empty(0, np.int64)
    waiting: list[tuple[Surfaces, Numbers]] = []
    for table in data.scan(TOKEN_MENTIONS, ["token_ids", "mentions"], split=TRAIN):
        rows = decode_texts(table)
        owners, mentions = expand(rows.first_mention, rows.num_mentions)
        waiting.append((surface_hashes(rows, owners, mentions), rows.mention_entity[mentions]))
        if sum(len(found) for found, _ in waiting) > _MERGE_ROWS:
            surfaces, items = _merge(surfaces, items, waiting)
            waiting = []
    surfaces, items = _merge(surfaces, items, waiting)
    distinct, first, counts = np.unique(surfaces, return_index=True, return_counts=True)
    shared = counts > 1
    _, kept = expand(first[shared], counts[shared])
    arrays = {
        "surfaces": distinct[shared],
        "first_item": np.concatenate([[0], np.cumsum(counts[shared])]).astype(np.int64),
        "items": items[kept],
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


def _merge(surfaces: Surfaces, items: Numbers, waiting: list[tuple[Surfaces, Numbers]]) -> tuple[Surfaces, Numbers]:
    surfaces = np.concatenate([surfaces, *(found for found, _ in waiting)])
    items = np.concatenate([items, *(found for _, found in waiting)])
    order = np.lexsort((items, surfaces))
    surfaces, items = surfaces[order], items[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (surfaces[1:] != surfaces[:-1]) | (items[1:] != items[:-1])
    return surfaces[first], items[first]
