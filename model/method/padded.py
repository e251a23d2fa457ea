"""The padded way through an encoder that cannot be packed: documents as rows of a matrix, and back into the stream."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


def padded_states(
    body: Any, token_ids: Int[Tensor, " tokens"], cu_seqlens: Int[Tensor, " bounds"], layer: int | None
) -> tuple[Float[Tensor, "tokens width"], Float[Tensor, "tokens width"]]:
    """Hidden states of a packed stream from a model that is given one document a row.

    Rows are as long as the longest document, so that more is computed than for a packed stream; positions are the model's
    own. Reads the bounds, so a GPU is waited for.

    Args:
        body: the model without its head.
        token_ids: the stream; its documents cover it end to end.
        cu_seqlens: their bounds.
        layer: which layer's states to return beside the last ones; None repeats the last.
    """
    lengths = cu_seqlens.diff()
    lengths = lengths[lengths > 0].long()
    starts = lengths.cumsum(0) - lengths
    columns = torch.arange(int(lengths.max()), device=token_ids.device)
    inside = columns < lengths[:, None]
    rows = token_ids[torch.where(inside, starts[:, None] + columns, 0)]
    padding = body.config.pad_token_id or 0
    output = body(
        input_ids=torch.where(inside, rows, padding),
        attention_mask=inside.long(),
        output_hidden_states=layer is not None,
    )
    last = output.last_hidden_state[inside]
    return last, last if layer is None else output.hidden_states[layer][inside]
