"""A batch as one block of bytes, for its way from a loader's worker to the trainer.

Every tensor that passes between processes is a file descriptor, and a connection of its own to hand it over: half a
millisecond for each of a batch's fifteen. A parcel has one tensor, of which the batch's are views again on arrival.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from model.batch import Batch

ALIGNMENT = 8
"""Every tensor starts at a multiple of this many bytes, as its view needs."""


class Place(NamedTuple):
    """Where one tensor lies in a parcel."""

    name: str
    """Field of the batch."""
    dtype: torch.dtype
    """Its type."""
    shape: tuple[int, ...]
    """Its shape."""
    start: int
    """First byte."""


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A batch that travels."""

    content: Tensor
    """All tensors' bytes."""
    places: tuple[Place, ...]
    """Where each of them lies."""
    rest: dict[str, Any]
    """The fields that are not tensors."""

    def pin_memory(self) -> Parcel:
        """Return the same in page-locked memory."""
        return replace(self, content=self.content.pin_memory())


def wrap(batch: Batch) -> Parcel:
    """Make a parcel of a batch on the CPU."""
    values = {spec.name: getattr(batch, spec.name) for spec in fields(Batch)}
    places, end = [], 0
    for name, value in values.items():
        if isinstance(value, Tensor):
            places.append(Place(name, value.dtype, tuple(value.shape), end))
            end += -(-value.nbytes // ALIGNMENT) * ALIGNMENT
    content = torch.zeros(end, dtype=torch.uint8)
    for place in places:
        _view(content, place).copy_(values.pop(place.name))
    return Parcel(content=content, places=tuple(places), rest=values)


def unwrap(parcel: Parcel) -> Batch:
    """Make the batch of a parcel again; its tensors share the parcel's memory."""
    tensors: dict[str, Any] = {place.name: _view(parcel.content, place) for place in parcel.places}
    return Batch(**tensors, **parcel.rest)


def _view(content: Tensor, place: Place) -> Tensor:
    size = torch.Size(place.shape).numel() * place.dtype.itemsize
    return content[place.start : place.start + size].view(place.dtype).view(place.shape)
