"""Faults of data that is replaced: what was checked is what is read, and a manifest says of its input what is true."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.dumps.dump_list import DumpFile, add_to_dump_list, check_dumps_once
from pipeline.link import job as link
from pipeline.link.config import LinkConfig
from pipeline.run.job import run_job
from pipeline.run.task import Job, Task
from pipeline.run.task_output import TaskOutput
from pipeline.tokens import job as tokenize
from pipeline.tokens import train as train_tokenizer
from pipeline.tokens.config import TokenizeConfig
from pipeline.tokens.train import TrainTokenizerConfig
from pipeline.wikidata import job as wikidata
from pipeline.wikidata.config import WikidataConfig
from pipeline.wikipedia import job as wikipedia
from pipeline.wikipedia.config import WikipediaConfig
from schemas import DESCRIPTIONS, ENTITIES, PAGES, SITELINKS, TRIPLES, Table, read_manifest
from schemas.errors import InputCorrupt, OutputBusy, ShardMismatch
from tests.faults import dumps
from tests.faults.recorder import Recorder
from tests.faults.test_half_right import flip
from tests.pipeline.link.datasets import small_wikidata, small_wikipedia
from tests.pipeline.tokens.test_train_tokenizer import linked  # noqa: F401 (a fixture)

ONE = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]


@pytest.fixture
def tables(tmp_path: Path) -> LinkConfig:
    """Two small datasets and how they are linked."""
    small_wikidata(tmp_path / "wikidata")
    small_wikipedia(tmp_path / "wikipedia")
    return LinkConfig(
        wikidata=str(tmp_path / "wikidata"), wikipedia=str(tmp_path / "wikipedia"), output=str(tmp_path / "link"),
        min_description_bytes=10,
    )  # fmt: skip


def one_shard(folder: str | Path, table: Table) -> Path:
    """Returns a shard of a table."""
    return Path(folder, next(read_manifest(folder).of(table)).path)


@pytest.mark.fault("G68")
@pytest.mark.parametrize("table", [PAGES, ENTITIES, SITELINKS, TRIPLES], ids=lambda table: table.name)
def test_link_refuses_shards_that_are_not_the_manifests(tables: LinkConfig, recorder: Recorder, table: Table) -> None:
    flip(one_shard(tables.wikipedia if table is PAGES else tables.wikidata, table))
    recorder.error(ShardMismatch, "has changed: its sha256", lambda: run_job(link.JOB, tables, ONE))


@pytest.mark.fault("G68")
def test_link_refuses_shards_of_another_build(tables: LinkConfig, tmp_path: Path, recorder: Recorder) -> None:
    of_two = [tmp_path / "wikipedia" / shard.path for shard in read_manifest(tables.wikipedia).of(PAGES)]
    shutil.copy(of_two[0], of_two[-1])
    recorder.error(ShardMismatch, "has changed", lambda: run_job(link.JOB, tables, ONE))
    of_two[-1].unlink()
    recorder.error(ShardMismatch, "is missing", lambda: run_job(link.JOB, tables, ONE))


@pytest.mark.fault("G68")
def test_a_shard_replaced_while_its_job_runs(tables: LinkConfig, recorder: Recorder) -> None:
    def replaced(config: LinkConfig, task: Task, out: TaskOutput) -> None:
        link.run_task(config, task, out)
        flip(one_shard(config.wikipedia, PAGES))

    job = replace(link.JOB, run_task=replaced)
    recorder.error(ShardMismatch, "is not the file that this run began with", lambda: run_job(job, tables, ONE))


@pytest.mark.fault("G68")
def test_other_readers_refuse_shards_that_are_not_the_manifests(
    linked: Path,  # noqa: F811
    tmp_path: Path,
    recorder: Recorder,
) -> None:
    train = TrainTokenizerConfig(linked=str(linked), output=str(tmp_path / "tokenizer"), vocab_size=80)
    train_tokenizer.run(train)
    tokens = TokenizeConfig(tokenizer=train.output, output=str(tmp_path / "tokens"), linked=str(linked))
    flip(one_shard(linked, DESCRIPTIONS))
    again = replace(train, output=str(tmp_path / "again"))
    recorder.error(ShardMismatch, "has changed: its sha256", lambda: train_tokenizer.run(again))
    recorder.error(ShardMismatch, "has changed: its sha256", lambda: run_job(tokenize.JOB, tokens, ONE))


def of_equal_size(path: Path) -> None:
    """Puts another dump of equal size in a dump's place."""
    path.write_bytes(path.read_bytes().replace(b"Thing", b"Thong").replace(b"kitu", b"kutu"))


def of_equal_size_and_time(path: Path) -> None:
    """Puts another dump of equal size and time in a dump's place."""
    state = path.stat()
    of_equal_size(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


JOBS: dict[str, tuple[Job, str, bytes]] = {
    "wikidata": (wikidata.JOB, "wikidata-20261101-all.json", dumps.wikidata(dumps.things(300))),
    "wikipedia": (wikipedia.JOB, "swwiki-20261101.xml", f"{dumps.header()}{''.join(dumps.articles(60))}{dumps.FOOTER}".encode()),
}  # fmt: skip


def job_on(folder: Path, name: str) -> tuple[Job, WikidataConfig | WikipediaConfig, Path]:
    """Returns a job, its configuration and its dump, which makes several tasks."""
    job, file_name, data = JOBS[name]
    path = folder / file_name
    path.write_bytes(data)
    kind = WikidataConfig if name == "wikidata" else WikipediaConfig
    return job, kind(dumps=(str(path),), output=str(folder / "out"), range_bytes=len(data) // 4), path


@pytest.mark.fault("G70")
@pytest.mark.parametrize("change", [of_equal_size, of_equal_size_and_time])
@pytest.mark.parametrize("name", JOBS)
def test_a_dump_replaced_between_stop_and_rerun(
    tmp_path: Path, recorder: Recorder, name: str, change: Callable[[Path], None]
) -> None:
    job, config, path = job_on(tmp_path, name)

    def stopped(config: object, task: Task, out: TaskOutput) -> None:
        if list(Path(out.built, "_tasks").glob("*.json")):
            raise InputCorrupt("stopped")
        job.run_task(config, task, out)

    recorder.error(InputCorrupt, "stopped", lambda: run_job(replace(job, run_task=stopped), config, ONE))
    change(path)
    recorder.error(OutputBusy, "built from something else", lambda: run_job(job, config, ONE))


@pytest.mark.fault("G70")
@pytest.mark.parametrize("change", [of_equal_size, of_equal_size_and_time])
@pytest.mark.parametrize("name", JOBS)
def test_a_dump_replaced_while_it_is_read(
    tmp_path: Path, recorder: Recorder, name: str, change: Callable[[Path], None]
) -> None:
    job, config, path = job_on(tmp_path, name)

    def replacing(config: object, task: Task, out: TaskOutput) -> None:
        job.run_task(config, task, out)
        if task.index == 1:
            change(path)

    recorder.error(InputCorrupt, "replaced while", lambda: run_job(replace(job, run_task=replacing), config, ONE))
    assert not (tmp_path / "out").exists()


def recorded(path: Path, data: bytes) -> DumpFile:
    """Returns an entry of the record for bytes that were published."""
    return DumpFile(
        name=path.name, wiki="wikidatawiki", kind="wikidata", date="20261101", size=len(data), algorithm="sha1",
        digest=hashlib.sha1(data).hexdigest(), url="https://dumps.wikimedia.org/x",
    )  # fmt: skip


@pytest.mark.fault("G71")
@pytest.mark.parametrize("name", JOBS)
def test_a_published_checksum_is_compared_by_a_single_job(tmp_path: Path, recorder: Recorder, name: str) -> None:
    job, config, path = job_on(tmp_path, name)
    published = path.read_bytes()
    add_to_dump_list(tmp_path, [recorded(path, published)])
    of_equal_size_and_time(path)
    recorder.error(InputCorrupt, "published is", lambda: run_job(job, config, ONE))
    path.write_bytes(published)
    said = run_job(job, config, ONE).inputs[path.name]
    assert hashlib.sha1(published).hexdigest() in said
    recorder.note("the published one: its checksum is in the manifest")


@pytest.mark.fault("G71")
def test_a_checksum_that_does_not_fit_is_not_stated(tmp_path: Path, recorder: Recorder) -> None:
    job, config, path = job_on(tmp_path, "wikipedia")
    published = path.read_bytes()
    add_to_dump_list(tmp_path, [recorded(path, published)])
    of_equal_size(path)
    assert isinstance(config, WikipediaConfig)
    said = run_job(job, replace(config, salvage=True), ONE).inputs[path.name]
    assert "not as it was published" in said and hashlib.sha1(published).hexdigest() not in said
    recorder.note("--salvage: the manifest says that the dump is not as it was published")


@pytest.mark.fault("G71")
def test_what_was_compared_is_compared_again_after_any_change(tmp_path: Path, recorder: Recorder) -> None:
    _, _, path = job_on(tmp_path, "wikidata")
    add_to_dump_list(tmp_path, [recorded(path, path.read_bytes())])
    check_dumps_once([path])
    assert path.name in json.loads((tmp_path / ".checked.json").read_text())
    of_equal_size_and_time(path)
    recorder.error(InputCorrupt, "published is", lambda: check_dumps_once([path]))
