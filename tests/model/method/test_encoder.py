"""Packed documents come out as they would alone, for three families of encoders; anything else is refused."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForMaskedLM, BertConfig, ModernBertConfig, XLMConfig, XLMRobertaConfig

from model.config import EncoderConfig
from model.method import document_attention
from model.method.document_attention import exact_attention
from model.method.encoder import Encoder, load_encoder, pack, probe
from model.method.packed_attention import register_packed_attention
from schemas.errors import InputMissing, UsageError
from tests.model.hand_made import SMALL, VOCAB, documents, small_encoder

SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "attention_probs_dropout_prob": 0.0,
}
CONFIGS = {
    "xlm-roberta": XLMRobertaConfig(**SIZES, max_position_embeddings=70, type_vocab_size=1),
    "bert": BertConfig(**SIZES, max_position_embeddings=70),
    "modernbert": ModernBertConfig(**SIZES, local_attention=8, global_attn_every_n_layers=2, pad_token_id=1),
}
LENGTHS = [3, 40, 17, 64, 9, 33]


def random_model(family: str, attention: str) -> nn.Module:
    torch.manual_seed(3)
    return AutoModelForMaskedLM.from_config(deepcopy(CONFIGS[family]), attn_implementation=attention).eval()


@pytest.mark.parametrize("family", CONFIGS)
def test_packed_documents_equal_documents_alone(family: str) -> None:
    alone, encoder = random_model(family, "eager"), Encoder(random_model(family, register_packed_attention())).eval()
    texts = documents(LENGTHS, torch.Generator().manual_seed(0))
    with torch.no_grad():
        hidden, inner = encoder(*pack(texts, encoder.position_offset), layer=1)
        logits = encoder.logits(hidden)
        start = 0
        for text in texts:
            expected = alone(input_ids=torch.tensor([text]), output_hidden_states=True)
            part = slice(start, start + len(text))
            torch.testing.assert_close(logits[part], expected.logits[0], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(inner[part], expected.hidden_states[1][0], atol=1e-5, rtol=1e-5)
            start += len(text)


@pytest.mark.parametrize("family", CONFIGS)
def test_no_document_feels_another_not_even_in_its_gradient(family: str) -> None:
    encoder = Encoder(random_model(family, register_packed_attention()))
    seen: list[torch.Tensor] = []
    embedding = encoder.model.get_input_embeddings()
    embedding.register_forward_hook(lambda _, __, output: (output.retain_grad(), seen.append(output))[0])
    texts = documents(LENGTHS, torch.Generator().manual_seed(0))
    hidden, _ = encoder(*pack(texts, encoder.position_offset))
    hidden[3:43].square().sum().backward()
    touched = seen[0].grad[0].abs().sum(1) > 0
    assert touched[3:43].all() and not touched[:3].any() and not touched[43:].any()


def test_positions_from_zero_are_caught_by_the_probe() -> None:
    encoder = small_encoder()
    encoder.position_offset = 0
    with pytest.raises(UsageError, match="other results than alone"):
        probe(encoder)


def test_attention_that_ignores_documents_is_caught_by_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaking(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any) -> torch.Tensor:
        rows = (states.transpose(0, 1)[None] for states in (query, key, value))
        return nn.functional.scaled_dot_product_attention(*rows)[0].transpose(0, 1)

    encoder = small_encoder()
    monkeypatch.setattr("model.method.packed_attention.exact_attention", leaking)
    with pytest.raises(UsageError, match="other results than alone"):
        probe(encoder)


@pytest.mark.parametrize("window", [-1, 3])
def test_exact_attention_gradient_by_formula(window: int) -> None:
    generator = torch.Generator().manual_seed(0)
    states = [torch.randn(12, 2, 3, dtype=torch.float64, generator=generator, requires_grad=True) for _ in range(3)]
    bounds = torch.tensor([0, 5, 6, 12, 12], dtype=torch.int32)
    assert torch.autograd.gradcheck(lambda q, k, v: exact_attention(q, k, v, bounds, 0.7, window), states)


@pytest.mark.parametrize("window", [-1, 3])
def test_the_fused_kernel_and_plain_products_give_the_same(monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    generator = torch.Generator().manual_seed(0)
    states = [torch.randn(150, 4, 8, generator=generator, requires_grad=True) for _ in range(3)]
    arriving = torch.randn(150, 4, 8, generator=generator)
    bounds = torch.tensor([0, 90, 91, 140, 140], dtype=torch.int32)
    found = []
    for fused in (True, False):
        if not fused:
            monkeypatch.setattr(document_attention, "_fused", document_attention._by_products)
            monkeypatch.setattr(document_attention, "_fused_gradient", document_attention._gradient_by_products)
        attended = exact_attention(*states, bounds, 0.3, window)
        assert not attended[140:].any()
        found.append((attended, *torch.autograd.grad(attended, states, arriving)))
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-5)


def test_a_padded_batch_is_refused_not_mixed_up() -> None:
    encoder = small_encoder()
    with pytest.raises(UsageError, match="cu_seqlens"):
        encoder.model(input_ids=torch.full((2, 5), 7))


def test_random_weights_depend_on_the_seed_alone() -> None:
    first, again, other = (small_encoder(seed).model.get_input_embeddings().weight for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_saved_folder_opens_in_float32(tmp_path: Path) -> None:
    encoder = small_encoder()
    encoder.model.to(torch.bfloat16).save_pretrained(tmp_path)
    opened = load_encoder(EncoderConfig(source=str(tmp_path)), vocab_size=VOCAB, pad_id=1)
    assert next(opened.parameters()).dtype == torch.float32
    assert opened.position_offset == 2 and opened.max_length == SMALL.max_length


@pytest.mark.parametrize(("vocab", "message"), [(VOCAB + 1, "301 pieces")])
def test_fewer_embeddings_than_pieces_is_refused(tmp_path: Path, vocab: int, message: str) -> None:
    small_encoder().model.save_pretrained(tmp_path)
    with pytest.raises(UsageError, match=message):
        load_encoder(EncoderConfig(source=str(tmp_path)), vocab_size=vocab, pad_id=1)


def test_an_unknown_folder_and_an_unknown_family_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputMissing, match="nowhere"):
        load_encoder(EncoderConfig(source=str(tmp_path / "nowhere")), vocab_size=VOCAB, pad_id=1)
    other = AutoModelForMaskedLM.from_config(XLMConfig(vocab_size=50, emb_dim=16, n_layers=1, n_heads=2))
    with pytest.raises(UsageError, match="unknown form"):
        Encoder(other)
