"""The loop end to end on a small world: it learns, repeats itself, stops, resumes and exports."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model import cli
from model.config import MethodConfig
from model.evaluation.results import Results, Row
from model.training import checkpoint as checkpoints
from model.training.trainer import pretrain
from schemas import read_manifest
from schemas.errors import CheckpointUnusable, OutputBusy, Preempted, SchemaMismatch, ShardMismatch, UsageError
from tests.model.training_world import (
    RUN,
    assert_same_bits,
    bert_tokenizer,
    final_weights,
    run_config,
    write_training_world,
)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_training_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def whole_run(tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight steps in one go."""
    output = tmp_path_factory.mktemp("whole")
    pretrain(run_config(tokens, output))
    return output


def log_rows(output: Path, kind: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    return [row for row in rows if kind in row]


def test_the_same_seed_gives_the_same_bits(tokens: Path, whole_run: Path, tmp_path: Path) -> None:
    pretrain(run_config(tokens, tmp_path))
    assert_same_bits(final_weights(tmp_path), final_weights(whole_run))


def test_another_seed_gives_other_weights(tokens: Path, whole_run: Path, tmp_path: Path) -> None:
    pretrain(run_config(tokens, tmp_path, seed=1))
    with pytest.raises(AssertionError, match="differ"):
        assert_same_bits(final_weights(tmp_path), final_weights(whole_run))


@pytest.mark.parametrize("stops", [(3,), (1, 2, 4)])
def test_stopping_and_going_on_equals_one_go_bit_for_bit(
    tokens: Path, whole_run: Path, tmp_path: Path, stops: tuple[int, ...]
) -> None:
    for steps in stops:
        with pytest.raises(Preempted, match="everything saved"):
            pretrain(run_config(tokens, tmp_path, stop_after=steps))
    pretrain(run_config(tokens, tmp_path))
    assert_same_bits(final_weights(tmp_path), final_weights(whole_run))
    losses = {row["step"]: row["loss"] for row in log_rows(tmp_path, "step") if "loss" in row}
    assert losses[8] == {row["step"]: row["loss"] for row in log_rows(whole_run, "step") if "loss" in row}[8]


@pytest.mark.parametrize(
    "method", [MethodConfig(mode="paper", bank_size=64), MethodConfig(learnable_temperature=True, head_norm="layer")]
)
def test_every_mode_goes_on_exactly(tokens: Path, tmp_path: Path, method: MethodConfig) -> None:
    stream = replace(
        RUN.stream, one_objective_per_batch=method.mode == "paper", hard_negatives=int(method.mode == "best")
    )
    changes = {"method": method, "stream": stream, "steps": 6}
    pretrain(run_config(tokens, tmp_path / "whole", **changes))
    with pytest.raises(Preempted):
        pretrain(run_config(tokens, tmp_path / "parts", stop_after=4, **changes))
    pretrain(run_config(tokens, tmp_path / "parts", **changes))
    assert_same_bits(final_weights(tmp_path / "parts"), final_weights(tmp_path / "whole"))


def test_another_number_of_loader_workers_goes_on_exactly(tokens: Path, whole_run: Path, tmp_path: Path) -> None:
    with pytest.raises(Preempted):
        pretrain(run_config(tokens, tmp_path, stop_after=5))
    pretrain(run_config(tokens, tmp_path, workers=2))
    assert_same_bits(final_weights(tmp_path), final_weights(whole_run))


def test_the_log_has_all_measures(whole_run: Path) -> None:
    rows = log_rows(whole_run, "mlm/loss")
    assert len(rows) == 8
    wanted = {"mlm/loss", "mep/loss", "oe/loss", "mep/accuracy", "oe/false_negatives", "grad_norm", "rate"}
    assert wanted | {"tokens_per_second", "data_wait", "fill", "loss"} <= rows[-1].keys()
    assert 0.5 < rows[-1]["fill"] <= 1.0
    assert list((whole_run / "tensorboard").iterdir())


def test_the_finished_model_opens_with_the_library_alone(tokens: Path, whole_run: Path) -> None:
    from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

    folder = whole_run / "model"
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForMaskedLM.from_pretrained(folder)
    assert len(tokenizer) == model.config.vocab_size and model.dtype == torch.float32
    weights = final_weights(whole_run)
    assert torch.equal(AutoModel.from_pretrained(folder).embeddings.word_embeddings.weight,
                       weights["encoder.model.lm_head.decoder.weight"])  # fmt: skip
    card = (folder / "README.md").read_text()
    assert "masked entity prediction" in card and "- hy\n" in card and "cc-by-sa-4.0" in card
    assert str(tokens) not in card and str(whole_run) not in card


def test_the_card_tells_the_results_of_the_run(tokens: Path, whole_run: Path, tmp_path: Path) -> None:
    card = (whole_run / "model" / "README.md").read_text()
    last = log_rows(whole_run, "mlm/loss")[-1]
    assert f"| oe loss (training, up to step 8) | {last['oe/loss']:.3f} |" in card
    manifest = read_manifest(tokens)
    assert manifest.fingerprint in card and all(name in card for name in manifest.rows)
    assert "| steps | 8 |" in card and "| stream.mep_alpha | `0.7` |" in card
    pretrain(run_config(tokens, tmp_path, steps=3, validate_every=2, validation_batches=2))
    scores = log_rows(tmp_path, "validated")[-1]
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"| mep accuracy (validation split, step 2) | {scores['mep/accuracy']:.1%} |" in card
    rows = [Row.single({"question": "mep"}, {"mrr": 0.125})]
    results = Results(task="retrieval", model="m", primary_metric="mrr", primary_keys={"question": "mep"}, rows=rows)
    results.write(tmp_path / "evaluation")
    assert cli.run(["export", "--run", str(tmp_path)]) == 0
    assert "| retrieval (mrr, mep) | 12.5% |" in (tmp_path / "model" / "README.md").read_text()


def test_rows_left_out_reach_the_log_and_the_last_line(
    tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretrain(run_config(tokens, tmp_path, stream=replace(RUN.stream, languages=("de", "hy")), save_every=3))
    logged = [row for row in log_rows(tmp_path, "event") if row["event"] == "rows"]
    assert [row["step"] for row in logged] == [3, 6, 8]
    count, rows = logged[-1]["mep/left_out/no_description"], logged[-1]["mep/rows"]
    assert 0 < count < rows
    told = capsys.readouterr().out
    assert told.count("left out: ") == 1
    assert f"mep {count:,} of {rows:,} rows ({count / rows:.1%}): no description" in told


def test_another_tokenizer_is_refused(tokens: Path, tmp_path: Path) -> None:
    bert_tokenizer().save_pretrained(tmp_path / "other")
    with pytest.raises(SchemaMismatch, match="was tokenised with tokenizer.*Tokenise the dataset again"):
        pretrain(run_config(tokens, tmp_path / "run", tokenizer=str(tmp_path / "other")))
    with pytest.raises(Preempted):
        pretrain(run_config(tokens, tmp_path / "run", stop_after=1))
    state = next((tmp_path / "run" / "checkpoints").glob("*/state.json"))
    content = {key: value for key, value in json.loads(state.read_text()).items() if key != "checksum"}
    state.write_text(checkpoints.sealed(content | {"tokenizer": "another"}))
    with pytest.raises(CheckpointUnusable, match="with tokenizer another, this run has"):
        pretrain(run_config(tokens, tmp_path / "run"))


def test_checkpoints_are_rotated(tokens: Path, tmp_path: Path) -> None:
    pretrain(run_config(tokens, tmp_path, save_every=1, steps=5, objectives=("mlm",)))
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["checkpoint-00000004", "checkpoint-00000005"]


def test_documents_longer_than_the_encoder_are_refused(tokens: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="96 tokens, but the encoder has positions for 64"):
        pretrain(run_config(tokens, tmp_path, encoder=replace(RUN.encoder, max_length=64)))


def test_changed_settings_and_changed_data_are_refused(tokens: Path, tmp_path: Path) -> None:
    with pytest.raises(Preempted):
        pretrain(run_config(tokens, tmp_path / "run", stop_after=1))
    with pytest.raises(CheckpointUnusable, match=r"optim.peak_rate was 0.001, is 0.5"):
        pretrain(run_config(tokens, tmp_path / "run", optim=replace(RUN.optim, peak_rate=0.5)))
    with pytest.raises(CheckpointUnusable, match="1 batches per step"):
        pretrain(run_config(tokens, tmp_path / "run", accumulation=2))
    with pytest.raises(OutputBusy, match="checkpoint-00000001"):
        pretrain(run_config(tokens, tmp_path / "run", resume="never"))
    state = next((tmp_path / "run" / "checkpoints").glob("*/state.json"))
    content = {key: value for key, value in json.loads(state.read_text()).items() if key != "checksum"}
    state.write_text(checkpoints.sealed(content | {"data": "0" * 64}))
    with pytest.raises(ShardMismatch, match="--allow-changed-data"):
        pretrain(run_config(tokens, tmp_path / "run"))
