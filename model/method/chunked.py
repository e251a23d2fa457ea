"""The cached step: batches are encoded one by one, or in pieces, and contrasted as a whole, where memory holds no more.

1. Encode every piece without gradient and keep only the rows the objectives read.
2. Compute the losses on those rows; their backward pass gives the gradients of heads, output embedding and rows.
3. Encode every piece again with the same dropout, and send its rows' gradients back through the encoder.

The result is the gradient of the whole, for one more forward pass. Source: GradCache (Gao et al., 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from model.batch import Batch, join
from model.method.contrast import Sums
from model.method.joint import JointModel
from model.method.objectives import States
from model.method.totals import Totals

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
    """For each kind of row, which slots of the joined batches lie in this piece."""
    draws: tuple[int, int]
    """Number of the batch, and of the piece within it: what dropout depends on."""


def split(batches: Sequence[Batch], chunk_tokens: int) -> Iterator[Piece]:
    """Cut batches (on the CPU) into pieces.

    Args:
        batches: their places follow each other, batch by batch, as in `join`.
        chunk_tokens: cuts between documents into pieces of at most so many tokens, or one document if longer; 0 leaves
            batches whole.
    """
    offsets = dict.fromkeys(ROWS, 0)
    for number, batch in enumerate(batches):
        if chunk_tokens:
            for piece, (first, last) in enumerate(_cuts(batch.cu_seqlens.tolist(), chunk_tokens)):
                yield _piece(batch, batch.cu_seqlens[first : last + 1], offsets, (number, piece))
        else:  # nothing of the batch is read
            places = {name: torch.arange(len(getattr(batch, source))) for name, source in ROWS.items()}
            slots = {name: here + offsets[name] for name, here in places.items()}
            yield Piece(batch=batch, slots=slots, draws=(number, 0))
        for name, source in ROWS.items():
            offsets[name] += len(getattr(batch, source))


def _cuts(bounds: list[int], chunk_tokens: int) -> Iterator[tuple[int, int]]:
    """First and last bound of each piece."""
    first = 0
    while first < len(bounds) - 1 and bounds[first] < bounds[-1]:
        last = first + 1
        while last < len(bounds) - 1 and bounds[last + 1] - bounds[first] <= chunk_tokens:
            last += 1
        yield first, last
        first = last


def _piece(batch: Batch, bounds: Tensor, offsets: dict[str, int], draws: tuple[int, int]) -> Piece:
    start, stop = int(bounds[0]), int(bounds[-1])
    slots: dict[str, Tensor] = {}
    own: dict[str, Any] = {}
    for name, source in ROWS.items():
        everywhere = getattr(batch, source)
        here = ((everywhere >= start) & (everywhere < stop)).nonzero().squeeze(1)
        kind = source.removesuffix("positions")
        own |= {field: of[here] for field, of in batch.tensors().items() if field.startswith(kind)}
        own[source] = everywhere[here] - start
        slots[name] = here + offsets[name]
    part = replace(
        batch,
        token_ids=batch.token_ids[start:stop],
        position_ids=batch.position_ids[start:stop],
        cu_seqlens=bounds - start,
        **own,
    )
    return Piece(batch=part, slots=slots, draws=draws)


def cached_backward(
    model: JointModel,
    batches: Sequence[Batch],
    chunk_tokens: int,
    device: torch.device,
    reseed: Callable[[int, int], None],
    totals: Mapping[str, Totals] | None = None,
) -> tuple[Tensor, Sums]:
    """Add the gradient of the loss of batches, contrasted as one, to the parameters.

    Args:
        model: encoder and objectives.
        batches: on the CPU, where they are cut.
        chunk_tokens: most tokens of a piece; 0 encodes batch by batch.
        device: where to compute.
        reseed: sets the generators of dropout to a state that depends on its arguments, the numbers of batch and piece.
        totals: of the step; None takes these batches for all of it.

    Returns:
        The loss, without gradient, and the measures.
    """
    pieces = list(split(batches, chunk_tokens))
    with torch.no_grad():
        parts = [_encode(model, piece, device, reseed) for piece in pieces]
    whole = _assemble(parts, [piece.slots for piece in pieces])
    loss, measures = model.losses(whole, join(batches).to(device), totals)
    loss.backward()
    for piece in pieces:
        again = _encode(model, piece, device, reseed)
        _send_back(again, whole, {name: slots.to(device) for name, slots in piece.slots.items()})
    return loss.detach(), measures


def _encode(model: JointModel, piece: Piece, device: torch.device, reseed: Callable[[int, int], None]) -> States:
    reseed(*piece.draws)
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
