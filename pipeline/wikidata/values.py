"""Values of snaks that are not items, as canonical text.

Source: https://www.wikidata.org/wiki/Help:Data_type and the JSON of each type in the dumps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pipeline.wikidata.entity_json import AnySnak, AnyValue


class LiteralValue(NamedTuple):
    """A value as `literals` and `qualifiers` store it; what each field holds is said there."""

    kind: str
    value: str | None
    language: str | None = None
    unit: str | None = None
    precision: float | None = None
    calendar: str | None = None
    globe: str | None = None
    lower: str | None = None
    upper: str | None = None


def literal_of(value: AnyValue | str | int | float | list[Any] | None) -> LiteralValue | None:
    """Return the literal that a snak's value is; None where it is an entity, or of a type nobody knows."""
    if isinstance(value, str):
        return LiteralValue("string", value)
    if not isinstance(value, AnyValue) or value.kind is not None:
        return None
    if value.amount is not None:
        unit = item_of_address(value.unit)
        return LiteralValue("quantity", value.amount, unit=unit, lower=value.lower, upper=value.upper)
    if value.time is not None:
        return LiteralValue(
            "time",
            value.time,
            precision=value.precision,
            calendar=item_of_address(value.calendar),
            lower=None if value.before is None else str(value.before),
            upper=None if value.after is None else str(value.after),
        )
    if value.latitude is not None and value.longitude is not None:
        place = f"{value.latitude!r},{value.longitude!r}"
        return LiteralValue("coordinate", place, precision=value.precision, globe=item_of_address(value.globe))
    if value.text is not None:
        return LiteralValue("text", value.text, value.language)
    return None


def item_of_address(address: str | None) -> str | None:
    """Return the id of a unit, calendar or globe (`http://www.wikidata.org/entity/Q11573`); None for `1`, which means no unit."""
    if address is None or address == "1":
        return None
    return address.rsplit("/", 1)[-1]


def value_of_snak(snak: AnySnak, item: str | None) -> LiteralValue | None:
    """Return the value of a qualifier; `item` is the item it names, if any. None for other entities and unknown types."""
    if snak.snaktype != "value" or snak.datavalue is None:
        return LiteralValue("somevalue" if snak.snaktype == "value" else snak.snaktype, None)
    return LiteralValue("item", item) if item is not None else literal_of(snak.datavalue.value)
