"""A Dask cluster runs a job as the local runner does: a real scheduler, two worker processes, the same bytes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.run.job import run_job
from schemas.errors import UsageError
from tests.pipeline.run.number_job import JOB, NumberConfig

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in which each task notes the process it runs in."""
    return tmp_path_factory.mktemp("dask") / "processes.txt"


@pytest.fixture(scope="module")
def scheduler(notes: Path) -> Iterator[str]:
    """Address of a scheduler on loopback with two workers of one thread each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XLMK_TEST_PROCESSES", str(notes))
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, silence_logs=50
        )
        with cluster:
            yield cluster.scheduler_address


def test_a_job_on_a_cluster_gives_the_bytes_of_the_local_runner_and_both_workers_have_tasks(
    scheduler: str, notes: Path, tmp_path: Path
) -> None:
    local = run_job(JOB, NumberConfig(output=str(tmp_path / "local"), num_tasks=8), ["--direct_running_mode=in_memory"])
    notes.write_text("")
    flags = ["--runner=DaskRunner", f"--dask_client_address={scheduler}"]
    on_dask = run_job(JOB, NumberConfig(output=str(tmp_path / "dask"), num_tasks=8, seconds_per_task=0.2), flags)
    assert [shard.sha256 for shard in on_dask.shards] == [shard.sha256 for shard in local.shards]
    processes = [line.split()[1] for line in notes.read_text().splitlines()]
    assert len(processes) == 8
    assert len(set(processes)) == 2


def test_a_worker_that_is_killed_midway_costs_its_task_alone(scheduler: str, notes: Path, tmp_path: Path) -> None:
    local = run_job(JOB, NumberConfig(output=str(tmp_path / "local"), num_tasks=8), ["--direct_running_mode=in_memory"])
    notes.write_text("")
    killed: list[int] = []

    def kill_one() -> None:
        deadline = time.monotonic() + 30
        while not (lines := notes.read_text().splitlines()) and time.monotonic() < deadline:
            time.sleep(0.02)
        killed.append(int(lines[0].split()[1]))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    flags = ["--runner=DaskRunner", f"--dask_client_address={scheduler}"]
    config = NumberConfig(output=str(tmp_path / "dask"), num_tasks=8, seconds_per_task=0.3)
    with suppress(Exception):  # where the client gives up, the same command goes on
        run_job(JOB, config, flags)
    killer.join()
    on_dask = run_job(JOB, config, flags)
    assert [shard.sha256 for shard in on_dask.shards] == [shard.sha256 for shard in local.shards]
    ran = [line.split()[:2] for line in notes.read_text().splitlines()]
    assert len(killed) == 1 and len({task for task, _ in ran}) == 8
    twice = [task for task, times in Counter(task for task, _ in ran).items() if times > 1]
    assert 1 <= len(twice) <= 2  # the one it had, and one that it may have had in hand


def test_an_unknown_runner_is_told_before_anything_is_planned(tmp_path: Path) -> None:
    config = NumberConfig(output=str(tmp_path / "out"))
    with pytest.raises(UsageError, match="Beam has no runner FlinkRuner: .*FlinkRunner.*DaskRunner"):
        run_job(JOB, config, ["--runner=FlinkRuner"])
    with pytest.raises(UsageError, match=r"no flag --dask_client_adress\. Did you mean --dask_client_address\?"):
        run_job(JOB, config, ["--runner=DaskRunner", "--dask_client_adress=tcp://127.0.0.1:1"])
    assert list(tmp_path.iterdir()) == []
