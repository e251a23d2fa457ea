"""Reads sets of entity linking: mentions in texts with their Wikidata items, as Mewsli-9, Mewsli-X and TR2016 are published.

Mewsli-9: `xx/mentions.tsv` (docid, position, length, mention, …, lang, qid, …, freq_bin) and `xx/text/DOCID`, a file each.
Mewsli-X: lines of JSON, each a `context` with its text and language, and `mentions` with `mention_span` and `entity_id`.
TR2016: see `titled_mentions`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from model.entities.linked_text import LinkedText, add_mention, number_of
from model.entities.titled_mentions import TR2016, read_titled
from model.evaluation.sets.text import read_lines, read_text
from schemas.errors import InputCorrupt, InputMissing

_COLUMNS = ("docid", "position", "length", "mention", "lang", "qid")


def read_linking_set(folder: Path, tables: Path | None = None) -> tuple[str, list[LinkedText]]:
    """Read all mentions of a folder; returns the set's name and the documents. `tables` are needed for titles (TR2016).

    Raises: InputMissing where there is no file of either form; InputCorrupt for a mention that does not stand where it says,
    and for one without an item (test sets are handed out without them).
    """
    mentions = sorted(folder.glob("**/mentions.tsv"))
    lines = sorted(
        path for path in folder.glob("**/*.jsonl") if "mentions" in path.name or "mentions" in path.parent.name
    )
    if mentions:
        return "Mewsli-9", [text for path in mentions for text in _read_table(path)]
    if lines:
        return "Mewsli-X", [text for path in lines for text in _read_lines_of_json(path)]
    if titled := sorted(folder.glob("**/test/*.mentions")):
        return TR2016, read_titled(titled, tables)
    raise InputMissing(
        f"{folder}: found neither xx/mentions.tsv with xx/text/ (Mewsli-9) nor *mentions*.jsonl (Mewsli-X) nor "
        "xx/test/NAME.mentions (TR2016), here or below"
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
        start, length = number_of(cells["position"], place), number_of(cells["length"], place)
        add_mention(
            texts[name], start, start + length, cells["mention"], cells["qid"], cells.get("freq_bin", ""), place
        )
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
                add_mention(text, span["start"], span["end"], span["text"], mention["entity_id"], bin_name, place)
        except (ValueError, KeyError, TypeError) as error:
            raise InputCorrupt(
                f"{place}: expected a context with text and language, and mentions: {error!r}"
            ) from error
        yield text
