"""Exact match and token F1 of answer strings, by the rules of MLQA or by those of SQuAD.

| step | MLQA | SQuAD (SQuAD 1.1, XQuAD, TyDiQA-GoldP) |
|---|---|---|
| 1 | lower the case | the same |
| 2 | delete punctuation: ASCII's and Unicode categories P* | ASCII's alone |
| 3 | the language's articles become a space | English articles, in every language |
| 4 | cut at white space, in Chinese also around every ideograph | at white space |

Neither stands in for the other: the SQuAD rules read predictions that are worth 62.9 in Chinese as 36.7.

Source: the rules of the evaluation of SQuAD 1.1 (Rajpurkar et al., 2016) and of MLQA (Lewis et al., 2020); the second checked
here against published predictions and scores.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

SQUAD = "squad"
"""The rules of SQuAD, which are one for all languages; any other rules are MLQA's for the language they name."""

ARTICLES: dict[str, tuple[str, ...]] = {
    "en": ("a", "an", "the"),
    "es": ("un", "una", "unos", "unas", "el", "la", "los", "las"),
    "de": ("ein", "eine", "einen", "einem", "eines", "einer", "der", "die", "das", "den", "dem", "des"),
    "vi": ("của", "là", "cái", "chiếc", "những"),
    "hi": (),
    "zh": (),
}
"""Whole words that do not count, by language. Arabic is apart: its article is a prefix (`ARABIC_ARTICLE`)."""

ARABIC_ARTICLE = "ال"
"""Dropped wherever these two letters stand, even inside a word: that is the published rule."""

MLQA_LANGUAGES = ("ar", "de", "en", "es", "hi", "vi", "zh")


@dataclass(frozen=True, kw_only=True)
class AnswerScore:
    """Exact match and F1 of a set of predictions, each the mean over questions, between 0 and 1."""

    exact_match: float
    f1: float
    num_questions: int
    num_missing: int


@dataclass(frozen=True, kw_only=True)
class QuestionScore:
    """Exact match and F1 of one prediction, the best over the true answers."""

    exact_match: float
    f1: float
    missing: bool = False


@lru_cache(maxsize=65536)
def is_punctuation(character: str) -> bool:
    """Whether the metric deletes this character: ASCII punctuation (`$`, `+`, … too) or a Unicode category P*."""
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def _is_ideograph(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fa5"


def _drop_articles(text: str, rules: str) -> str:
    if rules == "ar":
        return text.replace(ARABIC_ARTICLE, " ")
    articles = ARTICLES["en" if rules == SQUAD else rules]
    return re.sub(rf"\b({'|'.join(articles)})\b", " ", text) if articles else text


def answer_tokens(text: str, rules: str) -> list[str]:
    """Cut at white space; in MLQA's Chinese every ideograph and every punctuation mark is a token of its own."""
    if rules != "zh":
        return text.split()
    spaced = (f" {c} " if _is_ideograph(c) or is_punctuation(c) else c for c in text)
    return "".join(spaced).split()


def normalise_answer(text: str, rules: str) -> str:
    """Bring an answer to the form in which answers are compared: its tokens joined by single spaces.

    `rules` is `SQUAD`, or the language whose rules MLQA applies.
    Raises: KeyError for a language without rules (`MLQA_LANGUAGES` has them).
    """
    dropped = string.punctuation.__contains__ if rules == SQUAD else is_punctuation
    without_punctuation = "".join(c for c in text.lower() if not dropped(c))
    return " ".join(answer_tokens(_drop_articles(without_punctuation, rules), rules))


def exact_match(prediction: str, truth: str, rules: str) -> float:
    """1.0 where both normalise to the same string (two empty ones too), else 0.0."""
    return float(normalise_answer(prediction, rules) == normalise_answer(truth, rules))


def token_f1(prediction: str, truth: str, rules: str) -> float:
    """Harmonic mean of token precision and recall; 0.0 without a common token, so also for two empty answers."""
    predicted = normalise_answer(prediction, rules).split()
    true = normalise_answer(truth, rules).split()
    overlap = sum((Counter(predicted) & Counter(true)).values())
    if overlap == 0:
        return 0.0
    precision, recall = overlap / len(predicted), overlap / len(true)
    return 2 * precision * recall / (precision + recall)


def score_question(prediction: str | None, answers: Sequence[str], rules: str) -> QuestionScore:
    """Score one prediction; None, a question that was not answered, scores 0.

    Raises: ValueError for a question without a true answer.
    """
    if prediction is None:
        return QuestionScore(exact_match=0.0, f1=0.0, missing=True)
    return QuestionScore(
        exact_match=max(exact_match(prediction, answer, rules) for answer in answers),
        f1=max(token_f1(prediction, answer, rules) for answer in answers),
    )


def score_answers(
    truths: Iterable[tuple[str, Sequence[str]]], predictions: Mapping[str, str], rules: str
) -> AnswerScore:
    """Score predictions by question id against questions with one or more true answers each.

    A question without a prediction scores 0 and counts; one that stands in the truth twice counts twice, as in the
    official scripts; a prediction for an unknown question is ignored. Raises: as `score_question`.
    """
    return mean_score([score_question(predictions.get(question), answers, rules) for question, answers in truths])


def mean_score(scores: Sequence[QuestionScore]) -> AnswerScore:
    """Means over questions; 0 over none."""
    count = max(len(scores), 1)
    return AnswerScore(
        exact_match=sum(score.exact_match for score in scores) / count,
        f1=sum(score.f1 for score in scores) / count,
        num_questions=len(scores),
        num_missing=sum(score.missing for score in scores),
    )
