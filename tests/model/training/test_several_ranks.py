"""Whole runs on several ranks: resumed on other numbers of them, ended together by a signal or a loss on one of them."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp

from model.batch import Batch
from model.config import PretrainConfig
from model.data.loading.loader import StreamLoader
from model.distributed import rank
from model.training import checkpoint as checkpoints
from model.training.step import TrainingStep
from model.training.trainer import pretrain
from schemas.errors import XlmkError
from tests.model.test_distributed import free_port
from tests.model.training_world import run_config, write_training_world

BATCHES = 6
"""Batches of a step, over all ranks and accumulated."""
STEPS = 4
WORLDS = ((1, 1), (3, 2), (2, 1))
"""Ranks, and the steps they take before they are stopped."""
PRELOADED = [__name__, "transformers.models.xlm_roberta.modeling_xlm_roberta", "torch.utils.tensorboard"]
"""What one server imports, so that the ranks, its forks, need not."""


def record(folder: Path, patch: Callable[[Any, str, Any], None]) -> None:
    """Notes each step's rows, and the weights and moments each rank starts it from, in `folder/rank-N.jsonl`."""
    take, step = StreamLoader.take, TrainingStep.__call__

    def noted_take(loader: StreamLoader, number: int) -> tuple[list[Batch], float]:
        batches, waited = take(loader, number)
        note(folder, rows=[list(batch.row_ids) for batch in batches])
        return batches, waited

    def noted_step(training: TrainingStep, batches: list[Batch], number: int, **more: Any) -> Any:
        note(folder, step=number, state=fingerprint(training))
        return step(training, batches, number, **more)

    patch(StreamLoader, "take", noted_take)
    patch(TrainingStep, "__call__", noted_step)


def note(folder: Path, **what: Any) -> None:
    with (folder / f"rank-{rank()}.jsonl").open("a") as file:
        file.write(json.dumps(what) + "\n")


def fingerprint(training: TrainingStep) -> str:
    """A checksum of weights, banks and moments; running statistics are each rank's own."""
    tensors = checkpoints.model_tensors(training.joint)
    tensors |= checkpoints.optimizer_tensors(training.joint, training.optimizer)
    names = [name for name in sorted(tensors) if "running" not in name]
    return sha256(b"".join(name.encode() + tensors[name].numpy().tobytes() for name in names)).hexdigest()


def notes(folder: Path, kind: str) -> list[list[dict[str, Any]]]:
    """What each rank noted, in rank order."""
    lines = [path.read_text().splitlines() for path in sorted(folder.glob("rank-*.jsonl"))]
    return [[found for line in rows if kind in (found := json.loads(line))] for rows in lines]


def batches(folder: Path) -> list[list[str]]:
    """The row ids of every batch in the order of the stream: by step, then by turn, then by rank."""
    by_rank = [[step["rows"] for step in ranks] for ranks in notes(folder, "rows")]
    return [rows for step in zip(*by_rank, strict=True) for turn in zip(*step, strict=True) for rows in turn]


def train(number: int, ranks: int, port: int, config: PretrainConfig, folder: Path, trouble: str = "") -> None:
    """Entry of a process: trains as torchrun would have it until it is stopped, and notes by which error."""
    os.environ |= {"RANK": str(number), "WORLD_SIZE": str(ranks), "LOCAL_RANK": str(number)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    record(folder, setattr)
    if trouble and number == 1:
        make_trouble(trouble)
    try:
        pretrain(config)
    except XlmkError as error:
        (folder / f"end-{number}.txt").write_text(type(error).__name__)


def make_trouble(kind: str) -> None:
    """From the third step on, this rank's loss is not a number, or it is told to end."""
    true, steps = TrainingStep._backward, iter(range(10**6))

    def changed(training: TrainingStep, *arguments: Any) -> Any:
        loss, measures = true(training, *arguments)
        if next(steps) < 2:
            return loss, measures
        if kind == "signal":
            os.kill(os.getpid(), signal.SIGTERM)
        return (loss * float("nan") if kind == "loss" else loss), measures

    setattr(TrainingStep, "_backward", changed)  # noqa: B010


def run_ranks(ranks: int, config: PretrainConfig, folder: Path, trouble: str = "") -> None:
    """Starts the ranks as forks of one server, which imports once what they need."""
    multiprocessing.set_forkserver_preload(PRELOADED)
    folder.mkdir(exist_ok=True)
    arguments = (ranks, free_port(), config, folder, trouble)
    mp.start_processes(train, arguments, nprocs=ranks, start_method="forkserver")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_training_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def whole(tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one rank takes that is never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        record(folder, patch.setattr)
        pretrain(run_config(tokens, folder / "run", steps=STEPS, accumulation=BATCHES))
    return folder


def test_other_numbers_of_ranks_take_the_same_rows_and_none_twice(tokens: Path, whole: Path, tmp_path: Path) -> None:
    found: list[list[str]] = []
    for ranks, steps in WORLDS:
        folder = tmp_path / f"{ranks}-ranks"
        before = checkpoints.find(tmp_path / "run" / "checkpoints")
        config = run_config(tokens, tmp_path / "run", steps=STEPS, accumulation=BATCHES // ranks, stop_after=steps)
        run_ranks(ranks, replace(config, workers=1 if ranks == 2 else 0), folder)
        found += batches(folder)
        states = notes(folder, "state")
        assert [len(steps_of_rank) for steps_of_rank in states] == [steps] * ranks
        assert all(len({one[step]["state"] for one in states}) == 1 for step in range(steps)), "ranks differ"
        assert before is None or states[0][0]["step"] == before.state["step"]
    expected = batches(whole)
    assert len(expected) == BATCHES * STEPS
    assert found == expected  # every row once, in the order of the run that was never stopped
    newest = checkpoints.find(tmp_path / "run" / "checkpoints")
    assert newest is not None and newest.state["step"] == STEPS and newest.state["ranks"] == WORLDS[-1][0]


def events(output: Path, name: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    return [row for row in rows if row.get("event") == name]


def test_a_loss_that_is_not_finite_on_one_rank_ends_all_of_them(tokens: Path, tmp_path: Path) -> None:
    config = run_config(tokens, tmp_path / "run", steps=20, objectives=("mlm",), save_every=2)
    run_ranks(2, config, tmp_path / "notes", "loss")
    assert [path.read_text() for path in sorted((tmp_path / "notes").glob("end-*"))] == ["LossNotFinite"] * 2
    skipped = events(tmp_path / "run", "skipped")
    assert [(event["step"], event["in_a_row"]) for event in skipped] == [(2, 1), (3, 2), (4, 3)]
    taken = [[step["rows"][0] for step in ranks] for ranks in notes(tmp_path / "notes", "rows")]
    assert [event["row_ids"] for event in skipped] == [[ranks[step] for ranks in taken] for step in (2, 3, 4)]
    found = checkpoints.find(tmp_path / "run" / "checkpoints")
    assert found is not None and found.state["step"] == 4
    weights = checkpoints.load_file(found.folder / checkpoints.MODEL)
    assert all(value.isfinite().all() for value in weights.values() if value.is_floating_point())
    states = notes(tmp_path / "notes", "state")[0]
    assert states[2]["state"] == states[3]["state"] == states[4]["state"]  # the bad steps changed nothing


def test_a_signal_to_one_rank_saves_and_ends_all_of_them(tokens: Path, tmp_path: Path) -> None:
    config = run_config(tokens, tmp_path / "run", steps=20, objectives=("mlm",))
    run_ranks(2, config, tmp_path / "notes", "signal")
    assert [path.read_text() for path in sorted((tmp_path / "notes").glob("end-*"))] == ["Preempted"] * 2
    steps = [len(ranks) for ranks in notes(tmp_path / "notes", "state")]
    found = checkpoints.find(tmp_path / "run" / "checkpoints")
    assert found is not None and steps == [found.state["step"]] * 2 and 3 <= steps[0] < 20
