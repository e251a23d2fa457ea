"""The short forms of the campaigns; their long forms are run by hand and leave `benchmarks/campaigns/results.json`."""

from __future__ import annotations

import os
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.campaigns import bit_flips, kill_points, mutated_pages, power_cuts, results
from pipeline.run.job import run_job
from tests.faults.recorder import Recorder
from tests.pipeline.run.number_job import JOB, NumberConfig
from tests.pipeline.run.test_job import ONE_PROCESS


def test_random_damage_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    outcome, counts = bit_flips.run(bit_flips.Config(tries=60, seed=7))
    assert outcome.held == outcome.tried == 60, counts
    assert {"shard refused", "manifest.json refused", "state.json refused"} <= set(counts)


@pytest.fixture
def config(tmp_path: Path) -> NumberConfig:
    """A job with rows and rejects, in a folder of its own."""
    return NumberConfig(output=str(tmp_path / "work" / "out"), reject_every=10, max_reject_share=0.5)


@pytest.fixture
def whole(tmp_path: Path, config: NumberConfig) -> dict[str, str]:
    """What a run that nothing happens to leaves in its folder, beside its dataset too; the folder is empty again."""
    run_job(JOB, config, ONE_PROCESS)
    found = kill_points.contents(tmp_path / "work")
    shutil.rmtree(tmp_path / "work")
    return found


@pytest.mark.fault("D1")
@pytest.mark.parametrize("kills", [(1,), (5, 3), (9, 2), (17, 4), (26,), (33, 1), (40,), (47,), (52, 7)], ids=str)
def test_a_job_killed_at_operations_on_files(
    tmp_path: Path, config: NumberConfig, whole: dict[str, str], recorder: Recorder, kills: tuple[int, ...]
) -> None:
    killed = sum(run_and_kill(config, kill) for kill in kills)
    run_job(JOB, config, ONE_PROCESS)
    assert kill_points.contents(tmp_path / "work") == whole
    assert killed >= 1
    recorder.note("killed by SIGKILL before operations on files: the rerun's files equal, byte for byte")


@pytest.mark.fault("D1")
def test_a_job_killed_while_it_is_published(tmp_path: Path, config: NumberConfig, whole: dict[str, str]) -> None:
    """Kills before the last renames: of the note of times beside the dataset, of its manifest, of the dataset itself."""
    process = os.fork()
    if process == 0:
        run_in_fork(config, 0, tmp_path / "operations")
    os.waitpid(process, 0)
    shutil.rmtree(tmp_path / "work")
    last = int((tmp_path / "operations").read_text())
    for kill_before in (last - 4, last - 1, last):
        assert run_and_kill(config, kill_before)
        run_job(JOB, config, ONE_PROCESS)
        assert kill_points.contents(tmp_path / "work") == whole, kill_before
        shutil.rmtree(tmp_path / "work")
    assert not run_and_kill(config, last + 1)


def run_and_kill(config: NumberConfig, kill_before: int) -> bool:
    """Runs the job in a fork that dies before an operation on files; returns whether it did."""
    process = os.fork()
    if process == 0:
        run_in_fork(config, kill_before)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


def run_in_fork(config: NumberConfig, kill_before: int, count: Path | None = None) -> None:
    """Runs the job to its end or its kill, and this process with it; notes how many operations on files there were."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        counter = kill_points.OperationCounter(kill_before)
        run_job(JOB, config, ONE_PROCESS)
        if count:
            count.write_text(str(counter.count))
    finally:
        os._exit(0)


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


@pytest.mark.fault("G67")
def test_mutated_pages_keep_their_targets(recorder: Recorder) -> None:
    outcome = mutated_pages.run(mutated_pages.Config(tries=400, seed=5))
    assert outcome.held == outcome.tried == 400
    recorder.note("400 mutated pages and rows of elements: no raise, no mark or blank in a span, every target right")


@pytest.mark.fault("G67")
def test_a_wrong_target_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    read = mutated_pages.read_article

    def swapped(*arguments: Any) -> Any:
        article = read(*arguments)
        contexts = [(text, [(*link[:2], "Kitu 0", link[3]) for link in links]) for text, links in article.contexts]
        return replace(article, contexts=contexts)

    monkeypatch.setattr(mutated_pages, "read_article", swapped)
    outcome = mutated_pages.run(mutated_pages.Config(tries=40, seed=5))
    assert outcome.held < outcome.tried


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_build_whose_power_is_cut() -> None:
    outcome = power_cuts.run(power_cuts.Config(cuts=2, seed=5, languages=("en",)))
    assert outcome.held == outcome.tried == 2


@pytest.mark.fault("G69")
def test_what_a_power_cut_takes(tmp_path: Path, recorder: Recorder) -> None:
    """Of files and names that were not synced some go; those written through `storage` stay whole."""
    machine = power_cuts.Machine(power_cuts.Config(languages=("en",)), tmp_path)
    program = (
        "from pathlib import Path; from pipeline.run import storage; import sys; out = Path(sys.argv[1]); "
        "[storage.write_text(str(out / f'safe{n}'), 'text') for n in range(20)]; "
        "[(out / f'lost{n}').write_text('text') for n in range(20)]"
    )
    machine.call([sys.executable, "-c", program, str(machine.output)])
    assert machine.lose(random.Random(1)) > 0
    assert all((machine.output / f"safe{number}").read_text() == "text" for number in range(20))
    left = [(machine.output / f"lost{number}").read_text() for number in range(20)]
    assert {"", "text"} == set(left)
    recorder.note(f"{left.count('')} of 20 unsynced files lost, none of 20 that were written through `storage`")
