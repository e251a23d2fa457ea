"""Token ids of all descriptions by entity and language, memory-mapped and shared by all processes of a machine.

Ids lie end to end in the order of the shards, each description cut to `MOST_TOKENS`; an index sorted by entity points into
them. A description costs its ids (2 bytes each up to 65,536 pieces, else 4) plus 12 bytes, an entity 16 bytes more.
Nothing is read on opening: the operating system pages in what is used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from model.data.stores.array_folder import NOTE_NAME, Arrays, GrowingArray, open_or_build
from model.data.stores.ragged import Numbers, Slices, slices
from model.data.stores.token_dataset import TokenDataset
from schemas import TOKEN_DESCRIPTIONS
from schemas.errors import UsageError
from schemas.sorted_keys import rows_of_keys

MOST_TOKENS = 510
"""Longest stored description, in tokens: no encoder here reads more."""
_LAYOUT = 1
_COLUMNS = ["entity_number", "language", "origin", "token_ids"]


@dataclass(frozen=True)
class DescriptionStore:
    """Look-ups are by record: a record is one description, entity `e` owns records `first_record[e:e+2]`."""

    languages: tuple[str, ...]
    """All languages, sorted; a language number is an index into it."""
    entities: Numbers
    """Numbers of all described entities, rising."""
    first_record: Numbers
    """Where the records of each entity start, and the end."""
    language: npt.NDArray[np.uint16]
    """Language number of each record; rising within an entity."""
    start: Numbers
    """Where the ids of each record start."""
    length: npt.NDArray[np.uint16]
    """How many ids each record has."""
    ids: npt.NDArray[Any]
    """The ids of all records, in the order of the shards."""

    @classmethod
    def of(cls, data: TokenDataset) -> DescriptionStore:
        """Open the store of a dataset, building it beside the dataset first if it is not there.

        Raises:
            UsageError: the dataset has no descriptions.
        """
        if not data.manifest.rows.get(TOKEN_DESCRIPTIONS.name):
            raise UsageError(f"{data.where} has no descriptions: tokenise them, or turn off both knowledge objectives.")
        note = {"layout": _LAYOUT, "dataset": data.fingerprint, "vocab_size": data.special.vocab_size}
        arrays, stored = open_or_build(data.cache / "descriptions", note, lambda folder: build(data, folder))
        return cls(tuple(stored["languages"]), **arrays)

    def __len__(self) -> int:
        return len(self.start)

    def find(self, entity_numbers: Numbers) -> Numbers:
        """Return the index of each entity, -1 where it has no description."""
        return rows_of_keys(self.entities, entity_numbers)

    def records(self, entity_indexes: Numbers) -> tuple[Numbers, Numbers]:
        """Return (first record, number of records) of each entity index; an index of -1 has none."""
        first = self.first_record[entity_indexes]
        return first, np.where(entity_indexes < 0, 0, self.first_record[entity_indexes + 1] - first)

    def tokens(self, record: int) -> npt.NDArray[Any]:
        """Return the ids of one record, without copying."""
        start = self.start[record]
        return self.ids[start : start + self.length[record]]

    def slices(self, records: Numbers, most: int) -> Slices:
        """Return the ids of many records, each cut to its first `most`."""
        return slices(self.ids, self.start, self.length, records, most)

    def get(self, entity_number: int, language: str) -> npt.NDArray[Any] | None:
        """Return the ids of an entity's description in a language, or None."""
        index = self.find(np.array([entity_number]))
        first, count = self.records(index)
        for record in range(int(first[0]), int(first[0] + count[0])):
            if self.languages[self.language[record]] == language:
                return self.tokens(record)
        return None


def build(data: TokenDataset, folder: Path) -> None:
    """Write a store's arrays: one pass over the shards, then one sort of the index (about 60 bytes a description)."""
    languages = data.manifest.partitions(TOKEN_DESCRIPTIONS)
    kind = np.uint16 if data.special.vocab_size <= 1 << 16 else np.uint32
    columns: list[Arrays] = []
    end = 0
    with GrowingArray(folder / "ids.npy", kind) as stored:
        for table in data.scan(TOKEN_DESCRIPTIONS, _COLUMNS):
            part, ids = _read_part(table, languages)
            part["start"] += end
            end += len(ids)
            stored.append(ids)
            columns.append(part)
    merged = {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}
    for name, array in _index(merged).items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    (folder / NOTE_NAME).write_text(json.dumps({"languages": languages}), encoding="utf-8")


def _read_part(table: pa.Table, languages: list[str]) -> tuple[Arrays, npt.NDArray[np.int32]]:
    """Turn one row group into columns of the index and the ids, cut to `MOST_TOKENS`."""
    column = table.column("token_ids").combine_chunks()
    offsets = column.offsets.to_numpy().astype(np.int64)
    values = column.values.to_numpy()
    lengths = np.minimum(np.diff(offsets), MOST_TOKENS)
    places = np.arange(lengths.sum()) + np.repeat(offsets[:-1] - (np.cumsum(lengths) - lengths), lengths)
    language = pa.compute.index_in(table.column("language"), pa.array(languages)).to_numpy()
    part: Arrays = {
        "entity": table.column("entity_number").to_numpy(),
        "language": language.astype(np.uint16),
        "origin": pa.compute.equal(table.column("origin"), "wikidata").to_numpy().astype(np.uint8),
        "start": np.cumsum(lengths) - lengths,
        "length": lengths.astype(np.uint16),
    }
    return part, values[places]


def _index(columns: Arrays) -> Arrays:
    """Sort the records by (entity, language); of two for the same pair the Wikipedia lead stays."""
    order = np.lexsort((columns["origin"], columns["language"], columns["entity"]))
    entity, language = columns["entity"][order], columns["language"][order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (entity[1:] != entity[:-1]) | (language[1:] != language[:-1])
    kept = first & (columns["length"][order] > 0)
    entity, order = entity[kept], order[kept]
    entities, starts = np.unique(entity, return_index=True)
    return {
        "entities": entities,
        "first_record": np.append(starts, len(entity)).astype(np.int64),
        "language": columns["language"][order],
        "start": columns["start"][order].astype(np.int64),
        "length": columns["length"][order],
    }
