"""Probing: the scores of candidates, the choice of facts, and the lines beside the model."""

import gzip
import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from model import cli
from model.evaluation.ranking.cloze import MASKED, ClozeScorer, Gap, _groups, make_clozes
from model.evaluation.ranking.config import ProbingConfig
from model.evaluation.ranking.facts import Fact, Knowledge, make_questions
from model.evaluation.ranking.knowledge_files import read_knowledge, read_templates
from model.evaluation.ranking.probing import gap_of, majority, probe_models
from model.evaluation.ranking.probing_rows import MAJORITY, MODEL, RANDOM
from model.evaluation.results import read_results
from schemas import TRIPLES, Triple
from schemas.errors import InputCorrupt, UsageError
from tests.model.evaluation.finetuning.test_real_sets import unpacked
from tests.model.token_shards import DatasetWriter

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


LABELLED = ["Oslo", "Rome", "the hills", "Acme"]


def test_scores_are_means_of_log_probabilities_over_all_masks_at_once(scorer: ClozeScorer) -> None:
    gaps = [Gap("Ada lives in ", "."), Gap("", " is the river where Berta lives"), Gap("奥斯陆是", "的首都。")]
    tokenizer = scorer.tokenizer
    for gap, scores in zip(gaps, scorer.scores(make_clozes(tokenizer, gaps, LABELLED)), strict=True):
        for label, score in zip(LABELLED, scores.tolist(), strict=True):
            encoded = tokenizer(gap.left + label + gap.right, return_offsets_mapping=True)
            ids, stop = torch.tensor(encoded["input_ids"]), len(gap.left) + len(label)
            offsets = encoded["offset_mapping"]
            places = [i for i, (low, high) in enumerate(offsets) if low < high and low < stop and high > len(gap.left)]
            masked = ids.clone()
            masked[places] = tokenizer.mask_token_id
            with torch.no_grad():
                log_probabilities = scorer.model(input_ids=masked[None]).logits[0].log_softmax(-1)
            expected = sum(float(log_probabilities[place, ids[place]]) for place in places) / len(places)
            assert score == pytest.approx(expected, abs=1e-4)


def test_a_model_with_a_head_of_unknown_form_gives_the_same_scores(scorer: ClozeScorer) -> None:
    plain = ClozeScorer(scorer.model, scorer.tokenizer, 64)
    plain._head = None
    clozes = make_clozes(scorer.tokenizer, [Gap("Ada lives in ", " .")], ["Oslo", "the hills"])
    assert torch.allclose(scorer.scores(clozes)[0], plain.scores(clozes)[0], atol=1e-4)


def test_the_text_around_a_gap_is_cut_as_with_the_candidate_in_place(scorer: ClozeScorer) -> None:
    for gap in (Gap("Ada lives in ", "."), Gap("", "是挪威的首都。"), Gap("阿达住在", "。")):
        for number, label in enumerate(LABELLED):
            [cloze] = make_clozes(scorer.tokenizer, [gap], LABELLED)
            [(document, fillings)] = [(d, f) for d, f in cloze.documents.items() if number in f]
            filling = iter(fillings[number])
            whole = [next(filling) if token == MASKED else token for token in document]
            assert whole == scorer.tokenizer(gap.left + label + gap.right)["input_ids"]


def test_candidates_whose_sentences_differ_in_the_masks_alone_share_a_document(scorer: ClozeScorer) -> None:
    [cloze] = make_clozes(scorer.tokenizer, [Gap("Ada lives in ", ".")], LABELLED)
    lengths = {len(scorer.tokenizer(label, add_special_tokens=False)["input_ids"]) for label in LABELLED}
    assert len(cloze.documents) == len(lengths)


def test_a_candidate_of_which_nothing_is_left_is_last(scorer: ClozeScorer) -> None:
    [scores] = scorer.scores(make_clozes(scorer.tokenizer, [Gap("Ada lives in ", ".")], ["", "Oslo"]))
    assert scores[0] == -torch.inf and scores[1] > -torch.inf


def test_no_real_template_has_a_blank_of_its_own_behind_its_gap(tiny_model: Path, real_data: Path) -> None:
    """With a mask put into the text, 1,160 of the 15,794 templates have a `▁` there that text does not have."""
    if not (real_data / "knowledge").is_dir() or not (real_data / "tokenizer" / "tokenizer.json.gz").is_file():
        pytest.skip("needs the templates and XLM-R's tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(unpacked(real_data / "tokenizer", tiny_model.parent))
    templates = read_templates(real_data / "knowledge" / "probe_patterns.jsonl.gz")
    texts = [text for own in templates.values() for text in own][::20]
    gaps = [gap_of(text, "Oslo") for text in texts]
    for gap, cloze in zip(gaps, make_clozes(tokenizer, gaps, ["Norway"]), strict=True):
        [(document, fillings)] = cloze.documents.items()
        pieces = tokenizer.convert_ids_to_tokens([token for token in document if token != MASKED])
        whole = tokenizer.convert_ids_to_tokens(tokenizer(f"{gap.left}Norway{gap.right}")["input_ids"])
        assert pieces.count("▁") <= whole.count("▁"), gap
        assert len(fillings[0]) + len(pieces) == len(whole)


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
    # Q11 is true of Q1 too and does not count; Q10 and Q12 are equally frequent and tie.
    assert ranks[Fact("Q1", "P5", "Q10")] == 1.5
    assert ranks[Fact("Q3", "P5", "Q12")] == 1.5


def test_every_line_is_reported_by_language_relation_and_pair(scorer: ClozeScorer) -> None:
    results = probe_models(_config(max_templates=0), {MODEL: scorer.model}, scorer.tokenizer, KNOWLEDGE)
    assert results.find(about="summary", line=MODEL, language="mean").measures["facts"].mean == 10
    assert results.find(about="summary", line=MAJORITY, language="en").measures["hits@1"].mean == pytest.approx(3 / 5)
    same = results.find(about="consistency", line=MAJORITY, languages="en de").measures
    assert same["same answer"].mean == 1.0 and same["both right"].mean == pytest.approx(3 / 5)
    assert results.find(about="relation", line=MODEL, relation="P5").measures["facts"].mean == 10
    assert results.find(about="each", line=MODEL, language="de", relation="P5").measures["candidates"].mean == 3


def test_a_model_that_knows_the_facts_is_first(scorer: ClozeScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    knowing = {("Ada", "Oslo"), ("Berta", "Rome"), ("Acme", "the hills")}

    def clozes(tokenizer: object, gaps: list[Gap], labels: list[str]) -> list[torch.Tensor]:
        return [torch.tensor([float((gap.left.split()[0], name) in knowing) for name in labels]) for gap in gaps]

    monkeypatch.setattr("model.evaluation.ranking.probing.make_clozes", clozes)
    monkeypatch.setattr(ClozeScorer, "scores", lambda self, clozes: clozes)
    results = probe_models(_config(languages=("en",)), {MODEL: scorer.model}, scorer.tokenizer, KNOWLEDGE)
    # Its answers to the five facts: right three times; twice another true object is left out, and the rest tie.
    assert results.primary == pytest.approx(3 / 5)


def test_probing_runs_by_command_with_random_weights_beside(tiny_model: Path, tmp_path: Path) -> None:
    flags = ["--model", str(tiny_model), "--data", str(_write(tmp_path / "data")), "--languages", "en", "de"]
    assert cli.run(["evaluate", "probing", *flags, "--output", str(tmp_path / "out"), "--device", "cpu"]) == 0
    results = read_results(tmp_path / "out" / "probing.json")
    for line in (MODEL, RANDOM, MAJORITY):
        assert 0 <= results.find(about="summary", line=line, language="mean").measures["mrr"].mean <= 1


def test_facts_of_the_build_are_told_apart(scorer: ClozeScorer, tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path / "link", tables=(TRIPLES,))
    rows = {
        split: [Triple(subject=f.subject, relation=f.relation, object=f.object, rank="normal") for f in facts]
        for split, facts in (("train", FACTS[:2]), ("validation", FACTS[2:3]))
    }
    for split, own in rows.items():
        writer.write(TRIPLES, own, split=split)
    writer.finish()
    config = _config(build=str(tmp_path / "link"))
    results = probe_models(config, {MODEL: scorer.model}, scorer.tokenizer, KNOWLEDGE)
    facts = {
        (row.keys["language"], row.keys["fact in the build"]): row.measures["facts"].mean
        for row in results.rows
        if row.matches(about="contamination", line=MODEL)
    }
    assert facts == {("en", "yes"): 2, ("en", "no"): 3, ("de", "yes"): 2, ("de", "no"): 3}
    seen = results.find(about="contamination", line=MAJORITY, language="en", **{"fact in the build": "yes"})
    assert seen.measures["mrr"].mean == pytest.approx((1 / 1.5 + 1) / 2)


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
