"""A description store of 60 million records: how it opens and how fast it is read at random.

    python -m benchmarks.big_store [FOLDER]

The index is real (1.1 GB on disk); the 12 GB of ids are a sparse file of zeros, which look-ups read like any other.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from model.data.stores.array_folder import NOTE_NAME, open_or_build
from model.data.stores.descriptions import DescriptionStore

ENTITIES, RECORDS, LANGUAGES, LOOK_UPS, REPEATS = 25_000_000, 60_000_000, 100, 200_000, 3
NOTE = {"records": RECORDS}


def build(folder: Path) -> None:
    """Write the arrays of a store: items at random distances, 20 to 79 ids a description, in random places."""
    draws = np.random.default_rng(1)
    first = np.sort(draws.integers(0, RECORDS, ENTITIES + 1))
    first[0], first[-1] = 0, RECORDS
    length = draws.integers(20, 80, RECORDS).astype(np.uint16)
    arrays = {
        "entities": np.cumsum(draws.integers(1, 8, ENTITIES)),
        "first_record": first,
        "language": draws.integers(0, LANGUAGES, RECORDS).astype(np.uint16),
        "length": length,
        "start": draws.permutation(np.cumsum(length.astype(np.int64)) - length),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    total = int(length.sum(dtype=np.int64))
    del arrays
    np.lib.format.open_memmap(folder / "ids.npy", "w+", np.uint32, (total,)).flush()
    names = [f"l{number}" for number in range(LANGUAGES)]
    (folder / NOTE_NAME).write_text(json.dumps({"languages": names}), encoding="utf-8")


def open_store(folder: Path) -> DescriptionStore:
    """Open the store, as `DescriptionStore.open_or_build` does."""
    arrays, note = open_or_build(folder / "descriptions", NOTE, build)
    return DescriptionStore(tuple(note["languages"]), **arrays)


def look_up(store: DescriptionStore, items: np.ndarray) -> int:
    """Find the ids of one description of each item; returns how many ids there were."""
    first, _ = store.records(store.find(items))
    texts = store.slices(np.minimum(first, RECORDS - 1), 126)
    return sum(len(texts[place]) for place in range(len(items)))


def main() -> None:
    """Build the store where it is not there, open it, read it, print a Markdown table."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
        open_store(folder)
        started = time.perf_counter()
        store = open_store(folder)
        opened = time.perf_counter() - started
        items = store.entities[np.random.default_rng(2).integers(0, ENTITIES, LOOK_UPS)]
        rates = []
        for _ in range(REPEATS):
            started = time.process_time()
            look_up(store, items)
            rates.append(LOOK_UPS / (time.process_time() - started))
        sizes = {path.stem: path.stat().st_size for path in (folder / "descriptions").glob("*.npy")}
        index = sum(size for name, size in sizes.items() if name != "ids")
        print("| figure, 60 million descriptions of 25 million items | value |\n| --- | ---: |")
        print(f"| ids, GB | {sizes['ids'] / 1e9:.1f} |\n| index, GB | {index / 1e9:.1f} |")
        print(f"| bytes a description | {(index + sizes['ids']) / RECORDS:.0f} |\n| opened, ms | {1000 * opened:.1f} |")
        print(f"| random access in a batch, descriptions per CPU-second | {statistics.median(rates):,.0f} |")


if __name__ == "__main__":
    main()
