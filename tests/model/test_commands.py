"""The commands: help is quick and teaches, typos are answered, and a run can be exported again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model import cli
from model.batch import Batch
from model.commands import bench, pretrain
from model.data.loading.loader import StreamLoader
from model.measuring.bench import measure
from model.recipes import HELP, RECIPES
from model.training.run_folder import export_run, read_config
from model.training.trainer import pretrain as train
from schemas.errors import InputMissing, Preempted, UsageError
from tests.model.training_world import RUN, run_config, write_training_world


def test_help_lists_commands_and_recipes_and_shows_a_first_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in cli.COMMANDS) and "pretrain tiny --data TOKENS" in said
    with pytest.raises(SystemExit):
        pretrain.parse([])
    said = capsys.readouterr().out
    assert all(text in said for text in HELP.values())


def test_help_imports_no_torch() -> None:
    code = (
        "import sys\nfrom model.commands.pretrain import parse\n"
        "try: parse(['tiny', '--help'])\nexcept SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)
    assert "(recalled" in result.stdout and "(open" in result.stdout


def test_typos_are_answered_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["pretrian"]) == 2
    assert "Did you mean pretrain?" in capsys.readouterr().err
    with pytest.raises(UsageError, match="Did you mean tiny"):
        pretrain.parse(["tniy"])
    with pytest.raises(UsageError, match="--output"):
        pretrain.parse(["tiny", "--data", "somewhere"])


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_parses_and_resolves(name: str) -> None:
    flags = ["--data", "d", "--output", "o", "--steps", "5"]
    config = pretrain.parse([name, *flags, "--optim.warmup-steps", "1"]).resolved()
    assert config.steps == 5 and config.stream.objectives == ("mlm", "mep", "oe")
    assert config.method.mode == ("paper" if name == "paper" else "best")


@pytest.mark.parametrize("flags", [["mlm,mep"], ["mlm", "mep"], ["mep", "mlm"]])
def test_objectives_are_listed_with_commas_or_blanks(flags: list[str]) -> None:
    config = pretrain.parse(["tiny", "--data", "d", "--output", "o", "--objectives", *flags]).resolved()
    assert config.stream.objectives == ("mlm", "mep") and config.objectives == ("mlm", "mep")


def test_an_unknown_objective_is_named() -> None:
    with pytest.raises(UsageError, match="'mlm ner'"):
        replace(RUN, objectives=("mlm", "ner")).resolved()


def test_a_run_is_read_back_and_exported_again(tmp_path: Path) -> None:
    tokens = write_training_world(tmp_path)
    config = run_config(tokens, tmp_path / "run", stop_after=2)
    with pytest.raises(Preempted):
        train(config)
    assert read_config(tmp_path / "run") == config.resolved()
    assert export_run(tmp_path / "run", tmp_path / "exported") == 2
    weights = load_file(tmp_path / "exported" / "model.safetensors")
    assert all(value.dtype == torch.float32 for value in weights.values())
    with pytest.raises(InputMissing, match="not the folder of a run"):
        export_run(tmp_path, tmp_path / "other")


def test_bench_prints_the_step_beside_its_floor(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    flags = ["--tokens-per-step", "512", "--vocab-size", "500", "--steps", "2", "--warmup", "1", "--device", "cpu"]
    bench.run(bench.parse([*flags, "--output", str(tmp_path / "figures.json")]))
    said = capsys.readouterr().out
    lines = dict(line.split("  ", 1) for line in said.splitlines())
    counted = (
        "step time, median",
        "real tokens/s",
        "packing fill",
        "peak memory",
        "floor",
        "MFU",
        "needed, by counter",
    )
    assert not [name for name in counted if not re.search(r"[1-9]", lines[name])]
    assert lines["data wait"].strip() == "0.00%"  # synthetic batches are made before the first step
    assert "of the measured matmul rate" in lines["MFU"] and "of the whole process" in lines["peak memory"]
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["floor_seconds"] == pytest.approx(figures["flops_by_hand"] / figures["matmul_rate"])
    assert figures["mfu"] == pytest.approx(figures["floor_seconds"] / figures["seconds_per_step"])
    assert figures["peak_memory"] > figures["state_memory"] > 0


@pytest.mark.parametrize("workers", ["0", "1"])
def test_bench_on_data_counts_the_wait_for_batches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workers: str
) -> None:
    take = StreamLoader.take

    def slow(self: StreamLoader, number: int) -> tuple[list[Batch], float]:
        batches, waited = take(self, number)
        return batches, waited + 1_000_000.0  # seconds, so that the steps themselves are nothing beside it

    tokens = write_training_world(tmp_path)
    flags = ["--data", str(tokens), "--tokens-per-step", "512", "--steps", "2", "--warmup", "1", "--device", "cpu"]
    config = bench.parse([*flags, "--workers", workers])
    honest = measure(config)
    monkeypatch.setattr(StreamLoader, "take", slow)
    assert 0 < honest.data_wait < 0.99 < measure(config).data_wait
    assert honest.fill > 0.5
