"""Examples of plain MLM: texts and contexts, long ones cut into pieces, nothing left out."""

from __future__ import annotations

import numpy as np

from model.data.draws import KeyPart, permutation
from model.data.examples.example import Example
from model.data.examples.rows import Origin, RowReader
from model.data.examples.units import Unit, UnitPlan
from model.data.stores.ragged import TextRows, expand
from model.data.stores.token_dataset import TokenDataset
from model.data.stream_config import StreamConfig
from schemas import TOKEN_MENTIONS, TOKEN_TEXT, Table
from schemas.errors import UsageError


class MlmWindow:
    """Pieces of the rows of some units, in a random order."""

    def __init__(self, rows: TextRows, origin: Origin, config: StreamConfig, number: int, *key: KeyPart) -> None:
        self._ids, self._names, self._number = rows.tokens.values, origin.names("mlm"), number
        room = np.array([_room(unit, config) for unit in origin.units])[origin.unit_of_row]
        lengths = rows.tokens.lengths
        pieces = -(-lengths // room)
        of_row, piece = expand(np.zeros_like(pieces), pieces)
        start = lengths[of_row] * piece // pieces[of_row]
        stop = lengths[of_row] * (piece + 1) // pieces[of_row]
        order = permutation(len(of_row), *key)
        self.count, self.rows = len(order), len(lengths)
        self.left_out = {"empty": int((lengths == 0).sum())}
        self._row = of_row[order].tolist()
        self._start = (rows.tokens.starts[of_row] + start)[order].tolist()
        self._stop = (rows.tokens.starts[of_row] + stop)[order].tolist()

    def example(self, place: int) -> Example:
        """Return one piece of text."""
        start, stop = self._start[place], self._stop[place]
        return Example(
            ("mlm", self._number, place), (self._ids[start:stop],), stop - start + 2, self._names[self._row[place]]
        )


class MlmSource:
    """Windows over plain texts and, where configured, Wikipedia contexts."""

    def __init__(self, data: TokenDataset, config: StreamConfig, split: str, seed: int) -> None:
        """Raise UsageError where there is nothing to read."""
        self._config, self._reader = config, RowReader(data, mentions=False)
        self._key: tuple[KeyPart, ...] = (seed, "mlm")
        self.plan = UnitPlan(data, mlm_tables(data, config, split), split, config, config.mlm_alpha, *self._key)

    def window(self, lane: int, number: int) -> MlmWindow:
        """Make a window of the lane."""
        return self.window_of(self.plan.window(lane, number), number, lane)

    def window_of(self, units: list[Unit], number: int, *key: KeyPart) -> MlmWindow:
        """Make a window of given units."""
        rows, origin = self._reader.texts(units)
        return MlmWindow(rows, origin, self._config, number, *self._key, *key, number)


def mlm_tables(data: TokenDataset, config: StreamConfig, split: str) -> dict[str, list[Table]]:
    """Return the tables to read for MLM in each language.

    Raises:
        UsageError: there is nothing to read in the languages asked for.
    """
    wanted = [TOKEN_TEXT, TOKEN_MENTIONS] if config.mlm_from_contexts else [TOKEN_TEXT]
    tables: dict[str, list[Table]] = {}
    for table in wanted:
        for language in data.languages(table, split):
            if not config.languages or language in config.languages:
                tables.setdefault(language, []).append(table)
    if not tables:
        raise UsageError(
            f"{data.where} has no {' or '.join(table.folder for table in wanted)} for {split} in "
            f"{', '.join(config.languages) or 'any language'}: tokenise some, or set mlm_share to 0."
        )
    return tables


def _room(unit: Unit, config: StreamConfig) -> int:
    """Most tokens of a piece, without special tokens."""
    return (config.max_text_length if unit.table is TOKEN_TEXT else config.max_length) - 2
