"""Long contexts in overlapping windows, and the best answer span over all windows of a question.

A context of any length is read in windows that start `stride` tokens apart. In training, a window without the answer
is labelled with its first token. In prediction every token is read in one window only: the one that shows it the most
context on its poorer side. Offsets are code points of the context, so that scripts without spaces need no other rule.

Source: the windows of the original BERT release for SQuAD (Devlin et al., 2019).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from model.evaluation.finetuning.config import QaConfig
from model.evaluation.finetuning.features import Feature
from model.evaluation.sets.examples import Question
from schemas.tokenizer import covering_offsets


@dataclass(frozen=True)
class Window:
    """A stretch of a context as the model sees it."""

    feature: Feature
    first: int
    """Position of the stretch's first token in the input."""
    offsets: list[tuple[int, int]]
    """Code points of the context that each of its tokens stands for."""
    best_view: list[bool]
    """Whether this window is the one in which each of its tokens is read."""


@dataclass(frozen=True)
class Span:
    """An answer candidate: code points of the context, and the sum of its start and end logits."""

    start: int
    end: int
    score: float


@dataclass(frozen=True)
class PairTemplate:
    """The special tokens around and between two sequences, and the segment of each part."""

    before: list[int]
    between: list[int]
    after: list[int]
    segments: tuple[int, int, int, int, int] | None

    @classmethod
    def of(cls, tokenizer: Any) -> "PairTemplate":
        """Read off the form of a pair from a tokenizer."""
        encoded = tokenizer("a", "b")
        sequence, ids = encoded.sequence_ids(), encoded["input_ids"]
        question, context = sequence.index(0), sequence.index(1)
        question_end = len(sequence) - sequence[::-1].index(0)
        context_end = len(sequence) - sequence[::-1].index(1)
        segments = None
        if types := encoded.get("token_type_ids"):
            segments = (types[0], types[question], types[question_end], types[context], types[-1])
        return cls(ids[:question], ids[question_end:context], ids[context_end:], segments)

    @property
    def num_special(self) -> int:
        """Number of special tokens of a pair."""
        return len(self.before) + len(self.between) + len(self.after)

    def fill(self, question: list[int], context: list[int]) -> tuple[list[int], list[int] | None]:
        """Token ids of a pair and their segments."""
        parts = (self.before, question, self.between, context, self.after)
        token_ids = [token for part in parts for token in part]
        if self.segments is None:
            return token_ids, None
        return token_ids, [s for part, s in zip(parts, self.segments, strict=True) for _ in part]


def question_windows(question: Question, tokenizer: Any, template: PairTemplate, config: QaConfig) -> list[Window]:
    """All windows of one question, labelled with its first answer; at least one, even for an empty context."""
    asked = tokenizer(question.question, add_special_tokens=False)["input_ids"][: config.max_question_length]
    context = tokenizer(question.context, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    token_ids, offsets = context["input_ids"], covering_offsets(question.context, context["offset_mapping"])
    room = config.max_length - len(asked) - template.num_special
    starts = window_starts(len(token_ids), room, config.stride)
    owners = best_windows(len(token_ids), starts, room)
    answer = answer_tokens(question, offsets)
    windows = []
    for number, start in enumerate(starts):
        stop = min(start + room, len(token_ids))
        ids, segments = template.fill(asked, token_ids[start:stop])
        first = len(template.before) + len(asked) + len(template.between)
        labels = _labels(answer, start, stop, first)
        views = [owners[token] == number for token in range(start, stop)]
        windows.append(Window(Feature(ids, labels, segments), first, offsets[start:stop], views))
    return windows


def window_starts(num_tokens: int, room: int, stride: int) -> list[int]:
    """First tokens of the windows, `stride` apart, until the last token is covered; never a gap between two."""
    step = min(stride, room)
    starts = [0]
    while starts[-1] + room < num_tokens:
        starts.append(starts[-1] + step)
    return starts


def best_windows(num_tokens: int, starts: Sequence[int], room: int) -> list[int]:
    """For each token the window with the most context on its poorer side; of equal ones the first."""
    owners = []
    for token in range(num_tokens):
        views = [
            (min(token - start, min(start + room, num_tokens) - 1 - token), -number)
            for number, start in enumerate(starts)
            if start <= token < start + room
        ]
        owners.append(-max(views)[1])
    return owners


def answer_tokens(question: Question, offsets: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """First and last token that the first answer touches; None where it has no token or there is no answer."""
    if not question.answers:
        return None
    start = question.answers[0].start
    end = start + len(question.answers[0].text)
    touched = [i for i, (low, high) in enumerate(offsets) if low < end and high > start]
    return (touched[0], touched[-1]) if touched else None


def _labels(answer: tuple[int, int] | None, start: int, stop: int, first: int) -> tuple[int, int]:
    """Answer positions within the input; the first token where the window does not hold the whole answer."""
    if answer is None or answer[0] < start or answer[1] >= stop:
        return 0, 0
    return answer[0] - start + first, answer[1] - start + first


def best_spans(windows: Sequence[Window], logits: Sequence[Tensor], config: QaConfig) -> list[Span]:
    """Return the n best spans over all windows, best first; of equal scores the earlier and shorter.

    `logits[i]` are the start and end logits of window i, of shape (2, length of its input).
    """
    spans = [s for window, pair in zip(windows, logits, strict=True) for s in _window_spans(window, pair, config)]
    return sorted(spans, key=lambda s: (-s.score, s.start, s.end))[: config.n_best]


def _window_spans(window: Window, logits: Tensor, config: QaConfig) -> Iterator[Span]:
    count = len(window.offsets)
    inner = logits[:, window.first : window.first + count].double()
    # Only starts are tied to their best window: an answer may end in what another window shows better.
    starts = torch.where(torch.tensor(window.best_view, dtype=torch.bool), inner[0], -torch.inf)
    for start in _top(starts, config.n_best):
        for end in _top(inner[1], config.n_best):
            if start <= end < start + config.max_answer_length and starts[start] > -torch.inf:
                score = float(starts[start] + inner[1, end])
                yield Span(window.offsets[start][0], window.offsets[end][1], score)


def _top(scores: Tensor, count: int) -> list[int]:
    return torch.topk(scores, min(count, len(scores))).indices.tolist()
