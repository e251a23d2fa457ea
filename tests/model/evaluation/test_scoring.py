"""`score`: the official figures from files, and refusals of predictions that are not those of the set."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from model import cli
from model.evaluation.results import Results, read_results
from schemas import DESCRIPTIONS, MENTIONS
from tests.model.entities.test_linking import context
from tests.model.evaluation.sets.test_folders import lay, squad
from tests.model.token_shards import DatasetWriter

TAGGED = "Ada B-PER\nlives O\nin O\nOslo B-LOC\n\nBerta B-PER\nBerg I-PER\n"
PAIRS = "A\tB\tneutral\nC\tD\tentailment\nE\tF\tcontradiction\n"


def _score(folder: Path, task: str, gold: str, predictions: str, *flags: str) -> Results:
    command = ["score", task, str(folder / gold), str(folder / predictions), "--output", str(folder / "out")]
    assert cli.run([*command, *flags]) == 0
    return read_results(folder / "out" / f"{task}.json")


def _refused(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> tuple[int, str]:
    task, gold, predictions, *flags = arguments
    code = cli.run(["score", task, str(folder / gold), str(folder / predictions), *flags])
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "name", "key", "language", "flags"),
    [
        ("ner", "ner/es.dev.conll.gz", "NER", "es", ["--recut", "True"]),
        ("ner", "ner/de.dev.conllu.gz", "NER", "de", ["--recut", "True"]),
        ("xnli", "xnli/dev-sw.tsv.gz", "XNLI", "sw", []),
        ("qa", "mlqa/dev-context-ar-question-ar.json.gz", "MLQA", "ar", []),
    ],
)
def test_the_official_scores_come_out_of_the_files(
    task: str, name: str, key: str, language: str, flags: list[str], real_data: Path, tmp_path: Path
) -> None:
    folder = real_data / "eval"
    if not (folder / "golden").is_dir():
        pytest.skip(f"no published predictions under {folder}")
    predictions = folder / "golden" / key.lower() / f"{language}.prediction.gz"
    assert cli.run(["score", task, str(folder / name), str(predictions), "--output", str(tmp_path), *flags]) == 0
    results = read_results(tmp_path / f"{task}.json")
    official = json.loads((folder / "golden" / "official_dev_scores.json").read_text())[key][language]
    assert abs(results.primary - official) < 1e-9
    measure = results.rows[0].measures[results.primary_metric]
    assert measure.interval is not None and measure.interval[0] < official < measure.interval[1]


def test_tags_in_other_schemes_and_cases_score_alike(tmp_path: Path) -> None:
    lay(tmp_path, {"de.dev": TAGGED, "iob1": "I-PER\nO\nO\nI-LOC\n\nI-PER\nI-PER\n"})
    lay(tmp_path, {"iobes": "Ada\ts-per\nlives\to\nin\to\nOslo\ts-loc\n\nBerta\tb-per\nBerg\te-per\n"})
    for name in ("iob1", "iobes"):
        assert _score(tmp_path, "ner", "de.dev", name).primary == 1.0


def test_sentences_that_were_cut_need_recut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay(tmp_path, {"de.dev": TAGGED, "cut": "B-PER\nO\n\nO\nB-LOC\n\nB-PER\nI-PER\n"})
    code, message = _refused(capsys, tmp_path, "ner", "de.dev", "cut")
    assert code == 11 and "3 predicted sentences for 2 true ones" in message and "--recut True" in message
    assert _score(tmp_path, "ner", "de.dev", "cut", "--recut", "True").primary == 1.0
    lay(tmp_path, {"short": "B-PER\nO\n\nB-PER\nI-PER\n"})
    code, message = _refused(capsys, tmp_path, "ner", "de.dev", "short", "--recut", "True")
    assert code == 11 and "6 tags cannot be cut into sentences of 4" in message


def test_labels_that_are_too_few_or_none_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay(tmp_path, {"dev-sw.tsv": PAIRS, "few": "neutral\nentailment\n", "none": "neutral\n-\nneutral\n"})
    assert "2 labels for 3 pairs" in _refused(capsys, tmp_path, "xnli", "dev-sw.tsv", "few")[1]
    code, message = _refused(capsys, tmp_path, "xnli", "dev-sw.tsv", "none")
    assert code == 11 and "none, line 2: found '-'" in message


def test_two_systems_are_compared_on_the_same_examples(tmp_path: Path) -> None:
    lay(tmp_path, {"dev-sw.tsv": PAIRS * 50, "good": "neutral\nentailment\ncontradiction\n" * 50})
    lay(tmp_path, {"bad": "neutral\n" * 150})
    results = _score(tmp_path, "xnli", "dev-sw.tsv", "good", "--against", str(tmp_path / "bad"))
    row = results.find(difference="accuracy")
    assert row.keys["significant"] == "yes" and row.measures["gain"].mean == pytest.approx(2 / 3)


def test_a_table_of_several_languages_asks_for_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = "language\tgold_label\tsentence1\tsentence2\nsw\tneutral\tA\tB\nfr\tneutral\tA\tB\n"
    lay(tmp_path, {"xnli.dev.tsv": table, "p": "neutral\n"})
    code, message = _refused(capsys, tmp_path, "xnli", "xnli.dev.tsv", "p")
    assert code == 2 and "holds fr, sw; say which with --language" in message
    assert _score(tmp_path, "xnli", "xnli.dev.tsv", "p", "--language", "sw").primary == 1.0


def test_answers_are_scored_by_the_rules_of_their_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gold = squad("a", "a", "b")  # the official script counts a question that stands twice twice
    lay(tmp_path, {"xquad.de.json": gold, "p": json.dumps({"a": "the Oslo", "x": "?"}), "q": json.dumps({"x": "?"})})
    results = _score(tmp_path, "qa", "xquad.de.json", "p")
    assert results.primary == pytest.approx(2 / 3) and results.data["metric"] == "F1 and exact match by SQuAD's rules"
    assert any("1 questions without a prediction count 0" in note for note in results.notes)
    assert any("1 answers to questions that the set does not have" in note for note in results.notes)
    assert "answers none of the 3 questions" in _refused(capsys, tmp_path, "qa", "xquad.de.json", "q")[1]
    lay(tmp_path, {"mine.json": gold})
    assert "--metric mlqa or squad" in _refused(capsys, tmp_path, "qa", "mine.json", "p")[1]
    german = _score(tmp_path, "qa", "mine.json", "p", "--metric", "mlqa", "--language", "deu")
    assert german.primary == pytest.approx(2 / 3 * 2 / 3)  # "the" is no German article


def test_questions_about_pages_of_the_build_are_told_apart(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path / "link", tables=(DESCRIPTIONS, MENTIONS))
    row = context("to Berlin", ("Berlin", "Q64"))
    writer.write(
        MENTIONS,
        [replace(row, title="New York"), replace(row, title="Rom", language="de")],
        partition="en",
        split="train",
    )
    writer.finish()
    articles = [
        json.loads(squad(name))["data"][0] | {"title": title} for name, title in (("a", "New_York"), ("b", "Rom"))
    ]
    lay(tmp_path, {"xquad.en.json": json.dumps({"data": articles}), "p": json.dumps({"a": "Oslo", "b": "Rome"})})
    results = _score(tmp_path, "qa", "xquad.en.json", "p", "--build", str(tmp_path / "link"))
    found = {row.keys["page in the build"]: row.measures for row in results.rows if "page in the build" in row.keys}
    assert {name: (m["f1"].mean, m["questions"].mean) for name, m in found.items()} == {"yes": (1.0, 1), "no": (0.0, 1)}
    assert any("1 of 2 questions are about pages that stand in the build" in note for note in results.notes)


def test_blanked_gold_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blank = squad("a").replace('"Oslo"', '""').replace("13", "0")
    lay(tmp_path, {"xquad.de.json": blank, "p": json.dumps({"a": "Oslo"}), "test-sw.tsv": "A\tB\n", "l": "neutral\n"})
    code, message = _refused(capsys, tmp_path, "qa", "xquad.de.json", "p")
    assert code == 11 and "xquad.de.json, question a" in message
    assert _refused(capsys, tmp_path, "xnli", "test-sw.tsv", "l")[0] == 11
    assert _refused(capsys, tmp_path, "xnli", "nothing.tsv", "l")[0] == 10
