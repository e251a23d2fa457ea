"""The description store and the triple index against plain dictionaries."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from model.batch import UNUSED
from model.data.stores import triples as triple_index
from model.data.stores.array_folder import NOTE_NAME, GrowingArray, open_or_build
from model.data.stores.descriptions import MOST_TOKENS, DescriptionStore
from model.data.stores.token_dataset import TokenDataset
from model.data.stores.triples import TripleIndex
from schemas import (
    TOKEN_DESCRIPTIONS,
    TOKEN_TRIPLES,
    TRAIN,
    VALIDATION,
    TokenDescription,
    TokenTriple,
    read_shard,
)
from schemas.errors import ShardMismatch, StorageError, UsageError
from tests.model.token_shards import SPECIAL, DatasetWriter, open_world, write_world


def one(entity: int, language: str, ids: list[int], origin: str = "wikipedia") -> TokenDescription:
    return TokenDescription(entity_number=entity, language=language, origin=origin, token_ids=ids)


@pytest.fixture
def little(tmp_path: Path) -> TokenDataset:
    writer = DatasetWriter(tmp_path / "tokens")
    writer.write(TOKEN_DESCRIPTIONS, [one(7, "en", [10, 11]), one(3, "en", [12])], partition="en")
    writer.write(
        TOKEN_DESCRIPTIONS,
        [
            one(7, "de", [20], "wikidata"),
            one(7, "de", [21, 22], "wikipedia"),
            one(9, "de", []),
            one(5, "de", list(range(4, 904))),
        ],
        partition="de",
    )
    facts = [(1, 31, 5), (1, 31, 4), (1, 17, 9), (2, 31, 5), (1, 31, 5)]
    rows = [TokenTriple(subject_number=s, relation_number=r, object_number=o) for s, r, o in facts]
    writer.write(TOKEN_TRIPLES, rows[:4], split=TRAIN)
    writer.write(TOKEN_TRIPLES, rows[4:], split=VALIDATION)
    writer.finish()
    return open_world(writer.folder)


def test_every_description_is_found_again(tokens: TokenDataset) -> None:
    store = tokens.store(DescriptionStore)
    rows = [
        row
        for shard in tokens.manifest.of(TOKEN_DESCRIPTIONS)
        for row in read_shard(Path(tokens.where) / shard.path, TOKEN_DESCRIPTIONS).to_pylist()
    ]
    assert len(store) == len(rows)
    for row in rows:
        ids = store.get(row["entity_number"], row["language"])
        assert ids is not None
        assert ids.tolist() == row["token_ids"]


def test_what_is_not_there_is_not_found(little: TokenDataset) -> None:
    store = little.store(DescriptionStore)
    assert store.find(np.array([3, 4, 7, 8, 10**15, -1])).tolist() == [0, -1, 2, -1, -1, -1]
    assert store.get(3, "de") is None
    assert store.get(4, "en") is None
    assert store.get(7, "fr") is None
    assert store.records(np.array([-1, 2]))[1].tolist() == [0, 2]


def test_the_wikipedia_lead_goes_before_the_short_text(little: TokenDataset) -> None:
    ids = little.store(DescriptionStore).get(7, "de")
    assert ids is not None
    assert ids.tolist() == [21, 22]


def test_empty_ones_are_left_out_and_long_ones_cut(little: TokenDataset) -> None:
    store = little.store(DescriptionStore)
    assert store.get(9, "de") is None
    ids = store.get(5, "de")
    assert ids is not None
    assert ids.tolist() == list(range(4, 4 + MOST_TOKENS))


def test_ids_take_two_bytes_in_a_small_vocabulary(little: TokenDataset) -> None:
    store = little.store(DescriptionStore)
    assert (store.ids.dtype, store.length.dtype, store.language.dtype) == (np.uint16, np.uint16, np.uint16)


def test_a_store_is_built_once_and_again_for_other_data(tmp_path: Path) -> None:
    folder = write_world(tmp_path / "tokens")
    data = open_world(folder)
    first = data.store(DescriptionStore)
    built = (data.cache / "descriptions" / "ids.npy").stat().st_mtime_ns
    assert open_world(folder).store(DescriptionStore).ids.tolist() == first.ids.tolist()
    assert (data.cache / "descriptions" / "ids.npy").stat().st_mtime_ns == built
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    write_world(folder, seed=11)
    changed = open_world(folder).store(DescriptionStore)
    assert changed.ids.tolist() != first.ids.tolist()
    assert [path.name for path in sorted(data.cache.iterdir()) if path.is_dir()] == ["descriptions"]


def _open(folder: Path) -> int:
    """Open the store, and count the times that it was built."""

    def build(target: Path) -> None:
        (folder / f"built-by-{os.getpid()}").touch()
        time.sleep(0.2)
        np.save(target / "numbers.npy", np.arange(3))

    return len(open_or_build(folder / "array", {"layout": 1}, build)[0]["numbers"])


def test_of_processes_that_start_together_one_builds(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3) as pool:
        assert list(pool.map(_open, [tmp_path] * 3)) == [3, 3, 3]
    assert len(list(tmp_path.glob("built-by-*"))) == 1
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["array"]


def test_an_index_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="Name another"):
        open_or_build(tmp_path / "file/array", {}, lambda folder: None)


def test_a_damaged_store_is_refused_or_built_again(tmp_path: Path) -> None:
    folder = write_world(tmp_path / "tokens")
    data = open_world(folder)
    size = len(data.store(DescriptionStore))
    array = data.cache / "descriptions" / "entities.npy"
    array.write_bytes(array.read_bytes()[:30])
    with pytest.raises(ShardMismatch, match="Remove the folder"):
        DescriptionStore.of(open_world(folder))
    (data.cache / "descriptions" / NOTE_NAME).write_text(json.dumps({"layout": 0}))
    assert len(open_world(folder).store(DescriptionStore)) == size


def test_true_objects_are_those_of_all_splits(little: TokenDataset) -> None:
    index = little.store(TripleIndex)
    queries, objects = index.true_objects(np.array([1, 2, 1, 8]), np.array([31, 31, 17, 31]))
    assert list(zip(queries.tolist(), objects.tolist(), strict=True)) == [(0, 4), (0, 5), (1, 5), (2, 9)]
    first, count = index.candidates(np.array([31, 17, 99]))
    assert count.tolist() == [2, 1, 0]
    assert index.objects_of_relation[first[0] : first[0] + 2].tolist() == [4, 5]


def test_an_index_made_in_many_passes_is_the_same(
    token_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triple_index, "SAMPLE_EVERY", 3)
    arrays = []
    for passes, size in [("one", 10**6), ("many", 20)]:
        monkeypatch.setattr(triple_index, "PASS_ROWS", size)
        arrays.append(vars(TokenDataset(token_folder, SPECIAL, cache=tmp_path / passes).store(TripleIndex)))
    runs = list(triple_index.sorted_runs(open_world(token_folder), triple_index._relation_keys))
    assert len(runs) > 1  # three relations, so some cuts fall together
    assert all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0])
    assert len(arrays[0]["objects"]) == open_world(token_folder).manifest.rows["token_triples"]


def test_an_array_grows_into_a_file_that_numpy_reads(tmp_path: Path) -> None:
    with GrowingArray(tmp_path / "a.npy", np.uint16) as array:
        array.append(np.arange(5))
        array.append(np.array([7, 8]))
    assert np.load(tmp_path / "a.npy").tolist() == [0, 1, 2, 3, 4, 7, 8]
    assert np.load(tmp_path / "a.npy").dtype == np.uint16
    with GrowingArray(tmp_path / "b.npy", np.int64):
        pass
    assert np.load(tmp_path / "b.npy").tolist() == []


def test_the_table_of_true_objects_keeps_what_matters(little: TokenDataset) -> None:
    index, subjects, relations = little.store(TripleIndex), np.array([1, 1]), np.array([31, 31])
    full = index.table(subjects, relations, np.array([5, 4]), 3, np.array([4, 5]))
    assert full.tolist() == [[5, 4, UNUSED], [4, 5, UNUSED]]
    assert index.table(subjects, relations, np.array([5, 4]), 1, np.array([4])).tolist() == [[5], [4]]


def test_a_dataset_without_rows_is_refused(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path / "tokens")
    writer.finish()
    data = open_world(writer.folder)
    with pytest.raises(UsageError, match="no descriptions"):
        DescriptionStore.of(data)
    with pytest.raises(UsageError, match="no triples"):
        TripleIndex.of(data)
