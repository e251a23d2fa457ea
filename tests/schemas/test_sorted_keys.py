"""Keys are found where a dictionary finds them, and nowhere else."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.sorted_keys import find_keys, rows_of_keys

KEYS = st.lists(st.integers(-5, 20) | st.integers(-(2**62), 2**62), max_size=30)


@given(keys=KEYS, wanted=KEYS)
def test_rows_are_those_of_a_dictionary(keys: list[int], wanted: list[int]) -> None:
    known = np.unique(np.array(keys, np.int64))
    asked = np.array(wanted, np.int64)
    row_of = {key: row for row, key in enumerate(known.tolist())}
    assert rows_of_keys(known, asked).tolist() == [row_of.get(key, -1) for key in wanted]
    places, found = find_keys(known, asked)
    assert places.tolist() == [row_of.get(key, 0) for key in wanted]
    assert found.tolist() == [key in row_of for key in wanted]


def test_hashes_and_text_are_found_too() -> None:
    hashes = np.array([3, 2**63 + 1, 2**64 - 1], np.uint64)
    assert rows_of_keys(hashes, np.array([2**64 - 1, 2**63], np.uint64)).tolist() == [2, -1]
    assert rows_of_keys(np.array(["de", "sw"]), np.array(["sw", "yo"])).tolist() == [1, -1]
