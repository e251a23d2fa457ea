"""Faults of what was stopped, replaced or planted: nothing half-right is believed, and what is not ours stays."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.run import compiling, storage
from pipeline.run.job import run_job
from pipeline.run.resume import PLAN_NAME
from pipeline.run.task_output import task_record_path
from pipeline.sample_world import SampleWorldConfig
from pipeline.sample_world import run as write_sample_world
from schemas.errors import InputCorrupt, OutputBusy, ShardMismatch, StorageError
from tests.faults.recorder import Recorder
from tests.pipeline.run.number_job import JOB, NumberConfig
from tests.pipeline.run.test_job import ONE_PROCESS
from tests.sound import require_sound


def stopped(folder: Path) -> tuple[NumberConfig, Path]:
    """Returns a job of which two tasks are done and one failed, its configuration mended since, and its build folder."""
    broken = NumberConfig(output=str(folder / "out"), corrupt_task=2)
    with pytest.raises(InputCorrupt):
        run_job(JOB, broken, ONE_PROCESS)
    built = folder / "out.partial"
    plan = built / PLAN_NAME
    plan.write_text(plan.read_text().replace('"corrupt_task": 2', '"corrupt_task": -1'))
    return NumberConfig(output=str(folder / "out")), built


def shard(built: Path) -> Path:
    """Returns the shard of the first task."""
    return built / "triples" / "part-00000-of-00004.parquet"


def flip(path: Path) -> None:
    """Changes one bit in the middle of a file, and neither its size nor its time."""
    data, state = bytearray(path.read_bytes()), path.stat()
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def record(built: Path) -> Path:
    """Returns the record of the first task."""
    return built / task_record_path(0)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "shard gone": lambda built: shard(built).unlink(),
    "shard of no bytes": lambda built: shard(built).write_bytes(b""),
    "shard cut": lambda built: os.truncate(shard(built), 100),
    "a bit of a shard": lambda built: flip(shard(built)),
    "another task's shard": lambda built: shutil.copy(built / "triples" / "part-00001-of-00004.parquet", shard(built)),
    "record of no bytes": lambda built: record(built).write_bytes(b""),
    "record cut short": lambda built: os.truncate(record(built), 60),
    "a digit of a record": lambda built: record(built).write_text(record(built).read_text().replace('"kept": 10', '"kept": 11')),
    "another task's record": lambda built: shutil.copy(built / task_record_path(1), record(built)),
    "the plan cut short": lambda built: os.truncate(built / PLAN_NAME, 20),
    "the cuts of no bytes": lambda built: (built / "_cuts.json").write_bytes(b""),
}  # fmt: skip


@pytest.mark.fault("G69")
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_half_built_folder_is_not_believed(tmp_path: Path, recorder: Recorder, kind: str) -> None:
    run_job(JOB, NumberConfig(output=str(tmp_path / "whole")), ONE_PROCESS)
    config, built = stopped(tmp_path)
    DAMAGE[kind](built)
    manifest = run_job(JOB, config, ONE_PROCESS)
    require_sound(tmp_path / "out", read_rows=True)
    assert manifest.fingerprint == require_sound(tmp_path / "whole").fingerprint
    assert not built.exists()
    recorder.note(f"{kind}: done again, the bytes equal")


@pytest.mark.fault("G69")
@pytest.mark.parametrize("kind", ["gone", "of no bytes", "changed"])
def test_a_finished_dataset_that_lost_a_shard_is_not_finished(tmp_path: Path, recorder: Recorder, kind: str) -> None:
    config = NumberConfig(output=str(tmp_path / "out"))
    run_job(JOB, config, ONE_PROCESS)
    if kind == "gone":
        shard(tmp_path / "out").unlink()
    elif kind == "changed":
        flip(shard(tmp_path / "out"))
    else:
        shard(tmp_path / "out").write_bytes(b"")
    recorder.error(ShardMismatch, "not whole any more", lambda: run_job(JOB, config, ONE_PROCESS))


@pytest.mark.fault("G69")
def test_a_build_stopped_behind_its_manifest_is_published_if_it_is_whole(tmp_path: Path, recorder: Recorder) -> None:
    config = NumberConfig(output=str(tmp_path / "out"))
    whole = run_job(JOB, config, ONE_PROCESS)
    for damaged in (False, True):
        os.rename(tmp_path / "out", tmp_path / "out.partial")
        if damaged:
            flip(shard(tmp_path / "out.partial"))
        assert run_job(JOB, config, ONE_PROCESS) == whole
        require_sound(tmp_path / "out", read_rows=True)
    recorder.note("stopped before its last rename: published where it is whole, else built again")


@pytest.mark.fault("G69")
def test_files_are_on_the_disk_before_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(handle: int) -> None:
        events.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    def note_replace(source: str, target: str) -> None:
        events.append(f"{source} -> {target}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    name = str(tmp_path / "a" / "b")
    storage.write_text(name, "text")
    assert events == [str(tmp_path), f"{name}.tmp", f"{name}.tmp -> {name}", str(tmp_path / "a")]


SOMEBODY_ELSES: dict[str, Callable[[Path], Path]] = {
    "a file": lambda built: put(built / "notes.txt"),
    "a file below": lambda built: put(built / "triples" / "notes.txt"),
    "a table of somebody": lambda built: put(built / "triples" / "mine.parquet"),
    "a link to a folder": lambda built: link(built),
    "a link below": lambda built: link(built / "triples"),
    "a file of that name": lambda built: put(built),
}


def put(path: Path) -> Path:
    """Puts a file somewhere; returns it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    return path


def link(path: Path) -> Path:
    """Puts a link to somebody's folder somewhere; returns what lies in it."""
    mine = put(path.parents[1] / "elsewhere" / "part-00000-of-00009.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(mine.parent)
    return mine


@pytest.mark.fault("G79")
@pytest.mark.parametrize("kind", SOMEBODY_ELSES)
def test_a_build_folder_of_somebody_else_stays(tmp_path: Path, recorder: Recorder, kind: str) -> None:
    mine = SOMEBODY_ELSES[kind](tmp_path / "work" / "out.partial")
    config = NumberConfig(output=str(tmp_path / "work" / "out"))
    recorder.error(OutputBusy, "Move it away", lambda: run_job(JOB, config, ONE_PROCESS))
    assert mine.read_text() == "mine"


@pytest.mark.fault("G79")
def test_other_folders_beside_outputs_stay(tmp_path: Path, recorder: Recorder) -> None:
    mine = put(tmp_path / "dumps.partial" / "thesis.txt")
    sample = SampleWorldConfig(output=str(tmp_path / "dumps"), wikis=("enwiki",), entities=24)
    recorder.error(OutputBusy, "thesis.txt is no dump", lambda: write_sample_world(sample))
    whole = NumberConfig(output=str(tmp_path / "data"))
    run_job(JOB, whole, ONE_PROCESS)
    (tmp_path / "data").rename(tmp_path / "out.partial")
    other = NumberConfig(output=str(tmp_path / "out"), numbers_per_task=7)
    recorder.error(OutputBusy, "built from something else", lambda: run_job(JOB, other, ONE_PROCESS))
    require_sound(tmp_path / "out.partial", read_rows=True)
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    recorder.error(
        OutputBusy, "is a link", lambda: run_job(JOB, whole.__class__(output=str(tmp_path / "out")), ONE_PROCESS)
    )
    assert mine.read_text() == "mine"


@pytest.mark.fault("G80")
def test_a_planted_link_is_not_written_through(tmp_path: Path, recorder: Recorder) -> None:
    mine = put(tmp_path / "mine.txt")
    (tmp_path / "file.tmp").symlink_to(mine)
    storage.write_text(str(tmp_path / "file"), "text")
    assert mine.read_text() == "mine" and (tmp_path / "file").read_text() == "text"
    (tmp_path / "out.lock").symlink_to(mine)
    config = NumberConfig(output=str(tmp_path / "out"))
    recorder.error(StorageError, "symbolic link", lambda: run_job(JOB, config, ONE_PROCESS))
    (tmp_path / "out.lock").unlink()
    (tmp_path / "out.times.json.tmp").symlink_to(mine)
    run_job(JOB, config, ONE_PROCESS)
    assert mine.read_text() == "mine"
    recorder.note("a link planted where a file is written beside its name: taken away, what it leads to stays")


def made_writable(folder: Path) -> None:
    """Lets everybody write to a folder."""
    folder.chmod(0o777)


def put_in_a_link(folder: Path) -> None:
    """Puts a link in a folder's place."""
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))


@pytest.mark.fault("G80")
@pytest.mark.parametrize("planted", [made_writable, put_in_a_link, lambda folder: made_writable(folder.parent)])
def test_code_that_others_could_have_put_there_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: Callable[[Path], None], recorder: Recorder
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    package = Path(compiling.__file__).parent
    folder = compiling._cache_folder(package)
    assert folder is not None and folder.parent == tmp_path / "cache"
    planted(folder)
    assert compiling._cache_folder(package) is None
    recorder.note("a folder of compiled code that others can write to or replace: not used")


@pytest.mark.fault("G80")
def test_names_do_not_command_the_terminal(tmp_path: Path, recorder: Recorder) -> None:
    odd = tmp_path / "wiki\x1b[2J\u202e\r.json"
    said = recorder.run(
        "wikidata", "--dumps", str(odd), "--output", str(tmp_path / "out"), code=10, match="names no file"
    )
    assert not {"\x1b", "\r", "\u202e"} & set(said) and "\\x1b[2J" in said
    said = recorder.run(
        "wikidata", "--dumps", "gs://me:hunter2@bucket/latest-all.json.gz", "--output", str(tmp_path / "out"), code=2,
        match="must not hold a user name or password",
    )  # fmt: skip
    assert "hunter2" not in said
