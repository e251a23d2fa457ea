"""The original file formats, as published, and what damaged ones are answered with."""

import gzip
import json
from pathlib import Path

import pytest

from model.evaluation.sets.examples import Answer, SentencePair, TaggedSentence
from model.evaluation.sets.pairs import read_pairs
from model.evaluation.sets.questions import read_questions
from model.evaluation.sets.sources import load_pairs, load_questions, load_tagged
from model.evaluation.sets.tagged import read_tag_lines, read_tagged
from schemas.errors import InputCorrupt, InputMissing


def _write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "Ada B-PER\nlives O\n\nOslo B-LOC\n",  # token and tag
        "Ada NNP I-NP B-PER\nlives VBZ I-VP O\n\nOslo NNP I-NP B-LOC\n",  # CoNLL-2003
        "0\tAda\tB-PER\n1\tlives\tO\n\n0\tOslo\tB-LOC\n",  # with an index column
        "-DOCSTART- -X- O O\n\nAda B-PER\nlives O\n\n-DOCSTART- O\nOslo B-LOC\n\n\n",
        "Ada\tB-PER\r\nlives\tO\r\n\r\nOslo\tB-LOC\r\n",
    ],
)
def test_conll_columns_in_their_several_forms(tmp_path: Path, text: str) -> None:
    assert read_tagged(_write(tmp_path / "en.dev", text)) == [
        TaggedSentence(("Ada", "lives"), ("B-PER", "O")),
        TaggedSentence(("Oslo",), ("B-LOC",)),
    ]


def test_latin_1_is_read_where_utf_8_fails(tmp_path: Path) -> None:
    path = _write(tmp_path / "deu.testa.gz", "Köln B-LOC\n", encoding="latin-1")
    assert read_tagged(path)[0].tokens == ("Köln",)


def test_a_line_without_a_tag_is_named(tmp_path: Path) -> None:
    path = _write(tmp_path / "en.dev", "Ada B-PER\nlives\n")
    with pytest.raises(InputCorrupt, match="line 2.*'lives'"):
        read_tagged(path)


def test_damaged_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "en.dev.gz"
    path.write_bytes(gzip.compress(b"Ada B-PER\n" * 1000)[:-20])
    with pytest.raises(InputCorrupt, match="gzip stream is damaged"):
        read_tagged(path)


def test_xnli_tables_with_and_without_headers(tmp_path: Path) -> None:
    plain = _write(tmp_path / "dev-en.tsv", 'He said "hi.\tHe spoke.\tentailment\nA\tB\tneutral\n')
    assert read_pairs(plain, "en")[0] == SentencePair('He said "hi.', "He spoke.", "entailment")
    translated = _write(tmp_path / "train.tsv", "premise\thypo\tlabel\nEin Satz\tNoch einer\tcontradictory\n")
    assert read_pairs(translated, "de") == [SentencePair("Ein Satz", "Noch einer", "contradiction")]
    header = "language\tgold_label\tbinary\tsentence1\tsentence2"
    rows = ["en\tneutral\tx\tA\tB", "fr\t-\tx\tC\tD", "fr\tneutral\tx\tE\tF"]
    together = _write(tmp_path / "xnli.dev.tsv", "\n".join([header, *rows, ""]))
    assert read_pairs(together, "fr", training=True) == [SentencePair("E", "F", "neutral")]
    with pytest.raises(InputCorrupt, match=r"line 3: found the label '-'.*cannot be scored"):
        read_pairs(together, "fr")


def test_a_line_separator_inside_a_text_does_not_cut_the_row(tmp_path: Path) -> None:
    path = _write(tmp_path / "dev-en.tsv", "one\u2028two\tthree\x85four\tneutral\n")
    assert read_pairs(path, "en") == [SentencePair("one\u2028two", "three\x85four", "neutral")]


def test_an_unknown_label_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputCorrupt, match="line 1.*entailment, neutral, contradiction"):
        read_pairs(_write(tmp_path / "dev-en.tsv", "A\tB\tmaybe\n"), "en")


def _squad(answer_start: int) -> str:
    answers = [{"text": "Oslo", "answer_start": answer_start}]
    questions = [{"id": "q1", "question": "Where?", "answers": answers}]
    return json.dumps({"data": [{"title": "t", "paragraphs": [{"context": "Ada lives in Oslo.", "qas": questions}]}]})


def test_squad_json_and_an_answer_that_stands_elsewhere(tmp_path: Path) -> None:
    question = read_questions(_write(tmp_path / "train-v1.1.json", _squad(13)))[0]
    assert (question.id, question.answers) == ("q1", (Answer("Oslo", 13),))
    with pytest.raises(InputCorrupt, match="q1.*'Oslo' does not stand at character 12"):
        read_questions(_write(tmp_path / "bad.json", _squad(12)))
    with pytest.raises(InputCorrupt, match="expected SQuAD JSON"):
        read_questions(_write(tmp_path / "other.json", "[1, 2]"))


def test_files_are_found_in_sub_folders_by_their_published_names(tmp_path: Path) -> None:
    _write(tmp_path / "ner" / "eng.testa", "Ada B-PER\n")
    _write(tmp_path / "XNLI-1.0" / "xnli.dev.tsv", "language\tgold_label\tsentence1\tsentence2\nsw\tneutral\tA\tB\n")
    _write(tmp_path / "mlqa" / "dev" / "dev-context-de-question-de.json.gz", _squad(13))
    assert len(load_tagged(str(tmp_path), "en", "dev")) == 1
    assert len(load_pairs(str(tmp_path), "sw", "dev")) == 1
    assert len(load_questions(str(tmp_path), "de", "dev")) == 1


def test_a_missing_file_is_named_with_its_source_and_licence(tmp_path: Path) -> None:
    with pytest.raises(InputMissing) as caught:
        load_tagged(str(tmp_path), "de", "test")
    message = str(caught.value)
    assert "de.test" in message and "deu.testb" in message
    assert "clips.uantwerpen.be" in message and "Licence: research only" in message


def test_a_file_without_the_language_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "xnli.dev.tsv", "language\tgold_label\tsentence1\tsentence2\nsw\tneutral\tA\tB\n")
    with pytest.raises(InputMissing, match="no dev file of XNLI in 'fr'.*It has dev in sw"):
        load_pairs(str(tmp_path), "fr", "dev")


def test_tag_lines_are_cut_at_blank_lines(tmp_path: Path) -> None:
    assert read_tag_lines(_write(tmp_path / "p", "O\nI-PER\n\n\nO\n")) == [["O", "I-PER"], ["O"]]


@pytest.fixture
def hub_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes columns as a data set that `datasets` loads by name, the name being a folder here."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")

    def write(columns: dict, features: dict) -> str:
        table = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
        (tmp_path / "set").mkdir()
        table.to_parquet(str(tmp_path / "set" / "validation-00000.parquet"))
        return f"hub:{tmp_path / 'set'}"

    return write


def test_tagged_sentences_with_the_hubs_columns_are_read_by_name(hub_copy) -> None:
    import datasets

    labels = datasets.ClassLabel(names=["O", "B-PER", "I-PER"])
    columns = {"tokens": [["Ada", "lives"], ["-DOCSTART-"]], "ner_tags": [[1, 0], [0]]}
    name = hub_copy(columns, {"tokens": datasets.List(datasets.Value("string")), "ner_tags": datasets.List(labels)})
    assert load_tagged(name, "en", "dev") == [TaggedSentence(("Ada", "lives"), ("B-PER", "O"))]


def test_questions_with_the_hubs_columns_are_read_by_name(hub_copy) -> None:
    from datasets import List, Value

    answers = [{"text": ["Oslo"], "answer_start": [13]}]
    columns = {"id": ["q1"], "question": ["Where?"], "context": ["Ada lives in Oslo."], "answers": answers}
    text = Value("string")
    own = {"text": List(text), "answer_start": List(Value("int32"))}
    name = hub_copy(columns, {"id": text, "question": text, "context": text, "answers": own})
    assert load_questions(name, "en", "dev")[0].answers == (Answer("Oslo", 13),)


def test_pairs_with_the_hubs_columns_are_read_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    labels = datasets.ClassLabel(names=["entailment", "neutral", "contradiction"])
    text = datasets.Value("string")
    features = datasets.Features({"premise": text, "hypothesis": text, "label": labels})
    table = datasets.Dataset.from_dict({"premise": ["A"], "hypothesis": ["B"], "label": [2]}, features=features)
    asked = {}

    def load(name: str, config: str, *, split: str, revision: str | None) -> datasets.Dataset:
        asked.update(name=name, config=config, split=split)
        return table

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert load_pairs("hub", "sw", "dev") == [SentencePair("A", "B", "contradiction")]
    assert asked == {"name": "facebook/xnli", "config": "sw", "split": "validation"}


def test_a_data_set_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputMissing, match=r"data set .*nothing.* could not be loaded.*Source: https.*Licence: CC BY-SA"
    ):
        load_questions(f"hub:{tmp_path / 'nothing'}", "en", "dev")


def test_a_language_without_a_copy_on_the_hub_says_so() -> None:
    with pytest.raises(InputMissing, match=r"no copy of ner in 'de'.*de\.dev"):
        load_tagged("hub", "de", "dev")
