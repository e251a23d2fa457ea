"""Look-up of many keys at once in a sorted array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def find_keys(sorted_keys: NDArray[Any], wanted: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return where each wanted key stands in `sorted_keys`, 0 where it does not, and whether it does; both [len(wanted)].

    Of the keys [10, 20, 30], the wanted [30, 15] give the places [2, 0] and the truths [True, False].
    """
    if not len(sorted_keys):
        return np.zeros(len(wanted), np.intp), np.zeros(len(wanted), np.bool_)
    # Asked in ascending order, a binary search finds its neighbours' pages still in the cache.
    order = np.argsort(wanted)
    places = np.empty(len(wanted), np.intp)
    places[order] = np.searchsorted(sorted_keys, wanted[order])
    places[places == len(sorted_keys)] = 0
    found = np.asarray(sorted_keys[places] == wanted)
    places[~found] = 0
    return places, found


def rows_of_keys(sorted_keys: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.intp]:
    """Return where each wanted key stands in `sorted_keys`, -1 where it does not; shape [len(wanted)]."""
    places, found = find_keys(sorted_keys, wanted)
    return np.where(found, places, -1)
