"""Natural language inference: classification of a sentence pair."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from model.evaluation.bootstrap import Outcomes
from model.evaluation.finetuning.config import XnliConfig
from model.evaluation.finetuning.features import Feature
from model.evaluation.finetuning.pretrained import open_model
from model.evaluation.finetuning.task import EvaluationSet, FinetuneTask, Scored
from model.evaluation.scores.xnli import XNLI_LABELS, score_pairs
from model.evaluation.sets.examples import SentencePair
from model.evaluation.sets.sources import load_pairs
from model.evaluation.tasks import XNLI


class XnliTask(FinetuneTask[XnliConfig, SentencePair]):
    """XNLI in XGLUE's form."""

    spec = XNLI
    level = "input"

    def data_facts(self) -> dict[str, Any]:
        """Return the set, its metric, and the labels."""
        return super().data_facts() | {"labels": list(XNLI_LABELS)}

    def make_model(self) -> nn.Module:
        """Return the encoder with the library's head for sequences."""
        from transformers import AutoModelForSequenceClassification

        return open_model(AutoModelForSequenceClassification, self.config.model, num_labels=len(XNLI_LABELS))

    def train_features(self) -> list[Feature]:
        """Features of the training pairs."""
        pairs = load_pairs(self.config.data, self.config.train_language, self.config.train_split, self.config.set)
        return self._features(self.sampled(pairs))

    def read(self, language: str, split: str, question: str = "") -> EvaluationSet[SentencePair]:
        """Pairs of one language."""
        pairs = load_pairs(self.config.data, language, split, self.config.set)[: self.config.max_test or None]
        return EvaluationSet(language, pairs, self._features(pairs), list(range(len(pairs))))

    def losses(self, scores: Float[Tensor, "pairs labels"], features: Sequence[Feature]) -> Float[Tensor, " pairs"]:
        """One loss per pair."""
        labels = torch.tensor([feature.labels[0] for feature in features], device=scores.device)
        return functional.cross_entropy(scores.float(), labels, reduction="none")

    def decode(self, scores: Float[Tensor, "pairs labels"], features: Sequence[Feature]) -> list[str]:
        """Return the predicted label of each pair."""
        return [XNLI_LABELS[i] for i in scores.argmax(-1).tolist()]

    def score(self, examples: EvaluationSet[SentencePair], decoded: Sequence[str]) -> Scored:
        """Accuracy."""
        score = score_pairs([pair.label for pair in examples.examples], decoded)
        right = np.array(
            [pair.label == label for pair, label in zip(examples.examples, decoded, strict=True)], dtype=float
        )
        measures = {"accuracy": score.accuracy, "pairs": score.num_pairs}
        return Scored(measures, "\n".join(decoded) + "\n", Outcomes("means", {"accuracy": right}))

    def _features(self, pairs: Sequence[SentencePair]) -> list[Feature]:
        encoded = self.tokenizer(
            [pair.premise for pair in pairs],
            [pair.hypothesis for pair in pairs],
            truncation="longest_first",
            max_length=self.config.max_length,
        )
        segments = encoded["token_type_ids"] if self.uses_segments else [None] * len(pairs)
        return [
            Feature(token_ids, (XNLI_LABELS.index(pair.label),), own)
            for token_ids, pair, own in zip(encoded["input_ids"], pairs, segments, strict=True)
        ]
