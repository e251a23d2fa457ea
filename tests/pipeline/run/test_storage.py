"""Storage: the local disk and a Beam file system behave alike, and a refusal says what to do."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.run import storage
from pipeline.run.job import run_job
from schemas import read_manifest
from schemas.errors import InputMissing, OutputBusy, StorageError
from tests.pipeline.run import folder_urls  # noqa: F401 (Beam finds it by its scheme)
from tests.pipeline.run.number_job import JOB, NumberConfig

ONE_PROCESS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]


@pytest.fixture(params=["", "folder://"], ids=["local", "url"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{request.param}{tmp_path}"


def test_written_files_are_read_listed_and_deleted(root: str) -> None:
    folder = storage.join(root, "out")
    for name in ("b/2.txt", "a.txt"):
        storage.write_text(storage.join(folder, name), f"text of {name}")
    assert storage.list_files(folder) == ["a.txt", "b/2.txt"]
    assert storage.read_text(storage.join(folder, "b/2.txt")) == "text of b/2.txt"
    assert storage.size(storage.join(folder, "a.txt")) == len("text of a.txt")
    with storage.open_read(storage.join(folder, "a.txt")) as file:
        file.seek(5)
        assert file.read(2) == b"of"
    storage.delete(folder, ["a.txt"])
    assert storage.list_files(folder) == ["b/2.txt"]
    assert not storage.exists(storage.join(folder, "a.txt"))


def test_a_missing_file_is_named(root: str) -> None:
    with pytest.raises(InputMissing, match=r"nothing\.json is not there"):
        storage.open_read(storage.join(root, "nothing.json"))
    assert storage.list_files(storage.join(root, "nowhere")) == []


def test_a_job_writes_the_same_dataset_to_both(tmp_path: Path) -> None:
    local = run_job(JOB, NumberConfig(output=str(tmp_path / "local")), ONE_PROCESS)
    remote_config = NumberConfig(output=f"folder://{tmp_path}/remote")
    remote = run_job(JOB, remote_config, ONE_PROCESS)
    assert local.fingerprint == remote.fingerprint == read_manifest(tmp_path / "remote").fingerprint
    files = {path.relative_to(tmp_path / "remote").as_posix() for path in (tmp_path / "remote").rglob("*.*")}
    assert files == {shard.path for shard in remote.shards} | {"manifest.json", "README.md"}
    assert run_job(JOB, remote_config, ONE_PROCESS).fingerprint == remote.fingerprint
    with pytest.raises(OutputBusy, match="num_tasks"):
        run_job(JOB, replace(remote_config, num_tasks=5), ONE_PROCESS)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), storage.open_write(str(tmp_path / "file")) as file:
        file.write(b"half")
        raise RuntimeError
    assert not (tmp_path / "file").exists()


def test_a_full_disk_is_a_storage_error_with_the_free_space(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match=r"No space left on device.*GB are free"),
        storage.storage_errors(str(tmp_path)),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="Broken pipe"), storage.storage_errors(str(tmp_path)):
        raise OSError(errno.EPIPE, "Broken pipe")


def test_a_folder_made_beforehand_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    run_job(JOB, NumberConfig(output=str(tmp_path / "out")), ONE_PROCESS)
    assert (tmp_path / "out" / "manifest.json").exists()
