"""Sets of entity numbers as sorted arrays on disk, memory-mapped, and ids as numbers and back."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from pipeline.run import storage
from schemas.sorted_keys import find_keys

Numbers = NDArray[np.uint32]
"""Entity or relation numbers (42 for Q42)."""


def numbers_of_ids(ids: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """Turn ids (`Q42`, `P31`) into numbers; nulls become 0."""
    digits = pc.utf8_slice_codeunits(ids, 1, None)
    numbers = pc.fill_null(pc.cast(digits, pa.int64()), 0)
    return np.asarray(numbers, np.int64)


def ids_of_numbers(numbers: ArrayLike, letter: str = "Q") -> pa.Array:
    """Turn numbers into ids; 0 becomes null."""
    array = pa.array(np.asarray(numbers, np.int64))
    ids = pc.binary_join_element_wise(pa.scalar(letter), pc.cast(array, pa.string()), "")
    return pc.if_else(pc.equal(array, 0), pa.scalar(None, pa.string()), ids)


def save_numbers(path: Path, numbers: ArrayLike) -> None:
    """Write a set of numbers, each once and in ascending order, under its name only when it is whole."""
    save_array(path, np.unique(np.asarray(numbers, np.uint32)))


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array, which has its name only when it is whole.

    Raises: StorageError where the disk is full or refuses.
    """
    array = np.ascontiguousarray(array)
    with storage.open_write(str(path)) as file:  # `np.save` says of a full disk only how many items were written
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(array.reshape(-1).view(np.uint8).data)


def open_array(path: Path) -> NDArray[Any]:
    """Map an array that `save_array` wrote; a process maps each file once, and anew when it was replaced."""
    return _map_array(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=1024)
def _map_array(path: Path, mtime_ns: int) -> NDArray[Any]:
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


class NumberBits:
    """A set of numbers that grows, one bit for each number up to the largest: 17 MB for all of Wikidata."""

    def __init__(self) -> None:
        self._bits = np.zeros(0, np.uint8)

    def add(self, numbers: Numbers) -> None:
        """Put numbers in."""
        highest = int(numbers.max()) if len(numbers) else 0
        if highest >> 3 >= len(self._bits):
            missing = max((highest >> 3) + 1 - len(self._bits), len(self._bits))
            self._bits = np.concatenate([self._bits, np.zeros(missing, np.uint8)])
        np.bitwise_or.at(self._bits, numbers >> 3, (1 << (numbers & 7)).astype(np.uint8))

    def holds(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Whether each number is in, shape [len(numbers)]."""
        places = np.minimum(numbers >> 3, max(len(self._bits) - 1, 0))
        if not len(self._bits):
            return np.zeros(len(numbers), np.bool_)
        within = numbers >> 3 < len(self._bits)
        return np.asarray(within & (self._bits[places] >> (numbers & 7) & 1).astype(np.bool_))

    def numbers(self) -> Numbers:
        """All numbers that are in, ascending."""
        return np.flatnonzero(np.unpackbits(self._bits, bitorder="little")).astype(np.uint32)


def contains(sorted_numbers: Numbers, wanted: ArrayLike) -> NDArray[np.bool_]:
    """Whether each wanted number is in a sorted set, shape [len(wanted)]."""
    return find_keys(sorted_numbers, np.asarray(wanted).astype(np.uint32))[1]
