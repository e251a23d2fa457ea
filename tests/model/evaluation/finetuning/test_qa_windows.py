"""Windows over long contexts, and the span they answer with."""

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from model.evaluation.finetuning.config import QaConfig
from model.evaluation.finetuning.qa_windows import (
    PairTemplate,
    best_spans,
    best_windows,
    question_windows,
    window_starts,
)
from model.evaluation.sets.examples import Answer, Question
from tests.model.late_tokenizer import late_tokenizer

CONTEXT = "The river runs from the hills to the sea. Ada lives in Oslo and works for Acme. Berta lives in Rome."


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path):
    return AutoTokenizer.from_pretrained(tiny_model)


def _config(**changes: int) -> QaConfig:
    return QaConfig(model="m", data="d", **({"max_length": 40, "stride": 7, "max_question_length": 12} | changes))


def _question(context: str, text: str, question: str = "Who lives in Oslo?") -> Question:
    return Question("q", question, context, (Answer(text, context.index(text)),))


@pytest.mark.parametrize(
    ("num_tokens", "room", "stride"), [(0, 10, 4), (9, 10, 4), (10, 10, 4), (11, 10, 4), (95, 10, 4), (30, 4, 9)]
)
def test_windows_cover_every_token_and_start_a_stride_apart(num_tokens: int, room: int, stride: int) -> None:
    starts = window_starts(num_tokens, room, stride)
    covered = {token for start in starts for token in range(start, start + room)}
    assert set(range(num_tokens)) <= covered
    assert all(b - a == min(stride, room) for a, b in zip(starts, starts[1:], strict=False))
    assert len(starts) == 1 or starts[-2] + room < num_tokens  # no window more than needed


def test_every_token_is_read_in_the_window_that_shows_most_around_it() -> None:
    starts, room, count = [0, 4, 8], 10, 16
    for token, owner in enumerate(best_windows(count, starts, room)):
        poorer = [min(token - s, min(s + room, count) - 1 - token) if s <= token < s + room else -1 for s in starts]
        assert poorer[owner] == max(poorer)


def test_windows_hold_the_answer_or_say_that_they_do_not(tokenizer) -> None:
    question = _question(CONTEXT, "Ada")
    windows = question_windows(question, tokenizer, PairTemplate.of(tokenizer), _config())
    assert len(windows) > 3
    with_answer = 0
    for window in windows:
        start, end = window.feature.labels
        assert len(window.feature.token_ids) <= 40
        if (start, end) == (0, 0):
            continue
        with_answer += 1
        low, high = window.offsets[start - window.first][0], window.offsets[end - window.first][1]
        assert CONTEXT[low:high].strip() == "Ada"
    assert 0 < with_answer < len(windows)
    assert sum(sum(window.best_view) for window in windows) == len(
        tokenizer(CONTEXT, add_special_tokens=False)["input_ids"]
    )


def test_the_layout_of_a_window_is_the_tokenizers_own_pair(tokenizer) -> None:
    question = _question("Ada lives in Oslo.", "Ada")
    window = question_windows(
        question, tokenizer, PairTemplate.of(tokenizer), _config(max_length=128, max_question_length=64)
    )[0]
    assert window.feature.token_ids == tokenizer(question.question, question.context)["input_ids"]


def test_chinese_answers_are_cut_by_code_points(tokenizer) -> None:
    context = "奥斯陆是挪威的首都。阿达住在奥斯陆。"
    question = _question(context, "挪威", "奥斯陆是首都")
    config = _config(max_length=128, max_question_length=64)
    windows = question_windows(question, tokenizer, PairTemplate.of(tokenizer), config)
    start, end = windows[0].feature.labels
    logits = torch.zeros(2, len(windows[0].feature.token_ids))
    logits[0, start] = logits[1, end] = 5.0
    best = best_spans(windows, [logits], config)[0]
    # A piece may hold a neighbour of the answer; no space is needed to find it, and nothing far away comes with it.
    assert "挪威" in context[best.start : best.end] and len(context[best.start : best.end]) <= 6


def test_the_best_span_is_the_best_of_all_allowed_ones(tokenizer) -> None:
    config = _config(n_best=1000, max_answer_length=5)
    windows = question_windows(_question(CONTEXT, "Acme"), tokenizer, PairTemplate.of(tokenizer), config)
    generator = torch.Generator().manual_seed(3)
    logits = [torch.randn(2, len(w.feature.token_ids), generator=generator) for w in windows]
    allowed = []
    for window, pair in zip(windows, logits, strict=True):
        for i in range(len(window.offsets)):
            for j in range(i, min(i + 5, len(window.offsets))):
                if window.best_view[i]:
                    score = float(pair[0, window.first + i].double() + pair[1, window.first + j].double())
                    allowed.append((score, window.offsets[i][0], window.offsets[j][1]))
    best = best_spans(windows, logits, config)[0]
    assert (best.score, best.start, best.end) == max(allowed)
    spans = best_spans(windows, logits, _config(n_best=3))
    assert len(spans) == 3 and spans[0].score >= spans[1].score >= spans[2].score


def test_a_question_without_answer_and_an_empty_context_have_a_window(tokenizer) -> None:
    template = PairTemplate.of(tokenizer)
    unanswered = Question("q", "Who?", "Ada lives in Oslo.", ())
    assert question_windows(unanswered, tokenizer, template, _config())[0].feature.labels == (0, 0)
    empty = question_windows(Question("q", "Who?", "", ()), tokenizer, template, _config())
    assert len(empty) == 1
    assert best_spans(empty, [torch.zeros(2, len(empty[0].feature.token_ids))], _config()) == []


def test_an_answer_begins_at_its_first_character_with_a_tokenizer_that_tells_it_late() -> None:
    tokenizer = late_tokenizer()
    question = _question("we met bob in Rome", "bob", "who?")
    told = tokenizer(question.context, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    assert 7 not in {start for start, _ in told}, "what the tokenizer says"
    (window,) = question_windows(question, tokenizer, PairTemplate.of(tokenizer), _config(max_length=60))
    start, end = (place - window.first for place in window.feature.labels)
    assert question.context[window.offsets[start][0] : window.offsets[end][1]] == "bob"
