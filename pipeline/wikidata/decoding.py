"""One line of a dump to the typed structures of `entity_json`, or the reason why it is none, or none that a table is about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from pipeline.wikidata.entity_json import Outline, entity_decoder, lists_for_objects

DROPPED_TYPES = {"lexeme": "lexeme", "mediainfo": "mediainfo", "entity-schema": "entity_schema"}
"""Kinds of entities that no table is about, with the reason under which they are counted."""

_OUTLINE = msgspec.json.Decoder(Outline)
_ID = re.compile(rb'"id"\s*:\s*"([A-Z][0-9]+)"')


class EntityRefused(Exception):
    """A line that could not become a row."""

    def __init__(self, reason: str, detail: str, record: str | None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        """Short stable code."""
        self.detail = detail
        """What was found, in words."""
        self.record = record
        """Id of the entity, where it could be read."""


class EntityDecoder:
    """Decodes lines."""

    def __init__(self, languages: Sequence[str] | None, *, full_statements: bool) -> None:
        """Args: see `entity_json.entity_decoder`."""
        self._decode = entity_decoder(
            None if languages is None else tuple(languages), full_statements=full_statements
        ).decode
        self.num_mended = 0
        """Lines that had objects in place of lists."""

    def outline(self, line: bytes) -> Outline | None:
        """Return the outline of an item's line; None for any other, damaged ones included, which `decode` tells apart."""
        try:
            if not line.isascii():
                line.decode("utf-8")
            outline = _OUTLINE.decode(line)
        except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
            return None
        if outline.missing is not None or outline.redirects is not None or outline.redirect is not None:
            return None
        return outline if outline.type == "item" and type(outline.sitelinks or {}) is dict else None

    def decode(self, line: bytes) -> Any:
        """Decode one entity's line, without the comma at its end.

        Raises:
            EntityRefused: it is damaged, or of another shape than an entity's.
        """
        try:
            if not line.isascii():
                line.decode("utf-8")
            try:
                return self._decode(line)
            except msgspec.ValidationError:
                entity = self._decode(lists_for_objects(line))
                self.num_mended += 1
                return entity
        except msgspec.ValidationError as error:
            raise EntityRefused("json_shape", str(error), _id_in(line)) from None
        except UnicodeDecodeError as error:
            raise EntityRefused("not_utf8", str(error), _id_in(line)) from None
        except msgspec.DecodeError as error:
            raise EntityRefused("json_syntax", str(error), _id_in(line)) from None
        except RecursionError:
            raise EntityRefused("too_deep", "nested deeper than the decoder goes", _id_in(line)) from None


def reason_absent(entity: Any) -> str | None:
    """Why an entity is none of its own: it redirects to another, or is missing."""
    if entity.missing is not None:
        return "missing"
    return None if entity.redirects is None and entity.redirect is None else "redirect"


def reason_to_drop(entity: Any, line: bytes) -> str:
    """Why an entity that is neither item nor property is left out on purpose.

    Raises:
        EntityRefused: it is nothing that dumps are known to hold.
    """
    if entity.type in DROPPED_TYPES:
        return DROPPED_TYPES[entity.type]
    if entity.type is None and entity.id and entity.id[0] == "L":
        return "lexeme"
    detail = "neither id nor type" if entity.id is None and entity.type is None else f"type {entity.type!r}"
    raise EntityRefused("unknown_type", f"{detail}, expected item or property", entity.id or _id_in(line))


def _id_in(line: bytes) -> str | None:
    """Return the entity's id, looked for in the bytes where the line cannot be decoded."""
    found = _ID.search(line[:2000])
    return found[1].decode() if found else None
