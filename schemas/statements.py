"""`qualifiers` and `literals`: the parts of statements that `triples` leaves out. Both tables are optional."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from schemas.tables import Table, required


@dataclass(frozen=True, kw_only=True)
class Qualifier:
    """One qualifier of a statement."""

    subject: str
    """Item id of the statement's subject."""
    relation: str
    """Property id of the statement."""
    statement: str
    """Wikidata's statement id, which ties qualifiers of one statement together."""
    qualifier: str
    """Property id of the qualifier."""
    kind: str
    """`item`, `string`, `text`, `quantity`, `time`, `coordinate`, or `novalue` / `somevalue`."""
    value: str | None
    """Canonical text of the value, in the form that `literals` uses; an item id for items; None without a value."""
    language: str | None
    """Language of a `text`; None otherwise."""
    unit: str | None
    """Unit of a `quantity` as an item id; None where it has none, and for other kinds."""
    precision: float | None
    """Of a `time` Wikidata's number (11 a day, 9 a year); of a `coordinate` degrees; None otherwise, and where it is not said."""
    calendar: str | None
    """Calendar model of a `time` as an item id: Q1985727 is the Gregorian one, Q1985786 the Julian, and then `value` is a date of
    the Julian calendar."""
    globe: str | None
    """What a `coordinate` is on, as an item id: Q2 is the Earth, Q405 the Moon."""
    lower: str | None
    """Lower bound of a `quantity`; of a `time` how many units of its precision it may be earlier; None where it is not said."""
    upper: str | None
    """Upper bound of a `quantity`; of a `time` how many units of its precision it may be later; None where it is not said."""


@dataclass(frozen=True, kw_only=True)
class Literal:
    """One statement whose value is not an item."""

    subject: str
    """Item id."""
    relation: str
    """Property id."""
    rank: str
    """`preferred`, `normal` or `deprecated`."""
    kind: str
    """`string`, `text`, `quantity`, `time` or `coordinate`."""
    value: str
    """The string; the text; the amount (`+8336817`); the time (`+1952-03-11T00:00:00Z`); `latitude,longitude` in degrees."""
    language: str | None
    """Language of a `text`; None otherwise."""
    unit: str | None
    """Unit of a `quantity` as an item id; None where it has none, and for other kinds."""
    precision: float | None
    """Of a `time` Wikidata's number (11 a day, 9 a year); of a `coordinate` degrees; None otherwise, and where it is not said."""
    calendar: str | None
    """Calendar model of a `time` as an item id: Q1985727 is the Gregorian one, Q1985786 the Julian, and then `value` is a date of
    the Julian calendar."""
    globe: str | None
    """What a `coordinate` is on, as an item id: Q2 is the Earth, Q405 the Moon."""
    lower: str | None
    """Lower bound of a `quantity`; of a `time` how many units of its precision it may be earlier; None where it is not said."""
    upper: str | None
    """Upper bound of a `quantity`; of a `time` how many units of its precision it may be later; None where it is not said."""


_MEANING = (
    pa.field("language", pa.string()),
    pa.field("unit", pa.string()),
    pa.field("precision", pa.float64()),
    pa.field("calendar", pa.string()),
    pa.field("globe", pa.string()),
    pa.field("lower", pa.string()),
    pa.field("upper", pa.string()),
)
"""What a value means."""

QUALIFIERS = Table(
    name="qualifiers",
    version=2,
    row=Qualifier,
    columns=pa.schema(
        [
            required("subject", pa.string()),
            required("relation", pa.string()),
            required("statement", pa.string()),
            required("qualifier", pa.string()),
            required("kind", pa.string()),
            pa.field("value", pa.string()),
            *_MEANING,
        ]
    ),
)

LITERALS = Table(
    name="literals",
    version=2,
    row=Literal,
    columns=pa.schema(
        [
            required("subject", pa.string()),
            required("relation", pa.string()),
            required("rank", pa.string()),
            required("kind", pa.string()),
            required("value", pa.string()),
            *_MEANING,
        ]
    ),
)
