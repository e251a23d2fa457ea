"""How a language writes numbers, dates and the names of languages.

Numbers are those of MediaWiki's language files (`number_formats.tsv`, by `pipeline.wikis.mediawiki`), the rest is the CLDR's
(`locales.tsv`, `language_names.tsv`, by `make_locales`).
"""

from __future__ import annotations

import functools
import pathlib
import re
from dataclasses import dataclass

from pipeline.wikis.languages import wiki_language

_NUMBER_FORMATS = pathlib.Path(__file__).with_name("number_formats.tsv")
_LOCALES = pathlib.Path(__file__).with_name("locales.tsv")
_NAMES = pathlib.Path(__file__).with_name("language_names.tsv")
_PLAIN = re.compile(r"([+\-−]?)([0-9]+)(?:\.([0-9]+))?")
_FIELD = re.compile(r"'([^']*)'|y+|[ML]+|d+")
_FIRST_OF_MONTH = {"fr": "1er", "oc": "1èr", "it": "1º"}


@dataclass(frozen=True)
class NumberFormat:
    """How the software writes a language's numbers."""

    decimal: str = "."
    group: str = ","
    least: int = 1
    """Fewest digits before the first group."""
    size: int = 3
    """Digits of every group but the last, which has three."""

    def grouped(self, whole: str) -> str:
        """Return digits with the signs between their groups."""
        if len(whole) < 3 + self.least:
            return whole
        head, groups = whole[:-3], [whole[-3:]]
        while head:
            head, groups = head[: -self.size], [head[-self.size :], *groups]
        return self.group.join(groups)


@dataclass(frozen=True)
class Locale:
    """How one language writes numbers and dates."""

    language: str
    """Wikidata's code."""
    numbers: NumberFormat
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
        if not whole.startswith("0"):
            whole = self.numbers.grouped(whole)
        return f"{sign.replace('-', '−')}{whole}{self.numbers.decimal + decimals if decimals else ''}"

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
    """How a language writes numbers and dates; where the CLDR does not have it, with dates in digits."""
    found = _locales().get(language)
    return found or Locale(language, number_format(language), "y-M-d", "y-M", "M-d", _NUMBERS, _NUMBERS)


def number_format(language: str) -> NumberFormat:
    """How the software writes a language's numbers; as in English where nothing else is said."""
    return _number_formats().get(language) or NumberFormat()


@functools.cache
def _number_formats() -> dict[str, NumberFormat]:
    found: dict[str, NumberFormat] = {}
    for line in _NUMBER_FORMATS.read_text(encoding="utf-8").split("\n"):
        if line and not line.startswith("#"):
            names, decimal, group, least, size = line.split("\t")
            for wiki in names.split(","):
                found[wiki_language(wiki)] = NumberFormat(decimal, group, int(least), int(size))
    return found


_NUMBERS = tuple(map(str, range(1, 13)))


@functools.cache
def _locales() -> dict[str, Locale]:
    found: dict[str, Locale] = {}
    for line in _LOCALES.read_text(encoding="utf-8").split("\n"):
        if line and not line.startswith("#"):
            language, date, month, day, in_dates, alone = line.split("\t")
            months = tuple(in_dates.split("|")), tuple(alone.split("|"))
            found[language] = Locale(language, number_format(language), date, month, day, *months)
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
