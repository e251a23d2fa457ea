"""The named-entity metric: F1 of entity spans as conlleval counts them, computed by seqeval in its default mode.

The default mode reads IOB1, IOB2 and tags without any `B-` alike: an `I-` tag that follows another type or `O`
opens an entity. seqeval's strict mode scores predictions without `B-` at 0.0 and is not used.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities

NER_LANGUAGES = ("en", "de", "es", "nl")

TagSequences = Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class SpanScore:
    """Precision, recall and F1 over entity spans, micro-averaged over types, between 0 and 1."""

    f1: float
    precision: float
    recall: float
    num_true: int
    num_predicted: int


def score_tags(truth: TagSequences, predictions: TagSequences) -> SpanScore:
    """Score tag sequences (`O`, `B-PER`, `I-PER`, …) sentence by sentence; a span counts if both ends and type agree.

    Raises: ValueError where the number of sentences or the length of one of them differs.
    """
    _check_shapes(truth, predictions)
    true_tags, predicted_tags = [list(s) for s in truth], [list(s) for s in predictions]
    with warnings.catch_warnings():
        # A model that has not learnt any entity yet has no precision; it counts as 0, which needs no warning.
        warnings.simplefilter("ignore")
        return SpanScore(
            f1=float(f1_score(true_tags, predicted_tags)),
            precision=float(precision_score(true_tags, predicted_tags)),
            recall=float(recall_score(true_tags, predicted_tags)),
            num_true=sum(len(get_entities(s)) for s in true_tags),
            num_predicted=sum(len(get_entities(s)) for s in predicted_tags),
        )


def span_counts(truth: TagSequences, predictions: TagSequences) -> dict[str, list[int]]:
    """Entities of each sentence: `correct`, `predicted` and `true`, whose totals the score is made of.

    Raises: as `score_tags`.
    """
    _check_shapes(truth, predictions)
    counts: dict[str, list[int]] = {"correct": [], "predicted": [], "true": []}
    for true_tags, predicted_tags in zip(truth, predictions, strict=True):
        true, predicted = set(get_entities(list(true_tags))), set(get_entities(list(predicted_tags)))
        for name, number in (("correct", true & predicted), ("predicted", predicted), ("true", true)):
            counts[name].append(len(number))
    return counts


def recut(tags: TagSequences, lengths: Sequence[int]) -> list[list[str]]:
    """Cut the same tags into sentences of other lengths, as published predictions cut over-long sentences.

    Raises: ValueError where the lengths do not add up to the number of tags.
    """
    flat = [tag for sentence in tags for tag in sentence]
    if sum(lengths) != len(flat):
        raise ValueError(f"{len(flat):,} tags cannot be cut into sentences of {sum(lengths):,} tokens in all")
    sentences, start = [], 0
    for length in lengths:
        sentences.append(flat[start : start + length])
        start += length
    return sentences


def _check_shapes(truth: TagSequences, predictions: TagSequences) -> None:
    if len(truth) != len(predictions):
        raise ValueError(f"{len(predictions):,} predicted sentences for {len(truth):,} true ones")
    for index, (true, predicted) in enumerate(zip(truth, predictions, strict=True)):
        if len(true) != len(predicted):
            raise ValueError(f"sentence {index}: {len(predicted)} predicted tags for {len(true)} tokens")
