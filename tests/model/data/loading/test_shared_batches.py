"""A batch comes out of a place as it went in, and is not touched by the batch that takes its place next."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from model.batch import Batch
from model.data.loading.shared_batches import SharedBatches
from tests.model.hand_made import hand_made_batch


def same(one: Batch, other: Batch) -> bool:
    """Whether all fields are equal, with their types and shapes."""

    def agree(left: Any, right: Any) -> bool:
        if not isinstance(left, torch.Tensor):
            return bool(left == right)
        return left.dtype == right.dtype and torch.equal(left, right)

    return all(agree(getattr(one, spec.name), getattr(other, spec.name)) for spec in fields(Batch))


def test_every_field_comes_back_and_stays() -> None:
    batches = [hand_made_batch(7, position=11), replace(hand_made_batch(7, position=12), row_ids=("mlm a:0:1", "b"))]
    batches[1] = replace(batches[1], token_ids=batches[0].token_ids.flip(0))
    places = SharedBatches(batches[0], 2)
    assert len(places) == 2
    rest = [places.put(number, batch) for number, batch in enumerate(batches)]
    assert not any(isinstance(value, torch.Tensor) for value in rest[0].values())
    taken = places.get(0, rest[0])
    places.put(0, batches[1])
    assert same(taken, batches[0]) and same(places.get(1, rest[1]), batches[1])
    assert not same(taken, batches[1])


def test_odd_sizes_and_kinds_without_places() -> None:
    batch = hand_made_batch()
    none = {name: getattr(batch, name)[:0] for name in vars(batch) if name.startswith("oe_")}
    batch = replace(batch, cu_seqlens=batch.cu_seqlens[:6], mep_entities=torch.tensor(7).expand(8), **none)
    places = SharedBatches(batch, 3)
    rest = [places.put(number, batch) for number in range(3)]
    assert all(same(places.get(number, rest[number]), batch) for number in range(3))


@pytest.mark.parametrize("change", [{"mlm_labels": torch.tensor([5])}, {"cu_seqlens": torch.zeros(19)}])
def test_a_batch_of_another_shape_is_refused(change: dict[str, torch.Tensor]) -> None:
    """Copying would otherwise repeat a single value over the whole place, or change its type."""
    batch, odd = hand_made_batch(), hand_made_batch()
    for name, values in change.items():
        object.__setattr__(odd, name, values)  # made in the ordinary way, its annotations would refuse it in tests
    places = SharedBatches(batch, 1)
    with pytest.raises(ValueError, match=f"^{next(iter(change))} of a batch is"):
        places.put(0, odd)
