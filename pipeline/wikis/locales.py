"""How a language writes numbers, dates and the names of languages, from the tables that `make_locales` writes."""

from __future__ import annotations

import functools
import pathlib
import re
from dataclasses import dataclass

_LOCALES = pathlib.Path(__file__).with_name("locales.tsv")
_NAMES = pathlib.Path(__file__).with_name("language_names.tsv")
_PLAIN = re.compile(r"([+\-−]?)([0-9]+)(?:\.([0-9]+))?")
_FIELD = re.compile(r"'([^']*)'|y+|[ML]+|d+")
# MediaWiki's own language files part thousands by a blank where the CLDR has a point, and leave four digits together.
_BLANKS = frozenset(("es", "it", "pt"))
_FOUR_TOGETHER = frozenset(("be", "bg", "es", "pl", "pt", "ru", "uk"))
_FIRST_OF_MONTH = {"fr": "1er", "oc": "1èr", "it": "1º"}


@dataclass(frozen=True)
class Locale:
    """How one language writes numbers and dates."""

    language: str
    """Wikidata's code."""
    decimal: str
    group: str
    date: str
    """Pattern of day, month and year: `d MMMM y`."""
    month_and_year: str
    """Pattern of month and year."""
    day_and_month: str
    """Pattern of day and month."""
    months_in_dates: tuple[str, ...]
    months_alone: tuple[str, ...]

    def number(self, text: str) -> str:
        """Return a number with a decimal point, as the language writes it; what is no such number stays as it is."""
        found = _PLAIN.fullmatch(text)
        if found is None:
            return text
        sign, whole, decimals = found.groups()
        if not whole.startswith("0") and (len(whole) > 4 or self.language not in _FOUR_TOGETHER):
            whole = f"{int(whole):,}".replace(",", "\xa0" if self.language in _BLANKS else self.group)
        return f"{sign.replace('-', '−')}{whole}{self.decimal + decimals if decimals else ''}"

    def written_date(self, year: str | None, month: int, day: int | None) -> str:
        """Return a date in words, without the year or the day that is not given.

        Args:
            year: as it is to be shown.
            month: 1 to 12.
            day: of the month.
        """
        pattern = self.month_and_year if day is None else self.day_and_month if year is None else self.date
        name = (self.months_alone if "L" in pattern else self.months_in_dates)[month - 1]
        # Where the names of months are numbers ("5月") the pattern writes the sign itself.
        name = name if re.search("MM|LL", pattern) else str(month)
        shown = {"y": year or "", "M": name, "L": name, "d": self._day(day)}
        return _FIELD.sub(lambda field: field[1] if field[0][0] == "'" else shown[field[0][0]], pattern)

    def _day(self, day: int | None) -> str:
        return _FIRST_OF_MONTH.get(self.language, "1") if day == 1 else str(day or "")


@functools.cache
def find_locale(language: str) -> Locale:
    """How a language writes numbers and dates; English where the table does not have it, with dates in digits."""
    return _locales().get(language) or Locale(language, ".", ",", "y-M-d", "y-M", "M-d", _NUMBERS, _NUMBERS)


_NUMBERS = tuple(map(str, range(1, 13)))


@functools.cache
def _locales() -> dict[str, Locale]:
    found: dict[str, Locale] = {}
    for line in _LOCALES.read_text(encoding="utf-8").split("\n"):
        if line and not line.startswith("#"):
            language, decimal, group, date, month, day, in_dates, alone = line.split("\t")
            months = tuple(in_dates.split("|")), tuple(alone.split("|"))
            found[language] = Locale(language, decimal, group, date, month, day, *months)
    return found


def language_name(code: str, language: str) -> str:
    """Return what a language is called in another; empty where that is not known."""
    return _names().get(language, {}).get(code.lower(), "")


@functools.cache
def _names() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for line in _NAMES.read_text(encoding="utf-8").split("\n"):
        if line and not line.startswith("#"):
            language, *cells = line.split("\t")
            found[language] = dict(cell.split("=", 1) for cell in cells)
    return found
