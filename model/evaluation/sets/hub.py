"""Rows of data sets on the Hugging Face Hub as examples; they pass the same checks as those of files."""

from collections.abc import Iterator, Sequence
from typing import Any

from model.evaluation.sets.examples import (
    NO_LABEL,
    Question,
    SentencePair,
    TaggedSentence,
    answered_question,
    check_sentences,
    sentence_pair,
    tagged_sentence,
)
from model.evaluation.sets.tagged import DOCUMENT_START
from schemas.errors import InputCorrupt

_TOKENS, _TAGS = ("tokens", "words"), ("ner_tags", "tags", "labels")
_PREMISES, _HYPOTHESES, _LABELS = ("premise", "sentence1"), ("hypothesis", "sentence2"), ("label", "gold_label")


def tagged_rows(dataset: Any, origin: str) -> list[TaggedSentence]:
    """Sentences. Raises: InputCorrupt for other columns, for tags without names, and as the checks do."""
    tokens, tags = _columns(dataset, origin, (_TOKENS, _TAGS))
    names = _label_names(dataset, tags)
    sentences = [
        tagged_sentence(row[tokens], [_name(tag, names, place) for tag in row[tags]], place)
        for place, row in _places(dataset, origin)
        if row[tokens] != [DOCUMENT_START] and (row[tokens] or row[tags])
    ]
    check_sentences(sentences, origin)
    return sentences


def pair_rows(dataset: Any, origin: str, *, training: bool = False) -> list[SentencePair]:
    """Sentence pairs; training pairs without an agreed label are left out. Raises: as `tagged_rows`."""
    premise, hypothesis, label = _columns(dataset, origin, (_PREMISES, _HYPOTHESES, _LABELS))
    names = _label_names(dataset, label)
    pairs = []
    for place, row in _places(dataset, origin):
        found = _name(row[label], names, place, none=-1)
        if not (training and found == NO_LABEL):
            pairs.append(sentence_pair(row[premise], row[hypothesis], found, place))
    return pairs


def question_rows(dataset: Any, origin: str) -> list[Question]:
    """Questions. Raises: InputCorrupt for other columns, for texts and starts of different number, and as the checks do."""
    _columns(dataset, origin, (("id",), ("question",), ("context",), ("answers",)))
    return [
        answered_question(row["id"], row["question"], row["context"], _answers(row["answers"], place), place)
        for place, row in _places(dataset, origin)
    ]


def _answers(answers: Any, place: str) -> list[tuple[Any, Any]]:
    if isinstance(answers, list):  # a list of structs, as SQuAD's own JSON has it
        answers = {name: [answer.get(name) for answer in answers] for name in ("text", "answer_start")}
    texts, starts = answers.get("text", []), answers.get("answer_start", [])
    if len(texts) != len(starts):
        raise InputCorrupt(f"{place}: found {len(texts)} answers with {len(starts)} starts, expected one for each")
    return list(zip(texts, starts, strict=True))


def _places(dataset: Any, origin: str) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((f"{origin}, row {number}", row) for number, row in enumerate(dataset))


def _columns(dataset: Any, origin: str, wanted: Sequence[Sequence[str]]) -> list[str]:
    """Return the first name of each group that the data set has as a column."""
    found = [next((name for name in names if name in dataset.column_names), "") for names in wanted]
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
    if not 0 <= value < len(names):
        raise InputCorrupt(f"{place}: found the label {value!r}, expected 0 to {len(names) - 1} ({', '.join(names)})")
    return names[value]
