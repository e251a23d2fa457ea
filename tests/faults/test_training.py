"""Faults of training: what is not finite, too large, interrupted, half written, foreign or changed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.campaigns.kill_points import OperationCounter
from model.batch import Batch
from model.data.loading.loader import StreamLoader
from model.method.joint import JointModel
from model.training import checkpoint as checkpoints
from model.training import trainer as training
from model.training.resuming import check_resumable, fitting_state
from model.training.step import TrainingStep
from model.training.trainer import pretrain
from schemas.errors import CheckpointUnusable, LossNotFinite, OutOfMemory, Preempted
from tests.faults.recorder import Recorder
from tests.model.training_world import RUN, assert_same_bits, final_weights, run_config, write_training_world

STEPS = 5
LONG = 18
Change = Callable[[TrainingStep, Callable[..., Any], int, tuple[Any, ...]], Any]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world to train on."""
    return write_training_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def whole(tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    output = tmp_path_factory.mktemp("whole")
    train(tokens, output)
    return output


def train(tokens: Path, output: Path, **changes: Any) -> None:
    """Runs a few steps of masked-language modelling, or goes on with them."""
    settings = {"steps": STEPS, "objectives": ("mlm",), "save_every": 2} | changes
    pretrain(run_config(tokens, output, **settings))


def events(output: Path, name: str) -> list[dict[str, Any]]:
    """Returns the log's events of one name."""
    rows = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    return [row for row in rows if row.get("event") == name]


def at_steps(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Lets `change` stand between the loop and each step's backward pass; it is told the number of the call, from 0."""
    true, calls = TrainingStep._backward, iter(range(10**6))

    def changed(step: TrainingStep, *arguments: Any) -> Any:
        return change(step, true, next(calls), arguments)

    monkeypatch.setattr(TrainingStep, "_backward", changed)


def not_finite(bad: set[int], where: str) -> Change:
    """Makes the loss, or one gradient, of some steps not a number."""

    def change(step: TrainingStep, true: Callable[..., Any], call: int, arguments: tuple[Any, ...]) -> Any:
        loss, measures = true(step, *arguments)
        if call in bad and where == "loss":
            return loss * float("nan"), measures
        if call in bad:
            next(weight.grad for weight in step.joint.parameters() if weight.grad is not None).fill_(float("inf"))
        return loss, measures

    return change


@pytest.mark.fault("F1")
@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_one_step_that_is_not_finite_is_skipped(
    tokens: Path, tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    at_steps(monkeypatch, not_finite({1}, where))
    train(tokens, tmp_path)
    skipped = events(tmp_path, "skipped")
    assert len(skipped) == 1 and skipped[0]["row_ids"][0]
    assert all(tensor.isfinite().all() for tensor in final_weights(tmp_path).values())
    recorder.note(f"one bad {where}: skipped, its rows are in the log, the weights stay finite")


@pytest.mark.fault("F1")
def test_several_in_a_row_stop_the_run(
    tokens: Path, tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_steps(monkeypatch, not_finite({2, 3, 4}, "loss"))
    recorder.error(LossNotFinite, "3 steps in a row", lambda: train(tokens, tmp_path, steps=9))
    found = checkpoints.find(tmp_path / "checkpoints")
    assert found is not None
    assert all(tensor.isfinite().all() for tensor in final_weights(tmp_path).values())


@pytest.mark.fault("F2")
def test_out_of_memory(tokens: Path, tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(step: TrainingStep, true: Callable[..., Any], call: int, arguments: tuple[Any, ...]) -> Any:
        if call == 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return true(step, *arguments)

    at_steps(monkeypatch, change)
    recorder.error(OutOfMemory, "512 tokens.*Next smaller setting: --chunk-tokens", lambda: train(tokens, tmp_path))
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["checkpoint-00000002"] and checkpoints.find(tmp_path / "checkpoints") is not None


@pytest.mark.fault("F2")
def test_out_of_memory_in_a_validation(
    tokens: Path, tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = JointModel.forward

    def forward(joint: JointModel, batch: Batch, *more: Any) -> Any:
        if not joint.training:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return true(joint, batch, *more)

    monkeypatch.setattr(JointModel, "forward", forward)
    message = "a validation batch of 512 tokens.*--validate-every 0"
    recorder.error(OutOfMemory, message, lambda: train(tokens, tmp_path, validate_every=3))
    train(tokens, tmp_path, validate_every=0)
    assert final_weights(tmp_path)
    recorder.note("with --validate-every 0 the same run went on to its end")


def signal_in(monkeypatch: pytest.MonkeyPatch, where: str, after: int) -> None:
    """Sends SIGTERM to this process once, inside one part of the loop, when it was passed `after` times."""
    place: Any = {"step": TrainingStep, "save": checkpoints, "wait": StreamLoader, "evaluation": training}[where]
    name = {"step": "_backward", "save": "save", "wait": "take", "evaluation": "validate"}[where]
    true, calls = getattr(place, name), iter(range(10**6))

    def changed(*arguments: Any, **more: Any) -> Any:
        if next(calls) == after:
            os.kill(os.getpid(), signal.SIGTERM)
        return true(*arguments, **more)

    monkeypatch.setattr(place, name, changed)


SIGNALS = 5
"""Signals in each part of the loop; four parts make twenty."""


@pytest.fixture(scope="module")
def long_whole(tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run long enough to be stopped several times, that nothing happened to."""
    output = tmp_path_factory.mktemp("long")
    train(tokens, output, steps=LONG)
    return output


@pytest.mark.fault("F3")
@pytest.mark.parametrize("where", ["step", "save", "wait", "evaluation"])
def test_signals_anywhere_are_saved_and_gone_on_from(
    tokens: Path, long_whole: Path, tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    steps = [0]
    for number in range(SIGNALS):
        with monkeypatch.context() as patch:
            signal_in(patch, where, number % 2)
            with pytest.raises(Preempted, match="everything saved") as stopped:
                train(tokens, tmp_path, steps=LONG, validate_every=2)
        assert stopped.value.exit_code == 75
        found = checkpoints.find(tmp_path / "checkpoints")
        assert found is not None
        steps.append(found.state["step"])
    assert sorted(set(steps)) == steps, "a signal cost steps"
    train(tokens, tmp_path, steps=LONG, validate_every=2)
    assert_same_bits(final_weights(tmp_path), final_weights(long_whole))
    at = ", ".join(map(str, steps[1:]))
    recorder.note(f"{where}: 75, {SIGNALS} of {SIGNALS}, saved after steps {at}; weights as if never stopped")


def small_tensors(step: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Returns the tensors of a small checkpoint."""
    return {"weight": torch.full((64, 64), float(step))}, {"weight/exp_avg": torch.full((64, 64), float(step))}


@pytest.mark.fault("F4")
def test_a_kill_inside_a_save_at_a_hundred_points(tmp_path: Path, recorder: Recorder) -> None:
    whole, points = 0, 0
    for keep in (1, 2, 3, 4):
        for kill_before in range(1, 26):
            root = tmp_path / f"{keep}-{kill_before}"
            checkpoints.save(root, 1, *small_tensors(1), {"data": "x"}, keep)
            if os.fork() == 0:
                try:
                    OperationCounter(kill_before)
                    checkpoints.save(root, 2, *small_tensors(2), {"data": "x"}, keep)
                finally:
                    os._exit(0)
            os.wait()
            found = checkpoints.find(root)
            assert found is not None and found.state["step"] in (1, 2)
            whole, points = whole + (found.state["step"] == 2), points + 1
    recorder.note(f"{points} points: {whole} whole new ones, {points - whole} times the one before; never neither")


@pytest.mark.fault("F4")
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    tmp_path: Path, recorder: Recorder, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    for step in (1, 2):
        newest = checkpoints.save(tmp_path, step, *small_tensors(step), {"data": "x"}, 2)
    data = (newest / name).read_bytes()
    (newest / name).write_bytes(data[: len(data) // 2])
    found = checkpoints.find(tmp_path)
    assert found is not None and found.state["step"] == 1
    assert "trying the checkpoint before it" in capsys.readouterr().err
    recorder.note("a damaged one is passed over for the one before, and it says so")


HARMFUL = {
    "protocol 0": b"cos\nsystem\n(S'touch CANARY'\ntR.",
    "protocol 4": b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x8c\x0ctouch CANARY\x85R.",
    "zip": b"PK\x03\x04archive/data.pkl",
}


@pytest.mark.fault("F5")
@pytest.mark.parametrize("kind", HARMFUL)
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt"])
def test_a_pickle_is_never_executed(
    tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, kind: str, name: str
) -> None:
    folder = checkpoints.save(tmp_path, 1, *small_tensors(1), {"data": "x"}, 2)
    (folder / name).write_bytes(HARMFUL[kind])
    content = {
        key: value for key, value in json.loads((folder / "state.json").read_text()).items() if key != "checksum"
    }
    if name in content["sha256"]:
        content["sha256"][name] = checkpoints.checksum(folder / name)
    (folder / "state.json").write_text(checkpoints.sealed(content))
    monkeypatch.chdir(tmp_path)

    def opened() -> None:
        found = checkpoints.find(tmp_path)
        if found is not None:
            checkpoints.load_model(found, torch.nn.Linear(2, 2))

    recorder.error(CheckpointUnusable, "pickle|never writes|not a safetensors", opened)
    assert not list(tmp_path.rglob("CANARY"))


@pytest.mark.fault("F6")
def test_resuming_on_another_number_of_ranks(
    tokens: Path, tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many batches a step on other ranks are taken alike; `tests/model/training/test_several_ranks.py` runs them."""
    one = run_config(tokens, tmp_path, accumulation=2).resolved()
    state = fitting_state(one, "data", "tokenizer")
    monkeypatch.setattr("model.training.resuming.world_size", lambda: 2)
    two = run_config(tokens, tmp_path, accumulation=1).resolved()
    assert check_resumable(state, two, "data", "tokenizer", tmp_path)
    words = r"2 batches per step \(1 ranks\), this run has 2 x 2 ranks"
    recorder.error(CheckpointUnusable, words, lambda: check_resumable(state, one, "data", "tokenizer", tmp_path))


@pytest.mark.fault("F6")
def test_resuming_in_another_form_is_exact_or_refused(
    tokens: Path, whole: Path, tmp_path: Path, recorder: Recorder
) -> None:
    with pytest.raises(Preempted):
        train(tokens, tmp_path, stop_after=2)
    recorder.error(CheckpointUnusable, "batches per step", lambda: train(tokens, tmp_path, accumulation=2))
    stream = replace(RUN.stream, tokens_per_step=1024)
    recorder.error(CheckpointUnusable, "tokens_per_step", lambda: train(tokens, tmp_path, stream=stream))
    train(tokens, tmp_path, workers=2)
    assert_same_bits(final_weights(tmp_path), final_weights(whole))
    recorder.note("two loader workers in place of none: bit for bit the same")
