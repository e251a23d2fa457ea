"""Rivals: items whose descriptions are hard negatives, because they share a surface or a relation with the right one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.data.draws import Part
from model.data.examples.description_choice import choose_records
from model.data.stores.descriptions import DescriptionStore
from model.data.stores.ragged import Numbers

Described = list[tuple[int, npt.NDArray[np.integer]]]
"""Items with the ids of a description of each."""


def describe(
    store: DescriptionStore,
    items: Numbers,
    languages: Numbers,
    weights: npt.NDArray[np.float64],
    most: int,
    *key: Part,
) -> list[Described]:
    """Give each drawn item one description in any allowed language; items without one are left out.

    Args:
        store: the descriptions.
        items: [queries, count] items, -1 for none.
        languages: language number of each query.
        weights: odds of each language.
        most: longest description, in tokens; its end is cut off.
        key: what the draw of languages depends on.
    """
    flat = items.reshape(-1)
    found = np.where(flat < 0, -1, store.find(flat))
    reference = np.repeat(languages, items.shape[1])
    records = choose_records(store.records(found), store.language, reference, "any", weights, *key)
    described: list[Described] = [[] for _ in range(len(items))]
    found = np.flatnonzero(records >= 0)
    texts = store.slices(records[found], most)
    for index, place in enumerate(found.tolist()):
        described[place // items.shape[1]].append((int(flat[place]), texts[index]))
    return described
