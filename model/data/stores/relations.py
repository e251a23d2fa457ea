"""Texts of relations as token ids, by relation number and language; small enough for memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from model.data.stores.ragged import Numbers, Ragged
from model.data.stores.token_dataset import TokenDataset
from schemas import TOKEN_RELATIONS
from schemas.errors import UsageError
from schemas.sorted_keys import rows_of_keys


@dataclass(frozen=True)
class RelationTexts:
    """One text per (relation, language); some 13,000 relations times 100 languages take 100 MB."""

    languages: tuple[str, ...]
    """All languages, sorted; a language number is an index into it."""
    relations: Numbers
    """Numbers of all relations with a text, rising."""
    first_record: Numbers
    """Where the records of each relation start, and the end."""
    language: Numbers
    """Language number of each record."""
    texts: Ragged
    """Ids of each record."""

    @classmethod
    def of(cls, data: TokenDataset) -> RelationTexts:
        """Read all relation texts of a dataset.

        Raises:
            UsageError: the dataset has none.
        """
        tables = list(data.scan(TOKEN_RELATIONS, ["relation_number", "language", "token_ids"]))
        if not tables:
            raise UsageError(f"{data.where} has no relation texts: tokenise them, or turn off object entailment.")
        table = pa.concat_tables(tables).combine_chunks()
        languages = sorted(set(table.column("language").unique().to_pylist()))
        number = table.column("relation_number").to_numpy()
        language = pa.compute.index_in(table.column("language"), pa.array(languages)).to_numpy().astype(np.int64)
        ids = table.column("token_ids").combine_chunks()
        rows = Ragged.from_offsets(ids.values.to_numpy(), ids.offsets.to_numpy())
        order = np.lexsort((language, number))
        order = order[rows.lengths[order] > 0]
        relations, starts = np.unique(number[order], return_index=True)
        return cls(
            tuple(languages),
            relations,
            np.append(starts, len(order)),
            language[order],
            Ragged(rows.values, rows.starts[order], rows.lengths[order]),
        )

    def find(self, relation_numbers: Numbers) -> Numbers:
        """Return the index of each relation, -1 where it has no text."""
        return rows_of_keys(self.relations, relation_numbers)

    def records(self, indexes: Numbers) -> tuple[Numbers, Numbers]:
        """Return (first record, number of records) of each relation index; an index of -1 has none."""
        first = self.first_record[indexes]
        return first, np.where(indexes < 0, 0, self.first_record[indexes + 1] - first)
