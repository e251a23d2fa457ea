"""`python -m model link TEXT`: links the mentions of a text, or of a file of texts, in any language, to entities."""

from __future__ import annotations

import json
import sys
import unicodedata
from dataclasses import asdict
from typing import TYPE_CHECKING

from model.entities.config import LinkConfig
from schemas.command_line import parse_flags
from schemas.errors import UsageError

if TYPE_CHECKING:
    from model.entities.linker import LinkedMention

PROG = "python -m model link"


def parse(flags: list[str]) -> LinkConfig:
    """Make the configuration from the text, which may stand alone, and flags.

    Raises:
        UsageError: there is no text.
    """
    if flags and (flags[0] == "-" or not flags[0].startswith("-")):
        flags = ["--text", *flags]
    return parse_flags(
        LinkConfig,
        flags,
        prog=f"{PROG} TEXT",
        description="Link the mentions of a text, in any language, to entities. The text may stand first, without --text.",
    )


def run(config: LinkConfig) -> None:
    """Link, and print a line per candidate."""
    if config.input:
        from model.entities.batch_files import link_file

        link_file(config)
        return
    from model.entities.export import link_text  # torch and faiss are imported only when there is work

    text = sys.stdin.read() if config.text == "-" else config.text
    if not text.strip():
        raise UsageError(f'there is no text to link: {PROG} "near [[Paris]], Texas" --model MODEL --index INDEX')
    mentions = link_text(config, text)
    if config.json:
        for mention in mentions:
            print(json.dumps(asdict(mention), ensure_ascii=False))
    else:
        print(as_table(mentions))


def as_table(mentions: list[LinkedMention]) -> str:
    """Return a line per candidate: surface, entity, label, score; a surface stands once."""
    if not mentions:
        return "no mention was found: mark mentions as [[mention]]"
    rows = [("surface", "entity", "label", "score")]
    for mention in mentions:
        for place, candidate in enumerate(mention.candidates):
            surface = mention.surface if place == 0 else ""
            rows.append((surface, candidate.entity, candidate.label, f"{candidate.score:.3f}"))
    widths = [max(columns_of(row[place]) for row in rows) for place in range(3)]
    padded = [
        [cell + " " * (width - columns_of(cell)) for cell, width in zip(row, widths, strict=False)] for row in rows
    ]
    return "\n".join("  ".join([*cells, row[3]]) for cells, row in zip(padded, rows, strict=True))


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes: East Asian wide characters two, combining marks none."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.category(character) in ("Mn", "Me", "Cf") for character in text)
