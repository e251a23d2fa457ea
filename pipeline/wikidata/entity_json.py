"""What is decoded of a Wikidata entity's JSON: typed structures that name only the fields that tables need.

Everything else in a line is passed over by the decoder, which is what makes it fast. The types admit what dumps really
hold: `[]` for an empty object, fields that are missing, entity values with only a number, values that are plain strings.

Source: https://www.mediawiki.org/wiki/Wikibase/DataModel/JSON and the dumps of 2014 to 2026.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

MAX_LANGUAGE_FIELDS = 40
"""Up to this many languages each gets a field of its own; beyond, a dictionary of all is faster."""


class Text(msgspec.Struct, gc=False):
    """A label, description or alias in one language."""

    value: str | None = None


class SiteLink(msgspec.Struct, gc=False):
    """A page of one wiki."""

    title: str


class Outline(msgspec.Struct, gc=False):
    """What of an entity tells whether it is an item, and on which wikis it has pages."""

    id: str | None = None
    type: str | None = None
    redirect: Any = None
    redirects: Any = None
    missing: Any = None
    sitelinks: dict[str, msgspec.Raw] | list[Any] | None = None


class EntityValue(msgspec.Struct, gc=False):
    """The value of a snak where it is an object. Only entities have the fields named here."""

    id: str | None = None
    kind: str | None = msgspec.field(default=None, name="entity-type")
    number: int | None = msgspec.field(default=None, name="numeric-id")


class AnyValue(msgspec.Struct, gc=False):
    """The value of a snak where it is an object of any type."""

    id: str | None = None
    kind: str | None = msgspec.field(default=None, name="entity-type")
    number: int | None = msgspec.field(default=None, name="numeric-id")
    amount: str | None = None
    unit: str | None = None
    lower: str | None = msgspec.field(default=None, name="lowerBound")
    upper: str | None = msgspec.field(default=None, name="upperBound")
    time: str | None = None
    calendar: str | None = msgspec.field(default=None, name="calendarmodel")
    before: int | None = None
    after: int | None = None
    precision: float | None = None
    globe: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    text: str | None = None
    language: str | None = None


class DataValue(msgspec.Struct, gc=False):
    """A value; plain strings for most datatypes."""

    value: EntityValue | str | int | float | list[Any] | None = None


class AnyDataValue(msgspec.Struct, gc=False):
    """A value with everything that literals need."""

    value: AnyValue | str | int | float | list[Any] | None = None


SnakType = Literal["value", "somevalue", "novalue"]
Rank = Literal["preferred", "normal", "deprecated"]


class Snak(msgspec.Struct, gc=False):
    """A property with a value, an unknown value, or none. `datatype` is missing in old dumps and is not needed."""

    snaktype: SnakType = "value"
    datavalue: DataValue | None = None


class AnySnak(msgspec.Struct, gc=False):
    """A snak with everything that literals and qualifiers need."""

    snaktype: SnakType = "value"
    datavalue: AnyDataValue | None = None


class Statement(msgspec.Struct, gc=False):
    """A statement as far as triples need it."""

    mainsnak: Snak
    rank: Rank = "normal"


class FullStatement(msgspec.Struct, gc=False):
    """A statement with everything that literals and qualifiers need."""

    mainsnak: AnySnak
    rank: Rank = "normal"
    id: str = ""
    qualifiers: dict[str, list[AnySnak]] | list[Any] | None = None


@functools.cache
def entity_decoder(languages: tuple[str, ...] | None, *, full_statements: bool) -> msgspec.json.Decoder[Any]:
    """Make a decoder of entity lines.

    The result has `id`, `type`, `datatype`, `redirect`, `redirects`, `missing`, `labels`, `descriptions`, `aliases`, `claims`
    and `sitelinks`; each may be None, and the last five a list where the dump has `[]` for an empty object.

    Args:
        languages: label codes that become attributes `_0`, `_1`, … of `labels`, `descriptions` and `aliases`;
            None for dictionaries with every language.
        full_statements: whether statements are `FullStatement` (for literals and qualifiers) or `Statement`.
    """
    statement = FullStatement if full_statements else Statement
    fields: list[tuple[str, Any, Any]] = [(name, str | None, None) for name in ("id", "type", "datatype", "redirect")]
    fields += [(name, Any, None) for name in ("redirects", "missing")]
    fields += [
        ("labels", _by_language(languages, Text) | list[Any] | None, None),
        ("descriptions", _by_language(languages, Text) | list[Any] | None, None),
        ("aliases", _by_language(languages, list[Text]) | list[Any] | None, None),
        ("claims", dict[str, list[statement]] | list[Any] | None, None),  # type: ignore[valid-type]
        ("sitelinks", dict[str, SiteLink] | list[Any] | None, None),
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Entity", fields, gc=False))


def _by_language(languages: Sequence[str] | None, kind: Any) -> Any:
    if languages is None:
        return dict[str, kind]
    fields = [(f"_{index}", kind | None, None) for index in range(len(languages))]
    names = {f"_{index}": language for index, language in enumerate(languages)}
    return msgspec.defstruct("ByLanguage", fields, rename=names, gc=False)


def lists_for_objects(line: bytes) -> bytes:
    """Return the line with `[…]` wherever it has an object for a list of aliases, statements or qualifiers.

    Some serialisers write a list as an object with its places as keys (`{"0": …}`), and an empty one as `{}`. Such a line
    is rare, so it is decoded whole, mended, and written again.

    Raises:
        msgspec.DecodeError: the line is no JSON object.
    """
    entity = msgspec.json.decode(line, type=dict[str, Any])
    for name in ("aliases", "claims"):
        _mend_lists(entity.get(name))
    for statements in _values(entity.get("claims")):
        for statement in statements if isinstance(statements, list) else ():
            if isinstance(statement, dict):
                _mend_lists(statement.get("qualifiers"))
    return msgspec.json.encode(entity)


def _mend_lists(lists: Any) -> None:
    for key, value in list(lists.items()) if isinstance(lists, dict) else ():
        if isinstance(value, dict):
            lists[key] = list(value.values())


def _values(given: Any) -> list[Any]:
    return list(given.values()) if isinstance(given, dict) else []
