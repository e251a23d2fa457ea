"""No score from half a file: blanked labels, ragged rows and foreign columns are refused, from files as from the Hub."""

import json
from pathlib import Path
from typing import Any

import pytest

from model.evaluation.sets.examples import SentencePair, TaggedSentence
from model.evaluation.sets.sources import load_pairs, load_questions, load_tagged
from model.evaluation.sets.tagged import read_tag_lines, read_tagged
from model.evaluation.sets.tags import iob_tags
from schemas.errors import InputCorrupt

CONTEXT = "Ada lives in Oslo."


def _questions(answers: list[dict[str, Any]]) -> str:
    entry = {"id": "q7", "question": "Where?", "answers": answers}
    return json.dumps({"data": [{"paragraphs": [{"context": CONTEXT, "qas": [entry]}]}]})


BLANKED_ANSWERS = [
    ([{"text": "", "answer_start": 0}], "Test sets are handed out with blank answers"),  # XTREME's form
    ([{"text": " ", "answer_start": 3}], "blank answers"),
    ([{"text": None, "answer_start": 0}], "blank answers"),
    ([], "the question has no answer"),
    ([{"text": ".", "answer_start": -1}], "starts at -1"),
    ([{"text": "o.", "answer_start": -2}], "starts at -2"),
    ([{"text": "Oslo", "answer_start": 12}], "does not stand at character 12"),
    ([{"text": "Oslo", "answer_start": 13}, {"text": "", "answer_start": 0}], "blank answers"),
]


@pytest.mark.parametrize(("answers", "message"), BLANKED_ANSWERS)
def test_blanked_answers_are_refused_in_files(answers: list[dict[str, Any]], message: str, tmp_path: Path) -> None:
    (tmp_path / "dev-context-de-question-de.json").write_text(_questions(answers), encoding="utf-8")
    with pytest.raises(InputCorrupt, match=f"dev-context-de-question-de.json, question q7.*{message}"):
        load_questions(str(tmp_path), "de", "dev")


@pytest.fixture
def on_hub(monkeypatch: pytest.MonkeyPatch):
    """Lets `datasets` answer every load with these columns."""
    datasets = pytest.importorskip("datasets")

    def serve(columns: dict[str, list[Any]], features: dict[str, Any] | None = None) -> str:
        table = datasets.Dataset.from_dict(columns, features=datasets.Features(features) if features else None)
        monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: table)
        return "hub:some/set"

    return serve


@pytest.mark.parametrize(("answers", "message"), BLANKED_ANSWERS)
def test_blanked_answers_are_refused_on_the_hub(on_hub: Any, answers: list[dict[str, Any]], message: str) -> None:
    columns = {name: [answer[name] for answer in answers] for name in ("text", "answer_start")}
    name = on_hub({"id": ["q7"], "question": ["Where?"], "context": [CONTEXT], "answers": [columns]})
    with pytest.raises(InputCorrupt, match=rf"'some/set'.*validation\), row 0: .*{message}"):
        load_questions(name, "de", "dev")


def test_answers_with_too_few_starts_are_refused(on_hub: Any) -> None:
    answers = {"text": ["Oslo", "in Oslo"], "answer_start": [13]}
    name = on_hub({"id": ["q7"], "question": ["Where?"], "context": [CONTEXT], "answers": [answers]})
    with pytest.raises(InputCorrupt, match="2 answers with 1 starts"):
        load_questions(name, "de", "dev")


@pytest.mark.parametrize("label", ["-", "", "hidden", "-1", "0", "None"])
def test_what_is_no_label_is_refused_with_file_and_row(label: str, tmp_path: Path) -> None:
    (tmp_path / "dev-sw.tsv").write_text(f"A\tB\tneutral\nC\tD\t{label}\n")
    with pytest.raises(InputCorrupt, match=rf"dev-sw.tsv, line 2: found the label '{label}'"):
        load_pairs(str(tmp_path), "sw", "dev")


def test_a_table_without_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test-sw.tsv").write_text("A\tB\nC\tD\n")
    with pytest.raises(InputCorrupt, match="line 1: found 2 columns.*without labels cannot be scored"):
        load_pairs(str(tmp_path), "sw", "test")


def test_minus_one_is_not_the_last_label(on_hub: Any) -> None:
    import datasets

    text, labels = datasets.Value("string"), datasets.ClassLabel(names=["entailment", "neutral", "contradiction"])
    columns = {"premise": ["A", "C"], "hypothesis": ["B", "D"], "label": [1, -1]}
    name = on_hub(columns, {"premise": text, "hypothesis": text, "label": labels})
    with pytest.raises(InputCorrupt, match=r"row 1: found the label '-', .*cannot be scored"):
        load_pairs(name, "sw", "test")
    assert load_pairs(name, "en", "train") == [SentencePair("A", "B", "neutral")]  # SNLI's sign for no agreement


def test_labels_without_names_are_refused_on_the_hub(on_hub: Any) -> None:
    with pytest.raises(InputCorrupt, match="row 0: found the label 1 and no names"):
        load_pairs(on_hub({"premise": ["A"], "hypothesis": ["B"], "label": [1]}), "sw", "dev")
    with pytest.raises(InputCorrupt, match="row 0: found the label 1 and no names"):
        load_tagged(on_hub({"tokens": [["Ada"]], "ner_tags": [[1]]}), "sw", "dev")


def test_tags_as_text_are_read_from_the_hub(on_hub: Any) -> None:
    name = on_hub({"tokens": [["Ada", "lives"]], "ner_tags": [["B-PER", "O"]]})
    assert load_tagged(name, "sw", "dev") == [TaggedSentence(("Ada", "lives"), ("B-PER", "O"))]


def test_a_tag_of_minus_one_is_not_the_last_tag(on_hub: Any) -> None:
    from model.evaluation.sets.hub import tagged_rows

    class Rows(list):
        column_names = ("tokens", "ner_tags")
        features = {"ner_tags": type("Labels", (), {"names": ["O", "B-LOC", "I-LOC"]})}

    with pytest.raises(InputCorrupt, match=r"set, row 1: found the label -1, expected 0 to 2"):
        tagged_rows(Rows([{"tokens": ["Oslo"], "ner_tags": [1]}, {"tokens": ["Oslo"], "ner_tags": [-1]}]), "set")


def test_ragged_tags_are_refused_on_the_hub(on_hub: Any) -> None:
    with pytest.raises(InputCorrupt, match="row 0: found 2 tokens and 1 tags"):
        load_tagged(on_hub({"tokens": [["Ada", "lives"]], "ner_tags": [["B-PER"]]}), "sw", "dev")


@pytest.mark.parametrize(
    ("load", "columns", "message"),
    [
        (load_tagged, {"sentence": [["Ada"]], "ner": [["O"]]}, "columns are sentence, ner; expected tokens or words"),
        (load_pairs, {"text": ["A"], "label": ["neutral"]}, "columns are text, label; expected premise or sentence1"),
        (load_questions, {"id": ["1"], "answer": ["x"]}, "columns are id, answer; expected id, question"),
    ],
)
def test_other_columns_are_named(on_hub: Any, load: Any, columns: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(InputCorrupt, match=message):
        load(on_hub(columns), "sw", "dev")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["B-PER", "I-PER", "O"], ("B-PER", "I-PER", "O")),
        (["I-PER", "I-PER", "B-PER"], ("I-PER", "I-PER", "B-PER")),  # IOB1 stays
        (["b-per", "i-per", "o"], ("B-PER", "I-PER", "O")),
        (["S-PER", "B-LOC", "I-LOC", "E-LOC", "O"], ("B-PER", "B-LOC", "I-LOC", "I-LOC", "O")),  # IOBES
        (["U-PER", "B-LOC", "L-LOC"], ("B-PER", "B-LOC", "I-LOC")),  # BILOU
        (["B-ORG", "M-ORG", "E-ORG", "W-ORG"], ("B-ORG", "I-ORG", "I-ORG", "B-ORG")),  # BMEWO
        (["E-PER", "I-PER", "S-LOC", "E-LOC"], ("I-PER", "B-PER", "B-LOC", "B-LOC")),  # an end ends
        (["B-work_of_art", "B-person-actor"], ("B-WORK_OF_ART", "B-PERSON-ACTOR")),
    ],
)
def test_every_scheme_of_tags_comes_out_as_iob(tags: list[str], expected: tuple[str, ...]) -> None:
    assert iob_tags(tags, "here") == expected


@pytest.mark.parametrize("tag", ["B-", "I-", "PER", "PER-B", "0", "X-PER", "B_PER", "B-?", ""])
def test_what_is_no_tag_is_named(tag: str) -> None:
    with pytest.raises(InputCorrupt, match="line 3: found the tag"):
        iob_tags(["O", tag], "line 3")


def test_types_outside_conlls_are_read(tmp_path: Path) -> None:
    path = tmp_path / "test.txt"
    path.write_text("A O\nranar O\nLitinin B-DATE\n\nAsibiti B-FAC\n")
    assert [sentence.tags[-1] for sentence in read_tagged(path)] == ["B-DATE", "B-FAC"]


def test_a_bare_type_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "en.dev"
    path.write_text("Ada\tB-PER\n\nOslo\tB-\n")
    with pytest.raises(InputCorrupt, match=r"en\.dev, line 3: found 'Oslo B-'"):
        read_tagged(path)


def test_the_language_before_every_token_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "dev"
    path.write_text("en:Ada\tB-PER\nen:lives\tO\n\nen::\tO\nen:12:30\tO\n")
    assert [sentence.tokens for sentence in read_tagged(path)] == [("Ada", "lives"), (":", "12:30")]
    path.write_text("en:Ada\tB-PER\nen:lives\tO\nhere\tO\n")
    with pytest.raises(InputCorrupt, match="2 of 3 tokens begin with 'en:', 'here' does not"):
        read_tagged(path)


def test_comments_are_no_tokens_and_a_hash_is_one(tmp_path: Path) -> None:
    path = tmp_path / "dev"
    path.write_text("# id 5\tdomain=en\n# text = vitamin O\nAda B-PER\n# O\n\n# O\nOslo B-LOC\n")
    assert [sentence.tokens for sentence in read_tagged(path)] == [("Ada", "#"), ("#", "Oslo")]


def test_a_blank_of_another_script_does_not_cut_a_token(tmp_path: Path) -> None:
    path = tmp_path / "dev"
    path.write_text("New\u00a0York B-LOC\n10\u3000000 O\n", encoding="utf-8")
    assert read_tagged(path)[0].tokens == ("New\u00a0York", "10\u3000000")


def test_a_line_with_another_number_of_columns_is_named(tmp_path: Path) -> None:
    path = tmp_path / "dev"
    path.write_text("Ada NNP B-PER\nlives VBZ O\nhere O\n")
    with pytest.raises(InputCorrupt, match="line 3: found 2 columns in 'here O', expected 3"):
        read_tagged(path)


def test_a_set_without_a_single_entity_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sw.test").write_text("Ada O\nlives O\n\nOslo O\n")
    with pytest.raises(InputCorrupt, match="not one of 2 sentences has an entity"):
        load_tagged(str(tmp_path), "sw", "test")


def test_damaged_utf_8_is_not_read_as_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "de.dev"
    path.write_bytes("Köln B-LOC\nMünchen B-LOC\nöde O\n".encode() + b"gr\xfcn O\n")
    with pytest.raises(InputCorrupt, match="is no UTF-8"):
        read_tagged(path)
    (tmp_path / "dev-de.tsv").write_bytes("Köln\tB\tneutral\n".encode("latin-1"))
    with pytest.raises(InputCorrupt, match="byte 1 is no UTF-8"):
        load_pairs(str(tmp_path), "de", "dev")


def test_predicted_tags_may_stand_alone_or_last(tmp_path: Path) -> None:
    path = tmp_path / "prediction"
    path.write_text("Ada\tB-PER\nlives\tO\n\nOslo\tB-LOC\n")
    assert read_tag_lines(path) == [["B-PER", "O"], ["B-LOC"]]
    path.write_text("B-PER\nO\n\nPERSON\n")
    with pytest.raises(InputCorrupt, match="line 4"):
        read_tag_lines(path)
