"""Ranks of the right answers of retrieval and alignment, and the rows of results made from them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from model.evaluation.bootstrap import Outcomes
from model.evaluation.outcome_files import SetOutcomes, intervals
from model.evaluation.ranking.ranks import chance_score, score_ranks
from model.evaluation.ranking.retrieval_data import look_up_counts
from model.evaluation.results import Row, with_intervals

FREQUENCY_BINS = ((0, 0, "0 (unseen)"), (1, 9, "1 to 9"), (10, 99, "10 to 99"), (100, None, "100 or more"))
"""How often an entity is mentioned in training contexts: from, to (inclusive), name."""


@dataclass(frozen=True)
class Ranked:
    """Ranks of the answered queries of one language pair, and what was chosen from."""

    question: str
    source: str
    target: str
    ranks: Tensor
    entities: list[int]
    num_candidates: int
    places: list[int] = field(default_factory=list)
    """Place of each answered query among those that are drawn together."""
    num_asked: int = 0
    """How many are drawn together; 0 where that is not known."""
    filtered: list[int] = field(default_factory=list)
    """By query, other right answers among the candidates, which are left out of its ranking; empty where there are none."""


def pair_keys(one: Ranked) -> dict[str, str]:
    """Return what tells the row of a question and language pair from others."""
    return {"about": "pair", "question": one.question, "source": one.source, "target": one.target}


def ranked_outcomes(ranked: Sequence[Ranked]) -> list[SetOutcomes]:
    """Return what came out for every query. A query that goes to several languages is drawn once for all of them."""
    found = []
    for one in ranked:
        ranks = one.ranks.double().numpy()
        measures = {"hits@1": ranks <= 1, "hits@10": ranks <= 10, "mrr": 1 / ranks}
        values = {name: np.full(one.num_asked, np.nan) for name in measures}
        for name, own in measures.items():
            values[name][one.places] = own
        # Facts are the same in all languages, contexts are of one.
        shared = one.question if one.question == "oe" else f"{one.question} {one.source}"
        found.append(SetOutcomes(pair_keys(one), 0, Outcomes("means", values, shared)))
    return found


def ranked_intervals(rows: Sequence[Row], ranked: Sequence[Ranked], outcomes: Sequence[SetOutcomes]) -> list[Row]:
    """Give rows of pairs and the model's summaries their intervals."""
    found = []
    for row in rows:
        members = [row.keys] if row.keys.get("about") == "pair" else []
        if row.matches(about="summary", line="model"):
            pairs = _pairs(ranked, row.keys["question"], row.keys["languages"] == "across")
            members = [pair_keys(one) for one in pairs]
        found.append(with_intervals(row, intervals(outcomes, members)) if members else row)
    return found


def summary_rows(ranked: Sequence[Ranked], by_frequency: Sequence[Ranked]) -> list[Row]:
    """Per question, the mean over language pairs: across languages, then within one, beside frequency and chance."""
    rows = []
    for question in dict.fromkeys(one.question for one in ranked):
        for name, across in (("across", True), ("within", False)):
            pairs = _pairs(ranked, question, across)
            if pairs:
                keys = {"about": "summary", "question": question, "languages": name}
                rows.append(Row.single(keys | {"line": "model"}, _mean_over_pairs(pairs)))
                least = _mean_over_pairs(_pairs(by_frequency, question, across))
                rows.append(Row.single(keys | {"line": "frequency"}, least))
                rows.append(Row.single(keys | {"line": "chance"}, _mean_chance(pairs)))
    return rows


def _pairs(ranked: Sequence[Ranked], question: str, across: bool) -> list[Ranked]:
    return [one for one in ranked if one.question == question and (one.source != one.target) == across]


def pair_rows(ranked: Sequence[Ranked]) -> list[Row]:
    """One row per question and language pair."""
    rows = []
    for one in ranked:
        counts = {"candidates": one.num_candidates}
        rows.append(Row.single(pair_keys(one), score_ranks(one.ranks).measures() | counts))
    return rows


def frequency_rows(ranked: Sequence[Ranked], counted: tuple[np.ndarray, np.ndarray]) -> list[Row]:
    """Per question, over all pairs: by how often the right entity is mentioned in training, and seen or unseen."""
    rows = []
    for question in dict.fromkeys(one.question for one in ranked):
        pairs = [one for one in ranked if one.question == question]
        ranks = torch.cat([one.ranks for one in pairs])
        counts = look_up_counts(counted, [entity for one in pairs for entity in one.entities])
        bins = [("frequency", name, _within(counts, low, high)) for low, high, name in FREQUENCY_BINS]
        bins += [("seen", "seen", counts > 0), ("seen", "unseen", counts == 0)]
        for about, name, chosen in bins:
            if chosen.any():
                keys = {"about": about, "question": question, "mentions in training": name}
                rows.append(Row.single(keys, score_ranks(ranks[torch.from_numpy(chosen)]).measures()))
    return rows


def _within(counts: np.ndarray, low: int, high: int | None) -> np.ndarray:
    return (counts >= low) & (counts <= (np.inf if high is None else high))


def _mean_over_pairs(pairs: Sequence[Ranked]) -> dict[str, float]:
    means = _mean([score_ranks(one.ranks).measures() for one in pairs])
    return means | {"mrr by entity": _mrr_by_entity(pairs)}


def _mrr_by_entity(pairs: Sequence[Ranked]) -> float:
    """MRR with every right entity counting once, however many queries ask for it."""
    entities = np.concatenate([np.array(one.entities, dtype=np.int64) for one in pairs])
    shares = 1 / torch.cat([one.ranks for one in pairs]).double().numpy()
    _, places = np.unique(entities, return_inverse=True)
    return float(np.mean(np.bincount(places, weights=shares) / np.bincount(places)))


def _mean_chance(pairs: Sequence[Ranked]) -> dict[str, float]:
    means = _mean([_chance(one) for one in pairs])
    return means | {"mrr by entity": means["mrr"]}


def _chance(one: Ranked) -> dict[str, float]:
    """Return what a random order scores on one pair, where each query leaves out what its ranking leaves out."""
    left_out = Counter(one.filtered or [0] * len(one.ranks))
    scores = [(chance_score(one.num_candidates - number, 1).measures(), count) for number, count in left_out.items()]
    total = sum(count for _, count in scores)
    means = {name: sum(score[name] * count for score, count in scores) / total for name in ("hits@1", "hits@10", "mrr")}
    return means | {"queries": float(len(one.ranks))}


def _mean(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    means = {name: float(np.mean([score[name] for score in scores])) for name in ("hits@1", "hits@10", "mrr")}
    return means | {"queries": sum(score["queries"] for score in scores)}


FEW = 100
"""Queries below which a share moves by more than a tenth from one sample to the next: 1 / sqrt(100)."""


def sample_notes(asked: Mapping[str, tuple[int, int]]) -> list[str]:
    """Return what a reader must know of how many queries were asked, `asked` holding those drawn and those there were."""
    names = {"mep": "context to entity", "oe": "fact to object", "label": "label to label"}
    notes = []
    for question, (drawn, total) in asked.items():
        name = names[question]
        if drawn < total:
            notes.append(f"{name}: a sample, {drawn:,} of {total:,} queries; compare only with runs on the same sample")
        if 0 < drawn < FEW:
            notes.append(f"{name}: {drawn} queries are too few to mean anything; differences are chance")
    return notes
