"""Slots for batches in memory that a process shares with the children it forks.

All shapes of a run are fixed, so every batch fits the same places: a worker copies its tensors in, the trainer copies
them out, and neither makes, sends or opens anything on the way. The memory has no name, so nothing of it can outlive
the last of its processes, however they end.
"""

from __future__ import annotations

import mmap
from dataclasses import fields
from math import prod
from typing import Any

import torch
from torch import Tensor

from model.batch import Batch
from model.data.stream_config import StreamShapes

ALIGNMENT = 64
"""Every tensor starts at a multiple of this many bytes: a line of the processor's cache."""


class Slots:
    """Room for the tensors of a few batches."""

    def __init__(self, shapes: StreamShapes, count: int) -> None:
        """Take the memory, before the fork that is to share it.

        Args:
            shapes: of all batches.
            count: number of slots.
        """
        places = batch_places(shapes)
        size = sum(map(_room, places.values()))
        self._memory = mmap.mmap(-1, count * size)
        self._slots = [self._views(places, number * size) for number in range(count)]

    def __len__(self) -> int:
        return len(self._slots)

    def put(self, number: int, batch: Batch) -> dict[str, Any]:
        """Copy a batch's tensors into a slot; returns its other fields.

        Raises:
            ValueError: a tensor is not of the shape that the slots were made for.
        """
        values = {spec.name: getattr(batch, spec.name) for spec in fields(Batch)}
        for name, place in self._slots[number].items():
            value = values.pop(name)
            if value.shape != place.shape or value.dtype != place.dtype:
                raise ValueError(
                    f"{name} of a batch is {value.dtype} {list(value.shape)}, its slot {place.dtype} {list(place.shape)}"
                )
            place.copy_(value)
        return values

    def get(self, number: int, rest: dict[str, Any], *, pin: bool = False) -> Batch:
        """Copy a batch out of a slot, whose room may be used anew afterwards.

        Args:
            number: the slot.
            rest: what `put` returned.
            pin: copy into page-locked memory.
        """
        slot = self._slots[number]
        tensors: dict[str, Any] = {name: place.pin_memory() if pin else place.clone() for name, place in slot.items()}
        return Batch(**tensors, **rest)

    def _views(self, places: dict[str, tuple[torch.dtype, tuple[int, ...]]], start: int) -> dict[str, Tensor]:
        views = {}
        for name, place in places.items():
            dtype, shape = place
            views[name] = torch.empty(shape, dtype=dtype)
            if prod(shape):  # a buffer of nothing cannot be made
                views[name] = torch.frombuffer(self._memory, dtype=dtype, count=prod(shape), offset=start).view(shape)
            start += _room(place)
        return views


def batch_places(shapes: StreamShapes) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """Return type and shape of each of a batch's tensors."""
    lengths = {
        "token_ids": (shapes.tokens,),
        "position_ids": (shapes.tokens,),
        "mlm_positions": (shapes.masked,),
        "mlm_labels": (shapes.masked,),
        "key_positions": (shapes.keys,),
        "key_entities": (shapes.keys,),
        "mep_positions": (shapes.mep,),
        "mep_entities": (shapes.mep,),
        "mep_keys": (shapes.mep,),
        "oe_positions": (shapes.oe,),
        "oe_keys": (shapes.oe,),
        "oe_subjects": (shapes.oe,),
        "oe_relations": (shapes.oe,),
        "oe_objects": (shapes.oe, shapes.true_objects),
    }
    return {"cu_seqlens": (torch.int32, (shapes.documents + 1,))} | {
        name: (torch.int64, length) for name, length in lengths.items()
    }


def _room(place: tuple[torch.dtype, tuple[int, ...]]) -> int:
    dtype, shape = place
    return -(-prod(shape) * dtype.itemsize // ALIGNMENT) * ALIGNMENT
