"""What an example of the fine-tuning tasks is, and the checks that each one passes, from a file as from the Hub.

A row that is read half gives a score that looks real. So whatever is no label (a sign for "none", a number without a name)
and whatever does not fit together (tags and tokens, an answer and its context) is refused with its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model.evaluation.scores.xnli import XNLI_LABELS
from model.evaluation.sets.tags import OUTSIDE, iob_tags
from schemas.errors import InputCorrupt

NO_LABEL = "-"
"""What SNLI and MultiNLI write where the annotators did not agree."""

MANY = 20
"""Examples of which it cannot be chance that all have one label: of three labels in less than one case of 10^9."""
_SHOWN = 60
"""Most characters of a found value in a message."""


@dataclass(frozen=True)
class TaggedSentence:
    """Tokens of one sentence and their entity tags (IOB1 or IOB2, types in capitals), of equal length."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class SentencePair:
    """A premise, a hypothesis and one of `XNLI_LABELS`."""

    premise: str
    hypothesis: str
    label: str


@dataclass(frozen=True)
class Answer:
    """An answer text and the code point at which it starts in the context."""

    text: str
    start: int


@dataclass(frozen=True)
class Question:
    """A question about a context, with its true answers, at least one."""

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...]
    title: str = ""
    """Of the page that the context is from; "" where the set does not say it."""


def tagged_sentence(tokens: Any, tags: Any, place: str) -> TaggedSentence:
    """Check one sentence. Raises: InputCorrupt for ragged rows, for rows that are no lists, and for what is no tag."""
    for what, values in (("tokens", tokens), ("tags", tags)):
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise InputCorrupt(f"{place}: found {_shown(values)}, expected a list of {what}")
    if len(tokens) != len(tags):
        raise InputCorrupt(f"{place}: found {len(tokens)} tokens and {len(tags)} tags, expected one tag for each token")
    words = tuple(_text(token, place, "a token") for token in tokens)
    return TaggedSentence(words, iob_tags([_text(tag, place, "a tag") for tag in tags], place))


def sentence_pair(premise: Any, hypothesis: Any, label: Any, place: str) -> SentencePair:
    """Check one pair. Raises: InputCorrupt for a label that is none of XNLI's three, and for empty texts."""
    found = label.strip().lower() if isinstance(label, str) else label
    # XNLI's translated training sets spell one label differently.
    found = "contradiction" if found == "contradictory" else found
    if found not in XNLI_LABELS:
        raise InputCorrupt(
            f"{place}: found the label {_shown(label)}, expected one of {', '.join(XNLI_LABELS)}; "
            "pairs without a label cannot be scored"
        )
    pair = SentencePair(_text(premise, place, "a premise"), _text(hypothesis, place, "a hypothesis"), found)
    if not (pair.premise.strip() and pair.hypothesis.strip()):
        raise InputCorrupt(f"{place}: found an empty premise or hypothesis, expected two sentences")
    return pair


def text_starts(answers: Any, place: str) -> list[tuple[Any, Any]]:
    """Return answers as pairs of text and start, from a list of both (SQuAD's JSON) or from two lists (data sets of the Hub).

    None, where a set has none, is no answer. Raises: InputCorrupt for other forms, and for lists of different length.
    """
    if answers is None:
        return []
    if isinstance(answers, list) and all(isinstance(answer, dict) for answer in answers):
        answers = {name: [answer.get(name) for answer in answers] for name in ("text", "answer_start")}
    if not isinstance(answers, dict) or not {"text", "answer_start"} <= answers.keys():
        raise InputCorrupt(
            f"{place}: found the answers {_shown(answers)}, expected each with its text and answer_start"
        )
    texts, starts = answers["text"] or [], answers["answer_start"] or []
    if isinstance(texts, str) or len(texts) != len(starts):
        raise InputCorrupt(f"{place}: found {len(texts)} answers with {len(starts)} starts, expected one for each")
    return list(zip(texts, starts, strict=True))


def answered_question(
    name: Any, question: Any, context: Any, answers: Sequence[tuple[Any, Any]], place: str
) -> Question:
    """Check one question, `answers` being pairs of text and start.

    Raises: InputCorrupt for a question without an answer, for blanked answers (empty, or at no place of the context),
    and for an answer that does not stand in its context where it says.
    """
    context = _text(context, place, "a context")
    if not answers:
        raise InputCorrupt(
            f"{place}: the question has no answer. Test sets without their answers, and questions that have none "
            "(SQuAD 2.0), cannot be scored; expected at least one answer with its start"
        )
    checked = tuple(_answer(text, start, context, place) for text, start in answers)
    return Question(str(name), _text(question, place, "a question"), context, checked)


def _answer(text: Any, start: Any, context: str, place: str) -> Answer:
    if not isinstance(text, str) or not text.strip():
        raise InputCorrupt(
            f"{place}: found the answer {_shown(text)}, expected a stretch of the context. "
            "Test sets are handed out with blank answers; fetch the set with its answers"
        )
    if isinstance(start, bool) or not isinstance(start, int) or start < 0:
        raise InputCorrupt(
            f"{place}: the answer {_shown(text)} starts at {start!r}, expected a character of the context"
        )
    if not context.startswith(text, start):
        raise InputCorrupt(f"{place}: the answer {_shown(text)} does not stand at character {start} of its context")
    return Answer(text, start)


def check_pairs(pairs: Sequence[SentencePair], origin: str) -> None:
    """Refuse a set whose pairs all have one label: a placeholder that happens to be a label. Raises: InputCorrupt."""
    if len(pairs) >= MANY and len({pair.label for pair in pairs}) == 1:
        raise InputCorrupt(
            f"{origin}: all of its {len(pairs):,} pairs have the label {pairs[0].label!r}: are the labels blanked? "
            "Expected the set with its labels"
        )


def check_questions(questions: Sequence[Question], origin: str) -> None:
    """Refuse a set whose answers are all one text, or a stretch of one length at one place, or the whole context: placeholders.

    Raises: InputCorrupt.
    """
    firsts = [question.answers[0] for question in questions]
    if len(firsts) < MANY:
        return
    starts, lengths = {one.start for one in firsts}, {len(one.text) for one in firsts}
    whole = all(one.text == question.context for one, question in zip(firsts, questions, strict=True))
    if len({one.text for one in firsts}) == 1 or (len(starts) == 1 and (len(lengths) == 1 or whole)):
        raise InputCorrupt(
            f"{origin}: the answers to all of its {len(firsts):,} questions are {_shown(firsts[0].text)} or as long, or their "
            f"whole contexts, such as that of question {questions[0].id} at character {firsts[0].start}: are they blanked? "
            "Expected the set with its answers"
        )


def check_sentences(sentences: Sequence[TaggedSentence], origin: str) -> None:
    """Refuse a set whose tags are all one, `O` most of all: they are blanked, and a score would be 0.

    Raises: InputCorrupt.
    """
    tags = {tag for sentence in sentences for tag in sentence.tags}
    if len(sentences) >= MANY and len(tags) == 1 and tags != {OUTSIDE}:
        raise InputCorrupt(
            f"{origin}: every token of its {len(sentences):,} sentences has the tag {tags.pop()}: are the tags blanked? "
            "Expected the set with its tags"
        )
    if sentences and tags == {OUTSIDE}:
        raise InputCorrupt(
            f"{origin}: not one of {len(sentences):,} sentences has an entity, all tags are O: are the tags blanked? "
            "Expected the set with its tags"
        )


def _text(value: Any, place: str, what: str) -> str:
    if not isinstance(value, str):
        raise InputCorrupt(f"{place}: found {_shown(value)}, expected {what}, which is text")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
