"""How often each surface was linked to each entity in the contexts of a build: the prior p(entity | surface). Memory-mapped.

Surfaces are compared in the folded form of names, so that anchors in any case of letters count together. They hold inflected
forms as writers used them: `Берлине` leads to Berlin because texts link it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.data.stores.array_folder import open_arrays, save_arrays
from model.data.stores.ragged import Numbers
from model.entities.names import name_hashes
from schemas import MENTIONS, TRAIN, Manifest, iter_shard
from schemas.sorted_keys import rows_of_keys

_BATCH_ROWS = 4_096
_MOST_WAITING = 2_000_000
"""Mentions gathered before equal ones are counted together."""

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Anchors:
    """Sorted hashes of surfaces over runs of items with their counts."""

    surfaces: Hashes
    """Hash of each distinct surface, rising."""
    first: Numbers
    """Where the items of each surface start, and the end."""
    items: Numbers
    """Items, the most frequent first."""
    counts: Numbers
    """How often the surface led to the item."""

    @classmethod
    def open(cls, folder: Path) -> Anchors:
        """Map the anchors of a folder. Raises: ShardMismatch for a damaged array."""
        return cls(**open_arrays(folder))

    def of(self, surfaces: Sequence[str]) -> list[dict[int, int]]:
        """Return for each surface the items it was linked to and how often, the most frequent first."""
        if len(self.surfaces) == 0 or not surfaces:
            return [{} for _ in surfaces]
        found = []
        for place in rows_of_keys(self.surfaces, name_hashes(surfaces)).tolist():
            run = slice(int(self.first[place]), int(self.first[place + 1])) if place >= 0 else slice(0, 0)
            found.append(dict(zip(self.items[run].tolist(), self.counts[run].tolist(), strict=True)))
        return found


def build_anchors(tables: Path, manifest: Manifest, wanted: Numbers, folder: Path) -> None:
    """Count the anchors of the training contexts and write the arrays of `Anchors` into a folder.

    Validation contexts are left out: they are what a linker is tested on.

    Args:
        tables: folder of the `link` job's tables.
        manifest: their manifest.
        wanted: the items to keep, rising.
        folder: where to write.
    """
    surfaces, items, counts = np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64)
    texts: list[str] = []
    targets: list[int] = []
    for shard in manifest.of(MENTIONS):
        if shard.split != TRAIN:
            continue
        for batch in iter_shard(tables / shard.path, MENTIONS, ["text", "mentions"], _BATCH_ROWS):
            for row in batch.to_pylist():
                for mention in row["mentions"]:
                    texts.append(row["text"][mention["start"] : mention["end"]])
                    targets.append(int(mention["entity"][1:]))
            if len(texts) >= _MOST_WAITING:
                surfaces, items, counts = _counted(surfaces, items, counts, texts, targets)
                texts, targets = [], []
    surfaces, items, counts = _counted(surfaces, items, counts, texts, targets)
    kept = np.isin(items, wanted)
    surfaces, items, counts = surfaces[kept], items[kept], counts[kept]
    order = np.lexsort((items, -counts, surfaces))
    distinct, first = np.unique(surfaces[order], return_index=True)
    arrays = {
        "surfaces": distinct,
        "first": np.append(first, len(surfaces)).astype(np.int64),
        "items": items[order],
        "counts": counts[order],
    }
    save_arrays(folder, arrays)


def _counted(
    surfaces: Hashes, items: Numbers, counts: Numbers, texts: list[str], targets: list[int]
) -> tuple[Hashes, Numbers, Numbers]:
    """Add mentions to the counts so far; pairs of surface and item stand once."""
    surfaces = np.concatenate([surfaces, name_hashes(texts)])
    items = np.concatenate([items, np.array(targets, dtype=np.int64)])
    counts = np.concatenate([counts, np.ones(len(texts), dtype=np.int64)])
    order = np.lexsort((items, surfaces))
    surfaces, items, counts = surfaces[order], items[order], counts[order]
    if len(surfaces) == 0:
        return surfaces, items, counts
    starts = np.flatnonzero(np.append(True, (surfaces[1:] != surfaces[:-1]) | (items[1:] != items[:-1])))
    return surfaces[starts], items[starts], np.add.reduceat(counts, starts)
