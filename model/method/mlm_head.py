"""The masked-word loss: the vocabulary head on masked rows alone, and a cross entropy that never holds all logits.

At 16,000 tokens and 250,002 pieces the logits of every position are 8 GB. Only masked rows have a label, so only they
pass the head, and they pass it in chunks whose logits are turned into the loss and its gradient at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import ceil
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from model.batch import IGNORED_LABEL

CHUNK_BYTES = 2**30
"""Upper bound of the float32 logits held at one time, in bytes."""


def masked_word_loss(
    rows: Float[Tensor, "slots width"],
    weight: Float[Tensor, "pieces width"],
    bias: Float[Tensor, " pieces"],
    labels: Int[Tensor, " slots"],
    chunk_rows: int = 0,
    *,
    compiled: bool = False,
) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
    """Return summed cross entropy of `rows @ weight.T + bias` against `labels`, and how many labels were right.

    Args:
        rows: transformed hidden states of the masked positions.
        weight, bias: the output embedding.
        labels: the right pieces; `IGNORED_LABEL` marks an unused slot, which adds nothing.
        chunk_rows: most rows of a chunk; 0 chooses the most that fit `CHUNK_BYTES`.
        compiled: compiles the work on a chunk's logits, which then are read three times instead of ten.

    Returns:
        The sum over used slots in nats, with exact gradients, and the count of right predictions. The gradients are
        made once: a second backward pass through the same loss is an error.
    """
    chunk_rows = chunk_rows or max(1, CHUNK_BYTES // (4 * weight.shape[0]))
    # Chunks of one size but the last, so that no small one is left over and a compiled chunk has two shapes at most.
    even = ceil(rows.shape[0] / max(1, ceil(rows.shape[0] / chunk_rows)))
    if torch.is_autocast_enabled(rows.device.type):
        rows = rows.to(torch.get_autocast_dtype(rows.device.type))
    # Inside a Function gradients are always off, so whether they are wanted has to be asked here.
    wanted = torch.is_grad_enabled() and any(t.requires_grad for t in (rows, weight, bias))
    apply: Callable[..., tuple[Tensor, Tensor]] = _ChunkedCrossEntropy.apply
    return apply(rows, weight, bias, labels, max(1, even), wanted, compiled)


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Computes the gradients in the forward pass, chunk by chunk, so that no chunk's logits outlive it.

    Source: for one row with logits z and label y, the loss is logsumexp(z) − z_y and its gradient in z is
    softmax(z) − onehot(y).
    """

    @staticmethod
    def forward(  # noqa: PLR0913 (autograd passes what apply was given)
        ctx: Any,
        rows: Tensor,
        weight: Tensor,
        bias: Tensor,
        labels: Tensor,
        chunk_rows: int,
        wanted: bool,
        compiled: bool,
    ) -> tuple[Tensor, Tensor]:
        chunk = _compiled_chunk() if compiled else _chunk
        narrow = weight.to(rows.dtype)
        new = torch.empty_like if len(rows) else torch.zeros_like
        d_rows, d_weight, d_bias = (new(t) if wanted else t.new_empty(0) for t in (rows, weight, bias))
        total = torch.zeros((), dtype=bias.dtype, device=rows.device)
        right = torch.zeros((), dtype=torch.int64, device=rows.device)
        for start in range(0, rows.shape[0], chunk_rows):
            part = slice(start, start + chunk_rows)
            loss, hits, d_logits, d_bias_part = chunk(rows[part], narrow, bias, labels[part], wanted)
            total += loss
            right += hits
            if wanted:
                d_bias.copy_(d_bias + d_bias_part if start else d_bias_part)
                torch.mm(d_logits, narrow, out=d_rows[part])
                _add_product(d_weight, d_logits.T, rows[part], first=start == 0)
        ctx.mark_non_differentiable(right)
        ctx.save_for_backward(d_rows, d_weight, d_bias)
        return total, right

    @staticmethod
    def backward(ctx: Any, scale: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        # In place: a copy of the weight's gradient would be as large as the embedding.
        d_rows, d_weight, d_bias = (gradient.mul_(scale.to(gradient.dtype)) for gradient in ctx.saved_tensors)
        return d_rows, d_weight, d_bias, None, None, None, None


def _add_product(total: Tensor, left: Tensor, right: Tensor, *, first: bool) -> None:
    """Add `left @ right` to `total`, without a product in between where the types allow it; the first overwrites it."""
    if total.dtype == left.dtype:
        torch.addmm(total, left, right, beta=0 if first else 1, out=total)
    elif first:
        total.copy_(left @ right)
    else:
        total += left @ right


def _chunk(
    rows: Tensor, weight: Tensor, bias: Tensor, labels: Tensor, wanted: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Loss, count of right predictions, and the gradients of logits and bias of some rows; the logits die here.

    One buffer holds the logits, then their exponentials, then their gradient.
    """
    used = labels != IGNORED_LABEL
    targets = torch.where(used, labels, 0)[:, None]
    logits = (rows @ weight.T).to(bias.dtype).add_(bias)
    top = logits.amax(-1, keepdim=True)
    own = logits.gather(1, targets)
    right = ((own == top).squeeze(1) & used).sum()
    powers = logits.sub_(top).exp_()
    sums = powers.sum(-1, keepdim=True)
    loss = ((sums.log() + top - own).squeeze(1) * used).sum()
    if not wanted:
        return loss, right, own[:0], own[:0]
    gradient = powers.mul_(used[:, None] / sums)
    if torch.compiler.is_compiling():  # a comparison melts into the pass before it, writing to places does not
        columns = torch.arange(gradient.shape[1], device=gradient.device)
        gradient = torch.where((columns == targets) & used[:, None], gradient - 1, gradient)
    else:
        gradient.scatter_add_(1, targets, -used[:, None].to(gradient.dtype))
    return loss, right, gradient.to(rows.dtype), gradient.sum(0)


@cache
def _compiled_chunk() -> Any:
    return torch.compile(_chunk, fullgraph=True, dynamic=False)
