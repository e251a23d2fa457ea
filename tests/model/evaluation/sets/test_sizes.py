"""Sets that are not as large as published are told, from fine-tuning as from predictions; sizes agree with the files at hand."""

import json
from pathlib import Path

import pytest

from model import cli
from model.evaluation.results import read_results
from model.evaluation.scores.answers import MLQA_LANGUAGES
from model.evaluation.scores.xnli import XNLI_LANGUAGES
from model.evaluation.sets.pairs import read_pairs
from model.evaluation.sets.questions import read_questions
from model.evaluation.sets.sizes import published_sizes, size_notes, training_notes
from model.evaluation.sets.tagged import read_tagged


def test_the_sizes_are_those_of_the_files_at_hand(real_data: Path) -> None:
    folder, sizes = real_data / "eval", published_sizes()
    for language in XNLI_LANGUAGES:
        assert {len(read_pairs(folder / f"xnli/dev-{language}.tsv.gz", language))} == sizes["XNLI", "dev", language]
    for language in MLQA_LANGUAGES:
        path = folder / f"mlqa/dev-context-{language}-question-{language}.json.gz"
        assert {len(read_questions(path))} == sizes["MLQA", "dev", language]
    for path in (folder / "ner").glob("*.dev.*.gz"):
        assert {len(read_tagged(path))} == sizes["CoNLL", "dev", path.name[:2]]


def test_a_cut_file_another_version_and_few_examples_are_told() -> None:
    assert size_notes("MLQA", "test", "de", 4517) == []
    [note] = size_notes("MLQA", "test", "de", 4516)
    assert note.startswith("MLQA, test in de: 4,516 examples, published are 4,517; the file is cut")
    assert size_notes("MasakhaNER", "test", "ha", 552) == size_notes("MasakhaNER", "test", "ha", 1633) == []
    assert "published are 552 or 1,633" in size_notes("MasakhaNER", "test", "ha", 600)[0]
    assert size_notes("a set of one's own", "test", "de", 100) == []
    assert "99 examples are too few to mean anything" in size_notes("a set of one's own", "test", "de", 99)[0]
    assert training_notes(1000) == [] and training_notes(46)[0].startswith("46 training examples, fewer than 1,000")


def test_every_language_of_a_set_has_its_sizes() -> None:
    sizes = published_sizes()
    assert {language for name, split, language in sizes if (name, split) == ("XNLI", "test")} == set(XNLI_LANGUAGES)
    assert {language for name, split, language in sizes if (name, split) == ("MLQA", "test")} == set(MLQA_LANGUAGES)
    # Both versions of MasakhaNER: ten languages, and twenty, all but Amharic of the first among them.
    assert len({language for name, _, language in sizes if name == "MasakhaNER"}) == 21
    assert len({language for name, _, language in sizes if name == "Tatoeba"}) == 112
    assert sum(name == "WikiNEuRal" for name, _, _ in sizes) == 18  # dev and test of nine languages


@pytest.mark.parametrize("task", ["xnli", "finetune"])
def test_it_is_said_where_scores_are_made(task: str, tiny_model: Path, tmp_path: Path, capsys) -> None:
    labels = ("neutral", "entailment", "contradiction")
    (tmp_path / "test-sw.tsv").write_text("".join(f"A {i}\tB\t{labels[i % 3]}\n" for i in range(120)))
    if task == "xnli":
        (tmp_path / "predictions").write_text("neutral\n" * 120)
        flags = [str(tmp_path / "test-sw.tsv"), str(tmp_path / "predictions"), "--output", str(tmp_path / "out")]
        assert cli.run(["score", "xnli", *flags]) == 0
    else:
        (tmp_path / "train-en.tsv").write_text("".join(f"A {i}\tB\t{labels[i % 3]}\n" for i in range(6)))
        flags = [
            "--model",
            str(tiny_model),
            "--data",
            str(tmp_path),
            "--output",
            str(tmp_path / "out"),
            "--max-length",
            "32",
        ]
        assert cli.run(["evaluate", "xnli", *flags, "--epochs", "1", "--device", "cpu"]) == 0
        assert "warning: 6 training examples, fewer than 1,000" in capsys.readouterr().err
        assert any(
            note.startswith("6 training examples") for note in read_results(tmp_path / "out" / "xnli.json").notes
        )
    notes = read_results(tmp_path / "out" / "xnli.json").notes
    assert any("XNLI, test in sw: 120 examples, published are 5,010" in note for note in notes)


def test_a_token_that_is_empty_is_read(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text("uFuneka B-PER\n O\nukuba O\n\n  Ada B-PER\n")  # an empty token, and a line that is indented
    assert [sentence.tokens for sentence in read_tagged(path)] == [("uFuneka", "", "ukuba"), ("", "Ada")][:1] + [
        ("Ada",)
    ]
    assert json.dumps(read_tagged(path)[0].tags) == '["B-PER", "O", "O"]'
