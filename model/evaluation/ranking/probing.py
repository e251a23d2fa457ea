"""Probing: cloze questions about facts, without training, in many languages.

Every fact of a relation is put into the relation's templates, and the right object is ranked among the objects of its
relation. Two lines stand beside the model: the same architecture with random weights, and the majority, which ranks
objects by how often they occur with the relation and knows nothing of the subject.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from model.evaluation.contamination import Triple, triples_read
from model.evaluation.embedder import choose_device
from model.evaluation.finetuning.pretrained import open_model
from model.evaluation.ranking.cloze import ClozeScorer, Gap, make_clozes
from model.evaluation.ranking.config import ProbingConfig
from model.evaluation.ranking.facts import OBJECT, SUBJECT, Fact, Knowledge, Question, make_questions, read_knowledge
from model.evaluation.ranking.ranks import score_ranks
from model.evaluation.results import Results, Row
from model.training.tokenizer_source import open_tokenizer
from schemas.errors import InputCorrupt

MODEL, RANDOM, MAJORITY = "model", "random weights", "majority"
MEASURES = ("hits@1", "mrr")


@dataclass(frozen=True)
class Answers:
    """What one line says to one question: the rank of each fact's object, and the entity it puts first."""

    question: Question
    ranks: Tensor
    first: list[str]


def run_probing(config: ProbingConfig) -> Results:
    """Ask a masked LM. Raises: the openers' and readers' errors; InputCorrupt where nothing can be asked."""
    from transformers import AutoModelForMaskedLM

    tokenizer, device = open_tokenizer(config.model), choose_device(config.device)
    model = open_model(AutoModelForMaskedLM, config.model).to(device)
    models: dict[str, nn.Module] = {MODEL: model}
    if config.random_weights:
        models[RANDOM] = _random_twin(model, config.seed).to(device)
    return probe_models(config, models, tokenizer, read_knowledge(Path(config.data)))


def probe_models(config: ProbingConfig, models: dict[str, nn.Module], tokenizer: Any, knowledge: Knowledge) -> Results:
    """Ask every model all questions and score the majority on the same ones."""
    questions = make_questions(knowledge, config)
    if not questions:
        raise InputCorrupt(
            f"{config.data}: no relation has templates, labels and facts in {', '.join(config.languages)}"
        )
    scorers = {name: ClozeScorer(model, tokenizer, config.batch_tokens) for name, model in models.items()}
    lines: dict[str, list[Answers]] = {name: [] for name in (*scorers, MAJORITY)}
    for question in questions:
        for name, answers in ask(scorers, tokenizer, question, knowledge).items():
            lines[name].append(answers)
        lines[MAJORITY].append(majority(question))
    rows = []
    for name, own in lines.items():
        rows += [*summary_rows(name, own), *consistency_rows(name, own)]
    if config.build:
        wanted = {(fact.subject, fact.relation, fact.object) for question in questions for fact in question.facts}
        read = triples_read(Path(config.build), wanted)
        for name, own in lines.items():
            rows += contamination_rows(name, own, read)
    for name, own in lines.items():
        rows += [*_grouped(name, own, "relation"), *_each(name, own)]
    return Results(
        task="probing",
        model=config.model,
        primary_metric="hits@1",
        primary_keys={"about": "summary", "line": MODEL, "language": "mean"},
        rows=rows,
        notes=_notes(config),
        config=asdict(config),
    )


def ask(
    scorers: dict[str, ClozeScorer], tokenizer: Any, question: Question, knowledge: Knowledge
) -> dict[str, Answers]:
    """Let every model rank the candidates of every fact by their mean score over the templates."""
    labels = [knowledge.labels[entity][question.language] for entity in question.candidates]
    totals = {name: torch.zeros(len(question.facts), len(labels)) for name in scorers}
    for template in question.templates:
        gaps = [gap_of(template, knowledge.labels[fact.subject][question.language]) for fact in question.facts]
        clozes = make_clozes(tokenizer, gaps, labels)
        for name, scorer in scorers.items():
            totals[name] += torch.stack(scorer.scores(clozes))
    return {name: _answers(question, total) for name, total in totals.items()}


def majority(question: Question) -> Answers:
    """The same order for every subject: the most frequent object first, equally frequent ones tied."""
    frequency = torch.tensor(question.frequencies, dtype=torch.float)
    return _answers(question, frequency.expand(len(question.facts), -1).clone())


def gap_of(template: str, subject: str) -> Gap:
    """A template with its subject, around the gap of its object."""
    left, right = template.split(OBJECT)
    return Gap(left.replace(SUBJECT, subject), right.replace(SUBJECT, subject))


def _answers(question: Question, scores: Tensor) -> Answers:
    """Ranks by score, ties counting half, with other true objects left out."""
    places = {entity: place for place, entity in enumerate(question.candidates)}
    ranks, first = [], []
    for row, fact, others in zip(torch.nan_to_num(scores, nan=-1e30), question.facts, question.others, strict=True):
        truth = places[fact.object]
        row[[place for place in others if place != truth]] = -torch.inf
        tied = int((row == row[truth]).sum()) - 1
        ranks.append(1 + int((row > row[truth]).sum()) + tied / 2)
        first.append(question.candidates[int(row.argmax())])
    return Answers(question, torch.tensor(ranks), first)


def summary_rows(line: str, answers: Sequence[Answers]) -> list[Row]:
    """Per language the mean over relations, and the mean over languages."""
    by_language = _grouped(line, answers, "language")
    means = {name: fmean(row.measures[name].mean for row in by_language) for name in MEASURES}
    facts = sum(row.measures["facts"].mean for row in by_language)
    keys = {"about": "summary", "line": line}
    mean = Row.single(keys | {"language": "mean"}, means | {"facts": facts})
    return [mean, *(Row(keys | {"language": row.keys["language"]}, row.measures) for row in by_language)]


def consistency_rows(line: str, answers: Sequence[Answers]) -> list[Row]:
    """Per pair of languages, over facts asked in both: how often the same entity comes first, and both are right."""
    said: dict[str, dict[Fact, tuple[str, bool]]] = defaultdict(dict)
    for one in answers:
        for fact, first, rank in zip(one.question.facts, one.first, one.ranks.tolist(), strict=True):
            said[one.question.language][fact] = (first, rank <= 1)
    rows = []
    for left, right in combinations(said, 2):
        shared = said[left].keys() & said[right].keys()
        if shared:
            pairs = [(said[left][fact], said[right][fact]) for fact in shared]
            measures = {
                "same answer": fmean(a[0] == b[0] for a, b in pairs),
                "both right": fmean(a[1] and b[1] for a, b in pairs),
                "shared": len(shared),
            }
            rows.append(Row.single({"about": "consistency", "line": line, "languages": f"{left} {right}"}, measures))
    if not rows:
        return []
    means = {name: fmean(row.measures[name].mean for row in rows) for name in ("same answer", "both right", "shared")}
    return [Row.single({"about": "consistency", "line": line, "languages": "mean"}, means), *rows]


def contamination_rows(line: str, answers: Sequence[Answers], read: set[Triple]) -> list[Row]:
    """Per language, over facts: those that stand in the build's training triples, and the others."""
    ranks: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in answers:
        for fact, rank in zip(one.question.facts, one.ranks.tolist(), strict=True):
            seen = "yes" if (fact.subject, fact.relation, fact.object) in read else "no"
            ranks[one.question.language, seen].append(rank)
    rows = []
    for (language, seen), own in sorted(ranks.items()):
        score = score_ranks(torch.tensor(own))
        keys = {"about": "contamination", "line": line, "language": language, "fact in the build": seen}
        rows.append(Row.single(keys, {"hits@1": score.hits_at_1, "mrr": score.mrr, "facts": score.queries}))
    return rows


def _grouped(line: str, answers: Sequence[Answers], key: str) -> list[Row]:
    """The mean over relations of each language, or over languages of each relation."""
    groups: dict[str, list[Answers]] = defaultdict(list)
    for one in answers:
        groups[getattr(one.question, key)].append(one)
    rows = []
    for name, own in groups.items():
        scores = [score_ranks(one.ranks) for one in own]
        measures = {
            "hits@1": fmean(score.hits_at_1 for score in scores),
            "mrr": fmean(score.mrr for score in scores),
            "facts": sum(score.queries for score in scores),
        }
        keys = {"about": key, "line": line, key: name}
        if key == "relation":
            keys["template"] = own[0].question.templates[0]
        rows.append(Row.single(keys, measures))
    return rows


def _each(line: str, answers: Sequence[Answers]) -> list[Row]:
    rows = []
    for one in answers:
        score = score_ranks(one.ranks)
        keys = {"about": "each", "line": line, "language": one.question.language, "relation": one.question.relation}
        counts = {"facts": score.queries, "candidates": len(one.question.candidates)}
        rows.append(Row.single(keys, {"hits@1": score.hits_at_1, "mrr": score.mrr} | counts))
    return rows


def _random_twin(model: nn.Module, seed: int) -> nn.Module:
    """The same architecture with new weights, a pure function of the seed."""
    from transformers import AutoModelForMaskedLM

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        blank: nn.Module = AutoModelForMaskedLM.from_config(model.config)
    return blank


def _notes(config: ProbingConfig) -> list[str]:
    notes = ["a candidate of k tokens is scored as the mean log probability over k masks at once"]
    if config.max_facts or config.max_candidates or config.relations:
        notes.append("a sample of facts or candidates: compare only with runs of the same configuration")
    return notes
