"""Reads sets of entity linking: mentions in news with their Wikidata items, as Mewsli-9 and Mewsli-X are published.

Mewsli-9: `xx/mentions.tsv` (docid, position, length, mention, …, lang, qid, …, freq_bin) and `xx/text/DOCID`, a file each.
Mewsli-X: lines of JSON, each a `context` with its text and language, and `mentions` with `mention_span` and `entity_id`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.entities.mentions import Span
from model.evaluation.sets.text import read_lines, read_text
from schemas.errors import InputCorrupt, InputMissing

_ITEM = re.compile(r"Q[1-9][0-9]*")
_COLUMNS = ("docid", "position", "length", "mention", "lang", "qid")


@dataclass
class LinkedText:
    """A document with its mentions, in the order of the set."""

    name: str
    language: str
    text: str
    spans: list[Span] = field(default_factory=list)
    entities: list[str] = field(default_factory=list)
    """Item of each span."""
    bins: list[str] = field(default_factory=list)
    """How frequent the set says each item is; "" where it does not."""


def read_linking_set(folder: Path) -> tuple[str, list[LinkedText]]:
    """Read all mentions of a folder; returns the set's name and the documents.

    Raises: InputMissing where there is no file of either form; InputCorrupt for a mention that does not stand where it says,
    and for one without an item (test sets are handed out without them).
    """
    tables = sorted(folder.glob("**/mentions.tsv"))
    lines = sorted(
        path for path in folder.glob("**/*.jsonl") if "mentions" in path.name or "mentions" in path.parent.name
    )
    if tables:
        return "Mewsli-9", [text for path in tables for text in _read_table(path)]
    if lines:
        return "Mewsli-X", [text for path in lines for text in _read_lines_of_json(path)]
    raise InputMissing(
        f"{folder}: found neither xx/mentions.tsv with xx/text/ (Mewsli-9) nor *mentions*.jsonl (Mewsli-X), here or below"
    )


def _read_table(path: Path) -> Iterator[LinkedText]:
    header, *rows = (line.split("\t") for line in read_lines(path) if line)
    if missing := [name for name in _COLUMNS if name not in header]:
        raise InputCorrupt(f"{path}: its columns are {', '.join(header)}; expected also {', '.join(missing)}")
    texts: dict[str, LinkedText] = {}
    for number, row in enumerate(rows, start=2):
        place = f"{path}, line {number}"
        if len(row) < len(header):
            raise InputCorrupt(f"{place}: found {len(row)} columns, expected {len(header)}")
        cells = dict(zip(header, row, strict=False))
        name = cells["docid"]
        if name not in texts:
            document = path.parent / "text" / name
            if not document.is_file():
                raise InputMissing(f"{document}: the text of {name} is not there; the set's scripts extract it")
            texts[name] = LinkedText(name, cells["lang"], read_text(document))
        start, length = _number(cells["position"], place), _number(cells["length"], place)
        _add(texts[name], start, start + length, cells["mention"], cells["qid"], cells.get("freq_bin", ""), place)
    yield from texts.values()


def _read_lines_of_json(path: Path) -> Iterator[LinkedText]:
    for number, line in enumerate(read_lines(path), start=1):
        if not line:
            continue
        place = f"{path}, line {number}"
        try:
            row = json.loads(line)
            context = row["context"]
            text = LinkedText(context["document_id"], context["language"], context["text"])
            for mention in row["mentions"]:
                span, about = mention["mention_span"], mention.get("metadata", {})
                bin_name = str(about.get("bin_name", ""))
                _add(text, span["start"], span["end"], span["text"], mention["entity_id"], bin_name, place)
        except (ValueError, KeyError, TypeError) as error:
            raise InputCorrupt(
                f"{place}: expected a context with text and language, and mentions: {error!r}"
            ) from error
        yield text


def _add(text: LinkedText, start: int, end: int, surface: str, item: Any, bin_name: str, place: str) -> None:
    if text.text[start:end] != surface or start < 0:
        raise InputCorrupt(
            f"{place}: the mention {surface[:40]!r} does not stand at character {start} of {text.name}, "
            f"found {text.text[max(start, 0) : end][:40]!r}"
        )
    if not isinstance(item, str) or not _ITEM.fullmatch(item):
        raise InputCorrupt(
            f"{place}: found the entity {item!r}, expected an item such as Q64; blanked sets cannot be scored"
        )
    text.spans.append(Span(start, end))
    text.entities.append(item)
    text.bins.append(bin_name)


def _number(text: str, place: str) -> int:
    if not text.isdecimal():
        raise InputCorrupt(f"{place}: found {text[:40]!r}, expected a number of characters")
    return int(text)
