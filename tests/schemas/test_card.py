"""The card of a dataset: Hugging Face's library opens every table of every dataset by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas import MENTIONS, TRIPLES, Manifest, Shard, read_manifest
from schemas.card import CARD_NAME, dataset_card, licence_of

DATASETS = ("wikidata", "wikipedia", "link", "tokens")


@pytest.mark.parametrize("name", DATASETS)
def test_every_table_opens_by_its_name_with_all_its_rows(sample_build: Path, name: str, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    folder = sample_build / name
    rows: dict[str, int] = {}
    for shard in read_manifest(folder).shards:
        table = shard.path.split("/", 1)[0]
        rows[table] = rows.get(table, 0) + shard.rows
    assert sorted(datasets.get_dataset_config_names(str(folder))) == sorted(rows)
    for table, wanted in rows.items():
        opened = datasets.load_dataset(str(folder), table, cache_dir=str(tmp_path))
        assert sum(split.num_rows for split in opened.values()) == wanted, table


def _manifest(*shards: Shard) -> Manifest:
    return Manifest(
        job="link",
        tables={"mentions": 1, "triples": 1},
        shards=list(shards),
        accounts=[],
        counters={},
        inputs={"nowiki-20261101": "1 MB"},
        config={},
        properties={},
        code_version="1",
    )


def _shard(path: str, table: str, partition: str, split: str) -> Shard:
    return Shard(path=path, table=table, partition=partition, split=split, rows=3, bytes=10, sha256="0")


def test_norwegian_is_no_boolean() -> None:
    card = dataset_card(_manifest(_shard("mentions/no/train-0.parquet", "mentions", "no", "train")), [MENTIONS])
    assert 'language: ["no"]' in card
    assert "`wiki`, `title`, `page_id`, `revision_id`" in card


def test_a_table_without_rows_is_left_out() -> None:
    card = dataset_card(_manifest(_shard("triples/train-0.parquet", "triples", "", "train")), [MENTIONS, TRIPLES])
    assert '- config_name: "triples"' in card and "mentions" not in card
    assert '    path: "triples/train-*.parquet"' in card
    assert card.startswith('---\nlicense: "cc0-1.0"\n')


def test_texts_of_wikipedia_carry_its_licence() -> None:
    assert (licence_of(MENTIONS), licence_of(TRIPLES)) == ("cc-by-sa-4.0", "cc0-1.0")


def test_the_card_lies_in_the_folder(sample_build: Path) -> None:
    for name in DATASETS:
        assert (sample_build / name / CARD_NAME).is_file()
