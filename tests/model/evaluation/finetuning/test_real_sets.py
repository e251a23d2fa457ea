"""Every task end to end on the real evaluation sets with a tiny random model: the machinery, not a claim.

The short form runs in the suite; the long form, of minutes, by `make test-slow`. XNLI and MLQA have no training set
here, so their English dev set stands in for it, and the results say so.
"""

import json
import os
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from model import cli
from model.evaluation.finetuning.config import QaConfig
from model.evaluation.finetuning.qa_windows import PairTemplate, question_windows
from model.evaluation.results import Results, read_results
from model.evaluation.scores.answers import MLQA_LANGUAGES
from model.evaluation.scores.ner import NER_LANGUAGES
from model.evaluation.scores.xnli import XNLI_LANGUAGES
from model.evaluation.sets.sources import load_questions

FINETUNED = {"ner": NER_LANGUAGES, "xnli": XNLI_LANGUAGES, "qa": MLQA_LANGUAGES}
SHORT = ("--max-train", "24", "--max-test", "4", "--epochs", "1")
LONG = ("--max-train", "1500", "--max-test", "100", "--epochs", "2", "--seeds", "1", "2")


@pytest.fixture
def sets(real_data: Path) -> Path:
    if not (real_data / "eval" / "ner").is_dir():
        pytest.skip(f"no evaluation sets under {real_data}")
    return real_data


def _finetune(task: str, model: Path, sets: Path, output: Path, size: tuple[str, ...]) -> Results:
    flags = ["--model", str(model), "--data", str(sets / "eval"), "--output", str(output), "--device", "cpu"]
    flags += ["--test-split", "none", "--max-length", "128", "--learning-rate", "1e-3", *size]
    if task != "ner":
        flags += ["--train-split", "dev"]
    assert cli.run(["evaluate", task, *flags]) == 0
    return read_results(output / f"{task}.json")


def _check(task: str, results: Results, output: Path, seeds: int) -> None:
    assert results.stand_in == (task != "ner")
    assert results.notes
    for selection in ("mean dev", "en dev"):
        for language in (*FINETUNED[task], "mean"):
            measure = results.find(selection=selection, split="dev", language=language).measures[results.primary_metric]
            assert len(measure.values) == seeds and all(0 <= value <= 1 for value in measure.values)
    for language in FINETUNED[task]:
        assert len(list(output.rglob(f"{language}.prediction"))) == 2 * seeds


def _check_answers(sets: Path, output: Path, size: tuple[str, ...]) -> None:
    """Every answer, and every one of the n best, is the stretch of its context that it says it is."""
    count = int(size[size.index("--max-test") + 1])
    for language in MLQA_LANGUAGES:
        questions = load_questions(str(sets / "eval"), language, "dev")[:count]
        for path in output.rglob(f"{language}.prediction"):
            predictions, best = json.loads(path.read_text()), json.loads(path.with_suffix(".nbest.json").read_text())
            assert list(predictions) == [question.id for question in questions]
            for question in questions:
                spans = [question.context[a["start"] : a["end"]].strip() for a in best[question.id]]
                assert spans and spans == [a["text"] for a in best[question.id]]
                assert predictions[question.id] == spans[0]


@pytest.mark.parametrize("task", FINETUNED)
def test_fine_tuning_runs_on_real_data(task: str, tiny_model: Path, sets: Path, tmp_path: Path) -> None:
    _check(task, _finetune(task, tiny_model, sets, tmp_path, SHORT), tmp_path, seeds=1)
    if task == "qa":
        _check_answers(sets, tmp_path, SHORT)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("task", FINETUNED)
def test_fine_tuning_runs_at_length(task: str, tiny_model: Path, sets: Path, tmp_path: Path) -> None:
    _check(task, _finetune(task, tiny_model, sets, tmp_path, LONG), tmp_path, seeds=2)
    if task == "qa":
        _check_answers(sets, tmp_path, LONG)
    progress = json.loads((tmp_path / task / "seed-1" / "state.json").read_text())["history"]
    assert progress[-1]["loss"] < progress[0]["loss"]


@pytest.mark.parametrize("facts", ["2", pytest.param("50", marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_probing_runs_on_real_facts(facts: str, tiny_model: Path, sets: Path, tmp_path: Path) -> None:
    flags = ["--model", str(tiny_model), "--data", str(sets / "knowledge"), "--output", str(tmp_path)]
    flags += ["--languages", "en", "zh-hans", "ar", "--max-facts", facts, "--max-candidates", "20"]
    flags += ["--relations", "P36", "P103", "P1376"] if facts == "2" else []
    assert cli.run(["evaluate", "probing", *flags, "--device", "cpu"]) == 0
    results = read_results(tmp_path / "probing.json")
    for language in ("en", "zh-hans", "ar", "mean"):
        assert results.find(about="summary", line="majority", language=language).measures["mrr"].mean > 0.1
    if facts != "2":
        majority = results.find(about="summary", line="majority", language="mean").measures["hits@1"].mean
        assert results.primary < majority  # random weights know less than frequencies do


def test_labels_of_real_entities_are_aligned(tiny_model: Path, sets: Path, tmp_path: Path) -> None:
    labels = str(sets / "knowledge" / "qid_labels_104langs.json.gz")
    flags = ["--model", str(tiny_model), "--data", labels, "--output", str(tmp_path), "--max-entities", "50"]
    flags += ["--languages", "en", "ar", "ru", "--device", "cpu", "--pooling", "mean"]
    assert cli.run(["evaluate", "alignment", *flags]) == 0
    results = read_results(tmp_path / "alignment.json")
    assert results.find(about="pair", source="en", target="ar", spelling="all").measures["candidates"].mean == 50


def test_real_chinese_answers_are_found_again_from_their_labels(tiny_model: Path, sets: Path) -> None:
    folder = sets / "tokenizer"
    if not (folder / "tokenizer.json.gz").is_file():
        pytest.skip("needs XLM-R's tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(unpacked(folder, tiny_model.parent))
    config, template = QaConfig(model="m", data="d"), PairTemplate.of(tokenizer)
    questions = load_questions(str(sets / "eval"), "zh", "dev")[:60]
    exact = 0
    for question in questions:
        answer = question.answers[0].text
        held = [w for w in question_windows(question, tokenizer, template, config) if w.feature.labels != (0, 0)]
        assert held, question.id
        first, last = (place - held[0].first for place in held[0].feature.labels)
        found = question.context[held[0].offsets[first][0] : held[0].offsets[last][1]]
        assert answer.strip() in found
        exact += found.strip() == answer.strip()
    # A piece of XLM-R may hold a neighbour of the answer; most borders of answers are borders of pieces.
    assert exact > 0.6 * len(questions)


def unpacked(folder: Path, beside: Path) -> Path:
    import gzip
    import shutil

    target = beside / "xlmr-tokenizer"
    if not target.is_dir():
        target.mkdir()
        (target / "tokenizer.json").write_bytes(gzip.decompress((folder / "tokenizer.json.gz").read_bytes()))
        shutil.copy(folder / "tokenizer_config.json", target)
        os.chmod(target / "tokenizer_config.json", 0o644)
    return target
