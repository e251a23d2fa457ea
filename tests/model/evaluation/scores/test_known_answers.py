"""The scorers reproduce every official dev score from the published predictions."""

import json
from functools import cache
from pathlib import Path
from statistics import fmean

import pytest

from model.evaluation.published import UNICODER_DEV
from model.evaluation.scores.answers import MLQA_LANGUAGES, score_answers
from model.evaluation.scores.ner import NER_LANGUAGES, recut, score_tags
from model.evaluation.scores.xnli import XNLI_LANGUAGES, score_pairs
from model.evaluation.sets.sources import load_pairs, load_questions, load_tagged
from model.evaluation.sets.tagged import read_tag_lines
from model.evaluation.sets.text import read_text

TOLERANCE = 1e-9


@pytest.fixture
def evaluation_sets(real_data: Path) -> Path:
    folder = real_data / "eval"
    if not (folder / "golden" / "official_dev_scores.json").is_file():
        pytest.skip(f"no evaluation sets with published predictions under {folder}")
    return folder


@cache
def _official(folder: Path, task: str) -> dict[str, float]:
    return json.loads(read_text(folder / "golden" / "official_dev_scores.json"))[task]


@cache
def _ner_f1(folder: Path, language: str) -> float:
    tags = [list(sentence.tags) for sentence in load_tagged(str(folder), language, "dev")]
    if language == "es":
        tags[0] = tags[0][1:]  # the published file lost its first token
    predictions = read_tag_lines(folder / "golden" / "ner" / f"{language}.prediction.gz")
    return score_tags(recut(tags, [len(p) for p in predictions]), predictions).f1


@cache
def _xnli_accuracy(folder: Path, language: str) -> float:
    truth = [pair.label for pair in load_pairs(str(folder), language, "dev")]
    predictions = read_text(folder / "golden" / "xnli" / f"{language}.prediction.gz").split()
    score = score_pairs(truth, predictions)
    assert score.num_pairs == 2490
    return score.accuracy


@cache
def _mlqa_f1(folder: Path, language: str) -> float:
    truths = [(q.id, [a.text for a in q.answers]) for q in load_questions(str(folder), language, "dev")]
    predictions = json.loads(read_text(folder / "golden" / "mlqa" / f"{language}.prediction.gz"))
    return score_answers(truths, predictions, language).f1


@pytest.mark.parametrize("language", NER_LANGUAGES)
def test_ner_scores_are_the_official_ones(evaluation_sets: Path, language: str) -> None:
    assert abs(_ner_f1(evaluation_sets, language) - _official(evaluation_sets, "NER")[language]) < TOLERANCE


@pytest.mark.parametrize("language", XNLI_LANGUAGES)
def test_xnli_scores_are_the_official_ones(evaluation_sets: Path, language: str) -> None:
    assert abs(_xnli_accuracy(evaluation_sets, language) - _official(evaluation_sets, "XNLI")[language]) < TOLERANCE


@pytest.mark.parametrize("language", MLQA_LANGUAGES)
def test_mlqa_scores_are_the_official_ones(evaluation_sets: Path, language: str) -> None:
    assert abs(_mlqa_f1(evaluation_sets, language) - _official(evaluation_sets, "MLQA")[language]) < TOLERANCE


def test_the_means_over_languages_are_the_official_ones(evaluation_sets: Path) -> None:
    scores = {
        "NER": fmean(_ner_f1(evaluation_sets, language) for language in NER_LANGUAGES),
        "XNLI": fmean(_xnli_accuracy(evaluation_sets, language) for language in XNLI_LANGUAGES),
        "MLQA": fmean(_mlqa_f1(evaluation_sets, language) for language in MLQA_LANGUAGES),
    }
    for task, mean in scores.items():
        assert abs(mean - _official(evaluation_sets, task)["avg"]) < TOLERANCE, task


def test_the_dev_scores_on_the_report_page_are_the_official_ones(evaluation_sets: Path) -> None:
    for task, scores in UNICODER_DEV.items():
        official = _official(evaluation_sets, "NER" if task == "CoNLL" else task)
        shown = {language.replace("mean", "avg"): value for language, value in scores.items()}
        assert shown == {language: round(100 * value, 2) for language, value in official.items()}
