"""Datasets are brought from a store whole, checked, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.build.collect import collect
from pipeline.run import storage
from pipeline.run.job import run_job, times_path
from schemas import read_manifest
from schemas.errors import InputMissing, OutputBusy, ShardMismatch, StorageError
from schemas.verify import verify_dataset
from tests.pipeline.run import folder_urls  # noqa: F401 (Beam finds it by its scheme)
from tests.pipeline.run.number_job import JOB, NumberConfig

ONE_PROCESS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]


@pytest.fixture
def source(tmp_path: Path) -> str:
    url = f"folder://{tmp_path}/bucket/numbers"
    run_job(JOB, NumberConfig(output=url), ONE_PROCESS)
    return url


def test_a_dataset_arrives_sound_and_a_second_call_leaves_it(source: str, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    manifest = collect(source, str(folder))
    found, wrong = verify_dataset(folder)
    assert wrong == [] and found.fingerprint == manifest.fingerprint and found.rows == manifest.rows
    assert storage.exists(times_path(str(folder))) and not (tmp_path / "here.partial").exists()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    collect(source, str(folder))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_shards_that_arrived_are_not_copied_again(source: str, tmp_path: Path) -> None:
    first = read_manifest(tmp_path / "bucket" / "numbers").shards[0]
    origin = tmp_path / "bucket" / "numbers" / first.path
    there = tmp_path / "here.partial" / first.path
    there.parent.mkdir(parents=True)
    there.write_bytes(origin.read_bytes())
    origin.unlink()  # who copied it again would fail
    collect(source, str(tmp_path / "here"))
    assert verify_dataset(tmp_path / "here")[1] == []


def test_a_changed_shard_is_refused_and_nothing_appears(source: str, tmp_path: Path) -> None:
    shard = read_manifest(tmp_path / "bucket" / "numbers").shards[0]
    origin = tmp_path / "bucket" / "numbers" / shard.path
    origin.write_bytes(origin.read_bytes()[:-1] + b"?")
    with pytest.raises(ShardMismatch, match=shard.path):
        collect(source, str(tmp_path / "here"))
    assert not (tmp_path / "here").exists()
    assert not (tmp_path / "here.partial" / shard.path).exists()


def test_what_is_no_dataset_or_another_one_is_refused(source: str, tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="not a finished dataset"):
        collect(f"folder://{tmp_path}/bucket", str(tmp_path / "here"))
    run_job(JOB, NumberConfig(output=str(tmp_path / "other"), num_tasks=2), ONE_PROCESS)
    with pytest.raises(OutputBusy, match="holds another dataset"):
        collect(source, str(tmp_path / "other"))


def test_a_disk_without_room_is_refused_before_a_byte_is_copied(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_free_bytes", lambda path: 100)
    with pytest.raises(StorageError, match="100 bytes free.*are to be copied"):
        collect(source, str(tmp_path / "here"))
    assert not (tmp_path / "here.partial").exists()
