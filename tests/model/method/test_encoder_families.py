"""Encoders of many families: how each is encoded, as docs/encoders.md says; some trained, exported and opened again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoModel,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
)

from model.commands import pretrain as command
from model.config import EncoderConfig
from model.evaluation.documents import Document
from model.evaluation.embedder import load_embedder
from model.method.encoder import load_encoder
from model.training.head_files import load_heads
from model.training.tokenizer_source import fingerprint_of, open_tokenizer
from model.training.trainer import pretrain
from schemas.errors import UsageError
from tests.conftest import REPOSITORY
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
SHORT = {"vocab_size": SPECIAL.vocab_size, "pad_token_id": SPECIAL.pad}
DEBERTA = {"relative_attention": True, "position_buckets": 16, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0,
           "norm_rel_ebd": "layer_norm", "share_att_key": True, "position_biased_input": False}  # fmt: skip
SPECIFIC: dict[str, dict[str, Any]] = {
    "XmodConfig": {"default_language": "en_XX", "languages": ["en_XX", "de_DE"]},
    "ModernBertConfig": {"local_attention": 8, "global_attn_every_n_layers": 2},
    "EuroBertConfig": {"num_key_value_heads": 4},
    "DistilBertConfig": SHORT | {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
    "ElectraConfig": {"embedding_size": 32},
    "AlbertConfig": {"embedding_size": 16},
    "DebertaV2Config": DEBERTA,
    "RemBertConfig": {"input_embedding_size": 16, "output_embedding_size": 24},
    "LongformerConfig": {"attention_window": [8, 8]},
    "RoFormerConfig": {"embedding_size": 32},
    "EsmConfig": {"mask_token_id": 4},
    "MobileBertConfig": {"embedding_size": 32},
    "LukeConfig": {"entity_vocab_size": 10, "entity_emb_size": 16},
    "FunnelConfig": SHORT | {"d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 64, "block_sizes": [1, 1]},
    "ConvBertConfig": {"embedding_size": 32},
    "XLMConfig": SHORT | {"emb_dim": 32, "n_layers": 2, "n_heads": 4, "pad_index": 1},
    "FlaubertConfig": SHORT | {"emb_dim": 32, "n_layers": 2, "n_heads": 4, "pad_index": 1},
    "GPT2Config": SHORT | {"n_embd": 32, "n_layer": 2, "n_head": 4},
    "T5Config": SHORT | {"d_model": 32, "num_layers": 2, "num_heads": 4, "d_ff": 64, "d_kv": 8},
}
"""What a family's configuration takes besides, or, where it starts with SHORT, instead of SIZES."""
TABLE = re.findall(r"^\| [^|]+ \| (\w+Config) \| ([^|]+) \|$", (REPOSITORY / "docs" / "encoders.md").read_text(), re.M)


def made(name: str) -> PreTrainedModel:
    """A model of a family with random weights, without a masked-LM head where it has none."""
    specific = SPECIFIC.get(name, {})
    sizes = specific if SHORT.items() <= specific.items() else SIZES | {"max_position_embeddings": 130} | specific
    settings: PretrainedConfig = getattr(transformers, name)(**sizes)
    maker = AutoModelForMaskedLM if type(settings) in MODEL_FOR_MASKED_LM_MAPPING else AutoModel
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return maker.from_config(settings)


@pytest.mark.parametrize(("name", "expected"), TABLE)
def test_the_table_says_how_a_family_is_encoded(name: str, expected: str, tmp_path: Path) -> None:
    made(name).save_pretrained(tmp_path)
    try:
        encoder = load_encoder(EncoderConfig(source=str(tmp_path)), vocab_size=SPECIAL.vocab_size, pad_id=SPECIAL.pad)
        found = "packed" if encoder.packed else "padded"
    except UsageError as error:
        assert "\n" not in str(error) and "docs/encoders.md" in str(error)
        found = f"refused: {error}"
    assert expected.removeprefix("refused: ") in found and found.split(":")[0] == expected.split(":")[0]
    assert expected.startswith("refused") or "roberta" not in name.lower() or encoder.max_length == 128


def test_the_table_is_long() -> None:
    assert len(TABLE) > 30


def test_a_padded_encoder_is_not_compiled(tmp_path: Path) -> None:
    made("MPNetConfig").save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="--encoder.compile False"):
        load_encoder(EncoderConfig(source=str(tmp_path), compile=True), vocab_size=SPECIAL.vocab_size, pad_id=1)


FAMILIES = {
    "XLMRobertaConfig": "xlm-roberta",
    "BertConfig": "bert",
    "ModernBertConfig": "bert",
    "EuroBertConfig": "xlm-roberta",
    "DebertaV2Config": "bert",
}
"""Families that are trained here, and the family of their tokenizer; the last one is encoded padded."""


@pytest.mark.parametrize("name", FAMILIES)
def test_a_folder_is_trained_and_opens_again(name: str, tmp_path: Path) -> None:
    tokens, source = write_training_world(tmp_path, FAMILIES[name]), tmp_path / "encoder"
    start = made(name)
    start.save_pretrained(source)
    open_tokenizer(str(tmp_path / "tokenizer")).save_pretrained(source)
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

    # What is published is the source's configuration and a tokenizer that does what it did.
    ignored = {"transformers_version", "architectures", "dtype", "torch_dtype"}
    configurations = [json.loads((path / "config.json").read_text()) for path in (source, folder)]
    assert not {key for key in set.union(*map(set, configurations)) - ignored
                if configurations[0].get(key) != configurations[1].get(key)}  # fmt: skip
    assert fingerprint_of(tokenizer) == fingerprint_of(open_tokenizer(str(source)))
    assert tokenizer.model_max_length <= 130
    assert len(tokenizer("w5 " * 500, truncation=True)["input_ids"]) == tokenizer.model_max_length

    heads = load_heads(folder).heads
    assert sorted(heads) == ["mep_key", "mep_query", "oe_key", "oe_query"]
    assert torch.equal(heads["oe_key"].second.weight, kept["objectives.oe.contrast.key_head.second.weight"])
    vectors = load_embedder(str(folder), tokenizer, "cpu", 512).embed([Document([0, 10, 11, 2])], "mep_key")
    assert vectors.isfinite().all()


def test_encoder_is_a_flag() -> None:
    config = command.parse(["base", "--data", "d", "--output", "o", "--encoder", "bert-base-multilingual-cased"])
    assert config.encoder.source == "bert-base-multilingual-cased" and config.encoder.compile
