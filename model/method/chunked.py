"""The chunked step: a batch is encoded in pieces and still contrasted as a whole, for GPUs that cannot hold it.

1. Encode every piece without gradient and keep only the rows the objectives read.
2. Compute the losses on those rows; their backward pass gives the gradients of heads, output embedding and rows.
3. Encode every piece again with the same dropout, and send its rows' gradients back through the encoder.

The result is the gradient of the whole batch, for one more forward pass. Source: GradCache (Gao et al., 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from model.batch import Batch
from model.method.contrast import Metrics
from model.method.joint import JointModel
from model.method.objectives import States

ROWS = {
    "words": "mlm_positions",
    "keys": "key_positions",
    "mentions": "mep_positions",
    "questions": "oe_positions",
}
"""Which positions of a batch each kind of row is read at."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some documents of a batch, as a batch of their own."""

    batch: Batch
    """The documents, their positions counted from the piece's start."""
    slots: dict[str, Tensor]
    """For each kind of row, which slots of the whole batch lie in this piece."""


def split(batch: Batch, chunk_tokens: int) -> Iterator[Piece]:
    """Cuts a batch (on the CPU) between documents into pieces of at most `chunk_tokens`, or one document if longer."""
    bounds = batch.cu_seqlens.tolist()
    first = 0
    while first < len(bounds) - 1 and bounds[first] < bounds[-1]:
        last = first + 1
        while last < len(bounds) - 1 and bounds[last + 1] - bounds[first] <= chunk_tokens:
            last += 1
        yield _piece(batch, bounds[first], bounds[last], batch.cu_seqlens[first : last + 1])
        first = last


def _piece(batch: Batch, start: int, stop: int, bounds: Tensor) -> Piece:
    slots: dict[str, Tensor] = {}
    own: dict[str, Any] = {}
    for name, source in ROWS.items():
        everywhere = getattr(batch, source)
        slots[name] = ((everywhere >= start) & (everywhere < stop)).nonzero().squeeze(1)
        kind = source.removesuffix("positions")
        own |= {field: of[slots[name]] for field, of in batch.tensors().items() if field.startswith(kind)}
        own[source] = everywhere[slots[name]] - start
    part = replace(
        batch,
        token_ids=batch.token_ids[start:stop],
        position_ids=batch.position_ids[start:stop],
        cu_seqlens=bounds - start,
        **own,
    )
    return Piece(batch=part, slots=slots)


def chunked_backward(
    model: JointModel,
    batch: Batch,
    chunk_tokens: int,
    device: torch.device,
    reseed: Callable[[int], None],
    weight: float = 1.0,
) -> tuple[Tensor, Metrics]:
    """Adds the gradient of a whole batch's loss, times `weight`, to the parameters.

    Args:
        model: encoder and objectives.
        batch: on the CPU, where it is cut.
        chunk_tokens: most tokens of a piece.
        device: where to compute.
        reseed: sets the generators of dropout to a state that depends on its argument, the piece's number.
        weight: factor of the loss.

    Returns:
        The loss, without gradient, and the measures.
    """
    pieces = list(split(batch, chunk_tokens))
    with torch.no_grad():
        parts = [_encode(model, piece, device, reseed, number) for number, piece in enumerate(pieces)]
    whole = _assemble(parts, [piece.slots for piece in pieces])
    loss, measures = model.losses(whole, batch.to(device))
    (loss * weight).backward()
    for number, piece in enumerate(pieces):
        again = _encode(model, piece, device, reseed, number)
        _send_back(again, whole, {name: slots.to(device) for name, slots in piece.slots.items()})
    return loss.detach(), measures


def _encode(
    model: JointModel, piece: Piece, device: torch.device, reseed: Callable[[int], None], number: int
) -> States:
    reseed(number)
    return model.encode(piece.batch.to(device))


def _assemble(parts: list[States], slots: list[dict[str, Tensor]]) -> States:
    """Rows of all pieces in the order of the whole batch's slots, as leaves that collect gradients."""
    rows = {}
    for spec in fields(States):
        joined = torch.cat([getattr(part, spec.name) for part in parts])
        order = torch.cat([where[spec.name] for where in slots]).argsort().to(joined.device)
        rows[spec.name] = joined.index_select(0, order).requires_grad_()
    return States(**rows)


def _send_back(rows: States, whole: States, slots: dict[str, Tensor]) -> None:
    """Backward through one piece, from the gradients that its rows received as part of the whole."""
    arrived = []
    for spec in fields(States):
        gradient = getattr(whole, spec.name).grad
        if gradient is not None and len(slots[spec.name]):
            arrived.append((getattr(rows, spec.name), gradient.index_select(0, slots[spec.name])))
    if arrived:
        torch.autograd.backward([state for state, _ in arrived], [gradient for _, gradient in arrived])
