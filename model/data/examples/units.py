"""Units: the pieces of row groups that are dealt to lanes, in an order that is a pure function of the seed.

A unit is up to `unit_rows` neighbouring rows of one row group. Unit `u` of an objective goes to lane `u % num_lanes`;
its language comes from the alpha-smoothed schedule, and the units of a language are taken in a new random order in every
epoch of that language. A window of a lane is `window_units` units in a row, whose rows are shuffled together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from model.data.draws import KeyPart, permutation
from model.data.examples.sampling import LanguageSchedule, smoothed_shares
from model.data.stores.token_dataset import RowGroup, TokenDataset
from model.data.stream_config import StreamConfig
from schemas import Table


@dataclass(frozen=True)
class Unit:
    """Rows `start` to `stop` of one row group."""

    table: Table
    """The table the rows are of."""
    language: str
    """Their language; "" where the table has none."""
    group: RowGroup
    """The row group."""
    start: int
    """First row."""
    stop: int
    """End of the rows."""


class UnitPlan:
    """All units of one objective and split, and which of them lie in a lane's window."""

    def __init__(
        self,
        data: TokenDataset,
        tables: Mapping[str, Sequence[Table]],
        split: str,
        config: StreamConfig,
        alpha: float,
        *key: KeyPart,
    ) -> None:
        """Args:
        data: the shards.
        tables: for each language, the tables to read in it.
        split: `train` or `validation`.
        config: sizes of units and windows, number of lanes.
        alpha: exponent of language smoothing.
        key: what the order depends on: the seed and the objective.
        """
        self._config, self._key = config, key
        self.languages = sorted(tables)
        groups = {
            language: [
                (table, group) for table in tables[language] for group in data.row_groups(table, language, split)
            ]
            for language in self.languages
        }
        sizes = {language: sum(group.rows for _, group in found) for language, found in groups.items()}
        self.rows = sum(sizes.values())
        self.unit_rows = unit_size(self.rows, config)
        self._units = {language: cut(language, found, self.unit_rows) for language, found in groups.items()}
        self._schedule = LanguageSchedule(self._unit_shares(sizes, alpha), *key)
        self._order = lru_cache(maxsize=256)(self._make_order)

    def window(self, lane: int, number: int) -> list[Unit]:
        """Return the units of a lane's window."""
        first = number * self._config.window_units
        return [
            self._unit(lane + self._config.num_lanes * place)
            for place in range(first, first + self._config.window_units)
        ]

    def in_order(self) -> list[Unit]:
        """Return all units, language by language, in the order of the shards."""
        return [unit for language in self.languages for unit in self._units[language]]

    def _unit_shares(self, sizes: dict[str, int], alpha: float) -> npt.NDArray[np.float64]:
        """Return each language's share of the units: that of the rows, corrected for units of unlike size."""
        rows = np.array([sizes[language] for language in self.languages])
        per_unit = rows / np.array([len(self._units[language]) for language in self.languages])
        shares = smoothed_shares(rows, alpha) / per_unit
        return np.asarray(shares / shares.sum())

    def _unit(self, position: int) -> Unit:
        index, number = self._schedule.at(position)
        language = self.languages[index]
        epoch, within = divmod(number, len(self._units[language]))
        return self._units[language][int(self._order(language, epoch)[within])]

    def _make_order(self, language: str, epoch: int) -> npt.NDArray[np.int64]:
        return permutation(len(self._units[language]), *self._key, "units", language, epoch)


def unit_size(rows: int, config: StreamConfig) -> int:
    """Return the rows of a unit: as configured, or fewer where the data would not give every lane a window."""
    return max(1, min(config.unit_rows, rows // (config.num_lanes * config.window_units)))


def cut(language: str, groups: Sequence[tuple[Table, RowGroup]], unit_rows: int) -> list[Unit]:
    """Cut row groups into units of nearly equal size, none above `unit_rows`."""
    units = []
    for table, group in groups:
        pieces = -(-group.rows // unit_rows)
        edges = [group.rows * piece // pieces for piece in range(pieces + 1)]
        units += [Unit(table, language, group, start, stop) for start, stop in zip(edges, edges[1:], strict=False)]
    return units
