"""Retrieval in a training's validation: the same figures as the evaluator's, a fixed sample, and lines that do not move."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model import cli
from model.config import PretrainConfig
from model.data.special_tokens import SpecialTokens
from model.data.stores.token_dataset import TokenDataset
from model.evaluation.embedder import load_embedder
from model.evaluation.ranking.config import RetrievalConfig
from model.evaluation.ranking.in_training import PackedEmbedder, TrainingRetrieval, training_retrieval
from model.evaluation.ranking.retrieval import evaluate_retrieval
from model.method.encoder import load_encoder
from model.method.joint import JointModel
from model.training.export import export_model
from model.training.head_files import load_heads
from model.training.metrics import Meter, RunLog, progress_line, retrieval_line
from model.training.tokenizer_source import open_tokenizer
from model.training.trainer import pretrain
from schemas import read_manifest
from tests.model.training.test_trainer import log_rows
from tests.model.training_world import RUN, run_config, write_training_world


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_training_world(tmp_path_factory.mktemp("world"))


def _joint(tokens: Path, config: PretrainConfig = RUN) -> tuple[JointModel, TokenDataset, PretrainConfig]:
    config = replace(config, data=str(tokens)).resolved()
    tokenizer = open_tokenizer(str(tokens.parent / "tokenizer"))
    special = SpecialTokens.from_tokenizer(tokenizer, position_offset=2)
    data = TokenDataset(tokens, special)
    encoder = load_encoder(config.encoder, vocab_size=len(tokenizer), pad_id=special.pad)
    return JointModel(encoder, config).eval(), data, config


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_the_figures_are_those_of_the_evaluator_on_the_exported_model(tokens: Path, norm: str, tmp_path: Path) -> None:
    config = replace(
        RUN, validation_queries=10_000, validation_candidates=0, method=replace(RUN.method, head_norm=norm)
    )
    joint, data, config = _joint(tokens, config)
    found = TrainingRetrieval(joint, config, data)()
    tokenizer = open_tokenizer(str(tokens.parent / "tokenizer"))
    export_model(
        joint,
        tokenizer,
        config,
        data.manifest,
        tmp_path / "model",
        {"steps": 0, "tokens_seen": 0, "ranks": 1, "results": []},
    )
    asked = RetrievalConfig(model=str(tmp_path / "model"), data=str(tokens), max_queries=0)
    embedder = load_embedder(asked.model, tokenizer, "cpu", 4096)
    results = evaluate_retrieval(asked, embedder, data)
    for question in ("mep", "oe"):
        for line, prefix in (("model", ""), ("frequency", "frequency_"), ("chance", "chance_")):
            row = results.find(about="summary", question=question, languages="across", line=line)
            for name in ("hits@1", "mrr"):
                assert found[f"retrieval/{question}/{prefix}{name}"] == pytest.approx(row.measures[name].mean, abs=1e-5)
    assert found["retrieval/mrr"] == pytest.approx((found["retrieval/mep/mrr"] + found["retrieval/oe/mrr"]) / 2)


def test_packed_states_are_those_of_the_padded_embedder(tokens: Path, tmp_path: Path) -> None:
    joint, data, config = _joint(tokens)
    retrieval = TrainingRetrieval(joint, config, data).retrieval
    embedder = retrieval.embedder
    assert isinstance(embedder, PackedEmbedder)
    documents = [retrieval._context(query) for queries in retrieval._mentions.values() for query in queries]
    whole = embedder.states(documents)
    for document, state in zip(documents, whole, strict=True):
        assert torch.allclose(embedder.states([document])[0], state, atol=1e-5)  # nothing leaks from one to another


def test_the_sample_is_fixed_and_the_weights_move_the_figures(tokens: Path) -> None:
    joint, data, config = _joint(tokens, replace(RUN, validation_queries=12, validation_candidates=6))
    asked = TrainingRetrieval(joint, config, data)
    first, again = asked(), asked()
    assert first == again == TrainingRetrieval(joint, config, data)()
    assert asked.retrieval.config.max_candidates == 6
    with torch.no_grad():
        for parameter in joint.encoder.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    moved = asked()
    assert moved["retrieval/mrr"] != first["retrieval/mrr"]
    lines = [name for name in first if "chance" in name or "frequency" in name]
    assert len(lines) == 8 and all(moved[name] == first[name] for name in lines)


@pytest.mark.parametrize("changes", [{"validation_queries": 0}, {"validate_every": 0}, {"objectives": ("mlm",)}])
def test_nothing_is_asked_where_there_is_nothing_to_ask(changes: dict, tokens: Path) -> None:
    joint, data, config = _joint(tokens, replace(RUN, **changes))
    assert training_retrieval(joint, config, data) is None


def test_a_run_tells_retrieval_and_its_use_of_the_machine(
    tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretrain(run_config(tokens, tmp_path / "run", steps=4, validate_every=2), ask=training_retrieval)
    told = capsys.readouterr().out
    assert told.count("retrieval: context to entity hits@1 ") == 2 and "(chance " in told and "best " in told
    rows = log_rows(tmp_path / "run", "validated")
    assert all(0 < row["retrieval/mrr"] <= 1 for row in rows)
    steps = log_rows(tmp_path / "run", "flops_per_second")
    assert len(steps) == 4 and all(row["flops_per_second"] > 0 and 0 < row["fill"] <= 1 for row in steps)
    assert told.count(" GFLOP/s  ") == 4 and told.count("  fill ") == 4 and "mfu" not in told
    # What is measured beside changes nothing that is learnt.
    pretrain(run_config(tokens, tmp_path / "plain", steps=4, validate_every=0))
    weights = [load_heads(tmp_path / name / "model").heads["mep_key"].state_dict() for name in ("run", "plain")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_run_that_goes_on_knows_its_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = {"retrieval/mep/hits@1": 0.1, "retrieval/mep/mrr": 0.3, "retrieval/mep/chance_mrr": 0.01}
    scores |= {"retrieval/mep/frequency_mrr": 0.2, "retrieval/mrr": 0.3}
    log = RunLog(tmp_path, steps=40, tensorboard=False)
    log.validation(10, scores)
    log.validation(20, scores | {"retrieval/mrr": 0.9})
    log.close()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"validated": 30, "retrieval/mrr": 0.9')  # cut short by a kill
    log = RunLog(tmp_path, steps=40, step=15, tensorboard=False)
    assert log.best == (0.3, 10)  # what came after step 15 is trained anew
    log.close()
    assert "mean mrr 30.0%, best 30.0% after step 10" in capsys.readouterr().out
    assert retrieval_line(scores, 0.5, 7).startswith(
        "retrieval: context to entity hits@1 10.0% mrr 30.0% (chance 1.0%, freq"
    )


def test_the_use_of_a_device_is_told_where_its_limit_is_known() -> None:
    meter = Meter(peak=1e12)
    meter.add({"loss": torch.tensor([2.0, 1.0])}, tokens=90, room=100, flops=5e9, waited=0.0)
    values = meter.read(torch.device("cpu"))
    assert values["mfu"] == pytest.approx(values["flops_per_second"] / 1e12) and values["fill"] == 0.9
    assert f"mfu {values['mfu']:.1%}" in progress_line(1, 2, values)


def test_too_little_data_is_said_at_training_and_in_the_report(
    tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretrain(run_config(tokens, tmp_path / "run", steps=3))
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    rows = {(shard.table, shard.split): 0 for shard in read_manifest(tokens).shards}
    for shard in read_manifest(tokens).shards:
        rows[shard.table, shard.split] += shard.rows
    count = rows["token_triples", "train"]
    assert f"warning: oe has {count:,} triples in the train split, fewer than 1,000: learnt by heart" in told[-2]
    assert "triples in the validation split, fewer than 100: scores on them are chance" in told[-1]
    assert cli.run(["report", "--run", str(tmp_path / "run")]) == 0
    assert f"oe has {count:,} triples in the train split" in (tmp_path / "run" / "report.html").read_text()
    capsys.readouterr()
    pretrain(run_config(tokens, tmp_path / "mlm", steps=3, objectives=("mlm",)))
    assert "warning: " not in capsys.readouterr().out
