"""What a draw puts into an example: language rules, mentions, cuts, hard negatives."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from model.data.examples.description_choice import choose_records, smoothing_weights
from model.data.examples.example import Example
from model.data.examples.mlm import MlmSource
from model.data.examples.oe import OeSource
from model.data.examples.rows import RowReader
from model.data.stores.descriptions import DescriptionStore
from model.data.stores.ragged import Ragged, argmin_within, expand
from model.data.stores.relations import RelationTexts
from model.data.stores.surfaces import SurfaceIndex
from model.data.stores.token_dataset import TokenDataset
from model.data.stores.triples import TripleIndex
from model.data.stream.stream import TrainingStream, make_sources
from model.data.stream_config import LanguageRule, Objective, StreamConfig
from schemas import (
    TOKEN_DESCRIPTIONS,
    TOKEN_MENTIONS,
    TOKEN_TEXT,
    TRAIN,
    VALIDATION,
    TokenContext,
    TokenDescription,
    TokenMention,
    TokenText,
    read_shard,
)
from schemas.errors import UsageError
from tests.model.token_shards import DatasetWriter, open_world


def all_examples(data: TokenDataset, config: StreamConfig, objective: Objective, seed: int = 3) -> list[Example]:
    """All training examples of an objective, each once."""
    source = make_sources(data, config, TRAIN, seed, [objective])[objective]
    window = source.window_of(source.plan.in_order(), 0)
    return [window.example(place) for place in range(window.count)]


def languages_of(data: TokenDataset, examples: list[Example]) -> list[tuple[str, str, set[str]]]:
    """(language of the context, language of its description, languages the item is described in)."""
    texts: dict[int, dict[tuple[int, ...], str]] = {}
    for shard in data.manifest.of(TOKEN_DESCRIPTIONS):
        for row in read_shard(Path(data.where) / shard.path, TOKEN_DESCRIPTIONS).to_pylist():
            texts.setdefault(row["entity_number"], {})[tuple(row["token_ids"])] = row["language"]
    return [
        (
            example.origin.split("/")[1],
            texts[example.entity][tuple(example.key_tokens.tolist())],  # type: ignore[union-attr]
            set(texts[example.entity].values()),
        )
        for example in examples
    ]


@pytest.mark.parametrize("rule", ["same", "any", "prefer_different"])
def test_descriptions_follow_the_language_rule(
    tokens: TokenDataset, small_steps: StreamConfig, rule: LanguageRule
) -> None:
    config = dataclasses.replace(small_steps, mep_description_language=rule)
    found = languages_of(tokens, all_examples(tokens, config, "mep"))
    assert len(found) > 200
    if rule == "same":
        assert all(key == context for context, key, there in found if context in there)
    elif rule == "prefer_different":
        assert all(key != context for context, key, there in found if there != {context})
    else:
        both = [key == context for context, key, there in found if context in there and len(there) == 2]
        assert 0.3 < np.mean(both) < 0.7


def test_only_allowed_languages_are_used(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    config = dataclasses.replace(small_steps, languages=("de", "hy"))
    found = languages_of(tokens, all_examples(tokens, config, "mep"))
    assert {context for context, _, _ in found} == {key for _, key, _ in found} == {"de", "hy"}


def test_every_context_gives_one_of_its_mentions_each_about_as_often(
    tokens: TokenDataset, small_steps: StreamConfig
) -> None:
    drawn = Counter(
        (example.origin, example.mention)
        for seed in range(30)
        for example in all_examples(tokens, small_steps, "mep", seed)
    )
    by_context: dict[str, list[int]] = {}
    for (origin, _), count in drawn.items():
        by_context.setdefault(origin, []).append(count)
    assert {sum(counts) for counts in by_context.values()} == {30}
    three = [counts for counts in by_context.values() if len(counts) == 3]
    assert len(three) > 30
    assert np.mean([min(counts) for counts in three]) > 5  # of 10 on average, were each exactly as often


@pytest.mark.parametrize("room", [10, 16, 30])
def test_a_long_context_is_cut_around_its_mention(tokens: TokenDataset, small_steps: StreamConfig, room: int) -> None:
    whole = {example.origin: example for example in all_examples(tokens, small_steps, "mep")}
    config = dataclasses.replace(small_steps, max_length=room + 2)
    places = []
    for example in all_examples(tokens, config, "mep"):
        long = whole[example.origin]
        text, (first, last) = long.parts[0].tolist(), long.mention
        piece, (new_first, new_last) = example.parts[0].tolist(), example.mention
        assert len(piece) == min(room, len(text))
        assert piece[new_first : new_last + 1] == text[first : min(last + 1, first + room)]
        places.append(new_first)
    assert len(set(places)) > 5


def test_long_texts_are_cut_into_pieces_that_hold_everything(tmp_path: Path, small_steps: StreamConfig) -> None:
    writer = DatasetWriter(tmp_path / "tokens")
    lengths = [1, 13, 62, 63, 200, 0, 124]
    texts = [[4 + (7 * n + place) % 990 for place in range(length)] for n, length in enumerate(lengths)]
    writer.write(TOKEN_TEXT, [TokenText(language="en", token_ids=ids) for ids in texts], partition="en", split=TRAIN)
    writer.finish()
    pieces = all_examples(open_world(writer.folder), small_steps, "mlm")
    by_row: dict[str, list[list[int]]] = {}
    for example in pieces:
        assert example.num_tokens <= small_steps.max_text_length
        by_row.setdefault(example.origin.rsplit(":", 1)[1], []).append(example.parts[0].tolist())
    for row, ids in enumerate(texts):
        found = by_row.get(str(row), [])
        assert sorted(token for piece in found for token in piece) == sorted(ids)
        assert len(found) == -(-len(ids) // 62)


def ambiguous(folder: Path, described_in: str = "en") -> TokenDataset:
    """Two items share the surface [50, 51]; item 3 is spelt alone; nothing describes item 4."""
    writer = DatasetWriter(folder)
    contexts = [
        TokenContext(
            language="en",
            page_entity_number=-1,
            page_id=number,
            context_index=0,
            token_ids=[10, 50, 51, 12, *surface],
            mentions=[TokenMention(first=first, last=last, entity_number=item)],
        )
        for number, (surface, first, last, item) in enumerate(
            [([60], 1, 2, 1), ([61], 1, 2, 2), ([62, 63], 4, 5, 3), ([64], 4, 4, 4), ([65], 1, 2, 4)]
        )
    ]
    writer.write(TOKEN_MENTIONS, contexts, partition="en", split=TRAIN)
    rows = [
        TokenDescription(entity_number=n, language=described_in, origin="wikipedia", token_ids=[100 + n])
        for n in (1, 2, 3)
    ]
    writer.write(TOKEN_DESCRIPTIONS, rows, partition=described_in)
    writer.finish()
    return open_world(folder)


def test_rivals_of_a_mention_share_its_surface(tmp_path: Path, small_steps: StreamConfig) -> None:
    data = ambiguous(tmp_path / "tokens")
    index = SurfaceIndex.of(data)
    assert len(index.surfaces) == 1
    assert index.items.tolist() == [1, 2, 4]
    config = dataclasses.replace(small_steps, hard_negatives=3)
    rivals: dict[int, set[int]] = {}
    for seed in range(20):
        for example in all_examples(data, config, "mep", seed):
            assert example.entity != 4
            assert example.entity not in [item for item, _ in example.rivals]
            assert all(ids.tolist() == [100 + item] for item, ids in example.rivals)
            rivals.setdefault(example.entity, set()).update(item for item, _ in example.rivals)
    assert rivals == {1: {2}, 2: {1}, 3: set()}


def test_rivals_of_a_triple_are_objects_of_its_relation_and_not_true(
    tokens: TokenDataset, small_steps: StreamConfig
) -> None:
    config = dataclasses.replace(small_steps, hard_negatives=2)
    index: TripleIndex = tokens.store(TripleIndex)
    count = 0
    for example in all_examples(tokens, config, "oe"):
        _, true = index.true_objects(np.array([example.subject]), np.array([example.relation]))
        first, number = index.candidates(np.array([example.relation]))
        of_relation = index.objects_of_relation[first[0] : first[0] + number[0]]
        items = [item for item, _ in example.rivals]
        assert len(items) == len(set(items))
        assert not set(items) & set(true.tolist())
        assert set(items) <= set(of_relation.tolist())
        count += len(items)
    assert count > 150


def test_subject_object_and_relation_follow_their_rules(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    config = dataclasses.replace(small_steps, oe_object_language="prefer_different", oe_relation_language="same")
    source = OeSource(tokens, config, TRAIN, 3)
    store, texts = tokens.store(DescriptionStore), tokens.store(RelationTexts)
    rows, _ = RowReader(tokens, mentions=False).triples(source.plan.in_order())
    chosen = source.choose(rows, "key")
    assert len(rows.subject) > 100
    for subject, relation, object_, number in zip(*(column.tolist() for column in chosen), strict=True):
        assert number == store.language[subject]
        language = store.languages[store.language[subject]]
        assert texts.languages[texts.language[relation]] == language
        owner = int(np.searchsorted(store.first_record, object_, side="right")) - 1
        there = {store.languages[n] for n in store.language[store.first_record[owner] : store.first_record[owner + 1]]}
        assert (store.languages[store.language[object_]] != language) == (there != {language})


def test_low_alpha_favours_rare_languages() -> None:
    """Two languages, one with nine times the descriptions, and items that have both."""
    languages = np.array([0] * 900 + [1] * 100, dtype=np.uint16)
    runs = np.zeros(20_000, np.int64), np.full(20_000, 2)
    pair = np.array([0, 1], dtype=np.uint16)
    none = np.full(20_000, -1)
    for alpha, expected in [(1.0, 0.5), (0.7, 0.341), (0.3, 0.177)]:
        weights = smoothing_weights(languages, 2, alpha)
        chosen = choose_records(runs, pair, none, "any", weights, 1)
        # odds are p ** (alpha - 1): 0.9 ** (alpha - 1) against 0.1 ** (alpha - 1)
        assert np.mean(chosen == 0) == pytest.approx(expected, abs=0.015)


def test_choices_within_rows() -> None:
    rows, positions = expand(np.array([5, 9, 7]), np.array([2, 0, 1]))
    assert (rows.tolist(), positions.tolist()) == ([0, 0, 2], [5, 6, 7])
    scores = np.array([0.5, 0.1, np.inf, 0.3])
    assert argmin_within(np.array([0, 0, 1, 3]), scores, 5).tolist() == [1, -1, -1, 3, -1]
    assert argmin_within(np.empty(0, np.int64), np.empty(0), 2).tolist() == [-1, -1]


def test_ragged_rows_survive_concatenation() -> None:
    one = Ragged.from_offsets(np.arange(5, dtype=np.int32), np.array([0, 2, 5]))
    two = Ragged.from_offsets(np.arange(10, 13, dtype=np.int32), np.array([0, 0, 3]))
    both = Ragged.concatenate([one, two.slice(1, 2), one])
    assert [both.row(index).tolist() for index in range(len(both))] == [
        [0, 1],
        [2, 3, 4],
        [10, 11, 12],
        [0, 1],
        [2, 3, 4],
    ]


def test_contexts_without_described_mentions_are_refused(tmp_path: Path, small_steps: StreamConfig) -> None:
    data = ambiguous(tmp_path / "tokens", described_in="de")
    config = dataclasses.replace(small_steps, mlm_share=0.0, oe_share=0.0, languages=("en",))
    stream = TrainingStream(data, config, seed=1, rank=0, world_size=1)
    with pytest.raises(UsageError, match="no description in the languages chosen"):
        next(iter(stream))


def test_validation_rows_are_not_trained_on(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    assert all("/train-" in example.origin for example in all_examples(tokens, small_steps, "mep"))
    source = MlmSource(tokens, small_steps, VALIDATION, 1)
    assert all("/validation-" in unit.group.shard.path for unit in source.plan.in_order())
