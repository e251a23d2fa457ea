"""What is exported: the same bytes each time, files others can read, and what sentence-transformers needs."""

from __future__ import annotations

import json
import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from model.config import MethodConfig
from model.training.head_files import load_heads
from model.training.trainer import pretrain
from tests.model.training_world import run_config, write_training_world


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_training_world(tmp_path_factory.mktemp("world"))


def finished(tokens: Path, output: Path, **changes: Any) -> Path:
    mask = os.umask(0o027)
    try:
        return pretrain(run_config(tokens, output, steps=3, **changes))
    finally:
        os.umask(mask)


def test_two_runs_write_the_same_bytes_and_the_group_may_read_them(tokens: Path, tmp_path: Path) -> None:
    folders = [finished(tokens, tmp_path / name) for name in ("one", "two")]
    sums = [
        {
            str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*.*")
            if path.is_file()
        }
        for folder in folders
    ]
    assert sums[0] == sums[1] and {"model.safetensors", "heads.safetensors", "run.json", "modules.json"} <= set(sums[0])
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folders[0].rglob("*") if path.is_file()}
    assert modes == {0o640}


def sentence_embedding(folder: Path, text: str) -> Tensor:
    """A text's embedding by the modules that sentence-transformers would load, each by its own files."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    longest = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
    inputs = tokenizer(text, truncation=True, max_length=longest, return_tensors="pt")
    states = model(**inputs).last_hidden_state
    for module in json.loads((folder / "modules.json").read_text())[1:]:
        kind, place = module["type"].rsplit(".")[-1], folder / module["path"]
        settings = json.loads((place / "config.json").read_text()) if kind != "Normalize" else {}
        if kind == "Pooling":
            assert settings["pooling_mode_cls_token"] and not settings["pooling_mode_mean_tokens"]
            states = states[:, 0]
        elif kind == "Dense":
            layer = nn.Linear(settings["in_features"], settings["out_features"], bias=settings["bias"])
            weights = load_file(place / "model.safetensors")
            layer.load_state_dict({name.removeprefix("linear."): value for name, value in weights.items()})
            states = layer(states)
            states = states.relu() if settings["activation_function"].endswith("ReLU") else states
        elif kind == "LayerNorm":
            norm = nn.LayerNorm(settings["dimension"])
            weights = load_file(place / "model.safetensors")
            norm.load_state_dict({name.removeprefix("norm."): value for name, value in weights.items()})
            states = norm(states)
        else:
            states = nn.functional.normalize(states, dim=-1)
    return states[0]


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_the_trained_state_and_head_are_what_sentence_transformers_takes(
    norm: Any, tokens: Path, tmp_path: Path
) -> None:
    folder = finished(tokens, tmp_path, method=MethodConfig(head_norm=norm))
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    text = "w7 w8 w9 w300"
    with torch.no_grad():
        state = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[:, 0]
        expected = nn.functional.normalize(load_heads(folder).heads["mep_key"](state), dim=-1)[0]
        torch.testing.assert_close(sentence_embedding(folder, text), expected, atol=1e-5, rtol=1e-4)


def test_a_model_without_heads_is_no_sentence_encoder(tokens: Path, tmp_path: Path) -> None:
    assert not (finished(tokens, tmp_path, objectives=("mlm",)) / "modules.json").exists()
