"""Rows of data sets on the Hugging Face Hub as examples; they pass the same checks as those of files."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from model.evaluation.scores.xnli import XNLI_LABELS
from model.evaluation.sets.examples import (
    NO_LABEL,
    Question,
    SentencePair,
    TaggedSentence,
    answered_question,
    check_pairs,
    check_questions,
    check_sentences,
    sentence_pair,
    tagged_sentence,
    text_starts,
)
from model.evaluation.sets.questions import of_language
from model.evaluation.sets.tagged import DOCUMENT_START, without_language
from schemas.errors import InputCorrupt

_TOKENS, _TAGS = ("tokens", "words"), ("ner_tags", "tags", "labels")
_PREMISES, _HYPOTHESES, _LABELS = ("premise", "sentence1"), ("hypothesis", "sentence2"), ("label", "gold_label")


def tagged_rows(dataset: Any, origin: str) -> list[TaggedSentence]:
    """Sentences. Raises: InputCorrupt for other columns, for tags without names, and as the checks do."""
    tokens, tags = _columns(dataset, origin, (_TOKENS, _TAGS))
    names = _label_names(dataset, tags)
    sentences = []
    for place, row in _places(dataset, origin):
        if row[tokens] == [DOCUMENT_START] or row[tokens] == row[tags] == []:
            continue
        found = row[tags]
        if isinstance(found, list):
            found = [_name(tag, names, place) for tag in found]
        sentences.append(tagged_sentence(row[tokens], found, place))
    check_sentences(sentences, origin)
    plain = without_language([list(sentence.tokens) for sentence in sentences], origin)
    return [replace(sentence, tokens=tuple(own)) for sentence, own in zip(sentences, plain, strict=True)]


def pair_rows(dataset: Any, origin: str, *, training: bool = False) -> list[SentencePair]:
    """Sentence pairs; training pairs without an agreed label are left out.

    Raises: as `tagged_rows`; InputCorrupt for class labels that are not XNLI's three, those of another task.
    """
    premise, hypothesis, label = _columns(dataset, origin, (_PREMISES, _HYPOTHESES, _LABELS))
    names = _label_names(dataset, label)
    if names is not None and {name.lower() for name in names} - {NO_LABEL} != set(XNLI_LABELS):
        raise InputCorrupt(f"{origin}: its labels are {', '.join(names)}; expected {', '.join(XNLI_LABELS)}")
    pairs = []
    for place, row in _places(dataset, origin):
        found = _name(row[label], names, place, none=-1)
        if not (training and found == NO_LABEL):
            pairs.append(sentence_pair(row[premise], row[hypothesis], found, place))
    check_pairs(pairs, origin)
    return pairs


def question_rows(dataset: Any, origin: str, language: str = "") -> list[Question]:
    """Questions; of a data set of all languages, which says them in its ids, those of one.

    Raises: InputCorrupt for other columns, for texts and starts of different number, and as the checks do.
    """
    name, question, context, answers = _columns(dataset, origin, (("id",), ("question",), ("context",), ("answers",)))
    questions = [
        answered_question(row[name], row[question], row[context], text_starts(row[answers], place), place)
        for place, row in _places(dataset, origin)
    ]
    check_questions(questions, origin)
    return of_language(questions, language)


def _places(dataset: Any, origin: str) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((f"{origin}, row {number}", row) for number, row in enumerate(dataset))


def _columns(dataset: Any, origin: str, wanted: Sequence[Sequence[str]]) -> list[str]:
    """Return the first column of each group that the data set has, whatever the case of its letters."""
    there = {name.lower(): name for name in dataset.column_names}
    found = [next((there[name] for name in names if name in there), "") for names in wanted]
    if not all(found):
        raise InputCorrupt(
            f"{origin}: its columns are {', '.join(dataset.column_names)}; expected "
            f"{', '.join(' or '.join(names) for names in wanted)}"
        )
    return found


def _label_names(dataset: Any, column: str) -> list[str] | None:
    feature = dataset.features[column]
    feature = getattr(feature, "feature", feature)
    return getattr(feature, "names", None)


def _name(value: Any, names: list[str] | None, place: str, none: int | None = None) -> Any:
    """Return the name of a class label; a text stands for itself, and `none` for no label."""
    if isinstance(value, str) or value is None:
        return value
    if value == none:
        return NO_LABEL
    if names is None:
        raise InputCorrupt(
            f"{place}: found the label {value!r} and no names of labels in the data set, expected class labels"
        )
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(names):
        raise InputCorrupt(f"{place}: found the label {value!r}, expected 0 to {len(names) - 1} ({', '.join(names)})")
    return names[value]
