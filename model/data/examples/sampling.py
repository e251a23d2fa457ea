"""Which language the next unit of data is from: alpha smoothing as a pure function of the position.

Languages come in blocks of `BLOCK` units. In each block every language has a fixed number of places, proportional to
its share (at least one): its k-th of n units lies at a random point of the k-th of n equal stretches of the block, so a
language is never more than a unit ahead of or behind its share, in runs of any length. The order is keyed by the block;
so the k-th unit of a language is known from the position alone, without counting through all positions before it.

Three places of one language and one of another: the former's units fall into the thirds of the block, one each.

Source: q_i = p_i ** alpha / sum_j p_j ** alpha, Lample and Conneau, Cross-lingual language model pretraining (2019).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from model.data.draws import uniform

BLOCK = 16_384
"""Units of a block."""


def smoothed_shares(sizes: npt.NDArray[np.int64], alpha: float) -> npt.NDArray[np.float64]:
    """Return q_i proportional to (sizes_i / sum sizes) ** alpha, summing to 1.

    Args:
        sizes: rows of each language, all above 0.
        alpha: 1 keeps the shares, 0 makes them equal.
    """
    weights = (sizes / sizes.sum()) ** alpha
    return np.asarray(weights / weights.sum())


def places(shares: npt.NDArray[np.float64], block: int = BLOCK) -> npt.NDArray[np.int64]:
    """Return whole numbers that sum to `block`, at least 1 each, nearest to `shares * block` (largest remainders).

    Raises:
        ValueError: there are more languages than places.
    """
    if len(shares) > block:
        raise ValueError(f"{len(shares)} languages do not fit a block of {block} units")
    wanted = 1 + shares * (block - len(shares))
    counts = np.floor(wanted).astype(np.int64)
    rest = block - counts.sum()
    counts[np.argsort(counts - wanted, kind="stable")[:rest]] += 1
    return counts


class LanguageSchedule:
    """Tells for each unit position its language and its number within that language."""

    def __init__(self, shares: npt.NDArray[np.float64], *key: int | str) -> None:
        """Args:
        shares: of the units that each language gets, summing to 1.
        key: what the order depends on: the seed and the objective.
        """
        self._places = places(shares)
        self._key = key
        self._block = lru_cache(maxsize=8)(self._make_block)

    def _make_block(self, block: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the language and the number within the block's language, for all positions of a block."""
        languages = np.repeat(np.arange(len(self._places)), self._places)
        ranks = np.concatenate([np.arange(count) for count in self._places])
        times = (ranks + uniform(BLOCK, *self._key, "block", block)) / self._places[languages]
        order = np.argsort(times, kind="stable")
        return languages[order], ranks[order]

    def at(self, position: int) -> tuple[int, int]:
        """Return (language index, number of this unit among the language's units, from 0 without end)."""
        block, within = divmod(position, BLOCK)
        languages, ranks = self._block(block)
        language = int(languages[within])
        return language, block * int(self._places[language]) + int(ranks[within])

    def __getstate__(self) -> dict[str, object]:
        return {"_places": self._places, "_key": self._key}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._block = lru_cache(maxsize=8)(self._make_block)
