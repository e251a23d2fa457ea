"""All true objects by (subject, relation), memory-mapped: what may not count as a negative in object entailment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from model.batch import UNUSED
from model.data.stores.array_folder import GrowingArray, open_or_build
from model.data.stores.ragged import Numbers, expand
from model.data.stores.token_dataset import TokenDataset
from schemas import TOKEN_TRIPLES
from schemas.errors import UsageError
from schemas.sorted_keys import find_keys

PASS_ROWS = 50_000_000
"""Triples sorted at a time; a pass takes some 50 bytes of memory for each."""
SAMPLE_EVERY = 100
"""Of the triples that are looked at to cut the range of keys."""
RELATION_ARRAYS = ("relations", "first_of_relation", "objects_of_relation")

_LAYOUT = 2
_RELATION_BITS = 20
"""Relations take the low bits of a key; Wikidata has some 13,000 of them, and subjects keep 43 bits."""
_COLUMNS = ["subject_number", "relation_number", "object_number"]


@dataclass(frozen=True)
class TripleIndex:
    """Sorted keys over runs of objects, plus the distinct objects of each relation."""

    pairs: Numbers
    """Key of each (subject, relation), rising."""
    first_object: Numbers
    """Where the objects of each pair start, and the end."""
    objects: Numbers
    """Objects, rising within a pair."""
    relations: Numbers
    """Numbers of all relations, rising."""
    first_of_relation: Numbers
    """Where the objects of each relation start, and the end."""
    objects_of_relation: Numbers
    """Distinct objects of each relation, rising: candidates for hard negatives."""

    @classmethod
    def of(cls, data: TokenDataset) -> TripleIndex:
        """Open the index over the triples of all splits, building it beside the dataset first if it is not there.

        Raises:
            UsageError: the dataset has no triples.
        """
        if not data.manifest.rows.get(TOKEN_TRIPLES.name):
            raise UsageError(
                f"{data.where} has no triples: tokenise them, or leave out object entailment: --objectives mlm,mep"
            )
        note = {"layout": _LAYOUT, "dataset": data.fingerprint}
        arrays, _ = open_or_build(data.cache / "triples", note, lambda folder: build(data, folder))
        return cls(**arrays)

    def true_objects(self, subjects: Numbers, relations: Numbers) -> tuple[Numbers, Numbers]:
        """Return (query of each object, object) for all true objects of the queries, queries rising."""
        keys = pair_key(subjects, relations)
        places, found = find_keys(self.pairs, keys)
        first = self.first_object[places]
        queries, positions = expand(first, np.where(found, self.first_object[places + 1] - first, 0))
        return queries, self.objects[positions]

    def table(self, subjects: Numbers, relations: Numbers, own: Numbers, width: int, present: Numbers) -> Numbers:
        """Return true objects as [queries, width], padded with `UNUSED`.

        Args:
            subjects, relations, own: one triple per query.
            width: most objects of a query that are kept: the query's own first, then those in `present`.
            present: entities that are keys of the same batch, so that masking them matters most.
        """
        queries, objects = self.true_objects(subjects, relations)
        order = np.lexsort((objects, ~np.isin(objects, present), objects != own[queries], queries))
        queries, objects = queries[order], objects[order]
        starts = np.searchsorted(queries, np.arange(len(subjects)))
        ranks = np.arange(len(queries)) - starts[queries]
        kept = ranks < width
        out = np.full((len(subjects), width), UNUSED, dtype=np.int64)
        out[queries[kept], ranks[kept]] = objects[kept]
        return out

    def candidates(self, relations: Numbers) -> tuple[Numbers, Numbers]:
        """Return (first, count) of each relation's run in `objects_of_relation`; unknown relations count 0."""
        places, known = find_keys(self.relations, relations)
        first = self.first_of_relation[places]
        return first, np.where(known, self.first_of_relation[places + 1] - first, 0)


def pair_key(subjects: Numbers, relations: Numbers) -> Numbers:
    """Return one number for each (subject, relation)."""
    return (subjects << _RELATION_BITS) | relations


def build(data: TokenDataset, folder: Path) -> None:
    """Write the index in passes over the shards, each sorting at most about `PASS_ROWS` triples in memory."""
    for keys, names in ((_pair_keys, ("pairs", "first_object", "objects")), (_relation_keys, RELATION_ARRAYS)):
        with (
            GrowingArray(folder / f"{names[0]}.npy", np.int64) as distinct,
            GrowingArray(folder / f"{names[1]}.npy", np.int64) as first,
            GrowingArray(folder / f"{names[2]}.npy", np.int64) as values,
        ):
            for found, objects in sorted_runs(data, keys):
                unique, starts = np.unique(found, return_index=True)
                distinct.append(unique)
                first.append(starts + values.length)
                values.append(objects)
            first.append(np.array([values.length]))


def sorted_runs(data: TokenDataset, keys: Callable[[pa.Table], Numbers]) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield distinct (keys, objects) of all triples in rising order, a range of keys at a time."""
    edges = _edges(data, keys)
    for low, high in pairwise(edges):
        parts: list[tuple[Numbers, Numbers]] = []
        for table in data.scan(TOKEN_TRIPLES, _COLUMNS):
            found = keys(table)
            kept = (found >= low) & (found < high)
            parts.append((found[kept], table.column("object_number").to_numpy()[kept]))
        yield _distinct(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _edges(data: TokenDataset, keys: Callable[[pa.Table], Numbers]) -> list[int]:
    """Cut the range of keys so that no part holds many more than `PASS_ROWS` triples, judged by every 100th."""
    passes = -(-data.manifest.rows[TOKEN_TRIPLES.name] // PASS_ROWS)
    ends = [0, np.iinfo(np.int64).max]
    if passes == 1:
        return ends
    sample = np.concatenate([keys(table)[::SAMPLE_EVERY] for table in data.scan(TOKEN_TRIPLES, _COLUMNS)])
    cuts = np.quantile(sample, np.arange(1, passes) / passes).astype(np.int64)
    return sorted({*ends, *cuts.tolist()})


def _pair_keys(table: pa.Table) -> Numbers:
    relations = table.column("relation_number").to_numpy()
    if relations.max() >> _RELATION_BITS:
        raise UsageError(f"there is a relation P{relations.max()}, expected numbers below 2**{_RELATION_BITS}.")
    return pair_key(table.column("subject_number").to_numpy(), relations)


def _relation_keys(table: pa.Table) -> Numbers:
    return np.asarray(table.column("relation_number"))


def _distinct(keys: Numbers, values: Numbers) -> tuple[Numbers, Numbers]:
    """Sort by (key, value) and drop repetitions."""
    order = np.lexsort((values, keys))
    keys, values = keys[order], values[order]
    first = np.ones(len(keys), dtype=bool)
    first[1:] = (keys[1:] != keys[:-1]) | (values[1:] != values[:-1])
    return keys[first], values[first]
