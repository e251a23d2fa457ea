"""Reads named entities in columns: CoNLL-2002 and -2003, PAN-X and WikiANN, WikiNEuRal, MasakhaNER.

A token a line and its tag last, blank lines between sentences. Besides: an index column first, `-DOCSTART-` lines,
comments (`# …`), and the language before each token (`en:Ada`), which WikiANN writes.
"""

import re
from collections import Counter
from pathlib import Path

from model.evaluation.sets.examples import TaggedSentence, check_sentences, tagged_sentence
from model.evaluation.sets.tags import is_tag
from model.evaluation.sets.text import read_lines
from schemas.errors import InputCorrupt

DOCUMENT_START = "-DOCSTART-"

_BLANKS = re.compile(r"[ \t]+")
_LANGUAGE = re.compile(r"([a-z]{2,3}(?:-[a-z-]+)?):", re.IGNORECASE)

Line = tuple[int, list[str]]
"""A line's number, from 1, and its columns."""


def read_tagged(path: Path) -> list[TaggedSentence]:
    """Read sentences. Raises: InputCorrupt with file and line for a form it cannot read, and for a set without entities."""
    sentences = [block for block in _blocks(path) if block]
    token_column = 1 if sentences and all(len(c) >= 3 and c[0].isdigit() for s in sentences for _, c in s) else 0
    kept = [[(n, c[token_column], c[-1]) for n, c in s if c[token_column] != DOCUMENT_START] for s in sentences]
    kept = [sentence for sentence in kept if sentence]
    tokens = without_language([[token for _, token, _ in sentence] for sentence in kept], str(path))
    examples = [
        tagged_sentence(own, [tag for _, _, tag in sentence], f"{path}, sentence from line {sentence[0][0]}")
        for own, sentence in zip(tokens, kept, strict=True)
    ]
    check_sentences(examples, str(path))
    return examples


def read_tag_lines(path: Path) -> list[list[str]]:
    """Read predicted tags, one a line with a blank line between sentences; of several columns the last.

    Raises: InputCorrupt with file and line for what is no tag.
    """
    return [[columns[-1] for _, columns in block] for block in _blocks(path) if block]


def _blocks(path: Path) -> list[list[Line]]:
    """Lines of tokens between blank lines and comments."""
    lines = [(number, _columns(line)) for number, line in enumerate(read_lines(path, latin_1=True), start=1)]
    usual = _usual_width(lines)
    blocks: list[list[Line]] = [[]]
    for number, found in lines:
        columns = found[1:] if found[:1] == [""] and len(found) > usual else found
        if not columns:
            blocks.append([])
        elif not blocks[-1] and _is_comment(columns, usual):
            continue
        elif columns[0] != DOCUMENT_START and not is_tag(columns[-1]):
            raise InputCorrupt(
                f"{path}, line {number}: found {' '.join(columns)[:80]!r}, expected a token and a tag such as O or B-PER"
            )
        elif columns[0] != DOCUMENT_START and len(columns) != usual:
            raise InputCorrupt(
                f"{path}, line {number}: found {len(columns)} columns in {' '.join(columns)[:80]!r}, expected {usual} "
                "as in most lines"
            )
        else:
            blocks[-1].append((number, columns))
    return blocks


def _columns(line: str) -> list[str]:
    if not line.strip():
        return []
    if "\t" in line:
        return [column.strip(" ") for column in line.rstrip("\t").split("\t")]
    # A blank first stands behind an empty token: MasakhaNER 2 has one in isiXhosa.
    return _BLANKS.split(line.rstrip(" "))


def _usual_width(lines: list[Line]) -> int:
    """Return the number of columns of most lines that end in a tag."""
    widths = Counter(len(columns) for _, columns in lines if columns and is_tag(columns[-1]))
    return widths.most_common(1)[0][0] if widths else 2


def _is_comment(columns: list[str], usual: int) -> bool:
    """Whether a line at the start of a sentence is a comment and no token: `# id 5` is, `# O` is a token."""
    return columns[0].startswith("#") and (len(columns) != usual or not is_tag(columns[-1]))


def without_language(sentences: list[list[str]], origin: str) -> list[list[str]]:
    """Take off the language that WikiANN writes before every token.

    Raises: InputCorrupt where most tokens have it and some have not.
    """
    tokens = [token for sentence in sentences for token in sentence]
    found = Counter(match[1] for token in tokens if (match := _LANGUAGE.match(token)))
    language, count = found.most_common(1)[0] if found else ("", 0)
    if 2 * count <= len(tokens):
        return sentences
    if count < len(tokens):
        other = next(token for token in tokens if not token.startswith(f"{language}:"))
        raise InputCorrupt(
            f"{origin}: {count:,} of {len(tokens):,} tokens begin with '{language}:', {other[:40]!r} does not; "
            "expected the language before every token or before none"
        )
    return [[token[len(language) + 1 :] for token in sentence] for sentence in sentences]
