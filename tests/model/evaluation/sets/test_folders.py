"""Every published form of a folder is found by its names, in any language, and one set is scored at a time."""

import gzip
import json
from pathlib import Path

import pytest

from model.evaluation.sets.forms import FORMS, language_of
from model.evaluation.sets.sources import load_pairs, load_questions, load_tagged, open_source
from model.evaluation.tasks import NER, QA, XNLI
from schemas.errors import InputMissing, UsageError
from tests.conftest import REPOSITORY

TAGGED = "Ada B-PER\nlives O\n"
PAIRS = "A\tB\tneutral\n"


def squad(*names: str) -> str:
    entries = [
        {"id": name, "question": "Where?", "answers": [{"text": "Oslo", "answer_start": 13}]}
        for name in names or ("q",)
    ]
    return json.dumps({"data": [{"paragraphs": [{"context": "Ada lives in Oslo.", "qas": entries}]}]})


def lay(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return folder


NER_FOLDERS = {
    "CoNLL": (
        {"eng.train": TAGGED, "eng.testa": TAGGED, "deu.testa": TAGGED, "esp.testb.gz": TAGGED},
        ["de", "en", "es"],
    ),
    "CoNLL as XGLUE": ({"ner/en.train.conllu": TAGGED, "ner/nl.dev.conll.gz": TAGGED}, ["nl"]),
    "PAN-X": ({"panx/train-en.tsv": TAGGED, "panx/dev-af.tsv": TAGGED, "panx/test-yo.tsv": TAGGED}, ["af", "yo"]),
    "PAN-X, raw": ({"en-train": TAGGED, "en-dev": TAGGED, "zh-classical-test": TAGGED}, ["en", "zh-classical"]),
    "WikiANN": (
        {"wikiann/en/train": TAGGED, "wikiann/ace/dev": TAGGED, "wikiann/simple/test.gz": TAGGED},
        ["ace", "simple"],
    ),
    "WikiNEuRal": ({"wikineural/de/train.conllu": TAGGED, "wikineural/de/val.conllu": TAGGED}, ["de"]),
    "MasakhaNER": ({"hau/train.txt": TAGGED, "hau/test.txt": TAGGED, "pcm/dev.txt": TAGGED}, ["ha", "pcm"]),
}


@pytest.mark.parametrize("form", NER_FOLDERS)
def test_languages_of_named_entities_are_found(form: str, tmp_path: Path) -> None:
    files, languages = NER_FOLDERS[form]
    source = open_source(NER, str(lay(tmp_path / "data", files)))
    assert source.languages() == languages
    assert source.set == form.split(",")[0].split(" as ")[0].replace("WikiANN", "PAN-X")
    split = "dev" if source.has(languages[0], "dev") else "test"
    assert load_tagged(str(tmp_path / "data"), languages[0], split)[0].tokens == ("Ada", "lives")


def test_a_language_of_masakhaner_is_called_by_either_of_its_codes(tmp_path: Path) -> None:
    lay(tmp_path, {"hau/dev.txt": TAGGED})
    assert load_tagged(str(tmp_path), "ha", "dev")
    assert [language_of(code) for code in ("hau", "swa", "pcm", "zh-min-nan", "ner", "data")] == [
        "ha", "sw", "pcm", "zh-min-nan", None, None
    ]  # fmt: skip


XNLI_FOLDERS = {
    "XNLI": ({"multinli.train.en.tsv": PAIRS, "dev-sw.tsv": PAIRS, "test-ur.tsv.gz": PAIRS}, ["sw", "ur"]),
    "XNLI, one file": (
        {"XNLI-1.0/xnli.dev.tsv": "language\tgold_label\tsentence1\tsentence2\nsw\tneutral\tA\tB\nfr\tneutral\tA\tB\n"},
        ["fr", "sw"],
    ),
    "myXNLI": (
        {
            "myxnli.dev.tsv": "genre\tlabel\tsentence1_en\tsentence2_en\tsentence1_my\tsentence2_my\nx\tneutral\tA\tB\tက\tခ\n"
        },
        ["en", "my"],
    ),
}


@pytest.mark.parametrize("form", XNLI_FOLDERS)
def test_languages_of_sentence_pairs_are_found(form: str, tmp_path: Path) -> None:
    files, languages = XNLI_FOLDERS[form]
    source = open_source(XNLI, str(lay(tmp_path, files)))
    assert (source.set, source.languages()) == (form.split(",")[0], languages)
    pair = load_pairs(str(tmp_path), languages[-1], "test" if languages[-1] == "ur" else "dev")[0]
    assert (pair.premise, pair.label) == ("က" if languages[-1] == "my" else "A", "neutral")


QA_FOLDERS = {
    "MLQA": (
        {"dev/dev-context-de-question-de.json": squad(), "test/test-context-hi-question-hi.json": squad()},
        ["de", "hi"],
    ),
    "XQuAD": ({"xquad.ro.json": squad(), "xquad.zh.json.gz": squad(), "train-v1.1.json": squad()}, ["ro", "zh"]),
    "TyDiQA-GoldP": ({"tydiqa-goldp-v1.1-dev/tydiqa-goldp-dev-finnish.json": squad("finnish-1")}, ["fi"]),
    "TyDiQA-GoldP, XTREME": (
        {"tydiqa/dev/tydiqa.goldp.sw.dev.json": squad(), "tydiqa/tydiqa.goldp.en.train.json": squad()},
        ["sw"],
    ),
    "SQuAD": ({"train-v1.1.json": squad(), "dev-v1.1.json": squad()}, ["en"]),
}


@pytest.mark.parametrize("form", QA_FOLDERS)
def test_languages_of_questions_are_found_with_their_metric(form: str, tmp_path: Path) -> None:
    files, languages = QA_FOLDERS[form]
    source = open_source(QA, str(lay(tmp_path, files)))
    name = form.split(",")[0]
    assert (source.set, source.languages()) == (name, languages)
    assert source.metric == ("mlqa" if name == "MLQA" else "squad")
    split = "dev" if name in ("MLQA", "SQuAD") else "test"
    assert load_questions(str(tmp_path), languages[0], split)[0].answers[0].text == "Oslo"


def test_tydiqas_training_file_of_all_languages_is_read_by_its_ids(tmp_path: Path) -> None:
    lay(tmp_path, {"tydiqa-goldp-v1.1-train.json": squad("english-1", "finnish-2", "english-3")})
    lay(tmp_path, {"tydiqa-goldp-dev-finnish.json": squad("finnish-9")})
    assert [q.id for q in load_questions(str(tmp_path), "en", "train")] == ["english-1", "english-3"]
    assert [q.id for q in load_questions(str(tmp_path), "fi", "train")] == ["finnish-2"]


def test_all_pairs_of_mlqa_are_found(tmp_path: Path) -> None:
    languages = ("ar", "de", "en", "es", "hi", "vi", "zh")
    lay(tmp_path, {f"test-context-{c}-question-{q}.json": squad(f"{c}{q}") for c in languages for q in languages})
    source = open_source(QA, str(tmp_path))
    assert len(source.pairs()) == 49 and source.languages() == list(languages)
    assert load_questions(str(tmp_path), "de", "test", question="zh")[0].id == "dezh"


def test_of_two_sets_one_must_be_named(tmp_path: Path) -> None:
    lay(tmp_path, {"en.train": TAGGED, "en.dev": TAGGED, "hau/test.txt": TAGGED, "hau/dev.txt": TAGGED})
    with pytest.raises(UsageError, match="holds CoNLL and MasakhaNER: name the one to score with --set"):
        open_source(NER, str(tmp_path))
    source = open_source(NER, str(tmp_path), "masakhaner")
    assert (source.set, source.languages()) == ("MasakhaNER", ["ha"])
    assert source.has("en", "train") and source.has("en", "dev") and not source.has("en", "test")
    with pytest.raises(UsageError, match="no set 'MasakhaNEWS' of ner; there are CoNLL, PAN-X"):
        open_source(NER, str(tmp_path), "MasakhaNEWS")


def test_folders_of_other_tasks_are_left_alone(tmp_path: Path) -> None:
    lay(
        tmp_path, {"xnli/dev-sw.tsv": PAIRS, "panx/dev-yo.tsv": TAGGED, "mlqa/dev-context-de-question-de.json": squad()}
    )
    assert open_source(NER, str(tmp_path)).languages() == ["yo"]
    assert open_source(XNLI, str(tmp_path)).languages() == ["sw"]
    assert open_source(QA, str(tmp_path)).languages() == ["de"]


def test_squad_trains_for_xquad_and_lends_its_dev_set_and_no_test_set(tmp_path: Path) -> None:
    lay(tmp_path, {"xquad.de.json": squad(), "train-v1.1.json": squad(), "dev-v1.1.json": squad()})
    source = open_source(QA, str(tmp_path))
    assert (source.set, source.has_dev(), source.has("en", "dev"), source.has("en", "test")) == (
        "XQuAD",
        False,
        True,
        False,
    )
    with pytest.raises(InputMissing, match=r"no test file of XQuAD in 'fr', such as xquad\.fr\.json"):
        load_questions(str(tmp_path), "fr", "test")


def test_sets_on_the_hub_bring_their_metric_where_their_name_says_it() -> None:
    assert (open_source(QA, "hub").set, open_source(QA, "hub").metric) == ("MLQA", "mlqa")
    assert open_source(QA, "hub:google/xquad@xquad.{language}").metric == "squad"
    assert open_source(QA, "hub:someone/answers").metric is None
    assert open_source(NER, "hub:masakhane/masakhaner2@{language}").set == "MasakhaNER"


def test_every_form_stands_in_the_documentation() -> None:
    text = (REPOSITORY / "docs" / "evaluation.md").read_text(encoding="utf-8")
    for form in FORMS:
        assert form.set in text
        for pattern in form.patterns:
            assert (
                pattern.replace("{language}", "xx").replace("{question}", "yy").replace("{split}", "SPLIT") in text
            ), pattern
