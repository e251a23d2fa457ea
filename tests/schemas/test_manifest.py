"""The manifest: whole or absent, and an edited one is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from schemas import MENTIONS, Account, Manifest, Shard, read_manifest, split_of, write_manifest
from schemas.errors import InputMissing, SchemaMismatch, ShardMismatch


def manifest() -> Manifest:
    def shard(language: str, split: str) -> Shard:
        path = f"mentions/{language}/{split}-00000-of-00001.parquet"
        return Shard(path=path, table="mentions", partition=language, split=split, rows=3, bytes=9, sha256="ab")

    return Manifest(
        job="link",
        tables={"mentions": 1, "rejects": 1},
        shards=[shard("sw", "train"), shard("sw", "validation"), shard("tr", "train")],
        accounts=[Account(source="a", read=10, kept=7, dropped={"short": 2}, rejected={"bad": 1})],
        counters={"n": 1},
        inputs={"a": "1"},
        config={"x": [1, 2]},
        code_version="0",
    )


def test_round_trip(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest())
    assert read_manifest(tmp_path) == manifest()
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_selections() -> None:
    shards = manifest()
    assert [s.partition for s in shards.of(MENTIONS, split="train")] == ["sw", "tr"]
    assert len(list(shards.of(MENTIONS, partition="sw"))) == 2
    assert shards.partitions(MENTIONS) == ["sw", "tr"]
    assert shards.rows == {"mentions": 9, "rejects": 0}


def test_accounts_balance() -> None:
    (account,) = manifest().accounts
    assert account.balance == 0
    assert replace(account, kept=6).balance == 1


def test_a_folder_without_manifest_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="not a finished dataset"):
        read_manifest(tmp_path)
    with pytest.raises(InputMissing, match="does not exist"):
        read_manifest(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda text: text.replace('"rows": 3', '"rows": 4', 1), ShardMismatch),
        (lambda text: text.replace('"sha256": "ab"', '"sha256": "cd"', 1), ShardMismatch),
        (lambda text: text.replace("sw/train", "sw/../../x", 1), ShardMismatch),
        (lambda text: text.replace('"manifest_version": 1', '"manifest_version": 2'), SchemaMismatch),
        (lambda text: text[:-20], ShardMismatch),
        (lambda text: "", ShardMismatch),
        (lambda text: "[]", ShardMismatch),
        (lambda text: json.dumps({"manifest_version": 1}), ShardMismatch),
    ],
)
def test_damage_is_refused(tmp_path: Path, change: object, error: type[Exception]) -> None:
    write_manifest(tmp_path, manifest())
    path = tmp_path / "manifest.json"
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    with pytest.raises(error):
        read_manifest(tmp_path)


def test_splits_are_stable_and_have_the_asked_share() -> None:
    keys = [f"Q{i}" for i in range(20_000)]
    share = sum(split_of(key, 20) == "validation" for key in keys) / len(keys)
    assert 0.017 < share < 0.023
    assert [split_of(f"Q{i}", 500) for i in range(6)] == ["validation", "train", "train", "train", "train", "train"]
