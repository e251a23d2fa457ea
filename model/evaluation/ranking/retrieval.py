"""Retrieval: does the model find the right description, in any language, among all descriptions of a language?

Two questions, both without training: a context whose mention is masked asks for the mentioned entity (MEP), and a
subject's description with a relation's text asks for the object (OE). Queries come from the validation split, and the
candidates are all descriptions of the target language. Other true objects of the same (subject, relation) do not count
against an OE query.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.data.special_tokens import SpecialTokens
from model.data.stores.token_dataset import TokenDataset
from model.data.stores.triples import TripleIndex
from model.evaluation.documents import Document, description, masked_context, subject_and_relation
from model.evaluation.embedder import Embedder, load_embedder
from model.evaluation.ranking.config import RetrievalConfig, Role
from model.evaluation.ranking.examples import retrieval_examples
from model.evaluation.ranking.frequency import Frequency
from model.evaluation.ranking.ranked import (
    Ranked,
    frequency_rows,
    pair_rows,
    ranked_intervals,
    ranked_outcomes,
    sample_notes,
    summary_rows,
)
from model.evaluation.ranking.ranks import truth_ranks
from model.evaluation.ranking.retrieval_data import (
    Descriptions,
    MentionQuery,
    TripleQuery,
    check_languages,
    read_descriptions,
    read_mention_queries,
    read_relations,
    read_triple_queries,
    sample_descriptions,
)
from model.evaluation.results import Results
from model.training.tokenizer_source import fingerprint_of, open_tokenizer
from schemas.errors import InputCorrupt

Answer = Callable[[Sequence[Any], list[Document]], Tensor]
"""Turns queries, given as they were read and as documents, into vectors to be compared with the candidates'."""


class Retrieval:
    """One model on one dataset; vectors are computed once per language and role, when `encode` is called."""

    def __init__(self, config: RetrievalConfig, embedder: Embedder, data: TokenDataset) -> None:
        """Read the queries, and the candidates of every language."""
        self.config, self.embedder, self.data = config, embedder, data
        self.languages = check_languages(data, config.languages)
        limit, seed = config.max_queries, config.seed
        mentions = {language: read_mention_queries(data, language, limit, seed) for language in self.languages}
        self._mentions = {language: drawn for language, (drawn, _) in mentions.items()}
        self._triples, num_triples = read_triple_queries(data, limit, seed)
        self.asked = {
            "mep": (sum(map(len, self._mentions.values())), sum(total for _, total in mentions.values())),
            "oe": (len(self._triples), num_triples),
        }
        """Queries drawn, and how many there were, by question."""
        needed = self._needed_entities()
        self.descriptions = {
            language: sample_descriptions(
                read_descriptions(data, language), needed, config.max_candidates, language, seed
            )
            for language in self.languages
        }
        self._states: dict[str, Tensor] = {}

    def encode(self) -> None:
        """Encode the candidates with the model as it is: both questions choose from the same, projected by their heads."""
        self._states = {language: self._description_states(texts) for language, texts in self.descriptions.items()}

    def rank(self) -> list[Ranked]:
        """Ranks of every question and language pair that has an answerable query."""
        mentions = self._rank_mentions(self._candidates("mep_key"), lambda _, asked: self._embed(asked, "mep_query"))
        triples = self._rank_triples(self._candidates("oe_key"), lambda _, asked: self._embed(asked, "oe_query"))
        return [*mentions, *triples]

    def rank_by_frequency(self, frequency: Frequency) -> list[Ranked]:
        """Return the same questions answered without reading, by how often each candidate was the answer in training."""
        entities = {language: texts.entities for language, texts in self.descriptions.items()}
        mentioned = {language: frequency.of_mentions(numbers) for language, numbers in entities.items()}
        objects = {language: frequency.of_objects(numbers) for language, numbers in entities.items()}
        mentions = self._rank_mentions(mentioned, lambda queries, _: frequency.any_mention(len(queries)))
        return [*mentions, *self._rank_triples(objects, lambda queries, _: frequency.relations_of(queries))]

    def scores_of(self, one: Ranked, place: int) -> tuple[Document, Tensor]:
        """Take in a context that was asked, and the score of every candidate for it."""
        document = self._context(self._mentions[one.source][one.places[place]])
        candidates = self.embedder.project(self._states[one.target], "mep_key", self.config.pooling)
        return document, (self._embed([document], "mep_query") @ candidates.T)[0]

    def _needed_entities(self) -> np.ndarray:
        """Entities that a query is about or is answered by: their descriptions are never left out."""
        needed = {query.entity for queries in self._mentions.values() for query in queries}
        needed |= {entity for query in self._triples for entity in (query.subject, query.object)}
        return np.array(sorted(needed), dtype=np.int64)

    def _candidates(self, role: Role) -> dict[str, Tensor]:
        pooling = self.config.pooling
        return {language: self.embedder.project(states, role, pooling) for language, states in self._states.items()}

    def _rank_mentions(self, candidates: dict[str, Tensor], answer: Answer) -> list[Ranked]:
        ranked = []
        for source in self.languages:
            queries = self._mentions[source]
            vectors = answer(queries, [self._context(query) for query in queries])
            entities = np.array([query.entity for query in queries], dtype=np.int64)
            for target in self.languages:
                ranked.append(self._ranked("mep", source, target, vectors, entities, candidates[target]))
        return [one for one in ranked if len(one.ranks)]

    def _rank_triples(self, candidates: dict[str, Tensor], answer: Answer) -> list[Ranked]:
        if not self._triples:
            return []
        ranked, places = [], {query: place for place, query in enumerate(self._triples)}
        for source in self.languages:
            asked, documents = self._questions(self._triples, source)
            vectors = answer(asked, documents)
            entities = np.array([query.object for query in asked], dtype=np.int64)
            others = _true_objects(self.data, asked)
            where = [places[query] for query in asked]
            for target in self.languages:
                one = self._ranked("oe", source, target, vectors, entities, candidates[target], others)
                ranked.append(replace(one, places=[where[i] for i in one.places], num_asked=len(self._triples)))
        return [one for one in ranked if len(one.ranks)]

    def _questions(self, queries: Sequence[TripleQuery], language: str) -> tuple[list[TripleQuery], list[Document]]:
        """Return the triples whose subject and relation have texts in this language, as documents."""
        texts, relations = self.descriptions[language], read_relations(self.data, language)
        rows = texts.rows(np.array([query.subject for query in queries], dtype=np.int64))
        asked, documents = [], []
        for query, row in zip(queries, rows, strict=True):
            if row >= 0 and query.relation in relations:
                subject = texts.texts.row(row).tolist()
                asked.append(query)
                documents.append(self._question(subject, relations[query.relation]))
        return asked, documents

    def _ranked(
        self,
        question: str,
        source: str,
        target: str,
        vectors: Tensor,
        entities: np.ndarray,
        candidates: Tensor,
        others: Sequence[np.ndarray] | None = None,
    ) -> Ranked:
        texts = self.descriptions[target]
        rows = texts.rows(entities)
        answerable = np.flatnonzero(rows >= 0).tolist()
        also_true = None
        if others is not None:
            also_true = [[int(row) for row in texts.rows(others[i]) if row >= 0] for i in answerable]
        ranks = truth_ranks(vectors[answerable], candidates, torch.from_numpy(rows[answerable]), also_true)
        filtered = [len(set(row) - {int(rows[i])}) for i, row in zip(answerable, also_true or [], strict=False)]
        return Ranked(
            question,
            source,
            target,
            ranks,
            entities[answerable].tolist(),
            len(texts.entities),
            answerable,
            len(entities),
            filtered,
        )

    def _embed(self, documents: Sequence[Document], role: Role) -> Tensor:
        return self.embedder.embed(documents, role, self.config.pooling)

    def _description_states(self, texts: Descriptions) -> Tensor:
        special, lengths = self.embedder.special, self.embedder.lengths
        rows = (texts.texts.row(row).tolist() for row in range(len(texts.entities)))
        return self.embedder.states([description(row, special, lengths) for row in rows], self.config.pooling)

    def _context(self, query: MentionQuery) -> Document:
        special, lengths = self.embedder.special, self.embedder.lengths
        return masked_context(query.token_ids, query.first, query.last, special, lengths)

    def _question(self, subject: list[int], relation: list[int]) -> Document:
        return subject_and_relation(subject, relation, self.embedder.special, self.embedder.lengths)


def run_retrieval(config: RetrievalConfig) -> Results:
    """Evaluate a model on the validation split of token shards.

    Raises: SchemaMismatch where the shards were made with another tokenizer; the openers' errors.
    """
    tokenizer = open_tokenizer(config.model)
    data = TokenDataset(config.data, SpecialTokens.from_tokenizer(tokenizer, position_offset=0))
    data.check_tokenizer(fingerprint_of(tokenizer))
    embedder = load_embedder(config.model, tokenizer, config.device, config.batch_tokens)
    return evaluate_retrieval(config, embedder, data, tokenizer)


def evaluate_retrieval(
    config: RetrievalConfig, embedder: Embedder, data: TokenDataset, tokenizer: Any = None
) -> Results:
    """Run both questions on every language pair; with a tokenizer, with examples to read.

    Raises: InputCorrupt where the validation split asks nothing that the descriptions can answer.
    """
    retrieval = Retrieval(config, embedder, data)
    retrieval.encode()
    ranked = retrieval.rank()
    if not ranked:
        raise InputCorrupt(
            f"{data.where}: no validation query of retrieval has an answer among the descriptions; "
            "build with more pages, or with a larger validation share"
        )
    frequency = Frequency(data)
    summary = summary_rows(ranked, retrieval.rank_by_frequency(frequency))
    rows = summary + pair_rows(ranked) + frequency_rows(ranked, frequency.mentioned)
    first = next(row for row in rows if row.keys["about"] == "summary")
    outcomes = ranked_outcomes(ranked)
    examples = retrieval_examples(ranked, retrieval.scores_of, retrieval.descriptions, tokenizer) if tokenizer else []
    return Results(
        task="retrieval",
        model=config.model,
        primary_metric="mrr",
        primary_keys=first.keys,
        rows=ranked_intervals(rows, ranked, outcomes),
        outcomes=outcomes,
        data={"examples": examples},
        notes=[*sample_notes(retrieval.asked), *_notes(embedder, config)],
        config=asdict(config),
    )


def _true_objects(data: TokenDataset, asked: Sequence[TripleQuery]) -> list[np.ndarray]:
    """All true objects of each query's (subject, relation), in both splits."""
    subjects, relations = (
        np.array([getattr(q, name) for q in asked], dtype=np.int64) for name in ("subject", "relation")
    )
    owners, objects = data.store(TripleIndex).true_objects(subjects, relations)
    return [objects[owners == i] for i in range(len(asked))]


def _notes(embedder: Embedder, config: RetrievalConfig) -> list[str]:
    notes = []
    if config.max_candidates:
        notes.append(f"at most {config.max_candidates:,} candidates per language: easier than among all")
    if config.pooling == "mean":
        return [*notes, "vectors are means over all tokens; projection heads are not used"]
    missing = [role for role in ("mep_query", "oe_query") if not embedder.has_head(role)]
    return notes + [f"no projection head for {role.split('_')[0]}: raw hidden states are compared" for role in missing]
