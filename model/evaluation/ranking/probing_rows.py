"""The rows of probing's results: means by language and relation, consistency over languages and over paraphrases.

Consistency over paraphrases is that of ParaRel (Elazar et al., 2021): of all pairs of templates of a relation, how often both put
the same entity first; and of all facts, how often every template puts the right one first.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from model.evaluation.bootstrap import Outcomes
from model.evaluation.contamination import Triple
from model.evaluation.outcome_files import SetOutcomes, intervals
from model.evaluation.ranking.facts import Fact, Question
from model.evaluation.ranking.ranks import score_ranks
from model.evaluation.results import Row, mean_row, with_intervals

MODEL, RANDOM, MAJORITY = "model", "random weights", "majority"
MEASURES = ("hits@1", "mrr")
_AGREEMENT = ("same answer", "all right")


@dataclass(frozen=True)
class Answers:
    """What one line says to one question: the rank of each fact's object, and the entity it puts first."""

    question: Question
    ranks: Tensor
    first: list[str]
    by_template: list[list[str]] = field(default_factory=list)
    """By template, the entity put first for each fact; empty where there is one template, or none is read."""


def summary_rows(line: str, answers: Sequence[Answers]) -> list[Row]:
    """Per language the mean over relations, and the mean over languages."""
    by_language = grouped_rows(line, answers, "language")
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


def paraphrase_rows(line: str, answers: Sequence[Answers]) -> list[Row]:
    """Per language over relations asked with several templates: pairs of templates that agree, and facts all get right."""
    shares: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in answers:
        if len(one.by_template) > 1:
            pairs = combinations(one.by_template, 2)
            agreeing = fmean(fmean(a == b for a, b in zip(first, other, strict=True)) for first, other in pairs)
            right = fmean(
                all(entity == fact.object for entity in said)
                for fact, said in zip(one.question.facts, zip(*one.by_template, strict=True), strict=True)
            )
            shares[one.question.language].append((agreeing, right))
    rows = []
    for language, own in shares.items():
        values = {"same answer": fmean(a for a, _ in own), "all right": fmean(r for _, r in own), "relations": len(own)}
        rows.append(Row.single({"about": "paraphrases", "line": line, "language": language}, values))
    return (
        [mean_row({"about": "paraphrases", "line": line, "language": "mean"}, rows, _AGREEMENT), *rows] if rows else []
    )


def probing_outcomes(answers: Sequence[Answers]) -> list[SetOutcomes]:
    """Return what came out for every fact, by language and relation; a relation's facts are drawn in all languages at once."""
    places: dict[str, dict[Fact, int]] = defaultdict(dict)
    for one in answers:
        for fact in one.question.facts:
            places[one.question.relation].setdefault(fact, len(places[one.question.relation]))
    found = []
    for one in answers:
        own = places[one.question.relation]
        ranks, where = one.ranks.double().numpy(), [own[fact] for fact in one.question.facts]
        values = {}
        for name, reached in {"hits@1": (ranks <= 1).astype(float), "mrr": 1 / ranks}.items():
            values[name] = np.full(len(own), np.nan)
            values[name][where] = reached
        keys = {"about": "each", "line": MODEL, "language": one.question.language, "relation": one.question.relation}
        found.append(SetOutcomes(keys, 0, Outcomes("means", values, one.question.relation)))
    return found


def probing_intervals(rows: Sequence[Row], outcomes: Sequence[SetOutcomes]) -> list[Row]:
    """Give the model's rows of languages, of their mean and of relations in a language their intervals."""
    relations: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for one in outcomes:
        relations[one.keys["language"]].append(one.keys)
    found = []
    for row in rows:
        members: list[Mapping[str, str]] = []
        weights: list[float] = []
        if row.matches(about="summary", line=MODEL):
            language = row.keys["language"]
            groups = list(relations.values()) if language == "mean" else [relations[language]]
            members = [keys for group in groups for keys in group]
            weights = [1 / len(group) for group in groups for _ in group]
        elif row.matches(about="each", line=MODEL):
            members = [row.keys]
        found.append(with_intervals(row, intervals(outcomes, members, weights)) if members else row)
    return found


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


def grouped_rows(line: str, answers: Sequence[Answers], key: str) -> list[Row]:
    """Take the mean over relations of each language, or over languages of each relation."""
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


def each_rows(line: str, answers: Sequence[Answers]) -> list[Row]:
    rows = []
    for one in answers:
        score = score_ranks(one.ranks)
        keys = {"about": "each", "line": line, "language": one.question.language, "relation": one.question.relation}
        counts = {"facts": score.queries, "candidates": len(one.question.candidates)}
        rows.append(Row.single(keys, {"hits@1": score.hits_at_1, "mrr": score.mrr} | counts))
    return rows
