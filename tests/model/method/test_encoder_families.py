"""Encoders of three families, opened from a folder, trained by all objectives, exported and opened again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoTokenizer,
    BertConfig,
    ModernBertConfig,
    PretrainedConfig,
    XLMRobertaConfig,
)

from model.commands import pretrain as command
from model.config import EncoderConfig
from model.evaluation.documents import Document
from model.evaluation.embedder import load_embedder
from model.training.head_files import load_heads
from model.training.trainer import pretrain
from tests.model.token_shards import SPECIAL
from tests.model.training_world import final_weights, run_config, write_training_world

SIZES: dict[str, Any] = {
    "vocab_size": SPECIAL.vocab_size,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "pad_token_id": SPECIAL.pad,
}
FAMILIES: dict[str, tuple[str, PretrainedConfig]] = {
    "xlm-roberta": ("xlm-roberta", XLMRobertaConfig(**SIZES, max_position_embeddings=130, type_vocab_size=1)),
    "bert": ("bert", BertConfig(**SIZES, max_position_embeddings=128)),
    "modernbert": ("bert", ModernBertConfig(**SIZES, local_attention=8, global_attn_every_n_layers=2)),
}
"""Family of the tokenizer, and the encoder."""


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_is_trained_and_opens_again(family: str, tmp_path: Path) -> None:
    kind, settings = FAMILIES[family]
    tokens, source = write_training_world(tmp_path, kind), tmp_path / "encoder"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        start = AutoModelForMaskedLM.from_config(settings)
    start.save_pretrained(source)
    AutoTokenizer.from_pretrained(tmp_path / "tokenizer").save_pretrained(source)
    folder = pretrain(run_config(tokens, tmp_path / "run", steps=3, encoder=EncoderConfig(source=str(source))))

    opened, tokenizer = AutoModelForMaskedLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert type(opened) is type(start) and len(tokenizer) == SPECIAL.vocab_size
    before, after, kept = start.state_dict(), opened.state_dict(), final_weights(tmp_path / "run")
    assert all(value.dtype == torch.float32 for value in after.values())
    assert any(not torch.equal(before[name], after[name]) for name in before)
    trained = {name: value for name, value in after.items() if f"encoder.model.{name}" in kept}
    assert len(trained) >= len(after) - 2  # tied weights are kept once
    assert all(torch.equal(value, kept[f"encoder.model.{name}"]) for name, value in trained.items())
    assert AutoModel.from_pretrained(folder).config.hidden_size == 32

    heads = load_heads(folder).heads
    assert sorted(heads) == ["mep_key", "mep_query", "oe_key", "oe_query"]
    assert torch.equal(heads["oe_key"].second.weight, kept["objectives.oe.contrast.key_head.second.weight"])
    vectors = load_embedder(str(folder), tokenizer, "cpu", 512).embed([Document([0, 10, 11, 2])], "mep_key")
    assert vectors.isfinite().all()


def test_encoder_is_a_flag() -> None:
    config = command.parse(["base", "--data", "d", "--output", "o", "--encoder", "bert-base-multilingual-cased"])
    assert config.encoder.source == "bert-base-multilingual-cased" and config.encoder.compile
