"""Exact attention, one document of a packed stream after the other: for the CPU, and for float32 on a GPU.

On a CPU every document passes the fused kernel of PyTorch, forward and backward, on views of the stream: nothing is
gathered, padded or scattered, and of the weights only the logarithm of each row's sum is kept. A GPU gets the same by
matrix products; it trains in half precision with a fused kernel of its own, and float32 there is for comparisons.

Source of the gradient: with P the softmax of scale·QKᵀ, dV = PᵀdO, dP = dOVᵀ, dS = P∘(dP − rowsum(dP∘P)),
dQ = scale·dS·K, dK = scale·dSᵀQ.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor


def exact_attention(query: Tensor, key: Tensor, value: Tensor, cu_seqlens: Tensor, scale: float, window: int) -> Tensor:
    """Attention within each document.

    Args:
        query, key, value: shape `[tokens, heads, head width]`.
        cu_seqlens: document bounds, int32 `[documents + 1]`; tokens after the last bound come out as zeros.
        scale: what the scores are multiplied by.
        window: how far to either side a token sees; -1 means the whole document.

    Returns:
        Shape `[tokens, heads, head width]`.
    """
    attended: Tensor = document_attention(query, key, value, cu_seqlens, scale, window)[0]
    return attended


# PyTorch could read the schemas from the annotations, but not while a test has these checked: wrapped, they are text.
@torch.library.custom_op(
    "xlmk::document_attention",
    mutates_args=(),
    schema="(Tensor query, Tensor key, Tensor value, Tensor cu_seqlens, float scale, SymInt window) -> (Tensor, Tensor)",
)
def document_attention(
    query: Tensor, key: Tensor, value: Tensor, cu_seqlens: Tensor, scale: float, window: int
) -> tuple[Tensor, Tensor]:
    """`exact_attention`, and the logarithm of each row's sum, shape `[tokens, heads]`."""
    attended, norms = _empty(query), _empty_norms(query)
    one_document = _fused if query.device.type == "cpu" else _by_products
    for part, mask in _documents(cu_seqlens, window, query):
        asking, asked, told = (_heads_first(states[part]) for states in (query, key, value))
        one, norm = one_document(asking, asked, told, scale, mask)
        attended[part], norms[part] = one[0].transpose(0, 1), norm[0].transpose(0, 1)
    end = int(cu_seqlens[-1])
    attended[end:], norms[end:] = 0, 0
    return attended, norms


@document_attention.register_fake
def _shapes(
    query: Tensor, key: Tensor, value: Tensor, cu_seqlens: Tensor, scale: float, window: int
) -> tuple[Tensor, Tensor]:
    return _empty(query), _empty_norms(query)


@torch.library.custom_op(
    "xlmk::document_attention_gradient",
    mutates_args=(),
    schema=(
        "(Tensor gradient, Tensor query, Tensor key, Tensor value, Tensor attended, Tensor norms, Tensor cu_seqlens, "
        "float scale, SymInt window) -> (Tensor, Tensor, Tensor)"
    ),
)
def document_attention_gradient(  # noqa: PLR0913 (what the backward pass needs)
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attended: Tensor,
    norms: Tensor,
    cu_seqlens: Tensor,
    scale: float,
    window: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of `document_attention` in query, key and value."""
    d_query, d_key, d_value = (_empty(states) for states in (query, key, value))
    one_document = _fused_gradient if query.device.type == "cpu" else _gradient_by_products
    gradient = gradient.contiguous()  # it may be one number in many places, which the kernel cannot read
    for part, mask in _documents(cu_seqlens, window, query):
        arriving, asking, asked, told, one = (_heads_first(s[part]) for s in (gradient, query, key, value, attended))
        norm = norms[part].transpose(0, 1)[None]
        pieces = one_document(arriving, asking, asked, told, one, norm, scale, mask)
        for whole, piece in zip((d_query, d_key, d_value), pieces, strict=True):
            whole[part] = piece[0].transpose(0, 1)
    end = int(cu_seqlens[-1])
    for whole in (d_query, d_key, d_value):
        whole[end:] = 0
    return d_query, d_key, d_value


@document_attention_gradient.register_fake
def _shapes_of_gradient(  # noqa: PLR0913 (the operator's)
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attended: Tensor,
    norms: Tensor,
    cu_seqlens: Tensor,
    scale: float,
    window: int,
) -> tuple[Tensor, Tensor, Tensor]:
    return _empty(query), _empty(key), _empty(value)


def _documents(cu_seqlens: Tensor, window: int, like: Tensor) -> Iterator[tuple[slice, Tensor | None]]:
    """Yield where each document lies, and what is added to its scores where a window bounds them."""
    bounds = cu_seqlens.tolist()
    for start, end in zip(bounds, bounds[1:], strict=False):
        if end > start:
            yield slice(start, end), None if window < 0 else _window_mask(end - start, window, like)


def _window_mask(length: int, window: int, like: Tensor) -> Tensor:
    steps = torch.arange(length, device=like.device)
    far = (steps[:, None] - steps[None, :]).abs() > window
    return torch.zeros(length, length, dtype=like.dtype, device=like.device).masked_fill_(far, -torch.inf)


def _heads_first(states: Tensor) -> Tensor:
    """Return a document's states as kernels take them, `[1, heads, tokens, head width]`, without a copy."""
    return states.transpose(0, 1)[None]


def _empty(states: Tensor) -> Tensor:
    return torch.empty_like(states, memory_format=torch.contiguous_format)


def _empty_norms(states: Tensor) -> Tensor:
    precise = torch.float64 if states.dtype == torch.float64 else torch.float32
    return states.new_empty(states.shape[:2], dtype=precise)


def _fused(query: Tensor, key: Tensor, value: Tensor, scale: float, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    # The operator behind scaled_dot_product_attention: it also returns what its gradient needs.
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    result: tuple[Tensor, Tensor] = kernel(query, key, value, 0.0, False, attn_mask=mask, scale=scale)
    return result


def _fused_gradient(  # noqa: PLR0913 (as the kernel takes them)
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attended: Tensor,
    norms: Tensor,
    scale: float,
    mask: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
    gradients: tuple[Tensor, Tensor, Tensor] = kernel(
        gradient, query, key, value, attended, norms, 0.0, False, attn_mask=mask, scale=scale
    )
    return gradients


def _by_products(query: Tensor, key: Tensor, value: Tensor, scale: float, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    scores = query @ key.transpose(-1, -2) * scale
    scores = scores if mask is None else scores + mask
    norms = scores.logsumexp(-1)
    return (scores - norms[..., None]).exp() @ value, norms


def _gradient_by_products(  # noqa: PLR0913 (as the kernel takes them)
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attended: Tensor,
    norms: Tensor,
    scale: float,
    mask: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    scores = query @ key.transpose(-1, -2) * scale
    weights = ((scores if mask is None else scores + mask) - norms[..., None]).exp()
    # rowsum(dP∘P) equals rowsum(dO∘O).
    d_scores = weights * (gradient @ value.transpose(-1, -2) - (gradient * attended).sum(-1, keepdim=True)) * scale
    return d_scores @ key, d_scores.transpose(-1, -2) @ query, weights.transpose(-1, -2) @ gradient


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, cu_seqlens, ctx.scale, ctx.window = inputs
    ctx.save_for_backward(*tensors, *output, cu_seqlens)


def _backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    return *document_attention_gradient(gradient, *ctx.saved_tensors, ctx.scale, ctx.window), None, None, None


document_attention.register_autograd(_backward, setup_context=_remember)
