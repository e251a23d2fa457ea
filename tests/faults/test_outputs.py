"""Faults of runs and of what they write."""

from __future__ import annotations

import errno
import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import datasets
import duckdb
import polars
import pytest
from apache_beam.io.filesystem import BeamIOError

import schemas
from pipeline.run import local_files
from pipeline.run.beam import graph as beam_runner
from pipeline.run.beam.worker_server import WorkerServer
from pipeline.run.job import run_job
from schemas import TRIPLES, read_manifest
from schemas.command_line import say_why
from schemas.errors import OutputBusy, RejectLimitExceeded, ShardMismatch, StorageError, XlmkError
from tests.faults import dumps, ingest
from tests.faults.recorder import REPOSITORY, Recorder
from tests.pipeline.link.datasets import small_wikidata, small_wikipedia
from tests.pipeline.run.folder_urls import FolderFileSystem
from tests.pipeline.run.number_job import JOB, NumberConfig
from tests.pipeline.run.test_job import ONE_PROCESS, command
from tests.sound import require_sound

LINES = dumps.things(300)


def wait_for_shards(folder: Path) -> None:
    """Waits until a run has begun to write."""
    deadline = time.monotonic() + 40
    while not list(folder.glob("out.partial/triples/*.tmp")):
        assert time.monotonic() < deadline, "the run never began to write"
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a run that a test started."""
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)


@pytest.mark.fault("D2")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_stops_the_run(tmp_path: Path, recorder: Recorder, number: signal.Signals, code: int) -> None:
    process = command(tmp_path, "seconds_per_task=30")
    wait_for_shards(tmp_path)
    sent = time.monotonic()
    process.send_signal(number)
    assert process.wait(timeout=10) == code
    said = process.stderr.read().decode() if process.stderr else ""
    assert "the same command goes on" in said and not (tmp_path / "out").exists()
    recorder.note(
        f"{number.name}: {code} after {time.monotonic() - sent:.1f} s, no manifest; 'the same command goes on'"
    )


@pytest.mark.fault("D3")
@pytest.mark.skipif(os.getuid() != 0 or shutil.which("mount") is None, reason="needs to mount a small tmpfs")
def test_a_full_disk(tmp_path: Path, recorder: Recorder) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this container may not mount a tmpfs")
    try:
        dump = tmp_path / "wikidata.json"
        dump.write_bytes(dumps.wikidata([dumps.line(dumps.entity(n, labels=_noisy(n))) for n in range(1, 2000)]))
        output = str(small / "out")
        recorder.run("wikidata", "--dumps", str(dump), "--output", output, code=15, match=r"[Nn]o space left.*free")
        assert not (small / "out").exists()
        assert not list(small.rglob("*.tmp"))
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def _noisy(seed: int) -> dict[str, dict[str, str]]:
    value = random.Random(seed).randbytes(300).hex()
    return {"en": {"language": "en", "value": value}}


@pytest.mark.fault("D3")
def test_a_file_size_limit(tmp_path: Path, recorder: Recorder) -> None:
    """`ulimit -f` refuses in the middle of a write, as a full disk or a quota does."""
    dump = tmp_path / "wikidata.json"
    dump.write_bytes(dumps.wikidata([dumps.line(dumps.entity(n, labels=_noisy(n))) for n in range(1, 2000)]))
    shell = f"ulimit -f 40; exec {sys.executable} -m pipeline wikidata --dumps {dump} --output {tmp_path / 'out'}"
    process = subprocess.Popen(
        ["bash", "-c", shell], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    recorder.finish(process, code=15, match="File too large.*free there")
    assert not (tmp_path / "out").exists()


@pytest.mark.fault("D4")
def test_two_runs_on_one_output(tmp_path: Path, recorder: Recorder) -> None:
    process = command(tmp_path, "seconds_per_task=30")
    wait_for_shards(tmp_path)
    started = time.monotonic()
    config = NumberConfig(output=str(tmp_path / "out"), seconds_per_task=30.0)
    recorder.error(OutputBusy, "another run", lambda: run_job(JOB, config, ONE_PROCESS))
    assert time.monotonic() - started < 5
    stop(process)


@pytest.mark.fault("D5")
def test_an_output_of_something_else(tmp_path: Path, recorder: Recorder) -> None:
    ingest.run_job(recorder, tmp_path, "wikidata", "wikidata.json", dumps.wikidata(LINES))
    again = ("wikidata", "--dumps", str(tmp_path / "wikidata.json"), "--output", str(tmp_path / "out"))
    recorder.run(*again, "--languages", "en", code=13, match=r"languages: there \['all'\], now \['en'\]")
    (tmp_path / "wikidata.json").write_bytes(dumps.wikidata(LINES[:-1]))
    recorder.run(*again, code=13, match="inputs.*there")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    recorder.run(*again[:-1], str(mine), code=13, match="not empty")
    assert (mine / "thesis.tex").read_text() == "years of work"


@pytest.mark.fault("D6")
def test_shards_of_an_earlier_run(tmp_path: Path, recorder: Recorder) -> None:
    config = NumberConfig(output=str(tmp_path / "out"))
    stale = tmp_path / "out.partial" / "triples" / "part-00007-of-00008.parquet"
    run_job(JOB, config, ONE_PROCESS)
    stale.parent.mkdir(parents=True)
    shutil.copy(tmp_path / "out" / "triples" / "part-00000-of-00004.parquet", stale)
    shutil.rmtree(tmp_path / "out")
    run_job(JOB, config, ONE_PROCESS)
    assert not list((tmp_path / "out").rglob("*-of-00008.parquet"))
    require_sound(tmp_path / "out", read_rows=True)
    recorder.note("left beside in the build folder: not published")
    shutil.copy(tmp_path / "out" / "triples" / "part-00000-of-00004.parquet", tmp_path / "out" / "triples" / stale.name)
    recorder.error(ShardMismatch, "is not listed in the manifest", lambda: require_sound(tmp_path / "out"))


@pytest.mark.fault("D7")
def test_a_task_without_rows_leaves_what_other_readers_load(tmp_path: Path, recorder: Recorder) -> None:
    manifest = run_job(JOB, NumberConfig(output=str(tmp_path / "out"), empty_task=0), ONE_PROCESS)
    files = [str(tmp_path / "out" / shard.path) for shard in manifest.of(TRIPLES)]
    assert len(files) == 3 and all(shard.rows for shard in manifest.shards)
    pattern = str(tmp_path / "out" / "triples" / "*.parquet")
    counts = {
        "datasets": len(
            datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "c"))
        ),
        "duckdb": duckdb.sql(f"select count(*) from '{pattern}'").fetchall()[0][0],
        "polars": polars.scan_parquet(pattern).select(polars.len()).collect().item(),
    }
    assert set(counts.values()) == {30}
    recorder.note(f"no shard for it; {', '.join(counts)} read the other 30 rows")


@pytest.mark.fault("D8")
def test_too_many_rejects(tmp_path: Path, recorder: Recorder) -> None:
    bad = [
        b"not JSON",
        b'{"id":"X1","type":"item"}',
        b'{"type":"?"}',
        dumps.line(dumps.entity(1)).replace(b"Thing", b"\xff"),
    ]
    data = dumps.wikidata([*LINES, *bad])
    said = ingest.run_job(
        recorder, tmp_path, "wikidata", "wikidata.json", data, code=12, match=r"4 of 304 .*limit is 0\.10%"
    )
    for reason in ("json_syntax", "bad_id", "unknown_type", "not_utf8"):
        assert f"{reason}: 1, first in wikidata.json" in said
    assert "not JSON" in said and "--max-reject-share" in said
    config = NumberConfig(output=str(tmp_path / "n"), reject_every=10, max_reject_share=0.05)
    recorder.error(RejectLimitExceeded, "not_liked: 4, first in", lambda: run_job(JOB, config, ONE_PROCESS))


@pytest.mark.fault("D9")
def test_a_bug_is_not_a_reject(tmp_path: Path, recorder: Recorder) -> None:
    process = command(tmp_path, "crash_in_task=1")
    assert process.wait(timeout=60) == 1
    said = process.stderr.read().decode() if process.stderr else ""
    assert "AttributeError: a bug" in said and "please report it" in said
    assert not (tmp_path / "out").exists()
    recorder.note("1: the traceback and 'This is a bug; please report it'; no manifest")


@pytest.mark.fault("D10")
def test_a_worker_that_dies(tmp_path: Path, recorder: Recorder) -> None:
    process = command(tmp_path, "die_in_task=1")
    started = time.monotonic()
    code = process.wait(timeout=60)
    assert code != 0 and not (tmp_path / "out").exists()
    recorder.note(f"{code} after {time.monotonic() - started:.0f} s, no manifest")


@pytest.mark.fault("D11")
def test_dumps_of_dates_far_apart(tmp_path: Path, recorder: Recorder) -> None:
    folder = tmp_path / "dumps"
    folder.mkdir()
    (folder / "wikidata-20250101-all.json").write_bytes(dumps.wikidata(LINES))
    (folder / "swwiki-20261101-pages-articles-multistream.xml.bz2").write_bytes(dumps.multistream(dumps.articles(30)))
    said = recorder.run("build", "--dumps", str(folder), "--output", str(tmp_path / "out"), code=2, match="669 days")
    assert "swwiki (20261101" in said and "--max-date-skew-days" in said
    assert not (tmp_path / "out").exists()
    allowed = ("--max-date-skew-days", "700", "--vocab-size", "400", "--", "--direct_num_workers=1")
    recorder.run("build", "--dumps", str(folder), "--output", str(tmp_path / "out"), *allowed, code=0, quiet=True)
    dates = {name for job in ("wikidata", "wikipedia") for name in read_manifest(tmp_path / "out" / job).inputs}
    assert dates == {path.name for path in folder.iterdir()}
    recorder.note(f"as far apart as allowed: built; the manifests name {', '.join(sorted(dates))}")


@pytest.mark.fault("D13")
def test_a_place_that_cannot_be_written(tmp_path: Path, recorder: Recorder) -> None:
    (tmp_path / "file").write_text("in the way")
    output = str(tmp_path / "file" / "out")
    (tmp_path / "wikidata.json").write_bytes(dumps.wikidata(LINES))
    dump = str(tmp_path / "wikidata.json")
    recorder.run("wikidata", "--dumps", dump, "--output", output, code=15, match="cannot be written")
    recorder.run("wikidata", "--dumps", dump, "--output", "/proc/out", code=15, match="cannot be written")


class Forbidden(Exception):
    """Stands for an error of a cloud's own library, which Beam lets through."""


Forbidden.__module__ = "google.api_core.exceptions"


class RefusingFile(io.BytesIO):
    """Takes bytes, and refuses them when they are sent."""

    def close(self) -> None:
        """Sends what was written."""
        if not self.closed:
            super().close()
            raise Forbidden("403 POST storage.googleapis.com: no storage.objects.create access")


class RefusingFileSystem(FolderFileSystem):
    """A store that may be listed, but not written: some say so when a file is made, some when it is closed."""

    @classmethod
    def scheme(cls) -> str:
        """Names it."""
        return "refusing"

    def create(self, path: str, *args: Any, **kwargs: Any) -> Any:
        """Makes a file, or refuses to."""
        if "/at-once/" in path:
            raise BeamIOError("Create operation failed: 403 Forbidden")
        return RefusingFile()


@pytest.mark.fault("D13")
@pytest.mark.parametrize("when", ["at-once", "when-sent"])
def test_a_bucket_that_may_not_be_written(
    tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setenv("XLMK_TEST_MARKER", str(tmp_path / "ran"))
    config = NumberConfig(output=f"refusing://bucket/{when}/out")
    recorder.error(StorageError, "403.*your credentials and permission", lambda: run_job(JOB, config, ONE_PROCESS))
    assert not (tmp_path / "ran").exists(), "a task began"


@pytest.mark.fault("D13")
def test_a_store_that_no_library_is_installed_for(tmp_path: Path, recorder: Recorder) -> None:
    (tmp_path / "wikidata.json").write_bytes(dumps.wikidata(LINES))
    flags = ("--dumps", str(tmp_path / "wikidata.json"), "--output", "nowhere://bucket/out")
    recorder.run("wikidata", *flags, code=2, match="no file system for nowhere:// is installed")


def test_equal_input_gives_equal_bytes_on_any_number_of_workers(tmp_path: Path) -> None:
    path = tmp_path / "wikidata.json"
    path.write_bytes(dumps.wikidata(LINES))
    flags = ("--dumps", str(path), "--range-bytes", "20000")
    fingerprints = set()
    for workers in ("1", "2"):
        output = tmp_path / workers
        mode = "in_memory" if workers == "1" else "multi_processing"
        beam = ("--", f"--direct_num_workers={workers}", f"--direct_running_mode={mode}")
        command_line = [sys.executable, "-m", "pipeline", "wikidata", *flags, "--output", str(output), *beam]
        subprocess.run(command_line, cwd=REPOSITORY, check=True, capture_output=True, timeout=60)
        fingerprints.add(read_manifest(output).fingerprint)
        assert len(list(read_manifest(output).of(schemas.ENTITIES))) > 4
    assert len(fingerprints) == 1


@pytest.mark.fault("D12")
@pytest.mark.parametrize("damage", ["cut", "one block"])
def test_a_language_that_fails(tmp_path: Path, recorder: Recorder, damage: str) -> None:
    good = tmp_path / "swwiki-20261101-pages-articles-multistream.xml.bz2"
    bad = tmp_path / "yowiki-20261101-pages-articles-multistream.xml.bz2"
    good.write_bytes(dumps.multistream(dumps.articles(60)))
    data = bytearray(dumps.multistream(dumps.articles(60), wiki="yowiki", language="yo"))
    if damage == "cut":
        del data[3 * len(data) // 4 :]
    else:
        data[len(data) // 2] ^= 4
    bad.write_bytes(data)
    flags = ("wikipedia", "--dumps", str(good), str(bad), "--range-bytes", "1500", *ingest.WHATEVER)
    beam = ("--", "--direct_num_workers=1", "--direct_running_mode=in_memory")
    recorder.run(*flags, "--output", str(tmp_path / "all"), *beam, code=11, match="yowiki")
    assert not (tmp_path / "all").exists()
    said = recorder.run(
        *flags, "--output", str(tmp_path / "out"), "--allow-partial", "True", *beam, code=0, match="yowiki is left out"
    )
    manifest = ingest.balanced(tmp_path)
    assert list(manifest.properties["left_out"]) == ["yowiki"] and "yowiki" in said
    assert manifest.partitions(schemas.PAGES) == ["swwiki"] and manifest.rows["pages"] == 60
    assert {account.source for account in manifest.accounts} == {good.name}
    require_sound(tmp_path / "out", read_rows=True)
    recorder.note("--allow-partial: the wiki is left out whole, and the manifest's `left_out` says why")


@pytest.mark.fault("D3")
def test_too_little_room_is_said_before_the_work(
    tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1000))
    data = dumps.wikidata(LINES)
    needed = f"{len(data) // 20:,} are needed"
    ingest.run_job(recorder, tmp_path, "wikidata", "wikidata.json", data, code=15, match=f"1,000 bytes free.*{needed}")
    assert not list((tmp_path / "out.partial").rglob("*.parquet"))


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the disk full for files whose names end so."""

    def fill(ending: str) -> None:
        open_whole = local_files.open_whole

        @contextmanager
        def refused(path: str) -> Iterator[io.BufferedIOBase]:
            with open_whole(path) as file:
                if path.endswith(ending):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                yield file

        monkeypatch.setattr(local_files, "open_whole", refused)

    return fill


@pytest.mark.fault("G76")
@pytest.mark.parametrize("ending", [".keys.npy", "numbers.npy", "with_lead/de.npy", "made_for.json", "manifest.json"])
def test_a_disk_that_fills_while_link_prepares(
    tmp_path: Path, recorder: Recorder, full: Callable[[str], None], ending: str
) -> None:
    small_wikidata(tmp_path / "wikidata")
    small_wikipedia(tmp_path / "wikipedia")
    full(ending)
    inputs = ("--wikidata", str(tmp_path / "wikidata"), "--wikipedia", str(tmp_path / "wikipedia"))
    one = ("--min-description-bytes", "10", "--output", str(tmp_path / "out"), "--", *ONE_PROCESS)
    recorder.run("link", *inputs, *one, code=15, match=r"No space left on device.*\d+ bytes")


@pytest.mark.fault("G76")
@pytest.mark.parametrize("name", ["x" * 300, "x" * 250])
def test_a_name_that_is_too_long(tmp_path: Path, recorder: Recorder, name: str) -> None:
    dump = tmp_path / "wikidata.json"
    dump.write_bytes(dumps.wikidata(dumps.things(3)))
    said = recorder.run(
        "wikidata", "--dumps", str(dump), "--output", str(tmp_path / name), code=15, match="File name too long"
    )
    assert "bug" not in said


@pytest.mark.fault("G76")
def test_a_refusal_that_no_code_of_ours_met(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recorder: Recorder
) -> None:
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "model.safetensors"))
    assert say_why(error, "") == 15
    said = capsys.readouterr().err
    assert re.search(r"No space left on device. [\d,]+ bytes are free in", said) and "bug" not in said
    recorder.note(f"15: {said.strip().removeprefix('error: ')}")


@pytest.mark.fault("G76")
def test_a_worker_that_ends_before_the_graph_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    def swallowed(*_: object) -> None:
        """Translates a graph as Beam does, which turns every error into one of its own."""
        try:
            time.sleep(20)
        except BaseException as error:
            raise RuntimeError("unable to translate the graph") from error

    monkeypatch.setattr(beam_runner.beam, "Create", swallowed)
    monkeypatch.setattr(WorkerServer, "has_ended", lambda self: True)
    job = NumberConfig(output=str(tmp_path / "out"))
    two = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    recorder.error(XlmkError, "a worker process ended before its task did", lambda: run_job(JOB, job, two))
