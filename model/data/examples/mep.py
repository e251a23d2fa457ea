"""Examples of masked entity prediction: a context, one of its mentions, and a description of the mentioned item."""

from __future__ import annotations

import numpy as np

from model.data.draws import KeyPart, permutation, uniform
from model.data.examples.description_choice import Described, choose_records, describe_rivals, language_weights
from model.data.examples.example import Example
from model.data.examples.rows import Origin, RowReader
from model.data.examples.units import Unit, UnitPlan
from model.data.stores.descriptions import DescriptionStore
from model.data.stores.ragged import Numbers, Slices, TextRows, argmin_within, expand
from model.data.stores.surfaces import SurfaceIndex, surface_hashes
from model.data.stores.token_dataset import TokenDataset, require_rows
from model.data.stream_config import StreamConfig
from schemas import TOKEN_MENTIONS


class MepWindow:
    """Contexts of some units, each with one mention, in a random order."""

    def __init__(self, source: MepSource, rows: TextRows, origin: Origin, number: int, *key: KeyPart) -> None:
        self._ids, self._names, self._number = rows.tokens.values, origin.names("mep"), number
        languages = np.array([source.language_number(unit.language) for unit in origin.units])[origin.unit_of_row]
        mention, record = source.choose(rows, languages, *key)
        kept = np.flatnonzero(record >= 0)
        order = kept[permutation(len(kept), *key, "order")]
        self.count, self.rows = len(order), len(mention)
        self.left_out = {"no_description": self.rows - self.count}
        crop = _crop(rows, mention, source.config.max_length - 2, uniform(len(mention), *key, "crop"))
        self._row, self._description = order.tolist(), source.descriptions(record[order])
        base = rows.tokens.starts[order]
        self._start, self._stop = (base + crop[0][order]).tolist(), (base + crop[1][order]).tolist()
        self._first, self._last = crop[2][order].tolist(), crop[3][order].tolist()
        self._entity = rows.mention_entity[mention[order]].tolist()
        self._rivals = source.rivals(rows, order, mention[order], languages[order], *key)

    def example(self, place: int) -> Example:
        """Return one context with its mention."""
        start, stop = self._start[place], self._stop[place]
        return Example(
            address=("mep", self._number, place),
            parts=(self._ids[start:stop],),
            num_tokens=stop - start + 2,
            origin=self._names[self._row[place]],
            entity=self._entity[place],
            key_tokens=self._description[place],
            mention=(self._first[place], self._last[place]),
            rivals=self._rivals[place] if self._rivals else (),
        )


class MepSource:
    """Windows over Wikipedia contexts with linked mentions."""

    def __init__(self, data: TokenDataset, config: StreamConfig, split: str, seed: int) -> None:
        """Raise UsageError where there are no contexts or no descriptions in the languages asked for."""
        self.config, self._reader = config, RowReader(data, mentions=True)
        self._key: tuple[KeyPart, ...] = (seed, "mep")
        self._store: DescriptionStore = data.store(DescriptionStore)
        self._weights = language_weights(self._store.languages, config.languages)
        languages = require_rows(data, TOKEN_MENTIONS, split, config.languages)
        tables = {language: [TOKEN_MENTIONS] for language in languages}
        self.plan = UnitPlan(data, tables, split, config, config.mep_alpha, *self._key)
        self._surfaces = SurfaceIndex.of(data) if config.hard_negatives else None

    def window(self, lane: int, number: int) -> MepWindow:
        """Make a window of the lane."""
        return self.window_of(self.plan.window(lane, number), number, lane)

    def window_of(self, units: list[Unit], number: int, *key: KeyPart) -> MepWindow:
        """Make a window of given units."""
        rows, origin = self._reader.texts(units)
        return MepWindow(self, rows, origin, number, *self._key, *key, number)

    def language_number(self, language: str) -> int:
        """Return the number of a language among the descriptions', -1 where it has none."""
        return self._store.languages.index(language) if language in self._store.languages else -1

    def descriptions(self, records: Numbers) -> Slices:
        """Return the ids of descriptions, cut to the configured length."""
        return self._store.slices(records, self.config.max_description_length - 2)

    def choose(self, rows: TextRows, languages: Numbers, *key: KeyPart) -> tuple[Numbers, Numbers]:
        """Choose for each row one of its mentions whose item is described, and one of the descriptions.

        Returns:
            (mention, record) of each row; record is -1 where no mention's item has a description that may be used.
        """
        of_row, mentions = expand(rows.first_mention, rows.num_mentions)
        draws = uniform(len(mentions), *key, "mention")
        entities = self._store.find(rows.mention_entity[mentions])
        chosen = argmin_within(of_row, np.where(entities < 0, np.inf, draws), len(rows.tokens))
        if len(mentions) == 0:
            return chosen, chosen
        entity = np.where(chosen < 0, -1, entities[chosen])
        record = choose_records(
            self._store.records(entity),
            self._store.language,
            languages,
            self.config.mep_description_language,
            self._weights,
            *key,
            "language",
        )
        return np.where(chosen < 0, 0, mentions[chosen]), record

    def rivals(
        self, rows: TextRows, owners: Numbers, mentions: Numbers, languages: Numbers, *key: KeyPart
    ) -> list[Described]:
        """Return for each chosen mention descriptions of other items that share its surface; [] where turned off."""
        if self._surfaces is None:
            return []
        surfaces = surface_hashes(rows, owners, mentions)
        count = self.config.hard_negatives
        items = self._surfaces.others(surfaces, rows.mention_entity[mentions], count, *key, "rivals")
        most = self.config.max_description_length - 2
        return describe_rivals(self._store, items, languages, self._weights, most, *key, "rival language")


def _crop(rows: TextRows, mention: Numbers, room: int, draws: np.ndarray) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Cut rows longer than `room` around their mention, at a random place.

    Returns:
        (start, stop, first, last): the piece of each row, and its mention within the piece.
    """
    lengths = rows.tokens.lengths
    if len(rows.mention_first) == 0:
        zeros = np.zeros_like(lengths)
        return zeros, np.minimum(lengths, room), zeros, zeros
    first = rows.mention_first[mention].astype(np.int64)
    span = np.minimum(rows.mention_last[mention] - first + 1, room)
    before = np.floor(draws * (room - span + 1)).astype(np.int64)
    start = np.clip(first - before, 0, np.maximum(lengths - room, 0))
    stop = np.minimum(start + room, lengths)
    return start, stop, first - start, first - start + span - 1
