"""Subclasses of classes, through all steps, from the `subclass of` (P279) triples of a dataset.

Wikidata has some five million such statements; they are held as two arrays, sorted by the upper class, and walked from the
classes asked for downwards, level by level.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.wikidata.kinds import CLASSES, KIND_OF_CLASS
from pipeline.wikis.numbers import Numbers, ids_of_numbers, numbers_of_ids
from schemas import TRIPLES, iter_shard, read_manifest
from schemas.errors import InputMissing

SUBCLASS_OF = "P279"


class ClassGraph:
    """Which class is a subclass of which."""

    def __init__(self, lower: NDArray[np.int64], upper: NDArray[np.int64]) -> None:
        """`lower[i]` is a subclass of `upper[i]`, both as numbers of items."""
        order = np.argsort(upper, kind="stable")
        self._lower, self._upper = lower[order].astype(np.uint32), upper[order].astype(np.uint32)

    def below(self, classes: Numbers) -> Numbers:
        """Collect the classes given and all that are below them, ascending; cycles do no harm."""
        found = level = np.unique(np.asarray(classes, np.uint32))
        while len(level):
            begins, ends = (np.searchsorted(self._upper, level, side) for side in ("left", "right"))
            sizes = ends - begins
            # Places 3,4 and 7,8,9 from begins 3,7 and sizes 2,3: begins repeated, plus 0,1 and 0,1,2.
            places = np.repeat(begins - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes) + np.arange(sizes.sum())
            level = np.setdiff1d(self._lower[places], found)
            found = np.union1d(found, level)
        return found


def read_class_graph(folder: Path) -> ClassGraph:
    """Read the graph from the triples of a dataset that the job `wikidata` wrote.

    Raises:
        InputMissing: the dataset has no such triples.
        ShardMismatch, SchemaMismatch: as `schemas.iter_shard`.
    """
    lower, upper = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for shard in read_manifest(folder).of(TRIPLES):
        for rows in iter_shard(folder / shard.path, TRIPLES, batch_rows=200_000):
            is_edge = pc.and_(
                pc.equal(rows.column("relation"), SUBCLASS_OF), pc.not_equal(rows.column("rank"), "deprecated")
            )
            edges = rows.filter(is_edge)
            lower.append(numbers_of_ids(edges.column("subject")))
            upper.append(numbers_of_ids(edges.column("object")))
    graph = ClassGraph(np.concatenate(lower), np.concatenate(upper))
    if not sum(map(len, lower)):
        raise InputMissing(
            f"{folder} has no triples of {SUBCLASS_OF}: read the dump once with --relations {SUBCLASS_OF}, and name that dataset."
        )
    return graph


def kinds_below(graph: ClassGraph) -> dict[str, str]:
    """Find the page kind of the classes of `kinds.CLASSES` and of those below; their own goes before an inherited one."""
    kinds: dict[str, str] = {}
    for kind, classes in reversed(CLASSES.items()):
        roots = np.array([int(entity[1:]) for entity in classes], np.uint32)
        kinds |= dict.fromkeys(ids_of_numbers(graph.below(roots)).to_pylist(), kind)
    return kinds | KIND_OF_CLASS
