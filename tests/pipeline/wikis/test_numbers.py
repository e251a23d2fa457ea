"""Sets of numbers, as bits and as sorted arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.wikis.numbers import (
    NumberBits,
    contains,
    ids_of_numbers,
    numbers_of_ids,
    open_array,
    save_array,
    save_numbers,
)


@given(st.lists(st.lists(st.integers(1, 5_000), max_size=30), max_size=6), st.lists(st.integers(1, 9_000), max_size=30))
def test_bits_are_a_set(added: list[list[int]], asked: list[int]) -> None:
    bits, plain = NumberBits(), set[int]()
    for numbers in added:
        bits.add(np.array(numbers, np.uint32))
        plain |= set(numbers)
    assert bits.numbers().tolist() == sorted(plain)
    assert bits.holds(np.array(asked, np.uint32)).tolist() == [number in plain for number in asked]
    assert contains(bits.numbers(), np.array(asked, np.uint32)).tolist() == [number in plain for number in asked]


def test_ids_and_numbers() -> None:
    ids = pa.array(["Q42", None, "P31", "Q140000000"])
    assert numbers_of_ids(ids).tolist() == [42, 0, 31, 140_000_000]
    assert numbers_of_ids(pa.chunked_array([ids])).tolist() == [42, 0, 31, 140_000_000]
    assert ids_of_numbers([42, 0]).to_pylist() == ["Q42", None]
    assert ids_of_numbers([], "P").to_pylist() == []


def test_an_array_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.npy"
    save_numbers(path, [5, 3, 5])
    assert open_array(path).tolist() == [3, 5]
    save_array(path, np.array([7], np.int64))
    assert open_array(path).tolist() == [7]
    assert [found.name for found in path.parent.iterdir()] == ["a.npy"]
