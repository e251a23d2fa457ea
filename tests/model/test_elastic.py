"""A run that goes on with another number of ranks takes the same batches: saved on one, resumed on three, then on two."""

from __future__ import annotations

import json
import multiprocessing
import os
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
from model.training import checkpoint as checkpoints
from model.training.distributed import rank
from model.training.feed import Feed
from model.training.step import TrainingStep
from model.training.trainer import pretrain
from schemas.errors import Preempted
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
    take, step = Feed.take, TrainingStep.__call__

    def noted_take(feed: Feed, number: int) -> tuple[list[Batch], float]:
        batches, waited = take(feed, number)
        note(folder, rows=[list(batch.row_ids) for batch in batches])
        return batches, waited

    def noted_step(training: TrainingStep, batches: list[Batch], number: int, **more: Any) -> Any:
        note(folder, step=number, state=fingerprint(training))
        return step(training, batches, number, **more)

    patch(Feed, "take", noted_take)
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


def train(number: int, ranks: int, port: int, config: PretrainConfig, folder: Path) -> None:
    """Entry of a process: trains as torchrun would have it until it is stopped."""
    os.environ |= {"RANK": str(number), "WORLD_SIZE": str(ranks), "LOCAL_RANK": str(number)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    record(folder, setattr)
    try:
        pretrain(config)
    except Preempted:
        note(folder, preempted=True)


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
    multiprocessing.set_forkserver_preload(PRELOADED)
    found: list[list[str]] = []
    for ranks, steps in WORLDS:
        folder = tmp_path / f"{ranks}-ranks"
        folder.mkdir()
        before = checkpoints.find(tmp_path / "run" / "checkpoints")
        config = run_config(tokens, tmp_path / "run", steps=STEPS, accumulation=BATCHES // ranks, stop_after=steps)
        config = replace(config, workers=1 if ranks == 2 else 0)
        arguments = (ranks, free_port(), config, folder)
        mp.start_processes(train, arguments, nprocs=ranks, start_method="forkserver")
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
