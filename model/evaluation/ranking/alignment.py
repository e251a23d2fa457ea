"""Alignment: does an entity's label in one language find its label in another?

Candidates are all chosen labels of the target language. Labels that are spelled alike in both languages are easy; the
rows `spelling: differs` leave them out of the questions, not out of the candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.data.stores.token_dataset import TokenDataset
from model.evaluation.bootstrap import Outcomes
from model.evaluation.documents import Document, description
from model.evaluation.embedder import Embedder, load_embedder
from model.evaluation.outcome_files import SetOutcomes, intervals
from model.evaluation.ranking.config import AlignmentConfig
from model.evaluation.ranking.labels import Labels, common_languages, read_labels, widest_entities
from model.evaluation.ranking.ranked import Ranked, frequency_rows, sample_notes
from model.evaluation.ranking.ranks import chance_score, score_ranks, truth_ranks
from model.evaluation.ranking.retrieval_data import mention_counts
from model.evaluation.results import Results, Row, with_intervals
from model.training.tokenizer_source import open_tokenizer
from schemas.errors import InputCorrupt

DEFAULT_LANGUAGES = 8
"""Number of languages where none are named."""


def run_alignment(config: AlignmentConfig) -> Results:
    """Align the labels of every pair of languages. Raises: the openers' errors; InputCorrupt as `align_labels`."""
    tokenizer = open_tokenizer(config.model)
    embedder = load_embedder(config.model, tokenizer, config.device, config.batch_tokens)
    labels = read_labels(Path(config.data), config.max_entities)
    counted = mention_counts(TokenDataset(config.tokens, embedder.special)) if config.tokens else None
    return align_labels(config, embedder, tokenizer, labels, counted)


def align_labels(
    config: AlignmentConfig,
    embedder: Embedder,
    tokenizer: Any,
    labels: Labels,
    counted: tuple[np.ndarray, np.ndarray] | None = None,
) -> Results:
    """Rank the labels of every target language for the labels of every source language.

    `counted` says how often each entity number is mentioned in training.
    Raises: InputCorrupt where no two languages share an entity.
    """
    languages = list(config.languages) or common_languages(labels, DEFAULT_LANGUAGES)
    entities, total = (
        widest_entities(labels, languages, config.max_entities),
        len(widest_entities(labels, languages, 0)),
    )
    owned = {language: [e for e in entities if language in labels[e]] for language in languages}
    vectors = {
        language: embedder.embed(
            [_document(labels[e][language], tokenizer, embedder) for e in owned[language]], "mep_key", config.pooling
        )
        for language in languages
    }
    ranked = [_rank(owned, vectors, source, target) for source in languages for target in languages if source != target]
    ranked = [one for one in ranked if len(one.ranks)]
    if not ranked:
        raise InputCorrupt(f"{config.data}: no entity has labels in two of {', '.join(languages)}")
    rows = [row for one in ranked for row in _pair_rows(labels, one)]
    outcomes = [found for one in ranked for found in _outcomes(labels, one, entities)]
    rows = _with_intervals([*_summary(rows), *rows], outcomes)
    summary = [row for row in rows if row.matches(about="summary")]
    return Results(
        task="alignment",
        model=config.model,
        primary_metric="mrr",
        primary_keys=summary[0].keys,
        rows=[*summary, *(frequency_rows(ranked, counted) if counted else []), *rows[len(summary) :]],
        outcomes=outcomes,
        notes=[*sample_notes({"label": (len(entities), total)}), *_notes(embedder, config)],
        config=asdict(config),
    )


def _notes(embedder: Embedder, config: AlignmentConfig) -> list[str]:
    notes = []
    if config.max_entities and Path(config.data).is_dir():
        notes.append(
            f"of the tables, the {config.max_entities:,} entities with most sitelinks: a sample of the best known"
        )
    if not (embedder.has_head("mep_key") and config.pooling == "state"):
        notes.append("no projection head is used")
    return notes


def _document(label: str, tokenizer: Any, embedder: Embedder) -> Document:
    token_ids = tokenizer(label, add_special_tokens=False)["input_ids"]
    return description(token_ids, embedder.special, embedder.lengths)


def _rank(owned: dict[str, list[str]], vectors: dict[str, Tensor], source: str, target: str) -> Ranked:
    places = {entity: row for row, entity in enumerate(owned[target])}
    asked = [row for row, entity in enumerate(owned[source]) if entity in places]
    entities = [owned[source][row] for row in asked]
    truth = torch.tensor([places[entity] for entity in entities], dtype=torch.long)
    ranks = truth_ranks(vectors[source][asked], vectors[target], truth)
    return Ranked("label", source, target, ranks, [int(entity[1:]) for entity in entities], len(owned[target]))


def _spellings(labels: Labels, one: Ranked) -> dict[str, np.ndarray]:
    """By name, which of a pair's labels are chosen: all, and those that are spelled differently; none without a label."""
    names = [labels[f"Q{number}"] for number in one.entities]
    differs = np.array([own[one.source].casefold() != own[one.target].casefold() for own in names])
    chosen = {"all": np.ones_like(differs), "differs": differs}
    return {spelling: places for spelling, places in chosen.items() if places.any()}


def _pair_keys(one: Ranked, spelling: str) -> dict[str, str]:
    return {"about": "pair", "source": one.source, "target": one.target, "spelling": spelling}


def _pair_rows(labels: Labels, one: Ranked) -> list[Row]:
    """One row for all labels of a pair, one for those that are spelled differently."""
    rows = []
    for spelling, places in _spellings(labels, one).items():
        scores = score_ranks(one.ranks[torch.from_numpy(places)]).measures() | {"candidates": one.num_candidates}
        rows.append(Row.single(_pair_keys(one, spelling), scores))
    return rows


def _outcomes(labels: Labels, one: Ranked, entities: Sequence[str]) -> list[SetOutcomes]:
    """Return what came out for every entity; the same entities are drawn in all pairs, those without labels are not asked."""
    rows = {entity: row for row, entity in enumerate(entities)}
    where = np.array([rows[f"Q{number}"] for number in one.entities])
    ranks = one.ranks.double().numpy()
    found = []
    for spelling, places in _spellings(labels, one).items():
        values = {}
        for name, own in {"hits@1": ranks <= 1, "hits@10": ranks <= 10, "mrr": 1 / ranks}.items():
            values[name] = np.full(len(entities), np.nan)
            values[name][where[places]] = own[places]
        found.append(SetOutcomes(_pair_keys(one, spelling), 0, Outcomes("means", values, f"label {spelling}")))
    return found


def _with_intervals(rows: Sequence[Row], outcomes: Sequence[SetOutcomes]) -> list[Row]:
    """Give pairs and the model's means over them their intervals."""
    found = []
    for row in rows:
        members: list[Mapping[str, str]] = [row.keys] if row.matches(about="pair") else []
        if row.matches(about="summary", line="model"):
            members = [one.keys for one in outcomes if one.keys["spelling"] == row.keys["spelling"]]
        found.append(with_intervals(row, intervals(outcomes, members)) if members else row)
    return found


def _summary(rows: Sequence[Row]) -> list[Row]:
    """Means over pairs, and what chance would score on them; labels that are spelled differently come first."""
    summary = []
    for spelling in ("differs", "all"):
        own = [row for row in rows if row.matches(spelling=spelling)]
        if not own:
            continue
        keys = {"about": "summary", "spelling": spelling}
        chance = [chance_score(int(row.measures["candidates"].mean), 1).measures() for row in own]
        means = {
            name: float(np.mean([row.measures[name].mean for row in own])) for name in ("hits@1", "hits@10", "mrr")
        }
        expected = {name: float(np.mean([one[name] for one in chance])) for name in means}
        summary.append(Row.single(keys | {"line": "model"}, means))
        summary.append(Row.single(keys | {"line": "chance"}, expected))
    return summary
