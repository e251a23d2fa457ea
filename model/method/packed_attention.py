"""Attention that stays inside each document of a packed stream, and the hook that gives it to an encoder.

A packed stream is one row of tokens; `cu_seqlens` (int32, shape `[documents + 1]`) says where each document starts and
the last one ends. The usual attention forms of Hugging Face let such documents see each other, whatever their position
ids say, so the encoder is loaded with an attention function of our own:

- CUDA in half precision: `torch.nn.attention.varlen.varlen_attn`, one fused kernel, no host sync;
- anything else (the CPU, or float32 on CUDA): `document_attention`, exact, one document after the other.

Both are custom operators with known output shapes, so `torch.compile(fullgraph=True)` sees one graph.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from model.method.document_attention import exact_attention
from schemas.errors import UsageError

NAME = "xlmk_packed"
"""The name under which transformers knows this attention."""


def register_packed_attention() -> str:
    """Make the packed attention known to transformers and return its name; harmless when repeated."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, packed_attention)
    return NAME


def packed_attention(  # noqa: PLR0913 (transformers calls it so)
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    cu_seqlens: Tensor | None = None,
    max_seqlen: int = 0,
    sliding_window: int | None = None,
    **ignored: Any,
) -> tuple[Tensor, None]:
    """Return the attention function that transformers calls in every layer; attention dropout is 0 by construction.

    Args:
        module: the layer; unused.
        query, key, value: shape `[1, heads, tokens, head width]`.
        attention_mask: must be absent, the documents' bounds replace it.
        scaling: what the scores are multiplied by.
        cu_seqlens: document bounds, int32 `[documents + 1]`.
        max_seqlen: an upper bound of the documents' lengths, in tokens.
        sliding_window: half width in tokens plus one, as transformers passes it; None means the whole document.

    Returns:
        The attended values, shape `[1, tokens, heads, head width]`, and None in place of the weights.

    Raises:
        UsageError: no `cu_seqlens`, more than one row, or a padding mask.
    """
    if cu_seqlens is None or attention_mask is not None or query.shape[0] != 1:
        raise UsageError(
            "packed attention got a padded batch; it needs one packed row and its cu_seqlens. "
            "Call Encoder.forward, or load the exported folder with AutoModel for padded batches"
        )
    window = -1 if sliding_window is None else sliding_window - 1
    query, key, value = (states[0].transpose(0, 1) for states in (query, key, value))
    if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16):
        attended = _fused((query, key, value), cu_seqlens, max_seqlen, scaling, window)
    else:
        attended = exact_attention(query, key, value, cu_seqlens, scaling, window)
    return attended.unsqueeze(0), None


def _fused(
    states: tuple[Tensor, Tensor, Tensor], cu_seqlens: Tensor, longest: int, scale: float, window: int
) -> Tensor:
    """Return the CUDA form; shapes as in `exact_attention`."""
    from torch.nn.attention.varlen import varlen_attn

    bounded: dict[str, Any] = {} if window < 0 else {"window_size": (window, window)}
    return cast(Tensor, varlen_attn(*states, cu_seqlens, cu_seqlens, longest, longest, scale=scale, **bounded))
