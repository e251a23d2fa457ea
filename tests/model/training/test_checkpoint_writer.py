"""Checkpoints written beside the training: the same bits as ones waited for, one at a time, and none lost at the end."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from model.training import checkpoint as checkpoints
from model.training.checkpoint_writer import CheckpointWriter
from model.training.step import TrainingStep
from model.training.trainer import pretrain
from schemas.errors import LossNotFinite, Preempted, StorageError
from tests.model.training_world import assert_same_bits, final_weights, run_config, write_training_world

STEPS = 8
EVERY = 3
LONG = 60.0
"""Seconds after which a test that waits for another thread fails."""


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_training_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def waited(tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that stood still for each of its checkpoints, and keeps all of them."""
    output = tmp_path_factory.mktemp("waited")
    train(tokens, output, save_in_background=False)
    return output


def train(tokens: Path, output: Path, **changes: Any) -> None:
    """Runs some steps of all objectives with a bank, or goes on with them."""
    pretrain(run_config(tokens, output, **{"steps": STEPS, "save_every": EVERY, "keep_checkpoints": 9} | changes))


def tensors(output: Path, step: int) -> dict[str, torch.Tensor]:
    folder = output / "checkpoints" / f"checkpoint-{step:08d}"
    return load_file(folder / "model.safetensors") | load_file(folder / "optimizer.safetensors")


def events(output: Path, name: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    return [row for row in rows if row.get("event") == name]


def before_saves(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], None]) -> None:
    """Lets `act` run in the writer's thread before each write; it is told the step."""
    true = checkpoints.save

    def changed(root: Path, step: int, *arguments: Any) -> Path:
        act(step)
        return true(root, step, *arguments)

    monkeypatch.setattr(checkpoints, "save", changed)


def before_steps(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], object]) -> None:
    """Lets `act` run in the loop before each step; it is told how many steps are done."""
    true = TrainingStep.__call__

    def changed(self: TrainingStep, batches: list[Any], step: int, **more: Any) -> Any:
        act(step)
        return true(self, batches, step, **more)

    monkeypatch.setattr(TrainingStep, "__call__", changed)


def test_training_goes_on_while_a_checkpoint_is_held_up_and_what_it_holds_stays_that_of_its_step(
    tokens: Path, waited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, seen = threading.Event(), []

    def hold(step: int) -> None:
        assert threading.current_thread() is not threading.main_thread()
        assert step != EVERY or go_on.wait(LONG), "no step was taken while the checkpoint was held up"

    def watch(done: int) -> None:
        if done == EVERY + 2:  # two steps after the checkpoint was taken, none of it on disk
            seen.extend((tmp_path / "checkpoints").glob("*"))
            go_on.set()

    before_saves(monkeypatch, hold)
    before_steps(monkeypatch, watch)
    train(tokens, tmp_path)
    assert seen == []
    for step in (EVERY, 2 * EVERY, STEPS):
        assert_same_bits(tensors(tmp_path, step), tensors(waited, step))
    assert [event["step"] for event in events(tmp_path, "checkpoint")] == [EVERY, 2 * EVERY, STEPS]


def test_going_on_from_one_written_beside_the_training_is_exact(tokens: Path, waited: Path, tmp_path: Path) -> None:
    with pytest.raises(Preempted):
        train(tokens, tmp_path, stop_after=EVERY + 1)
    newest = tmp_path / "checkpoints" / f"checkpoint-{EVERY + 1:08d}"
    newest.rename(tmp_path / "elsewhere")  # so that it goes on from the one the thread wrote while it trained
    train(tokens, tmp_path, save_in_background=False)
    assert events(tmp_path, "resume")[0]["step"] == EVERY
    assert_same_bits(final_weights(tmp_path), final_weights(waited))


def test_one_is_written_at_a_time_in_order(tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true, running, order = checkpoints.save, threading.Lock(), []

    def slow(root: Path, step: int, *arguments: Any) -> Path:
        assert running.acquire(blocking=False), "two checkpoints at a time"
        time.sleep(0.05)
        order.append(step)
        folder = true(root, step, *arguments)
        running.release()
        return folder

    monkeypatch.setattr(checkpoints, "save", slow)
    train(tokens, tmp_path, save_every=1, steps=5, objectives=("mlm",), keep_checkpoints=2)
    assert order == [1, 2, 3, 4, 5]
    assert sorted(path.name[-1] for path in (tmp_path / "checkpoints").iterdir()) == ["4", "5"]


def test_a_write_that_fails_is_raised_at_the_next_step_and_the_one_before_stays(
    tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true, calls, failed = checkpoints.save_file, iter(range(10**6)), threading.Event()

    def full(*arguments: Any) -> None:
        if next(calls) >= 2:  # two files a checkpoint
            failed.set()
            raise OSError(errno.ENOSPC, "No space left on device")
        true(*arguments)

    taken: list[int] = []

    def watch(done: int) -> None:
        taken.append(done)
        if done == 2 * EVERY:
            assert failed.wait(LONG)
            time.sleep(0.2)

    monkeypatch.setattr(checkpoints, "save_file", full)
    before_steps(monkeypatch, watch)
    with pytest.raises(StorageError, match=r"step 6 could not be written.*Free some space"):
        train(tokens, tmp_path, steps=20, objectives=("mlm",))
    assert taken[-1] == 2 * EVERY
    assert sorted(path.name[-1] for path in (tmp_path / "checkpoints").iterdir()) == [str(EVERY)]
    found = checkpoints.find(tmp_path / "checkpoints")
    assert found is not None and found.state["step"] == EVERY


@pytest.mark.parametrize("background", [True, False])
def test_a_signal_waits_for_what_is_on_its_way(
    tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, background: bool
) -> None:
    def terminate(step: int) -> None:
        if step == EVERY:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.5)  # the loop comes to its end meanwhile

    before_saves(monkeypatch, terminate)
    with pytest.raises(Preempted, match="everything saved"):
        train(tokens, tmp_path, steps=30, objectives=("mlm",), save_in_background=background)
    done = [event["step"] for event in events(tmp_path, "checkpoint")]
    assert done[0] == EVERY and len(done) == 2 and done[1] < 30
    found = checkpoints.find(tmp_path / "checkpoints")
    assert found is not None and found.state["step"] == done[1]


def test_a_run_that_fails_lets_the_last_good_one_come_to_disk(
    tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true, held = TrainingStep._backward, threading.Event()

    def broken(step: TrainingStep, *arguments: Any) -> Any:
        loss, measures = true(step, *arguments)
        return (loss * float("nan") if held.is_set() else loss), measures

    def hold(step: int) -> None:
        held.set()
        time.sleep(0.5)  # the run fails meanwhile

    monkeypatch.setattr(TrainingStep, "_backward", broken)
    before_saves(monkeypatch, hold)
    before_steps(monkeypatch, lambda done: held.wait(LONG) if done == EVERY else None)
    with pytest.raises(LossNotFinite):
        train(tokens, tmp_path, objectives=("mlm",), max_bad_steps=1)
    found = checkpoints.find(tmp_path / "checkpoints")
    assert found is not None and found.state["step"] == EVERY


def test_closing_says_what_could_not_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    model = torch.nn.Linear(2, 2)
    writer = CheckpointWriter(tmp_path / "file", keep=2, background=True)
    writer.save(1, model, torch.optim.AdamW(model.parameters()), {})
    writer.close()
    assert "checkpoint of step 1 could not be written" in capsys.readouterr().err
