"""What retrieval is asked and what it chooses from, read from a dataset of token shards.

Queries come from the validation split: contexts with one mention each (MEP), and triples (OE). Candidates are the
descriptions of a language, all of them, one per entity. How often an entity was mentioned in training decides its
frequency bin.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from model.data.draws import permutation
from model.data.stores.ragged import Ragged
from model.data.stores.token_dataset import TokenDataset
from schemas import TOKEN_DESCRIPTIONS, TOKEN_MENTIONS, TOKEN_RELATIONS, TOKEN_TRIPLES, TRAIN, VALIDATION, Table
from schemas.errors import UsageError
from schemas.sorted_keys import find_keys, rows_of_keys

Numbers = npt.NDArray[np.int64]
Query = TypeVar("Query")


@dataclass(frozen=True)
class Descriptions:
    """The descriptions of one language: `entities[i]` is described by `texts.row(i)`; no entity twice, rising."""

    entities: Numbers
    texts: Ragged

    def rows(self, entities: Numbers) -> Numbers:
        """Row of each entity, -1 where it has no description in this language."""
        return rows_of_keys(self.entities, entities)


@dataclass(frozen=True)
class MentionQuery:
    """A context and the mention in it that will be masked: sub-tokens `first` to `last`, inclusive."""

    token_ids: list[int]
    first: int
    last: int
    entity: int


@dataclass(frozen=True)
class TripleQuery:
    """A fact whose object is asked for."""

    subject: int
    relation: int
    object: int


def read_descriptions(data: TokenDataset, language: str) -> Descriptions:
    """All descriptions of one language, both splits: an empty set where there is none."""
    entities, texts = [], []
    for table in _row_groups(data, TOKEN_DESCRIPTIONS, language, ("entity_number", "token_ids")):
        entities.append(table["entity_number"].to_numpy())
        texts.append(_ragged(table["token_ids"]))
    if not entities:
        return Descriptions(np.empty(0, np.int64), Ragged.from_offsets(np.empty(0, np.int32), np.zeros(1, np.int64)))
    numbers, joined = np.concatenate(entities), Ragged.concatenate(texts)
    # A stable order of its own, and one row per entity should a dataset hold two.
    distinct, order = np.unique(numbers, return_index=True)
    return Descriptions(distinct, Ragged(joined.values, joined.starts[order], joined.lengths[order]))


def sample_descriptions(texts: Descriptions, needed: Numbers, limit: int, *key: str | int) -> Descriptions:
    """At most `limit` descriptions, or as many as are needed: those of the needed entities, filled up at random."""
    if not limit or len(texts.entities) <= limit:
        return texts
    wanted = np.isin(texts.entities, needed)
    others = np.flatnonzero(~wanted)
    drawn = others[permutation(len(others), "candidates", *key)[: max(limit - int(wanted.sum()), 0)]]
    rows = np.sort(np.concatenate([np.flatnonzero(wanted), drawn]))
    # A copy of those alone: what is kept for a whole training must not hold a language's every text.
    lengths = texts.texts.lengths[rows]
    values = np.concatenate([texts.texts.row(row) for row in rows]) if len(rows) else texts.texts.values[:0]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Descriptions(texts.entities[rows], Ragged.from_offsets(values, offsets))


def description_languages(data: TokenDataset) -> list[str]:
    """Languages that have descriptions in any split."""
    return data.manifest.partitions(TOKEN_DESCRIPTIONS)


def description_counts(data: TokenDataset) -> dict[str, int]:
    """Return the number of descriptions by language, as the manifest says."""
    counts: dict[str, int] = {}
    for shard in data.manifest.of(TOKEN_DESCRIPTIONS):
        counts[shard.partition] = counts.get(shard.partition, 0) + shard.rows
    return {language: count for language, count in counts.items() if count}


def read_mention_queries(data: TokenDataset, language: str, limit: int, seed: int) -> tuple[list[MentionQuery], int]:
    """Mentions of the validation contexts of one language, and how many there are; of more than `limit` a random draw."""
    queries = []
    for table in _row_groups(data, TOKEN_MENTIONS, language, ("token_ids", "mentions"), (VALIDATION,)):
        for row in table.to_pylist():
            for mention in row["mentions"]:
                queries.append(
                    MentionQuery(row["token_ids"], mention["first"], mention["last"], mention["entity_number"])
                )
    return _sample(queries, limit, "mention queries", language, seed), len(queries)


def read_triples(data: TokenDataset, split: str) -> Numbers:
    """Triples of a split as rows (subject, relation, object)."""
    columns = ["subject_number", "relation_number", "object_number"]
    parts = [
        np.stack([table[name].to_numpy() for name in columns], axis=1)
        for table in _row_groups(data, TOKEN_TRIPLES, "", columns, (split,))
    ]
    return np.concatenate(parts) if parts else np.empty((0, 3), dtype=np.int64)


def read_triple_queries(data: TokenDataset, limit: int, seed: int) -> tuple[list[TripleQuery], int]:
    """Triples of the validation split, and how many there are; of more than `limit` (0: none) a random draw."""
    queries = [TripleQuery(*map(int, row)) for row in read_triples(data, VALIDATION)]
    return _sample(queries, limit, "triple queries", "", seed), len(queries)


def read_relations(data: TokenDataset, language: str) -> dict[int, list[int]]:
    """Token ids of the relations' texts in one language, by property number."""
    texts: dict[int, list[int]] = {}
    for table in _row_groups(data, TOKEN_RELATIONS, language, ("relation_number", "token_ids")):
        texts.update(zip(table["relation_number"].to_pylist(), table["token_ids"].to_pylist(), strict=True))
    return texts


def mention_counts(data: TokenDataset) -> tuple[Numbers, Numbers]:
    """How often each entity is mentioned in the training contexts of all languages: entities (rising), counts."""
    parts = []
    for table in data.scan(TOKEN_MENTIONS, ["mentions"], split=TRAIN):
        parts.append(table["mentions"].combine_chunks().flatten().field("entity_number").to_numpy(zero_copy_only=False))
    numbers = np.concatenate(parts) if parts else np.empty(0, np.int64)
    return np.unique(numbers, return_counts=True)


def look_up_counts(counted: tuple[Numbers, Numbers], entities: Sequence[int]) -> Numbers:
    """Return the count of each entity, 0 where it was never counted."""
    known, counts = counted
    wanted = np.asarray(entities, dtype=np.int64)
    places, found = find_keys(known, wanted)
    return np.where(found, counts[places], 0) if len(known) else np.zeros(len(wanted), np.int64)


def check_languages(data: TokenDataset, wanted: Sequence[str]) -> list[str]:
    """Return the languages to evaluate: those asked for, or all that have descriptions.

    Raises: UsageError for a language without descriptions in the dataset.
    """
    there = description_languages(data)
    missing = sorted(set(wanted) - set(there))
    if missing:
        raise UsageError(f"{data.where} has no descriptions in {', '.join(missing)}; it has {', '.join(there)}")
    return list(wanted) or there


def _row_groups(
    data: TokenDataset, table: Table, language: str, columns: Sequence[str], splits: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    for split in splits or sorted({shard.split for shard in data.manifest.of(table)}):
        for group in data.row_groups(table, language, split):
            yield data.read(table, group, list(columns))


def _ragged(column: pa.ChunkedArray) -> Ragged:
    array = column.combine_chunks()
    offsets = array.offsets.to_numpy().astype(np.int64)
    return Ragged.from_offsets(array.flatten().to_numpy(), offsets - offsets[0])


def _sample(queries: list[Query], limit: int, *key: str | int) -> list[Query]:
    if not limit or len(queries) <= limit:
        return queries
    return [queries[i] for i in np.sort(permutation(len(queries), *key)[:limit])]
