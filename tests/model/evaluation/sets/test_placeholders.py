"""Sets whose labels were replaced by one placeholder that looks like a label, and rows of the Hub that are no rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from model.evaluation.sets.examples import SentencePair, TaggedSentence
from model.evaluation.sets.hub import pair_rows, question_rows, tagged_rows
from model.evaluation.sets.pairs import read_pairs
from model.evaluation.sets.questions import read_questions
from model.evaluation.sets.tagged import read_tagged
from schemas.errors import InputCorrupt

datasets = pytest.importorskip("datasets")
TEXT = datasets.Value("string")
LABELS = datasets.ClassLabel(names=["contradiction", "entailment", "neutral"])
TAGS = datasets.ClassLabel(names=["O", "B-PER", "I-PER"])
MANY = 25


def _table(features: dict[str, Any], *rows: dict[str, Any]) -> Any:
    return datasets.Dataset.from_list(list(rows), features=datasets.Features(features))


def _questions(path: Path, answers: Any, count: int = MANY) -> None:
    contexts = [f"{'Very ' * (i % 3)}old Ada lives here." for i in range(count)]
    entries = [{"id": str(i), "question": "Who?", "answers": answers(c)} for i, c in enumerate(contexts)]
    paragraphs = [{"context": c, "qas": [entry]} for c, entry in zip(contexts, entries, strict=True)]
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (lambda c: [{"text": c, "answer_start": 0}], "all of its 25 questions are 'old Ada lives here.' or as long"),
        (lambda c: [{"text": c[:1], "answer_start": 0}], "are 'o' or as long"),
        (lambda c: [{"text": ".", "answer_start": c.index(".")}], "are '.' or as long"),
    ],
)
def test_one_placeholder_for_all_answers_is_refused(answers: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "xquad.en.json"
    _questions(path, answers)
    with pytest.raises(InputCorrupt, match=f"{message}.*blanked"):
        read_questions(path)
    _questions(path, answers, count=3)  # a set too small to tell
    assert len(read_questions(path)) == 3


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (lambda _: None, "question 0: the question has no answer"),
        (lambda _: "Ada", "question 0: found the answers 'Ada'"),
        (lambda _: [{"text": "Ada"}], "question 0: the answer 'Ada' starts at None"),
        (lambda _: ["Ada"], r"question 0: found the answers \['Ada'\]"),
    ],
)
def test_answers_of_another_form_are_named_with_their_question(answers: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "xquad.en.json"
    _questions(path, answers)
    with pytest.raises(InputCorrupt, match=message):
        read_questions(path)


def test_answers_as_two_lists_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "xquad.en.json"
    _questions(path, lambda c: {"text": ["Ada"], "answer_start": [c.index("Ada")]}, count=3)
    assert {question.answers[0].text for question in read_questions(path, "en")} == {"Ada"}


def test_answers_that_all_begin_their_contexts_are_answers(tmp_path: Path) -> None:
    path = tmp_path / "xquad.en.json"
    _questions(path, lambda c: [{"text": c[: 3 + len(c) // 3], "answer_start": 0}])
    assert len(read_questions(path)) == MANY


def test_one_label_for_all_pairs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "test-sw.tsv"
    path.write_text("".join(f"A {i}\tB\tneutral\n" for i in range(MANY)))
    with pytest.raises(InputCorrupt, match="all of its 25 pairs have the label 'neutral'"):
        read_pairs(path, "sw")
    rows = [{"premise": f"A {i}", "hypothesis": "B", "label": 0} for i in range(MANY)]
    with pytest.raises(InputCorrupt, match="hub: all of its 25 pairs have the label 'contradiction'"):
        pair_rows(_table({"premise": TEXT, "hypothesis": TEXT, "label": LABELS}, *rows), "hub")


def test_one_tag_for_all_tokens_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sw.test"
    path.write_text("Ada B-PER\nlives B-PER\n\n" * MANY)
    with pytest.raises(InputCorrupt, match="every token of its 25 sentences has the tag B-PER"):
        read_tagged(path)


def test_columns_are_found_whatever_the_case_of_their_names(tmp_path: Path) -> None:
    path = tmp_path / "test-sw.tsv"
    path.write_text("Label\tSentence1\tSentence2\r\nneutral\tA\tB\r\n")
    assert read_pairs(path, "sw") == [SentencePair("A", "B", "neutral")]
    features = {"Premise": TEXT, "Hypothesis": TEXT, "Label": LABELS}
    assert pair_rows(_table(features, {"Premise": "A", "Hypothesis": "B", "Label": 2}), "hub") == [
        SentencePair("A", "B", "neutral")
    ]


def test_labels_of_another_task_are_refused() -> None:
    features = {"premise": TEXT, "hypothesis": TEXT, "label": datasets.ClassLabel(names=["entailment", "other"])}
    table = _table(features, {"premise": "A", "hypothesis": "B", "label": 0})
    with pytest.raises(InputCorrupt, match="its labels are entailment, other; expected entailment, neutral"):
        pair_rows(table, "hub")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"tokens": ["Ada"], "ner_tags": None}, "row 0: found None, expected a list of tags"),
        ({"tokens": None, "ner_tags": [1]}, "row 0: found None, expected a list of tokens"),
        ({"tokens": ["Ada"], "ner_tags": [None]}, "row 0: found None, expected a tag"),
    ],
)
def test_rows_without_a_list_are_named(row: dict[str, Any], message: str) -> None:
    with pytest.raises(InputCorrupt, match=message):
        tagged_rows(_table({"tokens": [TEXT], "ner_tags": [TAGS]}, row), "hub")


def test_a_label_that_is_no_whole_number_is_no_class() -> None:
    class Rows(list):
        column_names = ("premise", "hypothesis", "label")
        features = {"label": LABELS}

    for value in (1.0, True):
        with pytest.raises(InputCorrupt, match=f"found the label {value}, expected 0 to 2"):
            pair_rows(Rows([{"premise": "A", "hypothesis": "B", "label": value}]), "hub")


def test_the_language_before_every_token_is_taken_off_on_the_hub_too() -> None:
    table = _table({"tokens": [TEXT], "ner_tags": [TAGS]}, {"tokens": ["en:Ada", "en:12:30"], "ner_tags": [1, 0]})
    assert tagged_rows(table, "hub") == [TaggedSentence(("Ada", "12:30"), ("B-PER", "O"))]


def test_questions_of_all_languages_in_one_data_set_are_told_apart() -> None:
    answers = {"text": [TEXT], "answer_start": [datasets.Value("int32")]}
    features = {"id": TEXT, "question": TEXT, "context": TEXT, "answers": answers}
    rows = [
        {"id": name, "question": "Who?", "context": "Ada", "answers": {"text": ["Ada"], "answer_start": [0]}}
        for name in ("finnish-1", "arabic-2", "finnish-3")
    ]
    assert [question.id for question in question_rows(_table(features, *rows), "hub", "fi")] == [
        "finnish-1",
        "finnish-3",
    ]
    rows[0]["answers"] = None
    with pytest.raises(InputCorrupt, match="hub, row 0: the question has no answer"):
        question_rows(_table(features, *rows), "hub", "fi")
