"""Token ids of the documents an encoder is shown in evaluation, laid out as in training.

A context is `<s> … <mask> … </s>` with every sub-token of the mention masked; a description `<s> … </s>`;
a subject with a relation `<s> description </s> relation </s>`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from model.data.special_tokens import SpecialTokens
from model.evaluation.ranking.config import Lengths


@dataclass(frozen=True)
class Document:
    """Token ids, special tokens included, and the position whose hidden state stands for the document."""

    token_ids: list[int]
    position: int = 0


def masked_context(
    token_ids: Sequence[int], first: int, last: int, special: SpecialTokens, lengths: Lengths
) -> Document:
    """Return a context with the mention `first` to `last` (inclusive) masked, cut around it where it is too long."""
    room = lengths.context - 2
    start = 0
    if len(token_ids) > room:
        # As much text to the left as to the right of the mention, as far as there is text.
        start = min(max(0, (first + last + 1 - room) // 2), len(token_ids) - room)
        start = min(start, first)
    cut = list(token_ids[start : start + room])
    first, last = first - start, min(last - start, len(cut) - 1)
    cut[first : last + 1] = [special.mask] * (last + 1 - first)
    return Document([special.begin, *cut, special.end], position=first + 1)


def description(token_ids: Sequence[int], special: SpecialTokens, lengths: Lengths) -> Document:
    """Return a description, standing for its entity by its first token."""
    return Document([special.begin, *token_ids[: lengths.description - 2], special.end])


def subject_and_relation(
    subject: Sequence[int], relation: Sequence[int], special: SpecialTokens, lengths: Lengths
) -> Document:
    """Return a subject's description and a relation's text, standing for the question of the object by the first token."""
    question = [*subject[: lengths.description - 2], special.end, *relation[: lengths.relation]]
    return Document([special.begin, *question, special.end])
