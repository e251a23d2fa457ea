"""Probing: the scores of candidates, the choice of facts, and the lines beside the model."""

import gzip
import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from model import cli
from model.evaluation.ranking.cloze import ClozeScorer, Gap, _groups
from model.evaluation.ranking.config import ProbingConfig
from model.evaluation.ranking.facts import Fact, Knowledge, make_questions, read_knowledge
from model.evaluation.ranking.probing import MAJORITY, MODEL, RANDOM, majority, probe_models
from model.evaluation.results import read_results
from schemas.errors import InputCorrupt, UsageError

LABELS = {
    "Q1": {"en": "Ada", "de": "Ada"},
    "Q2": {"en": "Berta", "de": "Berta"},
    "Q3": {"en": "Acme", "de": "Acme"},
    "Q10": {"en": "Oslo", "de": "Oslo"},
    "Q11": {"en": "Rome", "de": "Rom"},
    "Q12": {"en": "the hills", "de": "Tiber"},
}
FACTS = [
    Fact("Q1", "P5", "Q10"),
    Fact("Q1", "P5", "Q11"),
    Fact("Q2", "P5", "Q11"),
    Fact("Q3", "P5", "Q11"),
    Fact("Q3", "P5", "Q12"),
]
TEMPLATES = {("en", "P5"): ["[X] lives in [Y] .", "[Y] is where [X] lives"], ("de", "P5"): ["[X] lebt in [Y] ."]}
KNOWLEDGE = Knowledge(FACTS, LABELS, TEMPLATES)


def _config(**changes) -> ProbingConfig:
    return ProbingConfig(model="m", data="d", **({"languages": ("en", "de"), "device": "cpu"} | changes))


def _write(folder: Path) -> Path:
    folder.mkdir()
    (folder / "triples.tsv").write_text("".join(f"{f.subject}\t{f.relation}\t{f.object}\n" for f in FACTS))
    (folder / "qid_labels_104langs.json.gz").write_bytes(gzip.compress(json.dumps(LABELS).encode()))
    rows = [{"language": la, "relation": r, "pattern": t} for (la, r), own in TEMPLATES.items() for t in own]
    (folder / "probe_patterns.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def scorer(tiny_model: Path) -> ClozeScorer:
    return ClozeScorer(AutoModelForMaskedLM.from_pretrained(tiny_model), AutoTokenizer.from_pretrained(tiny_model), 64)


def test_scores_are_means_of_log_probabilities_over_all_masks_at_once(scorer: ClozeScorer) -> None:
    gaps = [Gap("Ada lives in ", " ."), Gap("", " is the river where Berta lives")]
    labels = ["Oslo", "Rome", "the hills", "Acme"]
    tokens = [[scorer.candidate_tokens(label, gap.left) for label in labels] for gap in gaps]
    found = scorer.scores(gaps, tokens)
    mask = scorer.tokenizer.mask_token
    for gap, own, scores in zip(gaps, tokens, found, strict=True):
        for candidate, score in zip(own, scores.tolist(), strict=True):
            ids = scorer.tokenizer(gap.left + mask * len(candidate) + gap.right, return_tensors="pt")["input_ids"]
            with torch.no_grad():
                log_probabilities = scorer.model(input_ids=ids).logits[0].log_softmax(-1)
            places = (ids[0] == scorer.tokenizer.mask_token_id).nonzero()[:, 0]
            expected = sum(float(log_probabilities[p, t]) for p, t in zip(places, candidate, strict=True)) / len(
                candidate
            )
            assert score == pytest.approx(expected, abs=1e-4)


def test_a_model_with_a_head_of_unknown_form_gives_the_same_scores(scorer: ClozeScorer) -> None:
    plain = ClozeScorer(scorer.model, scorer.tokenizer, 64)
    plain._head = None
    gaps, tokens = [Gap("Ada lives in ", " .")], [[scorer.candidate_tokens(x, "in ") for x in ("Oslo", "the hills")]]
    assert torch.allclose(scorer.scores(gaps, tokens)[0], plain.scores(gaps, tokens)[0], atol=1e-4)


def test_a_label_without_a_space_before_it_continues_the_text(scorer: ClozeScorer) -> None:
    pieces = scorer.tokenizer.convert_ids_to_tokens
    assert "".join(pieces(scorer.candidate_tokens("Oslo", "in "))).startswith("▁")
    inside = "".join(pieces(scorer.candidate_tokens("挪威", "奥斯陆是")))
    assert inside == "挪威"
    assert "".join(pieces(scorer.candidate_tokens("Oslo", ""))).startswith("▁")


def test_groups_of_masked_rows_are_bounded_and_complete() -> None:
    ends = [3, 5, 12, 13, 20]
    groups = _groups(ends, 8)
    assert [place for group in groups for place in group] == list(range(5))
    for group in groups:
        start = ends[group[0] - 1] if group[0] else 0
        assert len(group) == 1 or ends[group[-1]] - start <= 8


def test_candidates_are_objects_of_the_relation_most_frequent_first() -> None:
    question = make_questions(KNOWLEDGE, _config())[0]
    assert (question.language, question.relation) == ("en", "P5")
    assert question.candidates == ["Q11", "Q10", "Q12"]
    assert len(question.templates) == 1 and len(question.facts) == 5
    others = dict(zip(question.facts, question.others, strict=True))
    assert others[Fact("Q1", "P5", "Q10")] == [0] and others[Fact("Q2", "P5", "Q11")] == []


def test_the_same_facts_are_asked_in_every_language() -> None:
    english, german = make_questions(KNOWLEDGE, _config(max_facts=3))
    assert english.facts == german.facts and len(english.facts) == 3
    assert make_questions(KNOWLEDGE, _config(max_facts=3, seed=1))[0].facts != english.facts


def test_facts_labelled_everywhere_come_first_and_unlabelled_ones_are_not_asked() -> None:
    labels = LABELS | {"Q12": {"en": "the hills"}}
    english, german = make_questions(Knowledge(FACTS, labels, TEMPLATES), _config())
    assert len(english.facts) == 5 and len(german.facts) == 4
    assert english.facts[-1].object == "Q12"


def test_the_majority_ranks_by_frequency_and_leaves_other_true_objects_out() -> None:
    question = make_questions(KNOWLEDGE, _config())[0]
    ranks = dict(zip(question.facts, majority(question).ranks.tolist(), strict=True))
    assert ranks[Fact("Q2", "P5", "Q11")] == 1
    assert ranks[Fact("Q1", "P5", "Q10")] == 1  # Q11 is true of Q1 too and does not count
    assert ranks[Fact("Q3", "P5", "Q12")] == 2


def test_every_line_is_reported_by_language_relation_and_pair(scorer: ClozeScorer) -> None:
    results = probe_models(_config(max_templates=0), {MODEL: scorer.model}, scorer.tokenizer, KNOWLEDGE)
    assert results.find(about="summary", line=MODEL, language="mean").measures["facts"].mean == 10
    assert results.find(about="summary", line=MAJORITY, language="en").measures["hits@1"].mean == pytest.approx(4 / 5)
    same = results.find(about="consistency", line=MAJORITY, languages="en de").measures
    assert same["same answer"].mean == 1.0 and same["both right"].mean == pytest.approx(4 / 5)
    assert results.find(about="relation", line=MODEL, relation="P5").measures["facts"].mean == 10
    assert results.find(about="each", line=MODEL, language="de", relation="P5").measures["candidates"].mean == 3


def test_a_model_that_knows_the_facts_is_first(scorer: ClozeScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    knowing = {("Ada", "Oslo"), ("Berta", "Rome"), ("Acme", "the hills")}

    def scores(gaps: list[Gap], candidates: list[list[list[int]]]) -> list[torch.Tensor]:
        names = ("Rome", "Oslo", "the hills")
        return [torch.tensor([float((gap.left.split()[0], name) in knowing) for name in names]) for gap in gaps]

    monkeypatch.setattr(ClozeScorer, "scores", lambda self, gaps, candidates: scores(gaps, candidates))
    results = probe_models(_config(languages=("en",)), {MODEL: scorer.model}, scorer.tokenizer, KNOWLEDGE)
    # Its answers to the five facts: right three times; twice another true object is left out, and the rest tie.
    assert results.primary == pytest.approx(3 / 5)


def test_probing_runs_by_command_with_random_weights_beside(tiny_model: Path, tmp_path: Path) -> None:
    flags = ["--model", str(tiny_model), "--data", str(_write(tmp_path / "data")), "--languages", "en", "de"]
    assert cli.run(["evaluate", "probing", *flags, "--output", str(tmp_path / "out"), "--device", "cpu"]) == 0
    results = read_results(tmp_path / "out" / "probing.json")
    for line in (MODEL, RANDOM, MAJORITY):
        assert 0 <= results.find(about="summary", line=line, language="mean").measures["mrr"].mean <= 1


def test_files_that_are_not_what_they_should_be(tmp_path: Path) -> None:
    folder = _write(tmp_path / "data")
    (folder / "triples.tsv").write_text("Q1\tP5\n")
    with pytest.raises(InputCorrupt, match="triples.tsv, line 1"):
        read_knowledge(folder)
    _write(tmp_path / "other")
    (tmp_path / "other" / "probe_patterns.jsonl").write_text(
        '{"language": "en", "relation": "P5", "pattern": "[X] lives"}\n'
    )
    with pytest.raises(InputCorrupt, match=r"needs one \[X\] and one \[Y\]"):
        read_knowledge(tmp_path / "other")


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(UsageError, match="languages: no templates for fr; there are de, en"):
        make_questions(KNOWLEDGE, _config(languages=("en", "fr")))
