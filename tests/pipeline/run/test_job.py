"""The job runner: all or nothing, resumable, repeatable, and accountable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.run.beam import graph as beam_run
from pipeline.run.beam import worker_watch
from pipeline.run.beam.graph import pipeline_options
from pipeline.run.job import run_job
from pipeline.run.task import Task
from pipeline.run.task_output import TASKS_FOLDER, TaskOutput
from schemas import TRIPLES, iter_shard, read_manifest
from schemas.errors import (
    InputCorrupt,
    InputMissing,
    OutputBusy,
    RejectLimitExceeded,
    StorageError,
    UsageError,
    XlmkError,
)
from tests.pipeline.run import folder_urls  # noqa: F401 (Beam finds it by its scheme)
from tests.pipeline.run.number_job import JOB, NumberConfig

ONE_PROCESS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]
TWO_PROCESSES = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]


def config(tmp_path: Path, **changes: object) -> NumberConfig:
    return replace(NumberConfig(output=str(tmp_path / "out")), **changes)


def checksums(folder: Path) -> dict[str, str]:
    return {shard.path: shard.sha256 for shard in read_manifest(folder).shards}


def test_a_run_publishes_all_rows_and_only_listed_files(tmp_path: Path) -> None:
    manifest = run_job(JOB, config(tmp_path), ONE_PROCESS)
    assert manifest.rows == {"rejects": 0, "triples": 40}
    subjects = [
        row["subject"]
        for shard in manifest.of(TRIPLES)
        for batch in iter_shard(tmp_path / "out" / shard.path, TRIPLES)
        for row in batch.to_pylist()
    ]
    assert subjects == [f"Q{number}" for number in range(40)]
    on_disk = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert on_disk == {shard.path for shard in manifest.shards} | {"manifest.json", "README.md"}
    assert manifest.accounts[0].read == manifest.accounts[0].kept == 40


def test_two_processes_give_the_bytes_of_one(tmp_path: Path) -> None:
    run_job(JOB, config(tmp_path / "one"), ONE_PROCESS)
    run_job(JOB, config(tmp_path / "two"), TWO_PROCESSES)
    assert checksums(tmp_path / "one" / "out") == checksums(tmp_path / "two" / "out")


def test_a_second_run_finds_the_output_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_job(JOB, config(tmp_path), ONE_PROCESS)
    monkeypatch.setenv("XLMK_TEST_MARKER", str(tmp_path / "ran"))
    assert run_job(JOB, config(tmp_path), ONE_PROCESS).fingerprint == first.fingerprint
    assert not (tmp_path / "ran").exists()


def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_job(JOB, config(tmp_path / "whole"), ONE_PROCESS)
    broken = tmp_path / "broken"
    with pytest.raises(InputCorrupt, match="byte 7"):
        run_job(replace(JOB), config(broken, corrupt_task=2), ONE_PROCESS)
    # The damage is mended: forget that the configuration of the test job planned it.
    plan = broken / "out.partial" / "_plan.json"
    plan.write_text(plan.read_text().replace('"corrupt_task": 2', '"corrupt_task": -1'))
    done = sorted(path.name for path in (broken / "out.partial" / TASKS_FOLDER).iterdir())
    assert done == ["00000.json", "00001.json"]
    monkeypatch.setenv("XLMK_TEST_MARKER", str(tmp_path / "ran"))
    run_job(JOB, config(broken), ONE_PROCESS)
    assert (tmp_path / "ran").read_text().split() == ["2", "3"]
    assert checksums(broken / "out") == checksums(tmp_path / "whole" / "out")


def test_other_configuration_on_the_same_output_names_the_difference(tmp_path: Path) -> None:
    run_job(JOB, config(tmp_path), ONE_PROCESS)
    with pytest.raises(OutputBusy, match=r"numbers_per_task: there 10, now 11"):
        run_job(JOB, config(tmp_path, numbers_per_task=11), ONE_PROCESS)
    with pytest.raises(OutputBusy, match=r"inputs.numbers: there '1', now '2'"):
        run_job(JOB, config(tmp_path, inputs=(("numbers", "2"),)), ONE_PROCESS)


def test_a_folder_with_other_files_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    with pytest.raises(OutputBusy, match="not empty"):
        run_job(JOB, config(tmp_path), ONE_PROCESS)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_a_lost_row_stops_the_job(tmp_path: Path) -> None:
    with pytest.raises(XlmkError, match="40 records read, but kept, dropped and rejected ones add up to 39"):
        run_job(JOB, config(tmp_path, lose_one=True), ONE_PROCESS)
    assert not (tmp_path / "out").exists()


def test_rejects_are_written_as_they_come_and_stop_a_task_that_has_too_many(tmp_path: Path) -> None:
    def reject(share: float, num_tasks: int, name: str) -> tuple[int, int, TaskOutput]:
        """Reject two records of three; returns how many were read, how many rows were held at most."""
        (tmp_path / name).mkdir()
        most = number = 0
        out = TaskOutput(
            job="numbers", source="n", index=0, num_tasks=num_tasks, built=str(tmp_path / name), max_reject_share=share
        )
        with out:
            for number in range(1, 9_001):
                out.ledger.read()
                if number % 3:
                    out.ledger.reject("not_liked", offset=number)
                else:
                    out.ledger.keep()
                most = max(most, len(out.ledger.rejects))
        return number, most, out

    assert reject(1.0, 1, "all")[:2] == (9_000, 999)
    (shard,) = (tmp_path / "all").rglob("*.parquet")
    assert pq.read_table(shard).column("offset").to_pylist() == [n for n in range(1, 9_001) if n % 3]
    assert reject(0.1, 8, "one of eight tasks")[0] == 9_000  # a twelfth of all records, if the others are clean
    with pytest.raises(
        RejectLimitExceeded, match=r"1,000 of 1,499 records .*, the limit is 10.00%:\n  not_liked: 1,000, first in n"
    ):
        reject(0.1, 1, "the only task")
    assert not list((tmp_path / "the only task").rglob("*.parquet"))


def test_too_many_rejects_stop_the_job_with_reasons_and_examples(tmp_path: Path) -> None:
    with pytest.raises(
        RejectLimitExceeded, match=r"4 of 40 .*\n  not_liked: 4, first in numbers at byte 0: a multiple '0'"
    ):
        run_job(JOB, config(tmp_path, reject_every=10, max_reject_share=0.05), ONE_PROCESS)
    manifest = run_job(JOB, config(tmp_path / "more", reject_every=10, max_reject_share=0.1), ONE_PROCESS)
    assert manifest.rows == {"rejects": 4, "triples": 36}


def test_a_task_without_rows_leaves_no_file(tmp_path: Path) -> None:
    manifest = run_job(JOB, config(tmp_path, empty_task=1), ONE_PROCESS)
    assert [shard.path for shard in manifest.shards] == [f"triples/part-0000{i}-of-00004.parquet" for i in (0, 2, 3)]


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="found nothing to read"):
        run_job(JOB, config(tmp_path, num_tasks=0), ONE_PROCESS)


@pytest.mark.parametrize(
    ("fault", "reason"), [("die_in_task", b"for want of memory"), ("crash_in_task", b"AttributeError: a bug")]
)
def test_a_dying_worker_is_not_a_success(tmp_path: Path, fault: str, reason: bytes) -> None:
    process = command(tmp_path, f"{fault}=1")
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert reason in said.rstrip().rsplit(b"error: ", 1)[-1]
    assert not (tmp_path / "out").exists()


def command(tmp_path: Path, changes: str = "") -> subprocess.Popen[bytes]:
    """Start the number job as a process of its own, through the same error handling as the command line."""
    arguments = f"NumberConfig(output={str(tmp_path / 'out')!r}, {changes}), {TWO_PROCESSES}"
    program = (
        "import sys; from pipeline import cli; from pipeline.run.job import run_job\n"
        "from tests.pipeline.run.number_job import JOB, NumberConfig\n"
        f"cli._dispatch = lambda argv: run_job(JOB, {arguments}) and 0\n"
        "cli.main([])"
    )
    return subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_stops_the_run_and_its_workers(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process = command(tmp_path, "seconds_per_task=30")
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob("out.partial/triples/*.tmp")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(timeout=10) == code
    assert b"the same command goes on" in process.stderr.read()
    assert not (tmp_path / "out").exists()


def test_a_second_run_on_a_busy_output_stops_at_once(tmp_path: Path) -> None:
    process = command(tmp_path, "seconds_per_task=30")
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob("out.partial/triples/*.tmp")) and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(OutputBusy, match="another run"):
        run_job(JOB, config(tmp_path, seconds_per_task=30.0), ONE_PROCESS)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=10)


def test_unknown_beam_flag_stops_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="Did you mean --direct_num_workers"):
        pipeline_options(["--direct_num_worker=2"])


def test_a_place_that_cannot_be_written_is_refused_before_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="cannot be written"):
        run_job(JOB, NumberConfig(output=str(tmp_path / "file" / "out")), ONE_PROCESS)


def test_killed_run_leaves_no_worker_and_no_folder_of_beams_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    process = command(tmp_path, "seconds_per_task=20")
    server, workers = once_two_tasks_run(tmp_path, process)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in (server, *workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in (server, *workers))
    assert [path.name for path in (tmp_path / "temporary").glob("beam-*")] == []


def test_a_run_ends_with_the_process_its_workers_come_from(tmp_path: Path) -> None:
    process = command(tmp_path, "seconds_per_task=20")
    server, workers = once_two_tasks_run(tmp_path, process)
    os.kill(server, signal.SIGKILL)
    _, said = process.communicate(timeout=10)
    assert process.returncode == XlmkError.exit_code
    assert b"a worker process ended before its task did" in said
    assert not any(alive(pid) for pid in workers)


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_job(JOB, config(tmp_path / "whole"), ONE_PROCESS)
    monkeypatch.setenv("XLMK_TEST_STUCK_TASK", "1")
    process = command(tmp_path)
    deadline = time.monotonic() + 30
    while len(list((tmp_path / "out.partial" / TASKS_FOLDER).glob("*.json"))) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.communicate()
    monkeypatch.delenv("XLMK_TEST_STUCK_TASK")
    monkeypatch.setenv("XLMK_TEST_MARKER", str(tmp_path / "ran"))
    run_job(JOB, config(tmp_path), TWO_PROCESSES)
    assert (tmp_path / "ran").read_text().split() == ["1"]
    assert checksums(tmp_path / "out") == checksums(tmp_path / "whole" / "out")


def test_a_slow_task_does_not_hold_up_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLMK_TEST_PROCESSES", str(tmp_path / "processes"))
    monkeypatch.setenv("XLMK_TEST_WARM_UP", str(tmp_path / "warmed-up"))
    run_job(JOB, config(tmp_path, num_tasks=7, last_task=0), TWO_PROCESSES)
    runs = [[int(word) for word in line.split()] for line in (tmp_path / "processes").read_text().splitlines()]
    process_of = {task: process for task, process, _ in runs}
    assert sorted(task for task, *_ in runs) == list(range(7))
    assert len({process_of[task] for task in range(1, 7)}) == 1
    assert process_of[0] != process_of[1]
    assert {parent for *_, parent in runs} == {int((tmp_path / "warmed-up").read_text())}


def test_large_tasks_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLMK_TEST_MARKER", str(tmp_path / "ran"))
    sizes = (10, 30, 20, 30)
    planned = replace(
        JOB, plan=lambda config: [replace(task, num_bytes=sizes[task.index]) for task in JOB.plan(config)]
    )
    run_job(planned, config(tmp_path), ONE_PROCESS)
    assert (tmp_path / "ran").read_text().split() == ["1", "3", "2", "0"]


def once_two_tasks_run(tmp_path: Path, process: subprocess.Popen[bytes]) -> tuple[int, list[int]]:
    """Wait until both workers of a run are in a task; returns the process they were forked from, and the workers."""
    deadline = time.monotonic() + 30
    while len(list(tmp_path.glob("out.partial/triples/*.tmp"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (server,) = children_of(process.pid)
    return server, children_of(server)


def children_of(pid: int) -> list[int]:
    found = []
    for tasks in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (tasks / "children").read_text().split()]
    return found


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_build_without_a_finished_task_does_not_block_another_configuration(tmp_path: Path) -> None:
    with pytest.raises(InputCorrupt):
        run_job(JOB, config(tmp_path, corrupt_task=0), ONE_PROCESS)
    assert run_job(JOB, config(tmp_path, num_tasks=2), ONE_PROCESS).rows["triples"] == 20


def test_a_build_whose_input_was_cut_otherwise_is_not_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(InputCorrupt):
        run_job(JOB, config(tmp_path, corrupt_task=2), ONE_PROCESS)
    more_tasks = replace(JOB, plan=lambda config: [replace(task, num_bytes=7) for task in JOB.plan(config)])
    with pytest.raises(OutputBusy, match="tasks: there"):
        run_job(more_tasks, config(tmp_path, corrupt_task=2), ONE_PROCESS)


DATAFLOW = ["--runner=DataflowRunner", "--project=some-project", "--region=europe-west1"]


def test_dataflow_needs_an_output_and_code_that_its_workers_can_reach(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="workers cannot see"):
        run_job(JOB, config(tmp_path), [*DATAFLOW, "--sdk_container_image=image"])
    with pytest.raises(UsageError, match="do not have this project's code"):
        run_job(JOB, NumberConfig(output=f"folder://{tmp_path}/out"), DATAFLOW)


def test_flags_that_the_runner_refuses_are_a_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="temp_location"):
        run_job(
            JOB,
            NumberConfig(output=f"folder://{tmp_path}/out"),
            [*DATAFLOW, "--sdk_container_image=image", "--temp_location=nowhere"],
        )


def test_a_runner_that_leaves_tasks_undone_is_not_a_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beam_run.RunTask, "process", lambda self, task: iter(()))
    with pytest.raises(XlmkError, match="not all of 3 tasks have left their record"):
        run_job(JOB, config(tmp_path, num_tasks=3), ONE_PROCESS)
    assert not (tmp_path / "out").exists()


def test_processes_that_are_no_workers_of_ours_may_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_watch, "SECONDS_BETWEEN_LOOKS", 0.01)
    process = beam_run.RunTask.process

    def beside_another(self: beam_run.RunTask, task: Task) -> Iterator[int]:
        subprocess.run(["sleep", "0.1"], check=True)
        time.sleep(0.1)
        yield from process(self, task)

    monkeypatch.setattr(beam_run.RunTask, "process", beside_another)
    assert run_job(JOB, config(tmp_path, num_tasks=1), ONE_PROCESS).rows["triples"] == 10
