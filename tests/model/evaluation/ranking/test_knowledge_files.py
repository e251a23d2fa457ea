"""Facts and templates in the forms of mLAMA, mParaRel and BMLAMA, and consistency over paraphrases and languages."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from model import cli
from model.evaluation.ranking.config import ProbingConfig
from model.evaluation.ranking.facts import Fact, Question, make_questions
from model.evaluation.ranking.knowledge_files import read_knowledge
from model.evaluation.ranking.probing_rows import MODEL, Answers, paraphrase_rows
from model.evaluation.ranking.prompts import CHANCE, MAJORITY, rank_consistency, read_prompts, right
from model.evaluation.results import read_results
from schemas.errors import InputCorrupt, InputMissing, UsageError

CITIES = {"Q585": ("Oslo", "Oslo"), "Q220": ("Rome", "Rom"), "Q90": ("Paris", "Paris"), "Q64": ("Berlin", "Berlin")}
COUNTRIES = {
    "Q20": ("Norway", "Norwegen"),
    "Q38": ("Italy", "Italien"),
    "Q142": ("France", "Frankreich"),
    "Q183": ("Germany", "Deutschland"),
}
TEMPLATES = {
    "en": ["The capital of [X] is [Y].", "[Y] is the capital of [X]"],
    "de": ["Die Hauptstadt von [X] ist [Y].", "[Y] ist die Hauptstadt von [X]"],
}


def _lines(path: Path, rows: list[dict[str, Any]], end: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(json.dumps(row) + end for row in rows).encode("utf-8-sig"))


def _facts(place: int, leave_out: str = "") -> list[dict[str, Any]]:
    pairs = zip(COUNTRIES.items(), CITIES.items(), strict=True)
    return [
        {"sub_uri": sub, "obj_uri": obj, "obj_label": cities[place], "sub_label": countries[place], "lineid": i}
        for i, ((sub, countries), (obj, cities)) in enumerate(pairs)
        if sub != leave_out
    ]


def _mlama(root: Path) -> Path:
    for place, language in enumerate(TEMPLATES):
        _lines(root / language / "P36.jsonl", _facts(place, leave_out="Q142" if language == "de" else ""), end="\r\n")
        _lines(root / language / "date_of_birth.jsonl", [{"sub_label": "Ada", "obj_label": "1815", "lineid": 0}])
        templates = [
            {"relation": "P36", "template": TEMPLATES[language][0]},
            {"relation": "date_of_birth", "template": "[X] (born [Y])."},
        ]
        _lines(
            root / language / "templates.jsonl", [*templates, {"relation": "P17", "template": "[X] is located in Y."}]
        )
    return root


def _mpararel(root: Path) -> Path:
    for place, language in enumerate(TEMPLATES):
        _lines(root / "tuples" / language / "P36.jsonl", _facts(place))
        _lines(
            root / "patterns" / language / "P36.jsonl",
            [{"pattern": text, "checked-by-human": False} for text in TEMPLATES[language]],
        )
    return root


def test_mlama_is_read_with_the_labels_of_each_language(tmp_path: Path) -> None:
    knowledge = read_knowledge(_mlama(tmp_path / "data" / "mlama1.1").parent)
    assert knowledge.set == "mLAMA" and len(knowledge.facts) == 4
    assert knowledge.templates == {("en", "P36"): [TEMPLATES["en"][0]], ("de", "P36"): [TEMPLATES["de"][0]]}
    assert knowledge.labels["Q220"] == {"en": "Rome", "de": "Rom"} and "de" not in knowledge.labels["Q142"]
    english, german = make_questions(knowledge, ProbingConfig(model="m", data="d"))
    assert (english.language, len(english.facts), len(german.facts)) == ("en", 4, 3)  # France has no German label
    assert "date_of_birth" in knowledge.notes[1] and knowledge.notes[0].startswith("2 templates")


def test_mpararel_has_several_templates_for_a_relation(tmp_path: Path) -> None:
    knowledge = read_knowledge(_mpararel(tmp_path))
    assert knowledge.set == "mParaRel" and knowledge.templates["de", "P36"] == TEMPLATES["de"]
    questions = make_questions(knowledge, ProbingConfig(model="m", data="d", max_templates=0))
    assert [len(question.templates) for question in questions] == [2, 2]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"obj_label": ""}, "line 1: found an empty label; blanked"),
        ({"obj_label": None}, "line 1: found .*expected sub_uri"),
        ({"obj_uri": "Rome"}, "line 1: found 'Q20' and 'Rome'"),
    ],
)
def test_facts_that_cannot_be_scored_are_named(row: dict[str, Any], message: str, tmp_path: Path) -> None:
    _mlama(tmp_path)
    _lines(tmp_path / "en" / "P36.jsonl", [_facts(0)[0] | row])
    with pytest.raises(InputCorrupt, match=rf"P36\.jsonl, {message}"):
        read_knowledge(tmp_path)


def test_facts_without_templates_are_told(tmp_path: Path) -> None:
    _lines(tmp_path / "en" / "P36.jsonl", _facts(0))
    with pytest.raises(InputMissing, match=r"no templates\.jsonl"):
        read_knowledge(tmp_path)


def _answers(language: str, by_template: list[list[str]]) -> Answers:
    facts = [Fact("Q20", "P36", "Q585"), Fact("Q38", "P36", "Q220")]
    question = Question(language, "P36", ["[X] [Y]"] * len(by_template), facts, list(CITIES), [[], []], [1, 1, 1, 1])
    return Answers(question, torch.ones(2), by_template[0], by_template)


def test_consistency_counts_pairs_of_templates_and_facts_that_all_get_right() -> None:
    answers = [
        _answers("en", [["Q585", "Q64"], ["Q585", "Q64"], ["Q585", "Q220"]]),
        _answers("de", [["Q585", "Q220"]] * 2),
    ]
    rows = {row.keys["language"]: row.measures for row in paraphrase_rows(MODEL, answers)}
    # English: all three agree on Norway, one pair of three on Italy; Norway is right everywhere.
    assert rows["en"]["same answer"].mean == pytest.approx((1 + 1 / 3) / 2) and rows["en"]["all right"].mean == 0.5
    assert rows["mean"]["same answer"].mean == pytest.approx(((1 + 1 / 3) / 2 + 1) / 2)
    assert paraphrase_rows(MODEL, [_answers("en", [["Q585", "Q64"]])]) == []


def test_mpararel_from_files_to_a_comparison(tiny_model: Path, tmp_path: Path, capsys) -> None:
    flags = [
        "--model",
        str(tiny_model),
        "--data",
        str(_mpararel(tmp_path / "data")),
        "--device",
        "cpu",
        "--random-weights",
        "False",
    ]
    for run, templates in (("one", "0"), ("two", "1")):
        out = ["--output", str(tmp_path / run), "--max-templates", templates]
        assert cli.run(["evaluate", "probing", *flags, *out]) == 0
    results = read_results(tmp_path / "one" / "probing.json")
    assert results.data["set"] == "mParaRel"
    mean = results.find(about="summary", line=MODEL, language="mean").measures["hits@1"]
    assert mean.interval is not None and mean.interval[0] <= mean.mean <= mean.interval[1]
    assert results.find(about="paraphrases", line=MODEL, language="de").measures["relations"].mean == 1
    capsys.readouterr()
    assert cli.run(["compare", str(tmp_path / "one"), str(tmp_path / "two"), "--task", "probing"]) == 0
    table = capsys.readouterr().out
    assert f"{100 * results.primary:.1f}" in next(line for line in table.splitlines() if line.startswith("mean"))


PROMPTS = {
    "en": ["Ada lives in <mask>.\tOslo\tRome, Acme, Oslo\tAda", "Berta lives in <mask>.\tRome\tOslo, Rome\tBerta"],
    "de": ["Ada wohnt in <mask>.\tOslo\tRom, Acme, Oslo\tAda", "In <mask> wohnt Berta.\tRom\tOslo, Rom\tBerta"],
}


def _bmlama(root: Path, prompts: dict[str, list[str]]) -> Path:
    root.mkdir(exist_ok=True)
    for language, lines in prompts.items():
        (root / f"{language}.tsv").write_text("\r\n".join(["Prompt\tAns\tCandidate Ans\tSubject", *lines, ""]))
    return root


def test_bmlama_from_files_to_a_result(tiny_model: Path, tmp_path: Path) -> None:
    flags = ["--model", str(tiny_model), "--data", str(_bmlama(tmp_path / "BMLAMA17", PROMPTS)), "--device", "cpu"]
    assert cli.run(["evaluate", "probing", *flags, "--output", str(tmp_path)]) == 0
    results = read_results(tmp_path / "probing.json")
    assert results.data["set"] == "BMLAMA"
    assert results.find(about="summary", line=CHANCE, language="mean").measures["hits@1"].mean == pytest.approx(
        (1 / 3 + 1 / 2) / 2
    )
    # Oslo and Rome are each right once: they tie, and share the first place.
    assert results.find(about="summary", line=MAJORITY, language="en").measures["hits@1"].mean == 0.5
    assert 0 <= results.find(about="consistency", line=MODEL, languages="de en").measures["RankC"].mean <= 1
    assert results.find(about="summary", line=MODEL, language="mean").measures["facts"].mean == 4


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Ada lives in Oslo.\tOslo\tRome, Oslo\tAda", "line 2: .*expected one <mask>"),
        ("Ada lives in <mask>.\t\tRome, Oslo\tAda", "line 2: found the answer ''"),
        ("Ada lives in <mask>.\tOslo\tRome, Acme\tAda", "line 2: found the answer 'Oslo'"),
        ("Ada lives in <mask>.\tOslo\tOslo, Oslo\tAda", "line 2: found the answer 'Oslo'"),
        ("Ada lives in <mask>.\tOslo\tRome, Oslo", "line 2: found 3 columns"),
    ],
)
def test_prompts_that_cannot_be_scored_are_named(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputCorrupt, match=message):
        read_prompts(_bmlama(tmp_path / "set", PROMPTS | {"en": [line, PROMPTS["en"][1]]}), ())


def test_languages_that_do_not_ask_the_same_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputCorrupt, match=r"en\.tsv: its prompts or candidates are not as many as those of de\.tsv"):
        read_prompts(_bmlama(tmp_path / "set", PROMPTS | {"en": PROMPTS["en"][:1]}), ())
    with pytest.raises(UsageError, match="no prompts in sw; it has de, en"):
        read_prompts(tmp_path / "set", ("sw",))
    assert read_prompts(tmp_path, ()) == {}


def test_rank_consistency_is_that_of_its_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    first = [torch.rand(n, generator=generator) for n in (2, 5, 10)]
    second = [torch.rand(n, generator=generator) for n in (2, 5, 10)]
    total = 0.0
    for own, other in zip(first, second, strict=True):
        n = len(own)
        rankings = [sorted(range(n), key=lambda i, s=scores: -s[i].item()) for scores in (own, other)]
        norm = sum(math.exp(k) for k in range(1, n + 1))
        for j in range(1, n + 1):
            total += math.exp(n - j + 1) / norm * len({*rankings[0][:j]} & {*rankings[1][:j]}) / j
    assert rank_consistency(first, second) == pytest.approx(total / 3)
    assert rank_consistency(first, first) == pytest.approx(1.0)


def test_a_model_that_cannot_tell_candidates_apart_gets_chance(tmp_path: Path) -> None:
    prompts = read_prompts(_bmlama(tmp_path / "set", PROMPTS), ("en",))["en"]
    assert right(prompts, [torch.zeros(3), torch.zeros(2)]).tolist() == pytest.approx([1 / 3, 1 / 2])


def test_cells_quoted_by_a_table_program_are_read(tmp_path: Path) -> None:
    line = '"Ada says ""<mask>""."\tOslo\t"Rome, Il ""Duce"", Oslo"\tAda'
    prompt = read_prompts(_bmlama(tmp_path / "set", {"en": [line]}), ())["en"][0]
    assert (prompt.left, prompt.right, prompt.candidates) == ('Ada says "', '".', ("Rome", 'Il "Duce"', "Oslo"))
    line = '"Ada" lives in <mask> "now"\tOslo\tRome, Oslo\t"Ada"'
    assert read_prompts(_bmlama(tmp_path / "set", {"en": [line]}), ())["en"][0].left == '"Ada" lives in '


def test_no_language_is_left_out_without_a_word(tmp_path: Path) -> None:
    folder = _bmlama(tmp_path / "set", PROMPTS)
    text = (folder / "de.tsv").read_text()
    (folder / "zh.tsv").write_text(text.replace("Candidate Ans", "Candidate\tAns"))  # as published
    assert list(read_prompts(folder, ())) == ["de", "en", "zh"]
    (folder / "sw.tsv").write_text(text.replace("Candidate Ans", "Options"))
    with pytest.raises(
        InputCorrupt, match=r"sw\.tsv: its columns are 'Prompt.*expected Prompt, Ans, Candidate Ans, Subject"
    ):
        read_prompts(folder, ())
