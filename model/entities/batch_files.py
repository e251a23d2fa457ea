"""Links files of texts: one text a line in, one line of JSON out, any number of lines in bounded memory."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from model.entities.config import LinkConfig
from model.entities.linker import LinkedMention, Linker
from model.entities.mentions import Span, read_marks
from schemas.errors import InputCorrupt, InputMissing, StorageError, UsageError

TEXTS = 256
"""Texts linked together."""


def link_file(config: LinkConfig) -> None:
    """Link every line of `config.input`; the output is whole or not there.

    Raises:
        InputMissing: there is no such file.
        InputCorrupt: a line is no text, or a mention lies outside of it, with the line's number.
        StorageError: the output cannot be written.
        UsageError, SchemaMismatch, ShardMismatch: as `Linker.open` does.
    """
    path = Path(config.input)
    if config.text:
        raise UsageError("a text and --input were given: link one of them")
    if not path.is_file():
        raise InputMissing(f"{path}: there is no such file of texts")
    linker = Linker.open(config.model, config.index, config.device)
    if not config.output:
        _write(config, linker, path, sys.stdout)
        return
    beside = Path(f"{config.output}.partial")
    try:
        beside.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8") as out:
            _write(config, linker, path, out)
        os.replace(beside, config.output)
    except OSError as error:
        raise StorageError(f"cannot write {config.output}: {error}. Free some space, or name another file.") from error


def _write(config: LinkConfig, linker: Linker, path: Path, out: TextIO) -> None:
    lines = _lines(path, linker)
    while some := list(islice(lines, TEXTS)):
        texts, spans = [text for text, _ in some], [own for _, own in some]
        found = linker.link_spans(
            texts, spans, language=config.language, top=config.top, mask=config.mask, prior=config.prior
        )
        for text, mentions in zip(texts, found, strict=True):
            print(json.dumps(_document(text, mentions), ensure_ascii=False), file=out)


def _document(text: str, mentions: Sequence[LinkedMention]) -> dict[str, Any]:
    return {"text": text, "mentions": [asdict(mention) for mention in mentions]}


def _lines(path: Path, linker: Linker) -> Iterator[tuple[str, list[Span]]]:
    """Texts without marks and the spans of their mentions."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield _line(line.rstrip("\r\n"), linker)
            except (UsageError, ValueError, TypeError, KeyError) as error:
                raise InputCorrupt(
                    f"{path}, line {number}: {error}; expected a text, or JSON with text and mentions of start and end"
                ) from error


def _line(line: str, linker: Linker) -> tuple[str, list[Span]]:
    if not line.startswith("{"):
        text, spans = read_marks(line)
        return text, spans or linker.find(text)
    row = json.loads(line)
    if "mentions" not in row:
        text, spans = read_marks(row["text"])
        return text, spans or linker.find(text)
    spans = [Span(mention["start"], mention["end"]) for mention in row["mentions"]]
    if any(not 0 <= span.start < span.end <= len(row["text"]) for span in spans):
        raise ValueError(f"a mention lies outside of the text's {len(row['text'])} characters")
    return row["text"], spans
