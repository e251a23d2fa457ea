"""Packed streams give every input what the library's own model gives it alone; what cannot be packed is padded."""

from copy import deepcopy

import pytest
import torch
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    DebertaV2Config,
    ElectraConfig,
    ModernBertConfig,
    PretrainedConfig,
    RobertaConfig,
    XLMRobertaConfig,
)

from model.evaluation.finetuning import task_model
from model.evaluation.finetuning.features import Feature
from model.evaluation.finetuning.task_model import TaskModel, pooling_of, stream_batches
from schemas.errors import UsageError

SIZE = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 130,
    "pad_token_id": 1,
    "initializer_range": 0.2,
}
ENCODERS = {
    "xlm-r": XLMRobertaConfig(**SIZE, type_vocab_size=1),
    "roberta": RobertaConfig(**SIZE, type_vocab_size=1),
    "bert": BertConfig(**SIZE, type_vocab_size=2),
    "modernbert, mean": ModernBertConfig(**SIZE, classifier_pooling="mean", local_attention=16),
    "modernbert, first": ModernBertConfig(**SIZE, classifier_pooling="cls", local_attention=16),
    "electra": ElectraConfig(**SIZE, embedding_size=16, type_vocab_size=2),
}
HEADS = {
    "tags": (AutoModelForTokenClassification, "token", 9),
    "answers": (AutoModelForQuestionAnswering, "token", 2),
    "pairs": (AutoModelForSequenceClassification, "input", 3),
}
LENGTHS = (9, 70, 3, 33, 2, 64)


def _model(config: PretrainedConfig, head: str) -> torch.nn.Module:
    loader, _, labels = HEADS[head]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        own = deepcopy(config)  # a model keeps its attention in the configuration that it was given
        own.num_labels = labels
        return loader.from_config(own).eval()


def _features(segmented: bool) -> list[Feature]:
    generator = torch.Generator().manual_seed(0)
    return [
        Feature(
            torch.randint(5, 60, (n,), generator=generator).tolist(), (), [0] * 2 + [1] * (n - 2) if segmented else None
        )
        for n in LENGTHS
    ]


def _alone(model: torch.nn.Module, feature: Feature) -> torch.Tensor:
    segments = {} if feature.segments is None else {"token_type_ids": torch.tensor([feature.segments])}
    output = model(input_ids=torch.tensor([feature.token_ids]), **segments)
    if "start_logits" in output:
        return torch.stack([output.start_logits[0], output.end_logits[0]], dim=-1)
    return output.logits[0] if output.logits.ndim == 3 else output.logits


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_packed_inputs_score_as_they_do_alone(encoder: str, head: str) -> None:
    config = ENCODERS[encoder]
    reference, model = _model(config, head), _model(config, head)
    packed = TaskModel(model, HEADS[head][1], 1)
    assert packed.packed, packed.why_padded
    features = _features(segmented=encoder in ("bert", "electra"))
    alone = torch.cat([_alone(reference, feature) for feature in features])
    assert alone.std() > 0.05  # scores that hardly differ would agree whatever was packed
    scores = packed.scores(features)
    torch.testing.assert_close(scores, alone, rtol=0, atol=1e-5)
    weights = torch.randn(alone.shape, generator=torch.Generator().manual_seed(1))
    (scores * weights).sum().backward()
    (alone * weights).sum().backward()
    for (name, one), (_, other) in zip(model.named_parameters(), reference.named_parameters(), strict=True):
        if other.grad is not None:
            largest = other.grad.abs().max()
            torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=1e-5 * max(1.0, float(largest)), msg=name)


@pytest.mark.parametrize("head", HEADS)
def test_padded_batches_have_the_same_form(head: str) -> None:
    model = _model(ENCODERS["bert"], head)
    padded = TaskModel(model, HEADS[head][1], 1, packed=False)
    assert not padded.packed and padded.remarks == []
    features = _features(segmented=True)
    alone = torch.cat([_alone(model, feature) for feature in features])
    torch.testing.assert_close(padded.scores(features), alone, rtol=0, atol=1e-5)


def test_an_encoder_with_attention_of_its_own_is_padded_and_says_so() -> None:
    config = DebertaV2Config(**SIZE, relative_attention=True, pos_att_type=["p2c", "c2p"])
    model = _model(config, "tags")
    fallen_back = TaskModel(model, "token", 1)
    assert fallen_back.remarks == [
        "batches were padded: the attention of DebertaV2ForTokenClassification cannot be exchanged"
    ]
    features = _features(segmented=False)
    alone = torch.cat([_alone(model, feature) for feature in features])
    torch.testing.assert_close(fallen_back.scores(features), alone, rtol=0, atol=1e-5)


def test_a_packed_form_that_leaks_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_model, "register_packed_attention", lambda: "eager")
    model = _model(ENCODERS["xlm-r"], "tags")
    usual = model.config._attn_implementation
    assert "gives packed inputs other scores" in TaskModel(model, "token", 1).why_padded
    assert model.config._attn_implementation == usual


def test_dropout_of_attention_is_remarked_where_the_recipe_has_it() -> None:
    assert "--batches padded keeps it" in TaskModel(_model(ENCODERS["xlm-r"], "pairs"), "input", 1).remarks[0]
    assert TaskModel(_model(ENCODERS["modernbert, mean"], "pairs"), "input", 1).remarks == []


def test_a_head_of_unknown_form_is_named() -> None:
    with pytest.raises(UsageError, match="head of unknown form"):
        pooling_of(_model(ENCODERS["xlm-r"], "tags"))


def test_streams_hold_every_input_in_order_within_the_budget() -> None:
    lengths = [(7 * i) % 61 + 1 for i in range(200)]
    streams = stream_batches(lengths, 100)
    assert [i for stream in streams for i in stream] == list(range(200))
    sizes = [sum(lengths[i] for i in stream) for stream in streams]
    assert max(sizes) <= 100
    assert all(size + lengths[after[0]] > 100 for size, after in zip(sizes, streams[1:], strict=False))
    assert stream_batches([5, 200, 5], 100) == [[0], [1], [2]]
