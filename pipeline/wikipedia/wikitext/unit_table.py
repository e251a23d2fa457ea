"""The units that the English template `convert` knows, from `data/units.tsv`."""

from __future__ import annotations

import functools
import pathlib
import re
from dataclasses import dataclass

from pipeline.wikipedia.wikitext.data_table import by_key
from pipeline.wikipedia.wikitext.formulas import raised
from pipeline.wikipedia.wikitext.namespaces import read_rows

_TABLE = pathlib.Path(__file__).with_name("data") / "units.tsv"
_RAISED = str.maketrans("²³", "23")
_POWER = re.compile("e(3|6|9|12)([a-z].*)", re.IGNORECASE)
_POWERS = {"3": "thousand", "6": "million", "9": "billion", "12": "trillion"}


@dataclass(frozen=True)
class Unit:
    """One row of the table."""

    symbol: str
    one: str
    many: str
    worth: float
    """Of one, in base units; of one degree in kelvins."""
    zero: float | None
    """Of a temperature, in kelvins."""
    beside: str
    """Codes of the units that the template shows beside it by itself."""


@functools.cache
def units() -> dict[str, Unit]:
    """Units by code in small letters."""
    return by_key(_TABLE, ((code, _unit(cells)) for codes, cells in read_rows(_TABLE) for code in codes.split(",")))


def _unit(cells: list[str]) -> Unit:
    symbol, one, many, worth, beside = cells
    scale, comma, zero = worth.partition(",")
    return Unit(symbol, one, many, float(scale), float(zero) if comma else None, beside)


def find_unit(code: str) -> Unit | None:
    """Return the unit of a code: `kN` is a force and `kn` a speed, else letters' case does not count."""
    plain = code.translate(_RAISED)
    found = units().get({"ST": "short ton", "Nm": "n.m"}.get(plain, plain.lower()))
    if found is None and (power := _POWER.fullmatch(plain)) and (unit := find_unit(power[2])) is not None:
        word, worth = _POWERS[power[1]], unit.worth * 10 ** int(power[1])
        name = f"{word} {unit.many}"
        beside = " ".join(f"e{power[1]}{other}" for other in unit.beside.split())
        found = Unit(f"×10{raised(power[1])} {unit.symbol}", name, name, worth, unit.zero, beside)
    return found
