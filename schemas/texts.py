"""The texts that Wikidata keeps for an entity or a property in one language."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from schemas.tables import list_of, required


@dataclass(frozen=True, kw_only=True)
class Text:
    """Label, short description and aliases in one language."""

    language: str
    """Wikidata's language code, for instance `en`, `zh-hans` or `mul` (a label that holds in all languages)."""
    label: str | None
    """The name, NFC; None where only a short description or aliases exist."""
    short_description: str | None
    """Wikidata's gloss ("description" there): a few words that tell namesakes apart."""
    aliases: list[str]
    """Other names, in the dump's order."""


@dataclass(frozen=True, kw_only=True)
class RelationText(Text):
    """The same for a property, in the language asked for, with the code under which Wikidata has it."""

    code: str
    """Wikidata's code of the label: that of `language`, a code of the same language in another script, region or spelling
    (`bbc-latn` for `bbc`), `mul`, or another language's where it has no label of its own."""


TEXT = pa.struct(
    [
        required("language", pa.string()),
        pa.field("label", pa.string()),
        pa.field("short_description", pa.string()),
        required("aliases", list_of(pa.string())),
    ]
)
RELATION_TEXT = pa.struct([*TEXT, required("code", pa.string())])
