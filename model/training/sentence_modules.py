"""The files by which sentence-transformers, and with it mteb, takes the state and the head that were trained to be compared.

A finished encoder without them is read with the mean of all states and no head, which was trained for nothing. The chain is:
the encoder, the state of the first token, the head of one side as two linear layers with what normalises them, length 1.
BatchNorm of a finished head is a fixed affine map, so it is part of the linear layer before it.

Source: modules `Transformer`, `Pooling`, `Dense`, `LayerNorm` and `Normalize` of sentence-transformers 5, and their files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from model.method.heads import BATCH_NORM_EPS, ProjectionHead, RowBatchNorm

ROLES = ("mep_key", "oe_key")
"""Heads to take, the first that there is: descriptions are what is compared without a mention."""
_PACKAGE = "sentence_transformers.models"
_IDENTITY, _RELU = "torch.nn.modules.linear.Identity", "torch.nn.modules.activation.ReLU"


def write_sentence_modules(heads: dict[str, ProjectionHead], width: int, longest: int, folder: Path) -> str:
    """Write `modules.json` and a folder for each module beside a finished encoder.

    Args:
        heads: by role; where none of `ROLES` is among them, nothing is written.
        width: of the encoder's states.
        longest: most tokens of a text.
        folder: of the finished model.

    Returns:
        The role of the head; empty where there is none.
    """
    role = next((name for name in ROLES if name in heads), "")
    if not role:
        return ""
    (folder / "sentence_bert_config.json").write_text(_text({"max_seq_length": longest, "do_lower_case": False}))
    parts: list[tuple[str, dict[str, Any], dict[str, Tensor]]] = [("Pooling", _first_token(width), {})]
    parts += _head_parts(heads[role], width)
    parts.append(("Normalize", {}, {}))
    modules = [{"idx": 0, "name": "0", "path": "", "type": f"{_PACKAGE}.Transformer"}]
    for number, (kind, settings, tensors) in enumerate(parts, start=1):
        path = f"{number}_{kind}"
        modules.append({"idx": number, "name": str(number), "path": path, "type": f"{_PACKAGE}.{kind}"})
        (folder / path).mkdir()
        if settings:
            (folder / path / "config.json").write_text(_text(settings))
        if tensors:
            save_file(tensors, folder / path / "model.safetensors")
    (folder / "modules.json").write_text(_text(modules))
    return role


def _first_token(width: int) -> dict[str, Any]:
    names = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
    return {"word_embedding_dimension": width} | {f"pooling_mode_{name}": name == "cls_token" for name in names}


def _head_parts(head: ProjectionHead, width: int) -> list[tuple[str, dict[str, Any], dict[str, Tensor]]]:
    """Return the head as modules: two linear layers with BatchNorm in them, or linear, LayerNorm, ReLU, linear, LayerNorm."""
    first, second = head.first.weight.detach().float().cpu(), head.second.weight.detach().float().cpu()
    if isinstance(head.first_norm, RowBatchNorm) and isinstance(head.second_norm, RowBatchNorm):
        return [
            _dense(*_with_batch_norm(first, head.first_norm), _RELU),
            _dense(*_with_batch_norm(second, head.second_norm)),
        ]
    return [
        _dense(first),
        _layer_norm(head.first_norm, width),
        _dense(torch.eye(width), activation=_RELU),
        _dense(second),
        _layer_norm(head.second_norm, width),
    ]


def _with_batch_norm(weight: Tensor, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of a linear layer followed by BatchNorm: w x to (w x − mean) / √variance · scale + shift."""
    values = {name: value.detach().double().cpu() for name, value in norm.state_dict().items()}
    scale = (values["running_var"] + BATCH_NORM_EPS).rsqrt() * values.get("weight", torch.ones(1))
    bias = values.get("bias", torch.zeros(1)) - values["running_mean"] * scale
    return (weight.double() * scale[:, None]).float(), bias.float()


def _dense(
    weight: Tensor, bias: Tensor | None = None, activation: str = _IDENTITY
) -> tuple[str, dict[str, Any], dict[str, Tensor]]:
    rows, columns = weight.shape
    settings = {
        "in_features": columns,
        "out_features": rows,
        "bias": bias is not None,
        "activation_function": activation,
    }
    tensors = {"linear.weight": weight.contiguous()} | ({} if bias is None else {"linear.bias": bias.contiguous()})
    return "Dense", settings, tensors


def _layer_norm(module: nn.Module, width: int) -> tuple[str, dict[str, Any], dict[str, Tensor]]:
    values = {name: value.detach().float().cpu().clone() for name, value in module.state_dict().items()}
    scale, shift = values.get("norm.weight", torch.ones(width)), values.get("norm.bias", torch.zeros(width))
    return "LayerNorm", {"dimension": width}, {"norm.weight": scale, "norm.bias": shift}


def _text(content: Any) -> str:
    return json.dumps(content, indent=2) + "\n"
