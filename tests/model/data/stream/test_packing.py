"""Packing: the budget is kept, descriptions are shared, and nothing is changed on the way in."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.data.examples.example import Example
from model.data.stream.packing import Pack
from model.data.stream_config import OBJECTIVES, StreamShapes

SHAPES = StreamShapes(tokens=256, documents=24, longest=64, masked=40, keys=6, mep=4, oe=5, true_objects=2)


def example(place: int, objective: str, length: int, item: int, rival: int) -> Example:
    key = np.zeros(length // 3 + 1, dtype=np.int32)
    described = objective != "mlm"
    return Example(
        address=(objective, 0, place),  # type: ignore[arg-type]
        parts=(np.zeros(length, dtype=np.int32),),
        num_tokens=length + 2,
        origin=str(place),
        entity=item if described else -1,
        key_tokens=key if described else None,
        rivals=[(rival, key)] if described and rival else (),
    )


EXAMPLES = st.lists(
    st.tuples(st.sampled_from(OBJECTIVES), st.integers(1, 60), st.integers(1, 9), st.integers(0, 9)), max_size=60
)


@settings(max_examples=200, deadline=None)
@given(EXAMPLES)
def test_budgets_are_kept_and_nothing_is_lost(drawn: list[tuple[str, int, int, int]]) -> None:
    pack = Pack(SHAPES)
    offered = [example(place, *values) for place, values in enumerate(drawn)]
    refused = [one for one in offered if not pack.add(one)]
    assert sorted(pack.examples + refused, key=lambda one: one.address[2]) == offered
    documents = [one.num_tokens for one in pack.examples] + [len(ids) + 2 for ids in pack.keys.values()]
    assert pack.num_tokens == sum(documents) == sum(pack.tokens.values()) <= SHAPES.tokens
    tails = -(-(SHAPES.tokens - pack.num_tokens) // SHAPES.longest)
    assert len(documents) + tails <= SHAPES.documents
    assert len(pack.keys) <= SHAPES.keys
    assert pack.queries["mep"] <= SHAPES.mep
    assert pack.queries["oe"] <= SHAPES.oe
    assert {one.entity for one in pack.examples if one.key_tokens is not None} <= set(pack.keys)


@settings(max_examples=100, deadline=None)
@given(EXAMPLES)
def test_first_fit_only_refuses_what_has_no_room(drawn: list[tuple[str, int, int, int]]) -> None:
    pack = Pack(SHAPES)
    for place, values in enumerate(drawn):
        one = example(place, *values)
        room, keys, queries = pack.room, dict(pack.keys), dict(pack.queries)
        if pack.add(one):
            continue
        cost = one.num_tokens if one.entity in keys else one.cost
        full = queries["mep"] == SHAPES.mep or queries["oe"] == SHAPES.oe or len(keys) == SHAPES.keys
        assert cost > room or full or len(pack.examples) + len(keys) + 2 > SHAPES.documents - 4


def test_a_shared_description_is_paid_once() -> None:
    pack = Pack(SHAPES)
    assert pack.add(example(0, "mep", 30, 5, 0))
    before = pack.num_tokens
    assert pack.add(example(1, "oe", 30, 5, 0))
    assert pack.num_tokens - before == 32
    assert list(pack.keys) == [5]


def test_a_rival_is_a_key_without_a_query() -> None:
    pack = Pack(SHAPES)
    assert pack.add(example(0, "mep", 30, 5, 7))
    assert list(pack.keys) == [5, 7]
    assert pack.queries["mep"] == 1
