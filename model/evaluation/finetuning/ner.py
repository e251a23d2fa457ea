"""Named entities: token classification, the label on each word's first sub-token, long sentences cut and joined again."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from model.batch import IGNORED_LABEL
from model.evaluation.bootstrap import Outcomes
from model.evaluation.finetuning.config import NerConfig
from model.evaluation.finetuning.features import Feature
from model.evaluation.finetuning.pretrained import open_model
from model.evaluation.finetuning.task import EvaluationSet, FinetuneTask, Scored
from model.evaluation.finetuning.words import word_tokens
from model.evaluation.scores.ner import score_tags, span_counts
from model.evaluation.sets.examples import TaggedSentence
from model.evaluation.sets.sources import load_tagged
from model.evaluation.sets.tags import OUTSIDE, types_of
from model.evaluation.tasks import NER


class NerTask(FinetuneTask[NerConfig, TaggedSentence]):
    """NER in XGLUE's form."""

    spec = NER
    level = "token"
    tags: tuple[str, ...] = ()
    """Tags a model may predict: `O`, and `B-` and `I-` of the types in the training file, whose scheme it keeps."""

    def data_facts(self) -> dict[str, Any]:
        """Return the set, its metric, and the entity types that the training set knows."""
        facts = {"metric": "F1 over spans, as conlleval counts them", "labels": list(types_of([self.tags]))}
        return super().data_facts() | facts

    def data_notes(self, sets: Iterable[EvaluationSet[TaggedSentence]]) -> list[str]:
        """Types that stand in a set and not in the training file, in which case they can only be missed."""
        unknown: dict[str, set[str]] = {}
        for one in sets:
            for kind in set(types_of([sentence.tags for sentence in one.examples])) - set(types_of([self.tags])):
                unknown.setdefault(kind, set()).add(one.language)
        return [
            f"the type {kind} stands in {', '.join(sorted(languages))} and not in the training set: no model can find it"
            for kind, languages in sorted(unknown.items())
        ]

    def make_model(self) -> nn.Module:
        """Return the encoder with one linear layer over its states."""
        from transformers import AutoModelForTokenClassification

        return open_model(AutoModelForTokenClassification, self.config.model, num_labels=len(self.tags))

    def train_features(self) -> list[Feature]:
        """Features of the training sentences, whose types become the label set."""
        sentences = load_tagged(self.config.data, self.config.train_language, self.config.train_split, self.config.set)
        types = types_of([sentence.tags for sentence in sentences])
        self.tags = (OUTSIDE, *(f"{prefix}-{kind}" for kind in types for prefix in "BI"))
        return [feature for sentence in self.sampled(sentences) for feature in self._features(sentence)]

    def read(self, language: str, split: str, question: str = "") -> EvaluationSet[TaggedSentence]:
        """Sentences of one language."""
        sentences = load_tagged(self.config.data, language, split, self.config.set)[: self.config.max_test or None]
        features = [self._features(sentence) for sentence in sentences]
        owners = [i for i, own in enumerate(features) for _ in own]
        return EvaluationSet(language, sentences, [f for own in features for f in own], owners)

    def losses(self, scores: Float[Tensor, "tokens tags"], features: Sequence[Feature]) -> Float[Tensor, " words"]:
        """One loss per word, on its first sub-token."""
        labels = torch.tensor([label for feature in features for label in feature.labels], device=scores.device)
        kept = labels != IGNORED_LABEL
        return functional.cross_entropy(scores[kept].float(), labels[kept], reduction="none")

    def num_losses(self, feature: Feature) -> int:
        """Return the number of words."""
        return sum(label != IGNORED_LABEL for label in feature.labels)

    def decode(self, scores: Float[Tensor, "tokens tags"], features: Sequence[Feature]) -> list[list[str]]:
        """Return the predicted tags of each feature's words."""
        best = iter(scores.argmax(-1).tolist())
        return [
            [self.tags[tag] for label, tag in zip(feature.labels, best, strict=False) if label != IGNORED_LABEL]
            for feature in features
        ]

    def score(self, examples: EvaluationSet[TaggedSentence], decoded: Sequence[list[str]]) -> Scored:
        """F1 over spans of whole sentences."""
        predicted: list[list[str]] = [[] for _ in examples.examples]
        for owner, tags in zip(examples.owners, decoded, strict=True):
            predicted[owner] += tags
        score = score_tags([sentence.tags for sentence in examples.examples], predicted)
        measures = {"f1": score.f1, "precision": score.precision, "recall": score.recall, "sentences": len(predicted)}
        counts = span_counts([sentence.tags for sentence in examples.examples], predicted)
        outcomes = Outcomes("spans", {name: np.array(values, dtype=float) for name, values in counts.items()})
        return Scored(measures, "\n\n".join("\n".join(tags) for tags in predicted) + "\n", outcomes)

    def _features(self, sentence: TaggedSentence) -> list[Feature]:
        """Return the sentence in as many pieces as its sub-tokens need; words are never cut in two and never lost."""
        pieces: list[tuple[list[int], list[int]]] = [([], [])]
        room = self.config.max_length - 2
        for word, tag in zip(word_tokens(sentence.tokens, self.tokenizer), sentence.tags, strict=True):
            # Of a word longer than an input, the part that begins with its first character.
            kept = word.token_ids if len(word.token_ids) <= room else word.token_ids[word.first :][:room]
            place = word.first if kept is word.token_ids else 0
            if len(pieces[-1][0]) + len(kept) > room:
                pieces.append(([], []))
            labels = [IGNORED_LABEL] * len(kept)
            labels[place] = self._label(tag)
            pieces[-1][0].extend(kept)
            pieces[-1][1].extend(labels)
        return [self._feature(token_ids, labels) for token_ids, labels in pieces]

    def _label(self, tag: str) -> int:
        """Return a tag's number; a type that training does not know can only be missed, whatever number it has here."""
        return self.tags.index(tag) if tag in self.tags else 0

    def _feature(self, token_ids: list[int], labels: list[int]) -> Feature:
        whole = [self.tokenizer.cls_token_id, *token_ids, self.tokenizer.sep_token_id]
        segments = [0] * len(whole) if self.uses_segments else None
        return Feature(whole, (IGNORED_LABEL, *labels, IGNORED_LABEL), segments)
