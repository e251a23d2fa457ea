"""Parser functions: `{{#if: … }}`, `{{#switch: … }}`, `{{formatnum: … }}` and their like, evaluated as MediaWiki does.

Each takes its arguments, expanded and stripped, and the wiki's name. What depends on today's date, on other pages or on Lua is
not here: nobody can say from a dump what a reader sees of it.

Source: documentation of MediaWiki's magic words and of the extension ParserFunctions.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence

from pipeline.wikipedia.wikitext.expressions import evaluate
from pipeline.wikis.languages import wiki_language
from pipeline.wikis.locales import find_locale, language_name

Function = Callable[[Sequence[str], str], str | None]
"""Text of a call from its arguments and the wiki; None where it is not to be known."""

_LONGEST_PADDING = 500
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_ENGLISH = re.compile(r"(\d{1,2})\s+([A-Za-z]+)\s+(\d{4})|([A-Za-z]+)\s+(\d{1,2}),?\s+(\d{4})")
_FORMAT = re.compile(r'"([^"]*)"|\\(.)|xg|x[a-z]|.', re.DOTALL)


def _at(values: Sequence[str], place: int) -> str:
    return values[place] if place < len(values) else ""


def _if(values: Sequence[str], wiki: str) -> str:
    return _at(values, 1 if values[0] else 2)


def _same(left: str, right: str) -> bool:
    try:
        return float(left) == float(right)
    except ValueError:
        return left == right


def _if_equal(values: Sequence[str], wiki: str) -> str:
    return _at(values, 2 if _same(values[0], _at(values, 1)) else 3)


def _if_expression(values: Sequence[str], wiki: str) -> str | None:
    try:
        return _at(values, 1 if evaluate(values[0]) not in ("", "0") else 2)
    except ValueError:
        return None


def _expression(values: Sequence[str], wiki: str) -> str | None:
    try:
        return evaluate(values[0])
    except ValueError:
        return None


def _switch(values: Sequence[str], wiki: str) -> str:
    """Return the value of the first case that is equal; cases without a value share that of the next that has one."""
    wanted, default, falls = values[0], "", False
    for case in values[1:]:
        name, equals, value = (part.strip() for part in case.partition("="))
        if not equals:
            default, falls = name, falls or _same(name, wanted)
        elif falls or _same(name, wanted):
            return value
        elif name == "#default":
            default = value
    return default


def _time(values: Sequence[str], wiki: str) -> str | None:
    """Return a date that the call itself names, in a format; without one it would be today."""
    day = _date(_at(values, 1))
    if day is None:
        return None
    locale = find_locale(wiki_language(wiki))
    fields = {
        "Y": str(day.year),
        "y": f"{day.year % 100:02}",
        "n": str(day.month),
        "m": f"{day.month:02}",
        "j": str(day.day),
    }
    fields |= {
        "d": f"{day.day:02}",
        "F": locale.months_alone[day.month - 1],
        "xg": locale.months_in_dates[day.month - 1],
    }
    pieces = []
    for piece in _FORMAT.finditer(values[0]):
        if piece[1] is not None or piece[2] is not None:
            pieces.append(piece[1] if piece[1] is not None else piece[2])
        elif piece[0] in fields:
            pieces.append(fields[piece[0]])
        elif piece[0].isascii() and piece[0].isalpha():
            return None
        else:
            pieces.append(piece[0])
    return "".join(pieces)


def _date(text: str) -> datetime.date | None:
    try:
        if found := _ISO.fullmatch(text):
            return datetime.date(*map(int, found.groups()))
        if found := _ENGLISH.fullmatch(text):
            day, month, year = (found[1], found[2], found[3]) if found[1] else (found[5], found[4], found[6])
            months = [name[:3] for name in find_locale("en").months_alone]
            return datetime.date(int(year), months.index(month[:3].title()) + 1, int(day))
    except ValueError:
        return None
    return None


def _padded(values: Sequence[str], left: bool) -> str:
    text, padding = values[0], _at(values, 2) or "0"
    missing = min(int(_at(values, 1)) if _at(values, 1).isdecimal() else 0, _LONGEST_PADDING) - len(text)
    filling = (padding * (max(missing, 0) // len(padding) + 1))[: max(missing, 0)]
    return filling + text if left else text + filling


def _plural(values: Sequence[str], wiki: str) -> str | None:
    """One form or another by number, in languages that have two."""
    if len(values) != 3:
        return _at(values, 1) if len(values) == 2 else None
    number = values[0].lstrip("-−").replace(",", "")
    return values[1] if number == "1" or (number == "0" and wiki in ("frwiki", "ptwiki")) else values[2]


def _number(values: Sequence[str], wiki: str) -> str:
    locale = find_locale(wiki_language(wiki))
    if _at(values, 1).upper() == "R":
        return values[0].replace(locale.numbers.group, "").replace(locale.numbers.decimal, ".")
    return values[0] if _at(values, 1).upper() == "NOSEP" else locale.number(values[0])


def _title_parts(values: Sequence[str], wiki: str) -> str:
    parts = values[0].split("/")
    first = int(_at(values, 2) or 1) - 1 if _at(values, 2).isdecimal() or not _at(values, 2) else 0
    count = int(_at(values, 1)) if _at(values, 1).isdecimal() and _at(values, 1) != "0" else len(parts)
    return "/".join(parts[first : first + count])


def _language(values: Sequence[str], wiki: str) -> str | None:
    """Return what a language is called in itself, or in the language that the call names."""
    code = values[0].lower()
    return language_name(code, _at(values, 1).lower() or code) or None


FUNCTIONS: dict[str, Function] = {
    "#language": _language,
    "#if": _if,
    "#ifeq": _if_equal,
    "#ifexpr": _if_expression,
    "#expr": _expression,
    "#switch": _switch,
    "#time": _time,
    "#timel": _time,
    "#dateformat": lambda values, wiki: values[0],
    "formatdate": lambda values, wiki: values[0],
    "#titleparts": _title_parts,
    "padleft": lambda values, wiki: _padded(values, True),
    "padright": lambda values, wiki: _padded(values, False),
    "lc": lambda values, wiki: values[0].lower(),
    "uc": lambda values, wiki: values[0].upper(),
    "lcfirst": lambda values, wiki: values[0][:1].lower() + values[0][1:],
    "ucfirst": lambda values, wiki: values[0][:1].upper() + values[0][1:],
    "plural": _plural,
    "formatnum": _number,
    "#formatnum": _number,
    "gender": lambda values, wiki: _at(values, 3) or _at(values, 1),
    **{
        name: lambda values, wiki: ""
        for name in ("defaultsort", "displaytitle", "#tag", "#lst", "#section", "#coordinates")
    },
}
"""Functions by name, without the colon."""
