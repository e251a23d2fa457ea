"""Reads questions in SQuAD's JSON: SQuAD 1.1, MLQA, XQuAD, TyDiQA-GoldP."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from model.evaluation.sets.examples import Question, answered_question, check_questions, text_starts
from model.evaluation.sets.forms import TYDIQA_LANGUAGES
from model.evaluation.sets.text import read_text
from schemas.errors import InputCorrupt


def read_questions(path: Path, language: str = "") -> list[Question]:
    """Read all questions of a file, in its order; one that stands there twice is kept twice, as the metric counts it.

    Of TyDiQA's file of all languages, which says them in its ids (`finnish-…`), only those of `language` are kept.
    Raises: InputCorrupt for anything but SQuAD's JSON, and as `answered_question` does.
    """
    try:
        found = list(_questions(json.loads(read_text(path)), path))
        check_questions(found, str(path))
        return of_language(found, language)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InputCorrupt(
            f"{path}: expected SQuAD JSON (data > paragraphs > qas with id, question, answers), found {error!r}"
        ) from error


def _questions(document: dict[str, Any], path: Path) -> Iterator[Question]:
    for article in document["data"]:
        for paragraph in article["paragraphs"]:
            for entry in paragraph["qas"]:
                place = f"{path}, question {entry['id']}"
                answers = text_starts(entry.get("answers"), place)
                found = answered_question(entry["id"], entry["question"], paragraph["context"], answers, place)
                yield replace(found, title=str(article.get("title", "")))


def of_language(questions: list[Question], language: str) -> list[Question]:
    """Of questions whose ids say several languages, as TyDiQA's do, those of one; otherwise all."""
    languages = {_language(question.id) for question in questions}
    if language and None not in languages and len(languages) > 1:
        return [question for question in questions if _language(question.id) == language]
    return questions


def question_languages(path: Path) -> list[str]:
    """Languages that the ids of a file say; none where they say nothing. Raises: as `read_questions`."""
    return sorted({language for question in read_questions(path) if (language := _language(question.id))})


def _language(name: str) -> str | None:
    return TYDIQA_LANGUAGES.get(name.split("-", 1)[0])


def read_answers(path: Path) -> dict[str, str]:
    """Read predicted answers, `{question id: answer}`. Raises: InputCorrupt for anything else."""
    try:
        found = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputCorrupt(f"{path}: expected JSON of the form {{question id: answer}}, found {error!r}") from error
    if not isinstance(found, dict) or not all(isinstance(answer, str) for answer in found.values()):
        raise InputCorrupt(f"{path}: expected JSON of the form {{question id: answer}}, every answer a text")
    return found
