"""The forms of masked-LM heads: what lies between an encoder's states and its output embedding.

That the form is the right one is proven by the encoder's probe, which compares logits with the library's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from schemas.errors import UsageError

Transform = Callable[[Tensor], Tensor]


def head_transform(model: Any) -> Transform:
    """Return the masked-LM head of a model without its last layer, from rows of states to rows of states.

    Raises:
        UsageError: the head is of a form this project does not know.
    """
    for form in (_roberta, _bert, _modernbert, _electra, _distilbert, _linear):
        if transform := form(model):
            return transform
    raise UsageError(
        f"{type(model).__name__} has a masked-LM head of unknown form; docs/encoders.md lists the families that are known"
    )


def _roberta(model: Any) -> Transform | None:
    head: Any = getattr(model, "lm_head", None)
    return (lambda rows: head.layer_norm(nn.functional.gelu(head.dense(rows)))) if hasattr(head, "layer_norm") else None


def _bert(model: Any) -> Transform | None:
    """BERT and its kin, with the transform in a module of its own or, as in ALBERT and RemBERT, in the head itself."""
    head: Any = getattr(getattr(model, "cls", model), "predictions", None)
    if hasattr(head, "transform"):
        return lambda rows: head.transform(rows)
    return (lambda rows: head.LayerNorm(head.activation(head.dense(rows)))) if hasattr(head, "LayerNorm") else None


def _modernbert(model: Any) -> Transform | None:
    return (lambda rows: model.head(rows)) if hasattr(model, "head") and hasattr(model, "decoder") else None


def _electra(model: Any) -> Transform | None:
    return (lambda rows: model.generator_predictions(rows)) if hasattr(model, "generator_predictions") else None


def _distilbert(model: Any) -> Transform | None:
    if not hasattr(model, "vocab_transform"):
        return None
    return lambda rows: model.vocab_layer_norm(model.activation(model.vocab_transform(rows)))


def _linear(model: Any) -> Transform | None:
    """EuroBERT: the output embedding alone."""
    return (lambda rows: rows) if isinstance(getattr(model, "lm_head", None), nn.Linear) else None
