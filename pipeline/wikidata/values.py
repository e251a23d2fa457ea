"""Values of snaks that are not items, as canonical text.

Source: https://www.wikidata.org/wiki/Help:Data_type and the JSON of each type in the dumps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pipeline.wikidata.entity_json import AnySnak, AnyValue


class LiteralValue(NamedTuple):
    """A value as `literals` and `qualifiers` store it."""

    kind: str
    """`string`, `text`, `quantity`, `time` or `coordinate`."""
    value: str
    """The string; the text; the amount; the time; `latitude,longitude` in degrees."""
    language: str | None = None
    """Language of a `text`."""
    unit: str | None = None
    """Unit of a `quantity` as an item id, None where it has none; precision of a `time` as Wikidata's number."""


def literal_of(value: AnyValue | str | int | float | list[Any] | None) -> LiteralValue | None:
    """The literal that a snak's value is; None where it is an entity, or of a type nobody knows."""
    if isinstance(value, str):
        return LiteralValue("string", value)
    if not isinstance(value, AnyValue) or value.kind is not None:
        return None
    if value.amount is not None:
        return LiteralValue("quantity", value.amount, None, unit_of(value.unit))
    if value.time is not None:
        return LiteralValue("time", value.time, None, None if value.precision is None else f"{value.precision:g}")
    if value.latitude is not None and value.longitude is not None:
        return LiteralValue("coordinate", f"{value.latitude!r},{value.longitude!r}")
    if value.text is not None:
        return LiteralValue("text", value.text, value.language)
    return None


def unit_of(unit: str | None) -> str | None:
    """Item id of a unit's address (`http://www.wikidata.org/entity/Q11573`); None for `1`, which means no unit."""
    if unit is None or unit == "1":
        return None
    return unit.rsplit("/", 1)[-1]


def snak_text(snak: AnySnak, item: str | None) -> tuple[str, str | None] | None:
    """(kind, value) of a qualifier; `item` is the item it names, if any. None for other entities and unknown types."""
    if snak.snaktype != "value" or snak.datavalue is None:
        return ("somevalue" if snak.snaktype == "value" else snak.snaktype), None
    if item is not None:
        return "item", item
    literal = literal_of(snak.datavalue.value)
    return None if literal is None else (literal.kind, literal.value)
