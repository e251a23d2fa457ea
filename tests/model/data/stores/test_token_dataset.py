"""Opening token shards, and every fault of theirs: each is refused, none is read wrong."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from copy import copy as duplicate
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from model.data.stores.descriptions import DescriptionStore
from model.data.stores.token_dataset import TokenDataset, require_rows
from model.data.stream.stream import TrainingStream
from model.data.stream_config import StreamConfig
from schemas import TOKEN_MENTIONS, TOKEN_TEXT, TRAIN, file_sha256, read_manifest, write_manifest
from schemas.errors import InputMissing, SchemaMismatch, ShardMismatch, UsageError, XlmkError
from tests.model.token_shards import SPECIAL, TOKENIZER, open_world

SHARD = "mentions/en/train-00000-of-00002.parquet"


def truncated(folder: Path) -> None:
    shard = folder / SHARD
    shard.write_bytes(shard.read_bytes()[:-40])


def missing(folder: Path) -> None:
    (folder / SHARD).unlink()


def unlisted(folder: Path) -> None:
    shutil.copy(folder / SHARD, folder / SHARD.replace("00000", "00001", 1).replace("train", "validation"))


def unfinished(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def other_version(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "manifest_version": 99}))


def half_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text()[:200])


FAULTS: list[tuple[Callable[[Path], None], type[XlmkError], str]] = [
    (truncated, ShardMismatch, "bytes, its manifest says"),
    (missing, ShardMismatch, "listed but missing"),
    (unlisted, ShardMismatch, "does not list"),
    (unfinished, InputMissing, "not a finished dataset"),
    (other_version, SchemaMismatch, "version 99"),
    (half_manifest, ShardMismatch, "not a manifest"),
]


@pytest.fixture
def copy(token_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(token_folder, tmp_path / "tokens"))


@pytest.mark.parametrize(("damage", "error", "message"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_a_damaged_dataset_is_refused_on_opening(
    copy: Path, damage: Callable[[Path], None], error: type[XlmkError], message: str
) -> None:
    open_world(copy)
    damage(copy)
    with pytest.raises(error, match=message):
        open_world(copy)


@pytest.mark.parametrize("place", [0.3, 0.5, 0.7, 0.9])
def test_a_flipped_bit_is_found_when_its_page_is_read(copy: Path, small_steps: StreamConfig, place: float) -> None:
    """The size stays right and the dataset was sound when it was opened, so only the pages' checksums can tell."""
    data, shard = open_world(copy), copy / SHARD
    column = pq.ParquetFile(shard).metadata.row_group(0).column(4)
    assert column.path_in_schema.startswith("token_ids")
    content = bytearray(shard.read_bytes())
    content[(column.dictionary_page_offset or column.data_page_offset) + int(column.total_compressed_size * place)] ^= 4
    shard.write_bytes(content)
    with pytest.raises(ShardMismatch, match=f"{SHARD}, row group 0, is damaged"):
        list(islice(TrainingStream(data, small_steps, seed=1, rank=0, world_size=1), 8))


def test_a_shard_of_another_version_is_refused(copy: Path, small_steps: StreamConfig) -> None:
    path = copy / SHARD
    rows = pq.read_table(path).replace_schema_metadata({b"xlmk.table": b"token_mentions", b"xlmk.version": b"7"})
    pq.write_table(rows, path)
    manifest = read_manifest(copy)
    sized = [
        dataclasses.replace(shard, bytes=path.stat().st_size, sha256=file_sha256(path))
        if shard.path == SHARD
        else shard
        for shard in manifest.shards
    ]
    write_manifest(copy, dataclasses.replace(manifest, shards=sized))
    with pytest.raises(SchemaMismatch, match="version 7"):
        TrainingStream(open_world(copy), small_steps, seed=1, rank=0, world_size=1)


def test_another_tokenizer_is_refused(tokens: TokenDataset) -> None:
    tokens.check_tokenizer(TOKENIZER)
    with pytest.raises(SchemaMismatch, match=f"{TOKENIZER}.*other"):
        tokens.check_tokenizer("other")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="does not exist"):
        TokenDataset(tmp_path / "nothing", SPECIAL)


def test_languages_are_checked(tokens: TokenDataset) -> None:
    assert require_rows(tokens, TOKEN_MENTIONS, TRAIN, ()) == ["de", "en", "hy", "zh"]
    assert require_rows(tokens, TOKEN_MENTIONS, TRAIN, ("hy", "de")) == ["de", "hy"]
    with pytest.raises(UsageError, match=r"no mentions in fr; it has de, en"):
        require_rows(tokens, TOKEN_MENTIONS, TRAIN, ("fr", "de"))
    with pytest.raises(UsageError, match="no rows of text for part"):
        require_rows(tokens, TOKEN_TEXT, "part", ())


def test_a_dataset_goes_to_another_process(tokens: TokenDataset) -> None:
    groups = tokens.row_groups(TOKEN_MENTIONS, "en")
    assert len(tokens.store(DescriptionStore)) > 0
    there = duplicate(tokens)  # what a process is handed: the state without open files
    assert there.read(TOKEN_MENTIONS, groups[0], ["page_id"]) == tokens.read(TOKEN_MENTIONS, groups[0], ["page_id"])


@pytest.mark.parametrize(
    ("table", "share"), [("descriptions", "mep_share"), ("triples", "oe_share"), ("relations", "oe_share")]
)
def test_an_objective_without_its_tables_is_refused(
    copy: Path, small_steps: StreamConfig, table: str, share: str
) -> None:
    data = open_world(copy)
    data.manifest.shards[:] = [shard for shard in data.manifest.shards if shard.table != f"token_{table}"]
    with pytest.raises(UsageError, match=f"no .*{table[:8]}"):
        TrainingStream(data, small_steps, seed=1, rank=0, world_size=1)
