"""The short forms of the campaigns; their long forms are run by hand and leave `benchmarks/campaigns/results.json`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from benchmarks.campaigns import bit_flips, kill_points, results
from pipeline.job import run_job
from tests.faults.recorder import Recorder
from tests.pipeline.number_job import JOB, NumberConfig
from tests.pipeline.test_job import ONE_PROCESS


def test_random_damage_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    outcome, counts = bit_flips.run(bit_flips.Config(tries=60, seed=7))
    assert outcome.held == outcome.tried == 60, counts
    assert {"shard refused", "manifest.json refused", "state.json refused"} <= set(counts)


@pytest.mark.fault("D1")
@pytest.mark.parametrize("kills", [(1,), (5, 3), (9, 2), (17, 4), (26,), (33, 1), (40,), (47,), (52, 7)], ids=str)
def test_a_job_killed_at_operations_on_files(tmp_path: Path, recorder: Recorder, kills: tuple[int, ...]) -> None:
    config = NumberConfig(output=str(tmp_path / "out"), reject_every=10, max_reject_share=0.5)
    run_job(JOB, config, ONE_PROCESS)
    whole = kill_points.contents(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    killed = sum(run_and_kill(config, kill) for kill in kills)
    run_job(JOB, config, ONE_PROCESS)
    assert kill_points.contents(tmp_path / "out") == whole
    assert killed >= 1
    recorder.note("killed by SIGKILL before operations on files: the rerun's files equal, byte for byte")


def run_and_kill(config: NumberConfig, kill_before: int) -> bool:
    """Runs the job in a fork that dies before an operation on files; returns whether it did."""
    process = os.fork()
    if process == 0:
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 2)
            kill_points.OperationCounter(kill_before)
            run_job(JOB, config, ONE_PROCESS)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


@pytest.mark.fault("D1")
def test_a_build_killed_at_random(recorder: Recorder) -> None:
    config = kill_points.Config(kills=4, seed=5, languages=("en",), entities=24)
    outcome = kill_points.run(config)
    assert outcome.held == outcome.tried == 4
    recorder.note("`build` killed 4 times: the rerun's files equal, byte for byte")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("by_command", [False, True], ids=["fork", "command"])
def test_the_build_of_the_sample_world_killed_at_random(by_command: bool) -> None:
    outcome = kill_points.run(kill_points.Config(kills=2, seed=5, by_command=by_command))
    assert outcome.held == outcome.tried == 2


def test_a_campaign_in_pieces_adds_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results.json")
    assert results.noted("K9") is None
    first = results.Outcome(what="kills", seed=1, tried=3, held=2, seconds=5.0)
    assert results.conclude("K9", first, write=True) == 1
    before = results.noted("K9")
    assert before == first
    both = results.Outcome(what="kills", seed=1, tried=4, held=4, seconds=6.0).after(before)
    assert (both.tried, both.held, both.seconds) == (7, 6, 11.0)
    with pytest.raises(ValueError, match="another campaign"):
        results.Outcome(what="kills", seed=2, tried=4, held=4, seconds=6.0).after(before)
