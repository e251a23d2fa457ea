"""Reads questions in SQuAD's JSON: SQuAD 1.1, MLQA, XQuAD, TyDiQA-GoldP."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model.evaluation.sets.examples import Question, answered_question
from model.evaluation.sets.text import read_text
from schemas.errors import InputCorrupt


def read_questions(path: Path) -> list[Question]:
    """Read all questions of a file, in its order; one that stands there twice is kept twice, as the metric counts it.

    Raises: InputCorrupt for anything but SQuAD's JSON, and as `answered_question` does.
    """
    try:
        return list(_questions(json.loads(read_text(path)), path))
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InputCorrupt(
            f"{path}: expected SQuAD JSON (data > paragraphs > qas with id, question, answers), found {error!r}"
        ) from error


def _questions(document: dict[str, Any], path: Path) -> Iterator[Question]:
    for article in document["data"]:
        for paragraph in article["paragraphs"]:
            for entry in paragraph["qas"]:
                answers = [(answer["text"], answer["answer_start"]) for answer in entry["answers"]]
                place = f"{path}, question {entry['id']}"
                yield answered_question(entry["id"], entry["question"], paragraph["context"], answers, place)


def read_answers(path: Path) -> dict[str, str]:
    """Read predicted answers, `{question id: answer}`. Raises: InputCorrupt for anything else."""
    try:
        found = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputCorrupt(f"{path}: expected JSON of the form {{question id: answer}}, found {error!r}") from error
    if not isinstance(found, dict) or not all(isinstance(answer, str) for answer in found.values()):
        raise InputCorrupt(f"{path}: expected JSON of the form {{question id: answer}}, every answer a text")
    return found
