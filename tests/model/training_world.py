"""A dataset, a tokenizer that fits it, and very short runs on both, for tests of the training loop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from model.config import EncoderConfig, MethodConfig, OptimConfig, PretrainConfig
from model.data.stream_config import StreamConfig
from model.training.tokenizer_source import fingerprint_of, open_tokenizer
from schemas import read_manifest, write_manifest
from tests.model.token_shards import SPECIAL, write_world

RUN = PretrainConfig(
    steps=8,
    log_every=1,
    save_every=100,
    device="cpu",
    encoder=EncoderConfig(layers=2, width=32, attention_heads=4, intermediate_width=64, max_length=128, dropout=0.1),
    method=MethodConfig(bank_size=64),
    stream=StreamConfig(
        tokens_per_step=512,
        max_text_length=96,
        max_length=96,
        max_description_length=48,
        max_relation_length=8,
        expected_length=24,
        num_lanes=6,
    ),
    optim=OptimConfig(peak_rate=1e-3, warmup_steps=2),
)
"""A run of some seconds; dropout is on, so that its draws are tested too."""
WORDS = [f"w{number}" for number in range(4, SPECIAL.vocab_size - 1)]


def write_training_world(folder: Path, family: str = "xlm-roberta") -> Path:
    """Writes `tokens/` and `tokenizer/`, one of XLM-R or of BERT with the same ids, into a folder and returns the former."""
    pieces = {"xlm-roberta": xlm_roberta_tokenizer, "bert": bert_tokenizer}[family]
    pieces().save_pretrained(folder / "tokenizer")
    tokens = write_world(folder / "tokens")
    stamp = fingerprint_of(open_tokenizer(str(folder / "tokenizer")))
    manifest = read_manifest(tokens)
    write_manifest(tokens, replace(manifest, properties=manifest.properties | {"tokenizer_fingerprint": stamp}))
    return tokens


def xlm_roberta_tokenizer() -> Any:
    """A tokenizer of made-up words with the ids that the shards reserve."""
    from transformers import XLMRobertaTokenizer

    pieces = ["<s>", "<pad>", "</s>", "<unk>", *(f"▁{word}" for word in WORDS), "<mask>"]
    return XLMRobertaTokenizer(vocab=[(piece, -float(place)) for place, piece in enumerate(pieces)])


def bert_tokenizer() -> Any:
    """The same under the names of BERT's marks."""
    from transformers import BertTokenizer

    pieces = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", *WORDS, "[MASK]"]
    return BertTokenizer(vocab={piece: place for place, piece in enumerate(pieces)})


def run_config(tokens: Path, output: Path, **changes: Any) -> PretrainConfig:
    """The short run on a world, with some fields changed."""
    return replace(RUN, data=str(tokens), output=str(output), **changes)


def final_weights(output: Path) -> dict[str, torch.Tensor]:
    """All tensors of the newest checkpoint: model, banks, optimizer."""
    folder = max((output / "checkpoints").glob("checkpoint-*"))
    return load_file(folder / "model.safetensors") | load_file(folder / "optimizer.safetensors")


def assert_same_bits(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    """Raises unless both hold the same tensors, bit for bit."""
    assert left.keys() == right.keys()
    different = [name for name in left if not torch.equal(left[name], right[name])]
    assert not different, f"{len(different)} of {len(left)} tensors differ, such as {different[0]}"
