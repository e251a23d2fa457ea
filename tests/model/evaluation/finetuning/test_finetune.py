"""Fine-tuning end to end on a tiny model: it learns, selects in both ways, resumes exactly, and says what it did."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from model.batch import IGNORED_LABEL
from model.evaluation.finetuning import checkpoint as finetune_checkpoint
from model.evaluation.finetuning.checkpoint import SeedState, read_state, write_state
from model.evaluation.finetuning.config import FinetuneConfig, NerConfig, QaConfig, XnliConfig
from model.evaluation.finetuning.features import like_length_batches, random_batches
from model.evaluation.finetuning.loop import Finetuning, SeedRun
from model.evaluation.finetuning.ner import NerTask
from model.evaluation.finetuning.qa import QaTask
from model.evaluation.finetuning.task import EvaluationSet
from model.evaluation.finetuning.xnli import XnliTask
from model.evaluation.results import read_results
from model.evaluation.sets.examples import TaggedSentence
from schemas.errors import CheckpointUnusable, InputMissing, UsageError

TASKS = {NerConfig: NerTask, XnliConfig: XnliTask, QaConfig: QaTask}


def _finetuning(config: FinetuneConfig) -> Finetuning:
    return Finetuning(TASKS[type(config)](config, AutoTokenizer.from_pretrained(config.model)))


@pytest.fixture
def ner_data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    sentences = "Ada B-PER\nlives O\nin O\nOslo B-LOC\n\nBerta B-PER\nworks O\nfor O\nAcme B-ORG\n\n"
    (folder / "en.train").write_text(sentences * 8)
    for language in ("en", "de"):
        (folder / f"{language}.dev").write_text(sentences)
        (folder / f"{language}.test").write_text(sentences * 2)
    return folder


def _ner_config(model: Path, data: Path, output: Path, **changes) -> NerConfig:
    fields = {
        "languages": ("en", "de"),
        "epochs": 8,
        "batch_size": 4,
        "learning_rate": 1e-2,
        "max_length": 128,
        "device": "cpu",
    }
    return NerConfig(model=str(model), data=str(data), output=str(output), **(fields | changes))


@pytest.fixture
def xnli_data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    rows = [("Ada lives in Oslo.", "Ada lives.", "entailment"), ("Ada lives in Oslo.", "Who sings?", "neutral")]
    rows.append(("Berta sings in Rome.", "The sea.", "contradiction"))
    text = "".join("\t".join(row) + "\n" for row in rows)
    for name in ("train-en", "dev-en", "dev-fr", "test-en", "test-fr"):
        (folder / f"{name}.tsv").write_text(text * (16 if name == "train-en" else 1))
    return folder


@pytest.fixture
def mlqa_data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    contexts = [
        ("Ada lives in Oslo.", "Who lives in Oslo?", "Ada"),
        ("Berta sings in Rome.", "Who sings in Rome?", "Berta"),
    ]
    paragraphs = [
        {
            "context": context,
            "qas": [{"id": f"q{i}", "question": q, "answers": [{"text": a, "answer_start": context.index(a)}]}],
        }
        for i, (context, q, a) in enumerate(contexts)
    ]
    for name, copies in (("train-v1.1", 16), ("dev-context-en-question-en", 1), ("dev-context-de-question-de", 1)):
        (folder / f"{name}.json").write_text(json.dumps({"data": [{"paragraphs": paragraphs * copies}]}))
    return folder


@pytest.mark.parametrize("batches", ["packed", "padded"])
def test_ner_learns_and_reports_both_selections_on_dev_and_test(
    batches: str, tiny_model: Path, ner_data: Path, tmp_path: Path
) -> None:
    results = _finetuning(_ner_config(tiny_model, ner_data, tmp_path / "out", batches=batches)).run()
    assert any("dropout of attention" in note for note in results.notes) == (batches == "packed")
    for selection in ("mean dev", "en dev"):
        for split in ("dev", "test"):
            for language in ("en", "de", "mean"):
                assert results.find(selection=selection, split=split, language=language).measures["f1"].mean > 0.9
    assert results.primary_keys == {"selection": "mean dev", "split": "test", "language": "mean"}
    assert not results.stand_in
    predictions = tmp_path / "out" / "ner" / "seed-42" / "predictions" / "mean-dev" / "de.prediction"
    assert len(predictions.read_text().split("\n\n")) == 4
    assert [path.name for path in (tmp_path / "out").rglob("*.safetensors")] == ["outcomes.safetensors"]
    measure = results.find(selection="mean dev", split="test", language="mean").measures["f1"]
    assert measure.interval is not None and 0 <= measure.interval[0] <= measure.mean <= measure.interval[1] <= 1


def test_each_selection_tests_the_epoch_that_its_languages_like_best(
    tiny_model: Path, ner_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """English dev is best after epoch 1, the mean over languages after epoch 2; epoch 3 is worse in both."""
    f1 = {("en", 1): 0.9, ("de", 1): 0.1, ("en", 2): 0.8, ("de", 2): 0.6, ("en", 3): 0.7, ("de", 3): 0.5}

    def train(run: SeedRun, epoch: int) -> float:
        with torch.no_grad():
            run.model.classifier.bias.fill_(epoch)
        return 1.0

    def evaluate(run: SeedRun, examples: EvaluationSet, predictions: Path | None = None) -> dict[str, float]:
        epoch = int(run.model.classifier.bias[0])
        return {"f1": f1[examples.language, epoch], "sentences": len(examples.examples)}

    monkeypatch.setattr(SeedRun, "_train", train)
    monkeypatch.setattr(SeedRun, "_evaluate", evaluate)
    results = _finetuning(_ner_config(tiny_model, ner_data, tmp_path / "out", epochs=3)).run()
    for selection, epoch in (("mean dev", 2), ("en dev", 1)):
        for split in ("dev", "test"):
            for language in ("en", "de"):
                row = results.find(selection=selection, split=split, language=language)
                assert row.measures["f1"].mean == f1[language, epoch]
    assert results.primary == pytest.approx((0.8 + 0.6) / 2)


def test_xnli_learns(tiny_model: Path, xnli_data: Path, tmp_path: Path) -> None:
    config = XnliConfig(
        model=str(tiny_model), data=str(xnli_data), output=str(tmp_path / "out"), languages=("en", "fr"),
        epochs=12, batch_size=4, learning_rate=5e-3, max_length=128, device="cpu",
    )  # fmt: skip
    assert _finetuning(config).run().primary == 1.0


def test_mlqa_learns(tiny_model: Path, mlqa_data: Path, tmp_path: Path) -> None:
    config = QaConfig(
        model=str(tiny_model), data=str(mlqa_data), output=str(tmp_path / "out"), languages=("en", "de"),
        test_split="none", epochs=4, batch_size=4, learning_rate=1e-2, max_length=64, max_question_length=32, device="cpu",
    )  # fmt: skip
    results = _finetuning(config).run()
    assert results.primary == 1.0
    assert "no test split" in results.notes[0]
    folder = tmp_path / "out" / "qa" / "seed-42" / "predictions" / "mean-dev"
    best = json.loads((folder / "de.nbest.json").read_text())["q0"]
    assert best[0]["text"] == json.loads((folder / "de.prediction").read_text())["q0"] == "Ada"
    assert 1 < len(best) <= 20 and best[0]["score"] >= best[-1]["score"]


def test_a_stopped_run_goes_on_and_ends_with_the_same_numbers(tiny_model: Path, ner_data: Path, tmp_path: Path) -> None:
    whole = _finetuning(_ner_config(tiny_model, ner_data, tmp_path / "whole"))
    expected = whole.run_seed(42)
    stopped = _finetuning(_ner_config(tiny_model, ner_data, tmp_path / "stopped"))
    folder = tmp_path / "stopped" / "ner" / "seed-42"
    folder.mkdir(parents=True)
    SeedRun(stopped, 42, folder, read_state(folder, stopped.config)).epoch()
    resumed = stopped.run_seed(42)
    assert resumed.history == expected.history
    assert resumed.final == expected.final


def test_a_run_killed_between_two_files_goes_on_from_the_epoch_before(
    tiny_model: Path, ner_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _finetuning(_ner_config(tiny_model, ner_data, tmp_path / "whole", epochs=3)).run_seed(42)
    killed = _finetuning(_ner_config(tiny_model, ner_data, tmp_path / "killed", epochs=3))

    def kill(folder: Path, state: SeedState) -> None:
        if state.epochs_done == 2:
            raise KeyboardInterrupt
        write_state(folder, state)

    with monkeypatch.context() as patch:
        patch.setattr(finetune_checkpoint, "write_state", kill)
        with pytest.raises(KeyboardInterrupt):
            killed.run_seed(42)
    assert (tmp_path / "killed" / "ner" / "seed-42" / "epoch-002.safetensors").exists()
    resumed = killed.run_seed(42)
    assert (resumed.history, resumed.final) == (expected.history, expected.final)


def test_a_finished_seed_is_not_trained_again(tiny_model: Path, ner_data: Path, tmp_path: Path) -> None:
    finetuning = _finetuning(_ner_config(tiny_model, ner_data, tmp_path / "out", epochs=1))
    first = finetuning.run()
    state = tmp_path / "out" / "ner" / "seed-42" / "state.json"
    stamp = state.stat().st_mtime_ns
    again = finetuning.run()
    assert (again.rows, again.notes) == (first.rows, first.notes)
    assert state.stat().st_mtime_ns == stamp


def test_several_seeds_give_mean_and_spread(tiny_model: Path, ner_data: Path, tmp_path: Path) -> None:
    config = _ner_config(tiny_model, ner_data, tmp_path / "out", epochs=1, seeds=(1, 2, 3), learning_rate=1e-3)
    results = _finetuning(config).run()
    measure = results.find(selection="mean dev", split="dev", language="mean").measures["f1"]
    assert len(measure.values) == 3 and measure.spread is not None
    read = read_results(results.write(tmp_path / "results"))
    assert read.rows == results.rows and read.primary == results.primary


def test_another_configuration_does_not_go_on_from_a_run(tiny_model: Path, ner_data: Path, tmp_path: Path) -> None:
    config = _ner_config(tiny_model, ner_data, tmp_path / "out", epochs=1)
    _finetuning(config).run()
    with pytest.raises(CheckpointUnusable, match="another configuration"):
        _finetuning(replace(config, learning_rate=1e-4)).run()


def test_damaged_weights_are_refused(tiny_model: Path, ner_data: Path, tmp_path: Path) -> None:
    finetuning = _finetuning(_ner_config(tiny_model, ner_data, tmp_path / "out"))
    folder = tmp_path / "out" / "ner" / "seed-42"
    folder.mkdir(parents=True)
    SeedRun(finetuning, 42, folder, read_state(folder, finetuning.config)).epoch()
    weights = folder / "epoch-001.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointUnusable, match=r"epoch-001\.safetensors is missing or damaged"):
        finetuning.run()


def test_a_missing_test_set_stops_before_training(tiny_model: Path, ner_data: Path, tmp_path: Path) -> None:
    (ner_data / "de.test").unlink()
    with pytest.raises(InputMissing, match=r"de\.test"):
        _finetuning(_ner_config(tiny_model, ner_data, tmp_path / "out"))


def test_a_stand_in_for_training_is_marked(tiny_model: Path, ner_data: Path, tmp_path: Path) -> None:
    config = _ner_config(tiny_model, ner_data, tmp_path / "out", epochs=1, train_split="dev", test_split="none")
    results = _finetuning(config).run()
    assert results.stand_in
    assert "stood in for the training set" in results.notes[0]
    assert json.loads(results.to_json())["stand_in_for_training"] is True


def test_low_precision_is_refused_on_a_cpu(tiny_model: Path, ner_data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="bf16 needs a GPU"):
        _finetuning(_ner_config(tiny_model, ner_data, tmp_path / "out", precision="bf16"))


def test_an_unknown_language_is_named(tiny_model: Path, ner_data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match=r"no dev file of CoNLL in 'fr', such as fr\.dev.*It has dev in de, en"):
        _finetuning(_ner_config(tiny_model, ner_data, tmp_path / "out", languages=("fr",)))


def test_inputs_longer_than_the_model_reads_are_refused(tiny_model: Path, ner_data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reads at most 128 tokens"):
        _finetuning(_ner_config(tiny_model, ner_data, tmp_path / "out", max_length=129)).run()


def test_labels_stand_on_first_sub_tokens_and_long_sentences_lose_no_word(tiny_model: Path) -> None:
    config = NerConfig(model=str(tiny_model), data="", max_length=10)
    task = NerTask(config, AutoTokenizer.from_pretrained(tiny_model))
    words = ("Ada", "lives", "in", "Oslo", "\u200b", "and", "works") * 3
    sentence = TaggedSentence(words, tuple("B-PER" if word == "Ada" else "O" for word in words))
    features = task._features(sentence)
    assert all(len(f.token_ids) <= 10 and len(f.labels) == len(f.token_ids) for f in features)
    assert sum(label != IGNORED_LABEL for f in features for label in f.labels) == len(words)


def test_a_step_in_several_streams_is_the_step_in_one(tiny_model: Path, ner_data: Path, tmp_path: Path) -> None:
    losses, gradients = [], []
    for budget in (16_384, 12):
        config = _ner_config(tiny_model, ner_data, tmp_path / str(budget), batch_tokens=budget)
        run = SeedRun(_finetuning(config), 1, tmp_path, SeedState(fingerprint=""))
        run.model.eval()  # without dropout, which draws for each stream anew
        features = run.shared.train[:3] + run.shared.train[:1]
        assert len(run._parts(features)) == (1 if budget > 12 else len(features))
        losses.append(run._step(features, 1.0))
        # Not the weights: AdamW divides by the gradient's size, so where that is next to nothing, rounding decides.
        gradients.append(torch.cat([state["exp_avg"].flatten() for state in run.optimizer.state.values()]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert gradients[0].abs().max() > 1e-3
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-8)


def test_packed_and_padded_predictions_are_the_same(tiny_model: Path, mlqa_data: Path, tmp_path: Path) -> None:
    decoded = []
    for batches in ("packed", "padded"):
        config = QaConfig(
            model=str(tiny_model), data=str(mlqa_data), output=str(tmp_path), languages=("en",), max_length=128,
            max_question_length=32, stride=16, test_split="none", batches=batches, device="cpu",
        )  # fmt: skip
        run = SeedRun(_finetuning(config), 1, tmp_path, SeedState(fingerprint=""))
        decoded.append(run._predict(run.shared.train[:5] + run.shared.dev["en"].features))
    for packed, padded in zip(*decoded, strict=True):
        torch.testing.assert_close(packed, padded, rtol=0, atol=1e-5)


def test_an_epoch_holds_every_example_once_in_random_batches() -> None:
    batches = random_batches(1000, 32, 1, 1)
    assert sorted(i for batch in batches for i in batch) == list(range(1000))
    assert [len(batch) for batch in batches] == [32] * 31 + [8]
    assert random_batches(1000, 32, 1, 1) == batches != random_batches(1000, 32, 1, 2)


def test_an_epoch_holds_every_example_once_in_batches_of_like_length() -> None:
    lengths = [(7 * i) % 61 + 1 for i in range(1000)]
    batches = like_length_batches(lengths, 8, 1, 1)
    assert sorted(i for batch in batches for i in batch) == list(range(1000))
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    assert sum(lengths) / padded > 0.9
    assert like_length_batches(lengths, 8, 1, 1) == batches != like_length_batches(lengths, 8, 1, 2)
