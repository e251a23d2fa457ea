"""Probing: cloze questions about facts, without training, in many languages.

Every fact of a relation is put into the relation's templates, and the right object is ranked among the objects of its
relation. Two lines stand beside the model: the same architecture with random weights, and the majority, which ranks
objects by how often they occur with the relation and knows nothing of the subject.
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model.evaluation.contamination import triples_read
from model.evaluation.embedder import choose_device
from model.evaluation.finetuning.pretrained import open_model
from model.evaluation.ranking.cloze import ClozeScorer, Gap, make_clozes
from model.evaluation.ranking.config import ProbingConfig
from model.evaluation.ranking.facts import OBJECT, SUBJECT, Knowledge, Question, make_questions
from model.evaluation.ranking.knowledge_files import read_knowledge
from model.evaluation.ranking.probing_rows import (
    MAJORITY,
    MODEL,
    RANDOM,
    Answers,
    consistency_rows,
    contamination_rows,
    each_rows,
    grouped_rows,
    paraphrase_rows,
    probing_intervals,
    probing_outcomes,
    summary_rows,
)
from model.evaluation.ranking.prompts import Line, answer_prompts, bmlama_results, read_prompts
from model.evaluation.results import Results
from model.training.tokenizer_source import open_tokenizer
from schemas.errors import InputCorrupt


def run_probing(config: ProbingConfig) -> Results:
    """Ask a masked LM. Raises: the openers' and readers' errors; InputCorrupt where nothing can be asked."""
    from transformers import AutoModelForMaskedLM

    prompts = read_prompts(Path(config.data), config.languages)
    knowledge = None if prompts else read_knowledge(Path(config.data))
    tokenizer, device = open_tokenizer(config.model), choose_device(config.device)
    model = open_model(AutoModelForMaskedLM, config.model).to(device)
    models: dict[str, nn.Module] = {MODEL: model}
    if config.random_weights:
        models[RANDOM] = _random_twin(model, config.seed).to(device)
    if knowledge is not None:
        return probe_models(config, models, tokenizer, knowledge)
    lines: dict[str, Line] = {}
    for name, one in models.items():
        scorer = ClozeScorer(one, tokenizer, config.batch_tokens)
        lines[name] = {language: answer_prompts(scorer, own) for language, own in prompts.items()}
    return bmlama_results(config, prompts, lines)


def probe_models(config: ProbingConfig, models: dict[str, nn.Module], tokenizer: Any, knowledge: Knowledge) -> Results:
    """Ask every model all questions and score the majority on the same ones."""
    questions = make_questions(knowledge, config)
    if not questions:
        asked = ", ".join(config.languages) or "any language"
        raise InputCorrupt(f"{config.data}: no relation has templates, labels and facts in {asked}")
    scorers = {name: ClozeScorer(model, tokenizer, config.batch_tokens) for name, model in models.items()}
    lines: dict[str, list[Answers]] = {name: [] for name in (*scorers, MAJORITY)}
    for question in questions:
        for name, answers in ask(scorers, tokenizer, question, knowledge).items():
            lines[name].append(answers)
        lines[MAJORITY].append(majority(question))
    rows = []
    for name, own in lines.items():
        rows += [*summary_rows(name, own), *consistency_rows(name, own), *paraphrase_rows(name, own)]
    if config.build:
        wanted = {(fact.subject, fact.relation, fact.object) for question in questions for fact in question.facts}
        read = triples_read(Path(config.build), wanted)
        for name, own in lines.items():
            rows += contamination_rows(name, own, read)
    for name, own in lines.items():
        rows += [*grouped_rows(name, own, "relation"), *each_rows(name, own)]
    outcomes = probing_outcomes(lines[MODEL]) if MODEL in lines else []
    return Results(
        task="probing",
        model=config.model,
        primary_metric="hits@1",
        primary_keys={"about": "summary", "line": MODEL, "language": "mean"},
        rows=probing_intervals(rows, outcomes),
        outcomes=outcomes,
        notes=[*_notes(config), *knowledge.notes],
        data={"set": knowledge.set, "metric": "hits@1"},
        config=asdict(config),
    )


def ask(
    scorers: dict[str, ClozeScorer], tokenizer: Any, question: Question, knowledge: Knowledge
) -> dict[str, Answers]:
    """Let every model rank the candidates of every fact by their mean score over the templates."""
    labels = [knowledge.labels[entity][question.language] for entity in question.candidates]
    scores: dict[str, list[Tensor]] = {name: [] for name in scorers}
    for template in question.templates:
        gaps = [gap_of(template, knowledge.labels[fact.subject][question.language]) for fact in question.facts]
        clozes = make_clozes(tokenizer, gaps, labels)
        for name, scorer in scorers.items():
            scores[name].append(torch.stack(scorer.scores(clozes)))
    answers = {}
    for name, by_template in scores.items():
        over_all = _answers(question, torch.stack(by_template).sum(0))
        firsts = [_answers(question, one).first for one in by_template] if len(by_template) > 1 else []
        answers[name] = replace(over_all, by_template=firsts)
    return answers


def majority(question: Question) -> Answers:
    """Give every subject the same order: the most frequent object first, equally frequent ones tied."""
    frequency = torch.tensor(question.frequencies, dtype=torch.float)
    return _answers(question, frequency.expand(len(question.facts), -1).clone())


def gap_of(template: str, subject: str) -> Gap:
    """Split a template with its subject around the gap of its object."""
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


def _random_twin(model: nn.Module, seed: int) -> nn.Module:
    """Make the same architecture with new weights, a pure function of the seed."""
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
