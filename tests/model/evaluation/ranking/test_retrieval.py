"""Retrieval on a world whose ranks can be told by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.evaluation.documents import description, masked_context, subject_and_relation
from model.evaluation.embedder import Embedder, length_batches
from model.evaluation.ranking import ranks as ranking
from model.evaluation.ranking.config import Lengths, RetrievalConfig
from model.evaluation.ranking.ranks import chance_score, score_ranks, truth_ranks
from model.evaluation.ranking.retrieval import evaluate_retrieval
from model.evaluation.ranking.retrieval_data import (
    look_up_counts,
    read_descriptions,
    read_mention_queries,
    sample_descriptions,
)
from schemas import TOKEN_DESCRIPTIONS, TOKEN_MENTIONS, TOKEN_RELATIONS, TOKEN_TRIPLES
from schemas.errors import InputCorrupt, UsageError
from tests.model.evaluation.token_world import SPECIAL, BagOfTokens, context, described, small_world, write_dataset


def test_ranks_count_the_better_ones_and_half_of_the_ties() -> None:
    candidates = torch.tensor([[1.0], [3.0], [2.0], [2.0]])
    ranks = truth_ranks(torch.ones(4, 1), candidates, torch.tensor([0, 1, 2, 3]))
    assert ranks.tolist() == [4.0, 1.0, 2.5, 2.5]


def test_equal_scores_for_everything_give_the_middle_rank_and_not_the_first() -> None:
    ranks = truth_ranks(
        torch.zeros(1, 3), torch.randn(101, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([7])
    )
    assert ranks.tolist() == [51.0]


def test_a_diverged_model_is_not_rewarded() -> None:
    ranks = truth_ranks(torch.full((1, 2), torch.nan), torch.ones(11, 2), torch.tensor([3]))
    assert ranks.tolist() == [6.0]


def test_further_right_answers_do_not_count_against_a_query() -> None:
    candidates = torch.tensor([[3.0], [2.0], [1.0]])
    ranks = truth_ranks(torch.ones(2, 1), candidates, torch.tensor([2, 2]), [[0, 2], []])
    assert ranks.tolist() == [2.0, 3.0]


@pytest.mark.parametrize("scores_per_chunk", [1, 1000, 7 * 101, 1 << 20])
def test_ranking_in_chunks_is_ranking_at_once(scores_per_chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "SCORES_PER_CHUNK", scores_per_chunk)
    generator = torch.Generator().manual_seed(1)
    queries, candidates = (torch.randn(101, 7, generator=generator) for _ in range(2))
    truth = torch.randint(0, len(candidates), (len(queries),), generator=generator)
    scores = queries @ candidates.T
    naive = [1 + int((row > row[t]).sum()) for row, t in zip(scores, truth, strict=True)]
    assert truth_ranks(queries, candidates, truth).tolist() == naive


def test_scores_of_ranks_and_chance() -> None:
    score = score_ranks(torch.tensor([1.0, 2.0, 20.0]))
    assert (score.hits_at_1, score.hits_at_10) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert score.mrr == pytest.approx((1 + 1 / 2 + 1 / 20) / 3)
    chance = chance_score(4, 1)
    assert (chance.hits_at_1, chance.hits_at_10) == (0.25, 1.0)
    assert chance.mrr == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)


def test_chance_is_what_random_ranks_score() -> None:
    ranks = torch.randint(1, 51, (200_000,), generator=torch.Generator().manual_seed(2)).float()
    expected, found = chance_score(50, 1), score_ranks(ranks)
    assert found.mrr == pytest.approx(expected.mrr, rel=0.02)
    assert found.hits_at_10 == pytest.approx(expected.hits_at_10, rel=0.02)


def test_every_sub_token_of_the_mention_is_masked_and_its_first_stands_for_it() -> None:
    document = masked_context([10, 11, 12, 13], 1, 2, SPECIAL, Lengths())
    assert document.token_ids == [SPECIAL.begin, 10, SPECIAL.mask, SPECIAL.mask, 13, SPECIAL.end]
    assert document.position == 2


@pytest.mark.parametrize("first", [0, 3, 17, 48, 49])
def test_long_contexts_are_cut_around_the_mention(first: int) -> None:
    lengths = Lengths(context=12)
    document = masked_context(list(range(5, 55)), first, first, SPECIAL, lengths)
    assert len(document.token_ids) == 12
    assert document.token_ids[document.position] == SPECIAL.mask
    left = [token for token in document.token_ids[1 : document.position]]
    assert left == list(range(5 + first - len(left), 5 + first))


def test_a_mention_longer_than_the_room_fills_it() -> None:
    document = masked_context(list(range(5, 25)), 2, 18, SPECIAL, Lengths(context=8))
    assert document.token_ids == [SPECIAL.begin, *[SPECIAL.mask] * 6, SPECIAL.end]


def test_descriptions_and_questions_are_laid_out_as_in_training() -> None:
    lengths = Lengths(description=5, relation=2)
    assert description([10, 11, 12, 13], SPECIAL, lengths).token_ids == [0, 10, 11, 12, 2]
    question = subject_and_relation([10, 11, 12, 13], [20, 21, 22], SPECIAL, lengths)
    assert question.token_ids == [0, 10, 11, 12, 2, 20, 21, 2]
    assert question.position == 0


def test_batches_hold_every_document_once_within_the_budget() -> None:
    lengths = [3, 50, 7, 7, 1, 20, 20, 20]
    batches = length_batches(lengths, 45)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= 45 for batch in batches)


def test_known_ranks_on_a_small_world(tmp_path: Path) -> None:
    data = small_world(tmp_path / "tokens")
    config = RetrievalConfig(model="bag", data=data.where, device="cpu")
    results = evaluate_retrieval(config, Embedder(BagOfTokens(), SPECIAL), data)
    # Each context names its own entity's token beside the masked mention.
    pair = results.find(about="pair", question="mep", source="aa", target="bb")
    assert (pair.measures["queries"].mean, pair.measures["candidates"].mean) == (1, 2)
    assert pair.measures["hits@1"].mean == 1.0
    assert results.find(about="pair", question="mep", source="aa", target="aa").measures["queries"].mean == 2
    # Subject 1's description has token 10, the relation's text token 12. The subject itself ties with the
    # object 3; object 2 is true as well (in training) and does not count.
    entailment = results.find(about="pair", question="oe", source="aa", target="aa")
    assert entailment.measures["mrr"].mean == pytest.approx(1 / 1.5)
    # No description of object 3 in `bb`, no relation text in `bb`: those pairs ask nothing.
    with pytest.raises(KeyError):
        results.find(about="pair", question="oe", target="bb")
    unseen = results.find(about="seen", question="mep", **{"mentions in training": "unseen"})
    assert unseen.measures["queries"].mean == 1
    assert (
        results.find(about="frequency", question="mep", **{"mentions in training": "1 to 9"}).measures["hits@1"].mean
        == 1
    )
    chance = results.find(about="summary", question="mep", languages="across", line="chance")
    assert chance.measures["hits@1"].mean == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert results.primary == results.find(about="summary", question="mep", languages="across").measures["mrr"].mean
    assert any(note.startswith("no projection head for mep") for note in results.notes)


def test_the_line_of_frequency_names_the_most_frequent_answer_first(tmp_path: Path) -> None:
    rows = [context("aa", [9], (0, 0, entity)) for entity in (1, 1, 1, 2, 2, 3)]
    triples = [(7, 5, 2), (8, 5, 2), (9, 5, 1), (1, 6, 1)]
    tables = {
        (TOKEN_DESCRIPTIONS, "aa", "train"): described("aa", {entity: [10 + entity] for entity in (1, 2, 3, 4)}),
        (TOKEN_MENTIONS, "aa", "train"): rows,
        (TOKEN_MENTIONS, "aa", "validation"): [context("aa", [9], (0, 0, entity)) for entity in (1, 1, 2, 4)],
        (TOKEN_RELATIONS, "aa", "train"): [
            {"relation_number": number, "language": "aa", "token_ids": [number]} for number in (5, 6)
        ],
        (TOKEN_TRIPLES, "", "train"): [fact(*triple) for triple in triples],
        (TOKEN_TRIPLES, "", "validation"): [fact(3, 5, 1), fact(4, 5, 3), fact(2, 6, 1)],
    }
    data = write_dataset(tmp_path / "tokens", tables)
    config = RetrievalConfig(model="bag", data=data.where, device="cpu")
    results = evaluate_retrieval(config, Embedder(BagOfTokens(), SPECIAL), data)
    mentions = results.find(about="summary", question="mep", line="frequency").measures
    assert mentions["mrr"].mean == pytest.approx((1 + 1 + 1 / 2 + 1 / 4) / 4)
    assert mentions["mrr by entity"].mean == pytest.approx((1 + 1 / 2 + 1 / 4) / 3)
    # Relation 5: entity 2 twice, 1 once, 3 and 4 never; relation 6: entity 1 once, all others tie behind it.
    facts = results.find(about="summary", question="oe", line="frequency").measures
    assert facts["mrr"].mean == pytest.approx((1 / 2 + 1 / 3.5 + 1) / 3)
    assert facts["mrr by entity"].mean == pytest.approx(((1 / 2 + 1) / 2 + 1 / 3.5) / 2)


def test_chance_leaves_out_what_the_models_ranking_leaves_out(tmp_path: Path) -> None:
    tables = {
        (TOKEN_DESCRIPTIONS, "aa", "train"): described("aa", {entity: [10 + entity] for entity in range(1, 6)}),
        (TOKEN_RELATIONS, "aa", "train"): [{"relation_number": 5, "language": "aa", "token_ids": [5]}],
        (TOKEN_TRIPLES, "", "train"): [fact(1, 5, 2), fact(1, 5, 3)],
        (TOKEN_TRIPLES, "", "validation"): [fact(1, 5, 4), fact(2, 5, 4)],
    }
    data = write_dataset(tmp_path / "tokens", tables)
    results = evaluate_retrieval(
        RetrievalConfig(model="bag", data=data.where, device="cpu"), Embedder(BagOfTokens(), SPECIAL), data
    )
    chance = results.find(about="summary", question="oe", line="chance").measures
    assert chance["hits@1"].mean == pytest.approx((1 / 3 + 1 / 5) / 2)  # entities 2 and 3 are true of 1 as well
    assert chance["mrr"].mean == pytest.approx(((1 + 1 / 2 + 1 / 3) / 3 + (1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 5) / 2)
    assert any("fact to object: 2 queries are too few to mean anything" in note for note in results.notes)
    assert not any("a sample" in note for note in results.notes)


def test_a_sample_of_the_queries_is_called_one(tmp_path: Path) -> None:
    data = small_world(tmp_path / "tokens")
    config = RetrievalConfig(model="bag", data=data.where, device="cpu", max_queries=1)
    notes = evaluate_retrieval(config, Embedder(BagOfTokens(), SPECIAL), data).notes
    assert any("a sample" in note and "compare only with runs on the same sample" in note for note in notes)


def fact(subject: int, relation: int, object_: int) -> dict[str, int]:
    return {"subject_number": subject, "relation_number": relation, "object_number": object_}


def test_a_language_without_descriptions_is_named(tmp_path: Path) -> None:
    data = small_world(tmp_path / "tokens")
    config = RetrievalConfig(model="bag", data=data.where, languages=("aa", "cc"))
    with pytest.raises(UsageError, match="no descriptions in cc; it has aa, bb"):
        evaluate_retrieval(config, Embedder(BagOfTokens(), SPECIAL), data)


def test_a_dataset_that_asks_nothing_is_refused(tmp_path: Path) -> None:
    tables = {
        (TOKEN_DESCRIPTIONS, "aa", "train"): described("aa", {1: [10]}),
        (TOKEN_MENTIONS, "aa", "train"): [context("aa", [30, 10], (1, 1, 1))],
    }
    data = write_dataset(tmp_path / "tokens", tables)
    with pytest.raises(InputCorrupt, match="no validation query"):
        evaluate_retrieval(RetrievalConfig(model="bag", data="x"), Embedder(BagOfTokens(), SPECIAL), data)


def test_queries_are_drawn_alike_for_one_seed_and_otherwise_for_another(tmp_path: Path) -> None:
    rows = [context("aa", [10, 11], (0, 0, entity)) for entity in range(1, 60)]
    tables = {
        (TOKEN_DESCRIPTIONS, "aa", "train"): described("aa", {1: [10]}),
        (TOKEN_MENTIONS, "aa", "validation"): rows,
    }
    data = write_dataset(tmp_path / "tokens", tables)
    drawn = [[q.entity for q in read_mention_queries(data, "aa", 10, seed)[0]] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 10
    assert [len(q) if isinstance(q, list) else q for q in read_mention_queries(data, "aa", 0, 0)] == [59, 59]
    assert read_mention_queries(data, "aa", 10, 0)[1] == 59


def test_descriptions_are_looked_up_by_entity(tmp_path: Path) -> None:
    texts = read_descriptions(small_world(tmp_path / "tokens"), "bb")
    assert texts.entities.tolist() == [1, 2]
    assert texts.texts.row(int(texts.rows(np.array([2]))[0])).tolist() == [11, 21]
    assert texts.rows(np.array([0, 1, 2, 3])).tolist() == [-1, 0, 1, -1]


def test_bounded_candidates_hold_what_the_queries_need(tmp_path: Path) -> None:
    tables = {(TOKEN_DESCRIPTIONS, "aa", "train"): described("aa", {entity: [entity] for entity in range(10, 60)})}
    texts = read_descriptions(write_dataset(tmp_path / "tokens", tables), "aa")
    needed = np.array([12, 40, 99])
    kept = sample_descriptions(texts, needed, 7, "aa", 0)
    assert len(kept.entities) == 7 and {12, 40} <= set(kept.entities.tolist())
    assert all(kept.texts.row(row).tolist() == [entity] for row, entity in enumerate(kept.entities))
    assert sample_descriptions(texts, needed, 1, "aa", 0).entities.tolist() == [12, 40]
    assert sample_descriptions(texts, needed, 0, "aa", 0) is texts


def test_counts_of_unknown_entities_are_zero() -> None:
    counted = (np.array([3, 8]), np.array([5, 1]))
    assert look_up_counts(counted, [8, 9, 3, 0]).tolist() == [1, 0, 5, 0]
    assert look_up_counts((np.empty(0, np.int64), np.empty(0, np.int64)), [1]).tolist() == [0]
