"""A batch comes out of its parcel as it went in, in one block of memory."""

from __future__ import annotations

from dataclasses import fields, replace

import torch

from model.batch import Batch
from model.data.parcel import unwrap, wrap
from tests.model.hand_made import hand_made_batch


def test_every_field_comes_back_with_type_and_shape() -> None:
    batch = hand_made_batch(3, position=11)
    again = unwrap(wrap(batch))
    for spec in fields(Batch):
        before, after = getattr(batch, spec.name), getattr(again, spec.name)
        if isinstance(before, torch.Tensor):
            assert (after.dtype, after.shape) == (before.dtype, before.shape) and torch.equal(after, before)
        else:
            assert after == before


def test_odd_sizes_and_empty_tensors_keep_their_places() -> None:
    batch = hand_made_batch()
    # 4 bytes too few for the next tensor to start at a multiple of 8, and none at all.
    batch = replace(
        batch, cu_seqlens=batch.cu_seqlens[:5], oe_objects=batch.oe_objects[:0], mep_keys=batch.mep_keys[::2]
    )
    batch = replace(batch, mep_entities=torch.tensor(7).expand(3))  # one number in three places
    again = unwrap(wrap(batch))
    assert again.cu_seqlens.tolist() == batch.cu_seqlens.tolist() and again.cu_seqlens.dtype == torch.int32
    assert again.oe_objects.shape == (0, 2) and torch.equal(again.mep_keys, batch.mep_keys)
    assert again.mep_entities.tolist() == [7, 7, 7]
    assert torch.equal(again.oe_subjects, batch.oe_subjects)


def test_one_block_travels() -> None:
    parcel = wrap(hand_made_batch())
    assert not [name for name, value in parcel.rest.items() if isinstance(value, torch.Tensor)]
    batch = unwrap(parcel)
    tensors = [value for value in vars(batch).values() if isinstance(value, torch.Tensor)]
    assert len(tensors) == len(parcel.places) == 15
    assert {tensor.untyped_storage().data_ptr() for tensor in tensors} == {parcel.content.untyped_storage().data_ptr()}
