"""Beam's portable runner, by which Flink and Spark are reached: a job server in this process, workers by LOOPBACK."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.run.job import run_job
from schemas.errors import InputCorrupt, UsageError, XlmkError
from tests.pipeline.run.number_job import JOB, NumberConfig

EMBEDDED = ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK"]


def config(folder: Path, **changes: int) -> NumberConfig:
    return NumberConfig(output=str(folder), num_tasks=5, **changes)  # type: ignore[arg-type]


def test_a_job_gives_the_bytes_of_the_local_runner(tmp_path: Path) -> None:
    local = run_job(JOB, config(tmp_path / "local"), ["--direct_running_mode=in_memory"])
    portable = run_job(JOB, config(tmp_path / "portable"), EMBEDDED)
    assert [shard.sha256 for shard in portable.shards] == [shard.sha256 for shard in local.shards]
    assert portable.accounts == local.accounts and len(portable.shards) == 5


def test_errors_of_tasks_arrive_as_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(InputCorrupt, match="damaged at byte 7"):
        run_job(JOB, config(tmp_path / "corrupt", corrupt_task=2), EMBEDDED)
    with pytest.raises(Exception, match="a bug") as caught:
        run_job(JOB, config(tmp_path / "crash", crash_in_task=2), EMBEDDED)
    assert not isinstance(caught.value, XlmkError)


def test_a_server_that_is_not_there_is_no_bug_of_ours(tmp_path: Path) -> None:
    nowhere = ["--runner=PortableRunner", "--job_endpoint=127.0.0.1:1", "--job_server_timeout=1"]
    with pytest.raises(
        XlmkError, match=r"PortableRunner did not run the job: FutureTimeoutError.*does this machine reach it"
    ):
        run_job(JOB, config(tmp_path / "out"), nowhere)
    assert run_job(JOB, config(tmp_path / "out"), EMBEDDED).rows["triples"] == 50
    for flags in ("--flink_master=host:8081", "--spark_master_url=spark://host:7077"):
        with pytest.raises(UsageError, match="Did you mean"):
            run_job(JOB, config(tmp_path / "other"), [*EMBEDDED, flags.replace("_master", "_mastr")])
