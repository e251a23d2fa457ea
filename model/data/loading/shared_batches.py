"""Places for batches in memory that a process shares with the children it forks.

All shapes of a run are fixed, so every batch fits the same places: a worker copies its tensors in, the trainer copies
them out, and neither makes, sends or opens anything on the way. The memory has no name, so nothing of it can outlive
the last of its processes, however they end.
"""

from __future__ import annotations

import mmap
from typing import Any

import torch
from torch import Tensor

from model.batch import Batch

ALIGNMENT = 64
"""Every tensor starts at a multiple of this many bytes: a line of the processor's cache."""


class SharedBatches:
    """Room for the tensors of a few batches."""

    def __init__(self, like: Batch, count: int) -> None:
        """Take the memory, before the fork that is to share it.

        Args:
            like: a batch with the shapes of all.
            count: number of places.
        """
        tensors = like.tensors()
        size = sum(map(_room, tensors.values()))
        self._memory = mmap.mmap(-1, count * size)
        self._places = [self._views(tensors, number * size) for number in range(count)]

    def __len__(self) -> int:
        return len(self._places)

    def put(self, number: int, batch: Batch) -> dict[str, Any]:
        """Copy a batch's tensors into a place; returns its other fields.

        Raises:
            ValueError: a tensor is not of the shape that the places were made for.
        """
        rest = dict(vars(batch))
        for name, place in self._places[number].items():
            value = rest.pop(name)
            if value.shape != place.shape or value.dtype != place.dtype:
                raise ValueError(
                    f"{name} of a batch is {value.dtype} {list(value.shape)}, its place {place.dtype} {list(place.shape)}"
                )
            place.copy_(value)
        return rest

    def get(self, number: int, rest: dict[str, Any], *, pin: bool = False) -> Batch:
        """Copy a batch out of a place, whose room may be used anew afterwards.

        Args:
            number: the place.
            rest: what `put` returned.
            pin: copy into page-locked memory.
        """
        views = self._places[number]
        tensors: dict[str, Any] = {name: place.pin_memory() if pin else place.clone() for name, place in views.items()}
        return Batch(**tensors, **rest)

    def _views(self, tensors: dict[str, Tensor], start: int) -> dict[str, Tensor]:
        views = {}
        for name, tensor in tensors.items():
            views[name] = torch.empty_like(tensor)
            if size := tensor.numel():  # a buffer of nothing cannot be made
                flat = torch.frombuffer(self._memory, dtype=tensor.dtype, count=size, offset=start)
                views[name] = flat.view(tensor.shape)
            start += _room(tensor)
        return views


def _room(tensor: Tensor) -> int:
    return -(-tensor.nbytes // ALIGNMENT) * ALIGNMENT
