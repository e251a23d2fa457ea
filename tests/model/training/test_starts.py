"""Where a run may start from, be prolonged or branched, what it keeps, and who is told."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from model.training.trainer import pretrain
from schemas.errors import CheckpointUnusable, InputMissing, Preempted, UsageError
from tests.model.training_world import RUN, assert_same_bits, final_weights, run_config, write_training_world

WSD = replace(RUN.optim, schedule="wsd", decay_share=0.5)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_training_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def first(tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of MLM and MEP that kept a milestone."""
    output = tmp_path_factory.mktemp("first")
    changes: dict[str, Any] = {"objectives": ("mlm", "mep"), "save_every": 1, "keep_every": 2, "steps": 5}
    pretrain(run_config(tokens, output, **changes))
    return output


def test_milestones_are_kept(first: Path) -> None:
    kept = sorted(int(path.name[-8:]) for path in (first / "checkpoints").iterdir())
    assert kept == [2, 4, 5]


@pytest.mark.parametrize("source", ["", "checkpoints/checkpoint-00000002"])
def test_a_run_starts_from_the_weights_of_another(source: str, tokens: Path, first: Path, tmp_path: Path) -> None:
    rate = replace(RUN.optim, peak_rate=1e-12)
    pretrain(run_config(tokens, tmp_path, steps=3, optim=rate, init_from=str(first / source)))
    start = load_file((first / source if source else first / "checkpoints/checkpoint-00000005") / "model.safetensors")
    found = final_weights(tmp_path)
    for name in ("encoder.model.lm_head.dense.weight", "objectives.mep.contrast.key_head.first.weight"):
        torch.testing.assert_close(found[name], start[name])
    assert "objectives.oe.contrast.key_head.first.weight" in found.keys() - start.keys()
    event = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])
    assert event["event"] == "start" and event["step"] == 0
    assert event["anew"] and all(name.startswith("objectives.oe") for name in event["anew"])


def test_a_start_that_does_not_fit_is_refused(tokens: Path, first: Path, tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="neither the folder of a run"):
        pretrain(run_config(tokens, tmp_path, steps=3, init_from=str(tmp_path / "nowhere")))
    wider = replace(RUN.encoder, width=64)
    with pytest.raises(CheckpointUnusable, match="other sizes"):
        pretrain(run_config(tokens, tmp_path / "wide", steps=3, encoder=wider, init_from=str(first)))


def test_a_wsd_run_is_prolonged_from_its_constant_part_as_if_it_had_been_longer(tokens: Path, tmp_path: Path) -> None:
    pretrain(run_config(tokens, tmp_path / "long", steps=10, optim=WSD))
    with pytest.raises(Preempted):
        pretrain(run_config(tokens, tmp_path / "branch", steps=8, optim=WSD, stop_after=4))
    pretrain(run_config(tokens, tmp_path / "branch", steps=10, optim=WSD))
    assert_same_bits(final_weights(tmp_path / "branch"), final_weights(tmp_path / "long"))
    with pytest.raises(CheckpointUnusable, match="steps was 10, is 12"):  # it has decayed
        pretrain(run_config(tokens, tmp_path / "branch", steps=12, optim=WSD))


def test_measures_go_to_a_tracker(tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, Any]] = []
    tracker = SimpleNamespace(
        init=lambda **given: told.append(("init", given["name"])),
        log=lambda values, step: told.append(("log", (step, sorted(values)[0]))),
        finish=lambda: told.append(("finish", None)),
    )
    monkeypatch.setitem(sys.modules, "trackio", tracker)
    pretrain(run_config(tokens, tmp_path / "named", steps=3, track="trackio"))
    assert told[0] == ("init", "named") and told[-1] == ("finish", None)
    assert [step for kind, (step, _) in told[1:-1] if kind == "log"] == [1, 2, 3]
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UsageError, match="pip install wandb"):
        pretrain(run_config(tokens, tmp_path / "other", steps=3, track="wandb"))
