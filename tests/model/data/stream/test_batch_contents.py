"""What a batch holds, read back document by document and compared with the shards by naive code."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from model.batch import IGNORED_LABEL, UNUSED, Batch
from model.data.stores.token_dataset import TokenDataset
from model.data.stream.stream import TrainingStream
from model.data.stream.validation import validation_batches
from model.data.stream_config import StreamConfig
from schemas import TABLES, TOKEN_DESCRIPTIONS, TOKEN_RELATIONS, TOKEN_TRIPLES, Table, read_shard
from tests.model.token_shards import SPECIAL


def batches(data: TokenDataset, config: StreamConfig, count: int = 30) -> list[Batch]:
    return list(islice(TrainingStream(data, config, seed=8, rank=0, world_size=1), count))


def all_rows(data: TokenDataset, table: Table) -> list[dict]:
    return [
        row for shard in data.manifest.of(table) for row in read_shard(Path(data.where) / shard.path, table).to_pylist()
    ]


def documents(batch: Batch, token_ids: torch.Tensor) -> Iterator[tuple[int, list[int]]]:
    """Yield (start, ids) of each real document, padding left out."""
    edges = batch.cu_seqlens.tolist()
    for start, stop in zip(edges, edges[1:], strict=False):
        if start < batch.num_tokens:
            yield start, token_ids[start:stop].tolist()


def unmasked(batch: Batch) -> torch.Tensor:
    """Put the labels back where tokens were masked."""
    used = batch.mlm_labels != IGNORED_LABEL
    token_ids = batch.token_ids.clone()
    token_ids[batch.mlm_positions[used]] = batch.mlm_labels[used]
    return token_ids


def source_row(data: TokenDataset, name: str) -> dict:
    """Find the row a row id names."""
    path, group, row = name.split()[1].rsplit(":", 2)
    shard = next(shard for shard in data.manifest.shards if shard.path == path)
    table = TABLES[shard.table]
    file = data.read(
        table,
        next(g for g in data.row_groups(table, shard.partition, shard.split) if g.shard is shard),
        table.columns.names,
    )
    assert group == "0"
    return file.slice(int(row), 1).to_pylist()[0]


def test_documents_are_the_rows_of_the_shards(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    """Texts and contexts come back token for token once the labels are put in place; masked mentions too."""
    checked = 0
    for batch in batches(tokens, dataclasses.replace(small_steps, max_masked=400), 8):
        found = list(documents(batch, unmasked(batch)))
        for (_, ids), name in zip(found, batch.row_ids, strict=False):
            assert ids[0] == SPECIAL.begin
            assert ids[-1] == SPECIAL.end
            row = source_row(tokens, name)
            if name.startswith("oe"):
                continue
            text = row["token_ids"]
            inside = ids[1:-1]
            assert any(inside == text[at : at + len(inside)] for at in range(len(text) - len(inside) + 1)), name
            checked += 1
    assert checked > 100


def test_keys_are_descriptions_of_distinct_items(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    described: dict[int, list[list[int]]] = {}
    for row in all_rows(tokens, TOKEN_DESCRIPTIONS):
        described.setdefault(row["entity_number"], []).append(row["token_ids"])
    for batch in batches(tokens, dataclasses.replace(small_steps, hard_negatives=1)):
        by_start = dict(documents(batch, batch.token_ids))
        items = [item for item in batch.key_entities.tolist() if item != UNUSED]
        assert len(items) == len(set(items)) > 0
        for position, item in zip(batch.key_positions.tolist(), items, strict=False):
            assert by_start[position][1:-1] in [
                ids[: small_steps.max_description_length - 2] for ids in described[item]
            ]


def test_queries_point_at_mentions_and_at_their_keys(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    count = 0
    for batch in batches(tokens, small_steps):
        mep_rows = [name for name in batch.row_ids if name.startswith("mep")]
        used = int((batch.mep_keys != UNUSED).sum())
        assert used == len(mep_rows)
        assert (batch.token_ids[batch.mep_positions[:used]] == SPECIAL.mask).all()
        assert torch.equal(batch.key_entities[batch.mep_keys[:used]], batch.mep_entities[:used])
        starts = torch.tensor([start for start, _ in documents(batch, batch.token_ids)])
        for slot, name in enumerate(mep_rows):
            row = source_row(tokens, name)
            start = int(starts[starts <= batch.mep_positions[slot]].max())
            first = int(batch.mep_positions[slot]) - start - 1
            mine = [m for m in row["mentions"] if m["entity_number"] == int(batch.mep_entities[slot])]
            assert first in [mention["first"] for mention in mine]  # contexts here are short enough not to be cut
            count += 1
    assert count > 100


def test_triples_come_with_texts_and_true_objects(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    truth: dict[tuple[int, int], set[int]] = {}
    for row in all_rows(tokens, TOKEN_TRIPLES):
        truth.setdefault((row["subject_number"], row["relation_number"]), set()).add(row["object_number"])
    subjects = {(row["entity_number"], tuple(row["token_ids"])) for row in all_rows(tokens, TOKEN_DESCRIPTIONS)}
    relations = {(row["relation_number"], tuple(row["token_ids"])) for row in all_rows(tokens, TOKEN_RELATIONS)}
    for batch in batches(tokens, small_steps, 12):
        by_start = dict(documents(batch, batch.token_ids))
        for slot in range(int((batch.oe_keys != UNUSED).sum())):
            subject, relation = int(batch.oe_subjects[slot]), int(batch.oe_relations[slot])
            ids = by_start[int(batch.oe_positions[slot])]
            middle = ids.index(SPECIAL.end)
            assert (subject, tuple(ids[1:middle])) in subjects
            assert (relation, tuple(ids[middle + 1 : -1])) in relations
            objects = set(batch.oe_objects[slot].tolist()) - {UNUSED}
            assert objects == truth[subject, relation]
            assert int(batch.key_entities[batch.oe_keys[slot]]) in objects


def test_true_objects_that_matter_survive_a_narrow_table(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    for batch in batches(tokens, dataclasses.replace(small_steps, max_true_objects=1), 5):
        used = int((batch.oe_keys != UNUSED).sum())
        assert torch.equal(batch.oe_objects[:used, 0], batch.key_entities[batch.oe_keys[:used]])


@pytest.mark.parametrize("one_objective", [False, True])
def test_shapes_are_static_and_slots_marked(
    tokens: TokenDataset, small_steps: StreamConfig, one_objective: bool
) -> None:
    config = dataclasses.replace(small_steps, one_objective_per_batch=one_objective)
    shapes = config.shapes()
    for batch in batches(tokens, config):
        assert batch.token_ids.shape == batch.position_ids.shape == (shapes.tokens,)
        assert batch.cu_seqlens.shape == (shapes.documents + 1,)
        assert batch.cu_seqlens.dtype == torch.int32
        assert batch.oe_objects.shape == (shapes.oe, shapes.true_objects)
        assert batch.mlm_positions.shape == batch.mlm_labels.shape == (shapes.masked,)
        assert batch.key_positions.shape == batch.key_entities.shape == (shapes.keys,)
        assert (batch.token_ids[batch.num_tokens :] == SPECIAL.pad).all()
        assert (batch.token_ids[: batch.num_tokens] != SPECIAL.pad).all()
        unused = batch.mlm_labels == IGNORED_LABEL
        assert (batch.mlm_positions[unused] == 0).all()


def test_every_document_starts_its_positions_anew(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    for batch in batches(tokens, small_steps):
        edges = batch.cu_seqlens.tolist()
        assert edges == sorted(edges)
        assert (edges[0], edges[-1]) == (0, small_steps.tokens_per_step)
        lengths = np.diff(edges)
        assert lengths.max() <= batch.max_seqlen
        expected = np.concatenate([np.arange(length) + SPECIAL.position_offset for length in lengths])
        assert batch.position_ids.tolist() == expected.tolist()


def test_descriptions_and_triples_are_never_masked(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    for batch in batches(tokens, small_steps):
        kinds = [name.split()[0] for name in batch.row_ids]
        for index, (_, ids) in enumerate(documents(batch, batch.token_ids)):
            if index >= len(kinds) or kinds[index] == "oe":
                assert SPECIAL.mask not in ids


def test_mentions_stay_visible_at_rate_zero(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    config = dataclasses.replace(small_steps, mention_mask_rate=0.0, mlm_probability=0.0)
    for batch in batches(tokens, config, 5):
        assert (batch.token_ids != SPECIAL.mask).all()
        assert (batch.mlm_labels == IGNORED_LABEL).all()


def test_validation_is_one_fixed_pass(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    one, two = list(validation_batches(tokens, small_steps)), list(validation_batches(tokens, small_steps))
    assert all(torch.equal(left.token_ids, right.token_ids) for left, right in zip(one, two, strict=True))
    names = [name for batch in one for name in batch.row_ids]
    whole = [name for name in names if not name.startswith("mlm")]  # long texts come in pieces
    assert len(whole) == len(set(whole))
    rows = {"mentions": 0, "triples": 0, "text": 0}
    for shard in tokens.manifest.shards:
        if shard.split == "validation":
            rows[shard.path.split("/")[0]] += shard.rows
    assert sum(name.startswith("oe") for name in names) == rows["triples"]
    assert sum(name.startswith("mep") for name in names) == rows["mentions"]
    assert sum(name.startswith("mlm text") for name in names) >= rows["text"] > 0
    ranks = [list(validation_batches(tokens, small_steps, rank=rank, world_size=2)) for rank in range(2)]
    assert sorted(batch.position for rank in ranks for batch in rank) == [batch.position for batch in one]
