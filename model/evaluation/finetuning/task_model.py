"""A library's model with a task's head, run over packed streams; over padded rectangles where it cannot be packed.

A packed stream holds inputs end to end, each seeing itself alone, so no arithmetic is spent on padding. Whether an
encoder can be packed is found out by a probe, as in training: its attention must be exchangeable, and a packed
stream must give each input what the library's own form gives it alone. Either way the scores of a batch come in one
form, the inputs' rows end to end, so that tasks need to know nothing of it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.evaluation.embedder import length_batches
from model.evaluation.finetuning.features import Feature, model_inputs
from model.method.encoder import PROBE_TOLERANCE, pack, position_offset, probe_documents
from model.method.packed_attention import register_packed_attention
from schemas.errors import UsageError

AS_ASKED = "as asked for"
ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout")
"""Where configurations of the library keep the rate at which weights of attention are dropped."""

Level = Literal["token", "input"]
"""Whether a head scores every token or every input as a whole."""

Pooling = Callable[[Any, Tensor, Tensor], Tensor]
"""From the model, a stream's states and the bounds of its inputs to one row of scores per input."""


class TaskModel:
    """A model with a head, and the form in which it takes batches."""

    def __init__(self, model: nn.Module, level: Level, pad_id: int, *, packed: bool = True) -> None:
        """Take a model, and pack it if that is wanted and the probe finds it right."""
        self.model: Any = model
        self.level = level
        self.pad_id = pad_id
        self.why_padded = "" if packed else AS_ASKED
        """Why batches are padded; empty where they are packed."""
        if packed:
            self._use_packed_attention()

    @property
    def packed(self) -> bool:
        """Whether batches are packed streams."""
        return not self.why_padded

    @property
    def remarks(self) -> list[str]:
        """What a reader of the scores must know of the form of the batches."""
        if self.why_padded:
            return [] if self.why_padded == AS_ASKED else [f"batches were padded: {self.why_padded}"]
        if any(getattr(self.model.config, name, 0.0) for name in ATTENTION_DROPOUTS):
            return ["packed batches: dropout of attention weights was left out; --batches padded keeps it"]
        return []

    def parts(self, lengths: Sequence[int], budget: int) -> list[list[int]]:
        """Return indices of inputs in batches of at most `budget` tokens, padding counted; an input longer than that is alone."""
        return stream_batches(lengths, budget) if self.packed else length_batches(lengths, budget)

    def scores(self, features: Sequence[Feature]) -> Float[Tensor, "rows labels"]:
        """Scores of a head for inputs: a row per token, input after input, or a row per input."""
        return self._packed_scores(features) if self.packed else self._padded_scores(features)

    def _packed_scores(self, features: Sequence[Feature]) -> Tensor:
        device = next(self.model.parameters()).device
        documents = [feature.token_ids for feature in features]
        token_ids, positions, bounds, longest = pack(documents, position_offset(self.model))
        inputs = {"input_ids": token_ids, "position_ids": positions}
        if features[0].segments is not None:
            inputs["token_type_ids"] = torch.tensor([s for feature in features for s in feature.segments or []])
        rows = {name: tensor.unsqueeze(0).to(device) for name, tensor in inputs.items()}
        bounds = bounds.to(device)
        if self.level == "token":
            return _rows(self.model(**rows, cu_seqlens=bounds, max_seqlen=longest))[0]
        states = self.model.base_model(**rows, cu_seqlens=bounds, max_seqlen=longest).last_hidden_state[0]
        return pooling_of(self.model)(self.model, states, bounds.long())

    def _padded_scores(self, features: Sequence[Feature]) -> Tensor:
        inputs = model_inputs(features, self.pad_id, next(self.model.parameters()).device)
        scores = _rows(self.model(**inputs))
        return scores if self.level == "input" else scores[inputs["attention_mask"].bool()]

    def _use_packed_attention(self) -> None:
        """Exchange the attention, and take the exchange back where the probe does not hold."""
        usual = self.model.config._attn_implementation
        training = self.model.training
        self.model.eval()
        try:
            self.why_padded = self._probe(usual)
        except (AttributeError, TypeError, UsageError, ValueError) as error:
            # How an unknown architecture fails is its own affair; that it fails is the answer.
            self.why_padded = f"{type(self.model).__name__} takes no packed stream ({str(error).splitlines()[0]})"
        if self.why_padded:
            self.model.set_attn_implementation(usual)
        self.model.train(training)

    @torch.no_grad()
    def _probe(self, usual: str) -> str:
        """Compare packed inputs with single ones; the reason against packing, or nothing."""
        segmented = getattr(self.model.config, "type_vocab_size", 0) > 1
        features = [
            Feature(ids, (), [0, *[1] * (len(ids) - 1)] if segmented else None)
            for ids in probe_documents(self.model.config.vocab_size)
        ]
        alone = torch.cat([self._padded_scores([feature]) for feature in features])
        name = register_packed_attention()
        self.model.set_attn_implementation(name)
        if self.model.config._attn_implementation != name:
            return f"the attention of {type(self.model).__name__} cannot be exchanged"
        difference = float((self._packed_scores(features) - alone).abs().max() / alone.abs().max().clamp(min=1e-6))
        if difference <= PROBE_TOLERANCE:
            return ""
        return f"{type(self.model).__name__} gives packed inputs other scores (relative difference {difference:.1e})"


def stream_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Return indices of inputs, in order, in streams of at most `budget` tokens; an input longer than that is alone."""
    streams: list[list[int]] = []
    filled = 0
    for index, length in enumerate(lengths):
        if not streams or filled + length > budget:
            streams.append([])
            filled = 0
        streams[-1].append(index)
        filled += length
    return streams


def pooling_of(model: Any) -> Pooling:
    """How a model with a head for whole inputs comes from its states to scores.

    Raises: UsageError for a head of unknown form.
    """
    if hasattr(getattr(model, "classifier", None), "out_proj"):  # the RoBERTa family
        return lambda model, states, bounds: model.classifier(states[bounds[:-1]].unsqueeze(1))
    if getattr(model.base_model, "pooler", None) is not None and hasattr(model, "dropout"):  # the BERT family
        return _bert_scores
    if hasattr(model, "head") and hasattr(model, "drop"):  # ModernBERT
        return _modernbert_scores
    raise UsageError(f"{type(model).__name__} has a head of unknown form")


def _bert_scores(model: Any, states: Tensor, bounds: Tensor) -> Tensor:
    pooled = model.base_model.pooler(states[bounds[:-1]].unsqueeze(1))
    scores: Tensor = model.classifier(model.dropout(pooled))
    return scores


def _modernbert_scores(model: Any, states: Tensor, bounds: Tensor) -> Tensor:
    starts, lengths = bounds[:-1], bounds.diff()
    pooled = states[starts]
    if model.config.classifier_pooling == "mean":
        owners = torch.repeat_interleave(torch.arange(len(lengths), device=states.device), lengths)
        sums = torch.zeros_like(pooled).index_add(0, owners, states)
        pooled = sums / lengths.unsqueeze(1)
    scores: Tensor = model.classifier(model.drop(model.head(pooled)))
    return scores


def _rows(output: Any) -> Tensor:
    """Return what a head gave, labels last: starts and ends of answers side by side."""
    if hasattr(output, "start_logits"):
        return torch.stack([output.start_logits, output.end_logits], dim=-1)
    logits: Tensor = output.logits
    return logits
