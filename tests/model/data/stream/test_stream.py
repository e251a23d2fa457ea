"""The stream's promises: nothing lost, nothing repeated, the same batches however a run was interrupted and shared out."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from model.batch import Batch
from model.data.loading.loader import StreamLoader
from model.data.stores.token_dataset import TokenDataset
from model.data.stream.lanes import Lane
from model.data.stream.stream import State, TrainingStream, make_sources, merge_states, rows_read
from model.data.stream_config import StreamConfig
from schemas import TOKEN_MENTIONS, TRAIN
from schemas.errors import CheckpointUnusable, ShardMismatch
from tests.model.token_shards import open_world, write_world


def equal(one: Batch, other: Batch) -> bool:
    """Compare two batches, the clock left out."""
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(Batch)]
    return one.row_ids == other.row_ids and all(
        torch.equal(left, right) for left, right in pairs if isinstance(left, torch.Tensor)
    )


def streams(data: TokenDataset, config: StreamConfig, world_size: int, seed: int = 3) -> list[TrainingStream]:
    return [TrainingStream(data, config, seed=seed, rank=rank, world_size=world_size) for rank in range(world_size)]


def run(ranks: list[TrainingStream], steps: int) -> list[Batch]:
    """Take steps on all ranks; returns the batches in the order of the global clock."""
    iterators = [iter(rank) for rank in ranks]
    return [next(iterator) for _ in range(steps) for iterator in iterators]


def handed_over(ranks: list[TrainingStream]) -> State:
    """Return the merged state as a checkpoint would give it back."""
    return json.loads(json.dumps(merge_states([rank.state_dict() for rank in ranks])))


def resumed(data: TokenDataset, config: StreamConfig, world_size: int, state: State) -> list[TrainingStream]:
    ranks = streams(data, config, world_size)
    for rank in ranks:
        rank.load_state_dict(state)
    return ranks


@pytest.mark.parametrize("one_objective", [False, True])
@pytest.mark.parametrize("worlds", [[1, 3], [2, 1], [1, 1, 1, 1], [3, 2, 6, 1], [6, 1, 2]])
def test_resume_on_other_ranks_gives_the_same_batches(
    tokens: TokenDataset, small_steps: StreamConfig, worlds: list[int], one_objective: bool
) -> None:
    config = dataclasses.replace(small_steps, one_objective_per_batch=one_objective)
    steps = [5, 4, 3, 7]
    expected = run(streams(tokens, config, 1), sum(size * count for size, count in zip(worlds, steps, strict=False)))
    found: list[Batch] = []
    state: State | None = None
    for size, count in zip(worlds, steps, strict=False):
        ranks = streams(tokens, config, size) if state is None else resumed(tokens, config, size, state)
        found += run(ranks, count)
        state = handed_over(ranks)
    assert len(found) == len(expected)
    assert all(map(equal, found, expected))


def test_the_clock_is_equal_on_all_ranks(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    batches = run(streams(tokens, small_steps, 3), 4)
    assert [batch.position for batch in batches] == [0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9]


def test_batches_differ_between_seeds_and_places(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    one, two = run(streams(tokens, small_steps, 1), 12), run(streams(tokens, small_steps, 1, seed=4), 12)
    assert not any(map(equal, one, two))
    assert len({batch.row_ids for batch in one}) == 12


def test_a_lane_packs_or_keeps_every_example_it_drew(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    lane = Lane(2, make_sources(tokens, small_steps, TRAIN, 3, small_steps.objectives), small_steps)
    packed = [example.address for _ in range(40) for example in lane.next_pack().examples]
    state = lane.state_dict()
    seen = Counter(packed + [tuple(address) for address in state["waiting"]])
    assert set(seen.values()) == {1}
    for objective, (window, place) in state["next"].items():
        mine = sorted(address[1:] for address in seen if address[0] == objective)
        assert mine[-1] == (window, place - 1)
        inside = Counter(number for number, _ in mine)
        assert all(
            [place for number, place in mine if number == w] == list(range(count)) for w, count in inside.items()
        )


def test_rows_left_out_are_counted_by_reason_and_once(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    """Chosen languages leave items undescribed; what a lane counts is what its windows say, however often it is resumed."""
    config = dataclasses.replace(small_steps, languages=("de", "hy"), window_units=1, unit_rows=16)
    sources = make_sources(tokens, config, TRAIN, 3, config.objectives)
    lane = Lane(0, sources, config)
    for _ in range(12):
        lane.next_pack()
        saved = lane.state_dict()
        lane = Lane(0, sources, config)
        lane.load_state_dict(saved)
    expected: Counter[str] = Counter()
    for objective, (last, _) in saved["next"].items():
        for number in range(last + 1):
            window = sources[objective].window(0, number)
            expected[f"{objective}/rows"] += window.rows
            expected.update({f"{objective}/left_out/{name}": n for name, n in window.left_out.items() if n})
            if objective != "mlm":  # there, one row gives several examples
                assert window.rows == window.count + sum(window.left_out.values())
    assert saved["rows"] == expected
    assert expected["mep/left_out/no_description"] and expected["oe/left_out/no_subject_description"]
    assert expected["oe/left_out/no_object_description"] and "mlm/left_out/empty" not in expected


def test_lanes_of_several_ranks_count_their_rows_once(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    alone, shared = streams(tokens, small_steps, 1), streams(tokens, small_steps, 2)
    run(alone, 8)
    run(shared, 4)
    assert rows_read(handed_over(alone)) == rows_read(handed_over(shared))
    assert rows_read(handed_over(alone))["mlm/rows"] > 0


def test_one_pass_reads_every_row_once(tmp_path: Path) -> None:
    """One language, MLM on contexts alone: the union over all lanes is the data, and nothing comes twice."""
    data = open_world(write_world(tmp_path / "tokens", contexts=960))
    config = StreamConfig(
        tokens_per_step=1024,
        max_text_length=64,
        max_length=64,
        mep_share=0.0,
        oe_share=0.0,
        languages=("hy",),
        num_lanes=4,
        window_units=5,
        unit_rows=8,
    )
    data.manifest.shards[:] = [shard for shard in data.manifest.shards if shard.table != "token_text"]
    sources = make_sources(data, config, TRAIN, 9, ["mlm"])
    num_units, per_window = len(sources["mlm"].plan.in_order()), config.num_lanes * config.window_units
    assert num_units == 40
    assert num_units % per_window == 0
    names = []
    for lane in range(config.num_lanes):
        for number in range(num_units // per_window):
            window = sources["mlm"].window(lane, number)
            names += [window.example(place).origin for place in range(window.count)]
    rows = sum(
        shard.rows
        for shard in data.manifest.shards
        if shard.partition == "hy" and "/train" in shard.path and shard.table == "token_mentions"
    )
    assert len(names) == len(set(names)) == rows == 320


def test_tokens_follow_the_shares_and_fill_the_stream(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    config = dataclasses.replace(small_steps, mlm_share=0.5, mep_share=0.3, oe_share=0.2)
    lane = Lane(0, make_sources(tokens, config, TRAIN, 3, config.objectives), config)
    packs = [lane.next_pack() for _ in range(100)]
    total = sum(pack.num_tokens for pack in packs)
    for objective in config.objectives:
        assert sum(pack.tokens[objective] for pack in packs) / total == pytest.approx(config.share(objective), abs=0.02)
    assert total / (100 * config.tokens_per_step) > 0.99


@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0])
def test_rows_follow_the_smoothed_shares_of_languages(
    tokens: TokenDataset, small_steps: StreamConfig, alpha: float
) -> None:
    """Units of the small languages are smaller here, which must not lower their share of the rows."""
    config = dataclasses.replace(small_steps, mep_alpha=alpha)
    source = make_sources(tokens, config, TRAIN, 3, ["mep"])["mep"]
    drawn: Counter[str] = Counter()
    for number in range(300):
        window = source.window(0, number)
        drawn.update(window.example(place).origin.split("/")[1] for place in range(window.count))
    rows = Counter({language: 0 for language in drawn})
    for shard in tokens.manifest.of(TOKEN_MENTIONS, split=TRAIN):
        rows[shard.partition] += shard.rows
    weights = {language: count**alpha for language, count in rows.items()}
    for language, weight in weights.items():
        assert drawn[language] / drawn.total() == pytest.approx(weight / sum(weights.values()), rel=0.1), language


def test_paper_mode_gives_each_batch_one_objective(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    config = dataclasses.replace(small_steps, one_objective_per_batch=True)
    kinds = [{name.split()[0] for name in batch.row_ids} for batch in run(streams(tokens, config, 1), 36)]
    assert all(len(kind) == 1 for kind in kinds)
    # Each lane has a phase of its own, so that every 24 packs, whichever ranks make them, are of all objectives alike.
    for start in (0, 12, 24):
        counts = Counter(next(iter(kind)) for kind in kinds[start : start + 12])
        assert sorted(counts) == ["mep", "mlm", "oe"] and max(counts.values()) - min(counts.values()) <= 2


@pytest.mark.parametrize("change", [{}, {"one_objective_per_batch": True}, {"oe_share": 0.0}])
def test_a_blank_batch_is_like_all_others(
    tokens: TokenDataset, small_steps: StreamConfig, change: dict[str, Any]
) -> None:
    ranks = streams(tokens, dataclasses.replace(small_steps, **change), 1)
    blank, made = ranks[0].blank(), run(ranks, 4)
    kinds = [{name: (tensor.dtype, tensor.shape) for name, tensor in batch.tensors().items()} for batch in made]
    assert kinds == [{name: (tensor.dtype, tensor.shape) for name, tensor in blank.tensors().items()}] * 4
    assert blank.num_tokens == 0 and equal(made[0], run(streams(tokens, ranks[0].config, 1), 1)[0])


@pytest.mark.parametrize("workers", [2, 3])
def test_worker_processes_give_the_same_batches(tokens: TokenDataset, small_steps: StreamConfig, workers: int) -> None:
    expected = run(streams(tokens, small_steps, 1), 14)
    loader = StreamLoader(streams(tokens, small_steps, 1)[0], num_workers=workers)
    assert loader.num_workers == workers
    found = list(islice(loader, 8))
    state = json.loads(json.dumps(loader.state_dict()))
    loader.close()
    again = StreamLoader(streams(tokens, small_steps, 1)[0], num_workers=5 - workers)
    again.load_state_dict(state)
    found += list(islice(again, 6))
    again.close()
    assert all(map(equal, found, expected))
    assert loader.seconds_waited > 0


def test_a_closed_loader_goes_on_where_it_was(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    expected = run(streams(tokens, small_steps, 1), 6)
    loader = StreamLoader(streams(tokens, small_steps, 1)[0], num_workers=2)
    found = list(islice(loader, 3))
    loader.close()
    found += list(islice(loader, 3))
    loader.close()
    assert all(map(equal, found, expected))


def test_state_is_small(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    ranks = streams(tokens, small_steps, 1)
    run(ranks, 60)
    assert len(json.dumps(ranks[0].state_dict())) < 2_000 * small_steps.num_lanes


@pytest.mark.parametrize("change", [{"num_lanes": 12}, {"mlm_probability": 0.2}, {"tokens_per_step": 2048}])
def test_another_configuration_is_refused(
    tokens: TokenDataset, small_steps: StreamConfig, change: dict[str, Any]
) -> None:
    ranks = streams(tokens, small_steps, 1)
    run(ranks, 2)
    other = streams(tokens, dataclasses.replace(small_steps, **change), 1)[0]
    with pytest.raises(CheckpointUnusable, match=next(iter(change))):
        other.load_state_dict(handed_over(ranks))


def test_another_seed_is_refused(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    state = handed_over(streams(tokens, small_steps, 1))
    with pytest.raises(CheckpointUnusable, match="seed: saved 3, now 4"):
        streams(tokens, small_steps, 1, seed=4)[0].load_state_dict(state)


def test_changed_data_is_refused_with_both_fingerprints(
    tokens: TokenDataset, small_steps: StreamConfig, tmp_path: Path
) -> None:
    changed = open_world(write_world(tmp_path / "tokens", seed=6))
    ranks = streams(tokens, small_steps, 1)
    run(ranks, 2)
    state = handed_over(ranks)
    with pytest.raises(ShardMismatch, match=f"{tokens.fingerprint}.*{changed.fingerprint}"):
        streams(changed, small_steps, 1)[0].load_state_dict(state)
    streams(changed, small_steps, 1)[0].load_state_dict(state, allow_changed_data=True)


@pytest.mark.parametrize("paper", [False, True])
def test_any_number_of_ranks_makes_the_same_packs_after_any_change(
    tokens: TokenDataset, small_steps: StreamConfig, paper: bool
) -> None:
    """Numbers that divide the six lanes, that do not, and that are above them."""
    config = dataclasses.replace(small_steps, one_objective_per_batch=paper)
    worlds = ((4, 3), (7, 2), (16, 1), (3, 3), (5, 2), (1, 4))  # ranks, and the batches each makes
    expected = run(streams(tokens, config, 1), sum(ranks * each for ranks, each in worlds))
    found, state = [], None
    for ranks, each in worlds:
        world = streams(tokens, config, ranks)
        for stream in world if state else ():
            stream.load_state_dict(state)
        found += run(world, each)
        state = handed_over(world)
    assert len(found) == len(expected) and all(map(equal, found, expected))


def test_workers_of_ranks_that_do_not_divide_the_lanes_give_the_same_batches(
    tokens: TokenDataset, small_steps: StreamConfig
) -> None:
    expected = run(streams(tokens, small_steps, 1), 20)
    loader = StreamLoader(streams(tokens, small_steps, 4)[1], num_workers=3)
    assert loader.num_workers == 3
    found = list(islice(loader, 5))
    loader.close()
    assert all(map(equal, found, expected[1::4]))


def test_states_that_do_not_belong_together_are_refused(tokens: TokenDataset, small_steps: StreamConfig) -> None:
    one, two = streams(tokens, small_steps, 2)
    run([one, two], 2)
    run([one], 1)
    with pytest.raises(CheckpointUnusable, match="next_pack"):
        merge_states([one.state_dict(), two.state_dict()])
    with pytest.raises(CheckpointUnusable, match="no stream states"):
        merge_states([])
