"""Damaged shards: what the trainer makes of them when it opens or reads a dataset."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from model.data.stores.token_dataset import TokenDataset
from model.training import checkpoint as checkpoints
from model.training.resuming import check_resumable
from schemas import TOKEN_MENTIONS, read_manifest, write_manifest
from schemas.errors import CheckpointUnusable, SchemaMismatch, ShardMismatch
from schemas.verify import verify_dataset
from tests.faults.recorder import Recorder
from tests.model.token_shards import SPECIAL, write_world
from tests.model.training_world import run_config


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound token dataset."""
    return write_world(tmp_path_factory.mktemp("world") / "tokens")


@pytest.fixture
def folder(world: Path, tmp_path: Path) -> Path:
    """A copy to damage, which a trainer has read before."""
    copy = Path(shutil.copytree(world, tmp_path / "tokens"))
    read_everything(copy)
    return copy


def read_everything(folder: Path) -> int:
    """Opens a dataset as the trainer does and reads all its rows; returns how many there are."""
    data = TokenDataset(folder, SPECIAL)
    rows = 0
    for table in ("token_mentions", "token_descriptions", "token_relations", "token_triples", "token_text"):
        from schemas import TABLES

        kind = TABLES[table]
        rows += sum(piece.num_rows for piece in data.scan(kind, kind.columns.names))
    return rows


def first_shard(folder: Path) -> Path:
    """Returns the first shard of mentions."""
    return folder / next(read_manifest(folder).of(TOKEN_MENTIONS)).path


def both_refuse(recorder: Recorder, folder: Path, kind: type[ShardMismatch | SchemaMismatch], match: str) -> None:
    """Expects the trainer to refuse a dataset, and `verify` too."""
    recorder.error(kind, match, lambda: read_everything(folder))
    assert verify_dataset(folder)[1], "verify accepts what the trainer refuses"


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut by a byte": lambda data: data[:-1],
    "cut in the footer": lambda data: data[: len(data) - 300],
    "cut in half": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
}


@pytest.mark.fault("E1")
@pytest.mark.parametrize("how", DAMAGES)
def test_a_cut_shard(folder: Path, recorder: Recorder, how: str) -> None:
    path = first_shard(folder)
    path.write_bytes(DAMAGES[how](path.read_bytes()))
    both_refuse(recorder, folder, ShardMismatch, path.name)


@pytest.mark.fault("E2")
@pytest.mark.parametrize("place", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_one_flipped_bit(folder: Path, recorder: Recorder, place: float) -> None:
    path = first_shard(folder)
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 4
    path.write_bytes(data)
    both_refuse(recorder, folder, ShardMismatch, f"{path.name} has changed")


@pytest.mark.fault("E2")
def test_a_bit_that_flips_while_training_reads(folder: Path, recorder: Recorder) -> None:
    data = TokenDataset(folder, SPECIAL)
    path = first_shard(folder)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)
    names = TOKEN_MENTIONS.columns.names
    recorder.error(ShardMismatch, "damaged", lambda: [piece.num_rows for piece in data.scan(TOKEN_MENTIONS, names)])


@pytest.mark.fault("E3")
def test_a_missing_shard(folder: Path, recorder: Recorder) -> None:
    first_shard(folder).unlink()
    both_refuse(recorder, folder, ShardMismatch, "missing")


@pytest.mark.fault("E4")
def test_a_shard_that_is_not_listed(folder: Path, recorder: Recorder) -> None:
    path = first_shard(folder)
    shutil.copy(path, path.with_name("train-00099-of-00100.parquet"))
    both_refuse(recorder, folder, ShardMismatch, "does not list|not listed")


@pytest.mark.fault("E5")
def test_another_version_of_a_table(folder: Path, recorder: Recorder) -> None:
    newer = dataclasses.replace(TOKEN_MENTIONS, version=TOKEN_MENTIONS.version + 1)
    manifest = read_manifest(folder)
    path = first_shard(folder)
    from schemas import ShardWriter, read_shard

    rows = read_shard(path, TOKEN_MENTIONS)
    with path.open("wb") as sink:
        writer = ShardWriter(sink, newer)
        writer.write(rows)
        written, size, checksum = writer.close()
    shards = [
        dataclasses.replace(shard, bytes=size, sha256=checksum) if folder / shard.path == path else shard
        for shard in manifest.shards
    ]
    write_manifest(folder, dataclasses.replace(manifest, shards=shards))
    both_refuse(
        recorder, folder, SchemaMismatch, rf"version {newer.version}, expected .* version {TOKEN_MENTIONS.version}"
    )
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"manifest_version": 1', '"manifest_version": 2'))
    recorder.error(SchemaMismatch, "manifest version 2, this code reads 1", lambda: TokenDataset(folder, SPECIAL))


@pytest.mark.fault("E6")
def test_shards_that_change_between_save_and_resume(folder: Path, tmp_path: Path, recorder: Recorder) -> None:
    config = run_config(folder, tmp_path / "run").resolved()
    from model.training.resuming import fitting_state

    state = fitting_state(config, read_manifest(folder).fingerprint, "tokenizer")
    path = first_shard(folder)
    relative = path.relative_to(folder).as_posix()
    manifest = read_manifest(folder)
    shards = [shard for shard in manifest.shards if shard.path != relative]
    path.unlink()
    write_manifest(folder, dataclasses.replace(manifest, shards=shards))
    assert read_everything(folder)
    changed = read_manifest(folder).fingerprint
    message = recorder.error(
        ShardMismatch, "allow-changed-data", lambda: check_resumable(state, config, changed, "tokenizer", tmp_path)
    )
    assert changed[:12] in message and manifest.fingerprint[:12] in message


@pytest.mark.fault("E6")
def test_a_state_file_that_was_edited(tmp_path: Path, recorder: Recorder) -> None:
    import torch

    folder = checkpoints.save(tmp_path, 7, {"a": torch.ones(2)}, {"b": torch.ones(2)}, {"data": "x"}, keep=2)
    assert checkpoints.find(tmp_path) is not None
    state = folder / "state.json"
    edited = state.read_text().replace('"data": "x"', '"data": "y"')
    assert edited != state.read_text()
    state.write_text(edited)
    recorder.error(CheckpointUnusable, "is whole", lambda: checkpoints.find(tmp_path))
