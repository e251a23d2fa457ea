"""Reads the original formats of the three fine-tuning tasks: CoNLL columns, XNLI tables, SQuAD and MLQA JSON.

Every reader takes a plain or gzipped file and raises `InputCorrupt` with file and line for a form it cannot read:
a file that is read half would give a score that looks real.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.evaluation.scores.xnli import XNLI_LABELS
from schemas.errors import InputCorrupt

DOCUMENT_START = "-DOCSTART-"


@dataclass(frozen=True)
class TaggedSentence:
    """Tokens of one sentence and their entity tags, of equal length."""

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
    """A question about a context, with its true answers (none for a question that has none)."""

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...]


def read_text(path: Path) -> str:
    """The text of a plain or gzipped file: UTF-8, or Latin-1, in which CoNLL-2002 and -2003 were published."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise InputCorrupt(f"{path}: the gzip stream is damaged ({error}); fetch the file again") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _lines(path: Path) -> list[str]:
    # Not `splitlines`: it also cuts at U+2028 and U+0085, which stand inside real texts.
    return [line.rstrip("\r") for line in read_text(path).split("\n")]


def read_tagged(path: Path) -> list[TaggedSentence]:
    """Read sentences in CoNLL columns: token first (or after an index column), tag last, blank line between.

    `-DOCSTART-` lines are dropped, alone or inside a sentence. Raises: InputCorrupt for a line without a tag.
    """
    rows: list[list[list[str]]] = [[]]
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            rows.append([])
            continue
        columns = line.split("\t") if "\t" in line else line.split()
        if len(columns) < 2 or not _is_tag(columns[-1]):
            raise InputCorrupt(
                f"{path}, line {number}: found {line[:80]!r}, expected a token and a tag such as O or B-PER"
            )
        rows[-1].append(columns)
    token_column = 1 if all(len(c) >= 3 and c[0].isdigit() for s in rows for c in s) else 0
    sentences = []
    for sentence in rows:
        kept = [(c[token_column], c[-1]) for c in sentence if c[token_column] != DOCUMENT_START]
        if kept:
            sentences.append(TaggedSentence(tuple(t for t, _ in kept), tuple(t for _, t in kept)))
    return sentences


def _is_tag(text: str) -> bool:
    return text == "O" or text[:2] in ("B-", "I-")


def read_pairs(path: Path, language: str) -> list[SentencePair]:
    """Read an XNLI table: `premise, hypothesis, label` without a header, or with the header of XNLI or of XNLI-MT.

    In a file of all languages the rows of `language` are kept. Pairs without a gold label ("-") are left out.
    Raises: InputCorrupt for a row of another form, with its line.
    """
    pairs, columns = [], (0, 1, 2, -1)
    for number, line in enumerate(_lines(path), start=1):
        if not line:
            continue
        row = line.split("\t")
        if number == 1 and (header := _pair_columns(row)) is not None:
            columns = header
            continue
        pair, row_language = _pair(row, columns)
        if pair is None:
            raise InputCorrupt(
                f"{path}, line {number}: found {len(row)} columns {str(row)[:80]}, expected premise, hypothesis "
                f"and one of {', '.join(XNLI_LABELS)}, separated by tabs"
            )
        if row_language in ("", language) and pair.label != "-":
            pairs.append(pair)
    return pairs


def _pair_columns(header: list[str]) -> tuple[int, int, int, int] | None:
    if "sentence1" in header and "gold_label" in header:
        language = header.index("language") if "language" in header else -1
        return header.index("sentence1"), header.index("sentence2"), header.index("gold_label"), language
    if header[:3] == ["premise", "hypo", "label"] or header[:3] == ["premise", "hypothesis", "label"]:
        return 0, 1, 2, -1
    return None


def _pair(row: list[str], columns: tuple[int, int, int, int]) -> tuple[SentencePair | None, str]:
    premise, hypothesis, label, language = columns
    if max(columns) >= len(row):
        return None, ""
    # XNLI's translated training sets spell one label differently.
    found = row[label].strip().replace("contradictory", "contradiction")
    if found not in (*XNLI_LABELS, "-"):
        return None, ""
    return SentencePair(row[premise], row[hypothesis], found), row[language] if language >= 0 else ""


def read_questions(path: Path) -> list[Question]:
    """Read SQuAD 1.1 or MLQA JSON.

    Raises: InputCorrupt for anything else, and for an answer that does not stand in its context where it says.
    """
    try:
        document = json.loads(read_text(path))
        return list(_questions(document, path))
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputCorrupt(
            f"{path}: expected SQuAD JSON (data > paragraphs > qas with id, question, answers), found {error!r}"
        ) from error


def _questions(document: dict[str, Any], path: Path) -> Iterator[Question]:
    for article in document["data"]:
        for paragraph in article["paragraphs"]:
            context = paragraph["context"]
            for entry in paragraph["qas"]:
                answers = tuple(Answer(a["text"], a["answer_start"]) for a in entry["answers"])
                for answer in answers:
                    if not context.startswith(answer.text, answer.start):
                        raise InputCorrupt(
                            f"{path}, question {entry['id']}: the answer {answer.text[:40]!r} does not stand at "
                            f"character {answer.start} of its context"
                        )
                yield Question(str(entry["id"]), entry["question"], context, answers)


def read_tag_lines(path: Path) -> list[list[str]]:
    """Read predicted tags, one a line with a blank line between sentences (the form of XGLUE's submissions)."""
    blocks: list[list[str]] = [[]]
    for line in _lines(path):
        if line.strip():
            blocks[-1].append(line.strip())
        else:
            blocks.append([])
    return [block for block in blocks if block]
