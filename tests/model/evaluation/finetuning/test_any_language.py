"""The command on folders of other sets: languages as found, label sets, sets without dev, questions in other languages."""

import json
from pathlib import Path

import pytest

from model import cli
from model.evaluation.results import Results, read_results
from tests.model.evaluation.sets.test_folders import lay, squad

ENGLISH = "Ada B-PER\nlives O\nin O\nOslo B-LOC\n\n" * 6
HAUSA = "Ada B-PER\nta O\nzo O\nLitinin B-DATE\n\nOslo B-LOC\n\n"


def _evaluate(task: str, model: Path, data: Path, output: Path, *flags: str) -> Results:
    command = ["evaluate", task, "--model", str(model), "--data", str(data), "--output", str(output), "--device", "cpu"]
    command += ["--epochs", "1", "--max-length", "96", "--learning-rate", "1e-3"]
    assert cli.run([*command, *flags]) == 0
    return read_results(output / "qa.json" if task == "mlqa" else output / f"{task}.json")


def test_a_language_no_published_mean_knows_is_scored(tiny_model: Path, tmp_path: Path) -> None:
    files = {"en.train": ENGLISH, "en.dev": ENGLISH, "hau/dev.txt": HAUSA, "hau/test.txt": HAUSA}
    data = lay(tmp_path / "data", files)
    results = _evaluate("ner", tiny_model, data, tmp_path / "out", "--set", "MasakhaNER", "--languages", "hau")
    assert results.data["set"] == "MasakhaNER" and results.data["languages"] == ["ha"]
    assert results.data["labels"] == ["LOC", "PER"]
    assert any("DATE stands in ha and not in the training set" in note for note in results.notes)
    assert results.primary_keys == {"selection": "mean dev", "split": "test", "language": "mean"}
    assert results.find(selection="en dev", split="test", language="ha")


def test_a_set_without_dev_is_selected_on_the_dev_set_of_its_training(tiny_model: Path, tmp_path: Path) -> None:
    files = {"train-v1.1.json": squad("a", "b"), "dev-v1.1.json": squad(), "xquad.ro.json": squad("1", "1", "2")}
    results = _evaluate(
        "qa", tiny_model, lay(tmp_path / "data", files), tmp_path / "out", "--max-question-length", "32"
    )
    assert results.data["set"] == "XQuAD" and results.data["metric"] == "F1 and exact match by SQuAD's rules"
    assert results.primary_keys["selection"] == "en dev"
    assert results.find(split="test", language="ro").measures["questions"].mean == 3
    assert any(
        "no dev sets in the languages of its test: the epoch is that of en dev" in note for note in results.notes
    )
    assert any("ro: 1 questions stand twice" in note for note in results.notes)


def test_without_any_dev_set_the_last_epoch_counts(tiny_model: Path, tmp_path: Path) -> None:
    data = lay(tmp_path / "data", {"train-v1.1.json": squad(), "xquad.ro.json": squad()})
    results = _evaluate("qa", tiny_model, data, tmp_path / "out", "--max-question-length", "32", "--epochs", "2")
    assert results.primary_keys["selection"] == "last epoch"


@pytest.mark.parametrize("split", ["test", "none"])
def test_questions_in_one_language_about_contexts_in_another(split: str, tiny_model: Path, tmp_path: Path) -> None:
    names = [(context, question) for context in ("de", "en") for question in ("de", "en")]
    files = {f"{kind}-context-{c}-question-{q}.json": squad(f"{c}{q}") for c, q in names for kind in ("dev", "test")}
    data = lay(tmp_path / "data", files | {"train-v1.1.json": squad("a", "b")})
    flags = ("--pairs", "all", "--test-split", split, "--max-question-length", "32")
    results = _evaluate("mlqa", tiny_model, data, tmp_path / "out", *flags)
    last = "test" if split == "test" else "dev"
    found = {
        (r.keys["language"], r.keys.get("question", ""))
        for r in results.rows
        if r.matches(split=last, selection="en dev")
    }
    assert found == {
        ("de", ""), ("en", ""), ("mean", ""), ("de", "en"), ("en", "de"), ("mean of pairs", "all"),
    }  # fmt: skip
    predictions = tmp_path / "out" / "qa" / "seed-42" / "predictions" / "en-dev"
    assert list(json.loads((predictions / "context-de-question-en.prediction").read_text())) == ["deen"]
    assert any("published ones over 7" in note for note in results.notes)


def test_a_language_without_mlqas_rules_is_refused_before_training(tiny_model: Path, tmp_path: Path) -> None:
    data = lay(tmp_path / "data", {"train-v1.1.json": squad(), "xquad.ro.json": squad()})
    flags = ["--model", str(tiny_model), "--data", str(data), "--metric", "mlqa", "--output", str(tmp_path / "out")]
    assert cli.run(["evaluate", "qa", *flags, "--device", "cpu"]) == 2
    assert not (tmp_path / "out").exists()
