"""Reads sentence pairs in tables: XNLI and MultiNLI, XNLI-MT, XTREME's copies, myXNLI.

Columns are separated by tabs, with a header or without (`premise, hypothesis, label`). A table may hold one language, several
in rows (XNLI's `language` column), or several side by side (myXNLI's `sentence1_my`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model.evaluation.sets.examples import NO_LABEL, SentencePair, check_pairs, sentence_pair
from model.evaluation.sets.text import read_lines
from schemas.errors import InputCorrupt

_LABELS = ("gold_label", "label")
_PREMISES = ("premise", "sentence1")
_HYPOTHESES = ("hypothesis", "hypo", "sentence2")


@dataclass(frozen=True)
class Columns:
    """Places of a table's columns; `language` is None where rows do not say theirs."""

    premise: int = 0
    hypothesis: int = 1
    label: int = 2
    language: int | None = None


def read_pairs(path: Path, language: str, *, training: bool = False) -> list[SentencePair]:
    """Read the pairs of one language.

    Training pairs on whose label the annotators did not agree ("-") are left out, as their makers advise.
    Raises: InputCorrupt with file and line for a row of another form, for a table without the language, and outside of
    training for a pair without a label.
    """
    pairs = []
    for place, row, columns in _rows(path, language):
        if columns.language is not None and row[columns.language] != language:
            continue
        if training and row[columns.label].strip() == NO_LABEL:
            continue
        pairs.append(sentence_pair(row[columns.premise], row[columns.hypothesis], row[columns.label], place))
    check_pairs(pairs, str(path))
    return pairs


def pair_languages(path: Path) -> list[str]:
    """Languages that a table says it holds, by rows or side by side; none for a table of one language."""
    lines = read_lines(path)
    header = lines[0].lower().split("\t")
    if "language" in header:
        place = header.index("language")
        return sorted({row[place] for line in lines[1:] if line and len(row := line.split("\t")) > place})
    prefix = "sentence1_"
    return sorted(name.removeprefix(prefix) for name in header if name.startswith(prefix))


def _rows(path: Path, language: str) -> Iterator[tuple[str, list[str], Columns]]:
    """Yield the table's rows with their place and the columns of the language."""
    columns, width = Columns(), 3
    for number, line in enumerate(read_lines(path), start=1):
        row = line.split("\t")
        if number == 1 and (found := _named_columns(row, language, path)) is not None:
            columns, width = found, len(row)
            continue
        if not line:
            continue
        # A trailing tab or a comment column adds cells; a row that lacks one is cut off.
        if len(row) < width:
            raise InputCorrupt(
                f"{path}, line {number}: found {len(row)} columns {str(row)[:80]}, expected {width}: premise, hypothesis "
                "and one of entailment, neutral, contradiction, separated by tabs; tables without labels cannot be scored"
            )
        yield f"{path}, line {number}", row, columns


def _named_columns(header: list[str], language: str, path: Path) -> Columns | None:
    """Columns by the names of a header; None where the first row is none.

    Raises: InputCorrupt for a table of several languages side by side that lacks this one.
    """
    header = [name.strip().lower() for name in header]
    label = next((header.index(name) for name in _LABELS if name in header), None)
    if label is None:
        return None
    own = [[*names, f"sentence{side}_{language}"] for side, names in ((1, _PREMISES), (2, _HYPOTHESES))]
    places = [next((header.index(name) for name in names if name in header), None) for names in own]
    if places[0] is None or places[1] is None:
        raise InputCorrupt(
            f"{path}: its columns are {', '.join(header)[:120]}; expected premise and hypothesis, or sentence1 and "
            f"sentence2 (of several languages: sentence1_{language} and sentence2_{language})"
        )
    return Columns(places[0], places[1], label, header.index("language") if "language" in header else None)
