"""Templates whose text is computed: units, dates, numbers.

Each takes the arguments of a call and the wiki's name and gives wikitext, or None where it cannot. Only what the page itself
says is shown: an age depends on today's date and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pipeline.wikipedia.wikitext import template_words, units
from pipeline.wikipedia.wikitext.formulas import raised
from pipeline.wikipedia.wikitext.template_words import numbered
from pipeline.wikipedia.wikitext.unit_table import find_unit
from pipeline.wikis.languages import wiki_language
from pipeline.wikis.locales import Locale, find_locale

Arguments = Mapping[str, str]

_BETWEEN = {"-": "–", "–": "–", "to": " to ", "and": " and ", "or": " or ", "x": " × ", "by": " × ", "×": " × "}
_BETWEEN |= {"+": " + ", "+/-": " ± ", "±": " ± ", **{word: f" {word} " for word in "à et ou par a bis tot".split()}}
_NUMBER = re.compile(r"[+\-−]?(?:[\d.,'’ \u00a0/⁄+]|&nbsp;|e[+\-]?\d)+|[+\-−]?[०-९০-৯٠-٩۰-۹๐-๙.,]+")
_PLAIN_NUMBER = re.compile(r"[+\-−]?[0-9 \u00a0\u202f]+(?:[.,][0-9]+)?")
_NUMBER_IN_WORDS = re.compile(r"(?<![^\W_])(?<!\d[.,])[+\-−]?\d+(?:\.\d+)?(?![\d.,]*[^\W_])")
_ENGLISH = ("enwiki", "simplewiki")
_POWER = re.compile(r"([a-zA-Zµμ°]+)(-?[1-9])\b")
_DATE_OPTIONS = frozenset(("df", "mf"))
_HIDDEN_PART = re.compile(r"(?<=\S)[\s/]*[^\s\-/]+-(?=\s|\Z)")
"""A month or a year that its author marked as not to be shown: `18 novembre- 1676-` is "18"."""
_BEFORE_CHRIST = {"frwiki": "av. J.-C."}
_WRITTEN_DATE = re.compile(r"(\d{1,2})(?:er|re|º|\.)?[\s/.-]+([^\W\d_]+|\d{1,2})\.?(?:[\s/.-]+(-?\d{1,4}))?\Z")


def _locale(wiki: str) -> Locale:
    return find_locale(wiki_language(wiki))


def converted(arguments: Arguments, wiki: str) -> str | None:
    """`{{convert|664|km2|sqmi}}`: both quantities in English; elsewhere the one that the call names, "664 km²"."""
    if wiki in _ENGLISH:
        return units.convert(arguments, abbreviated=arguments.get("NAME", "").strip().lower() == "cvt")
    return _quantity([value for value in numbered(arguments) if value], wiki, whole=False)


def quantity(arguments: Arguments, wiki: str) -> str | None:
    """`{{unité|3.566|MHz}}`: a number as the language writes it, and its unit; `{{unité|5|km|2}}` raises the unit."""
    given = [value for value in numbered(arguments) if value]
    if "dunité" in arguments.get("NAME", "").lower():
        given[1:1] = ["×"]
    for word in ("à", "et", "ou", "par"):
        if arguments.get(word):
            given[1:1] = [word, arguments[word]]
    given += filter(None, (arguments.get("ul", ""), arguments.get("u", "")))
    text = _quantity(given, wiki, whole=True)
    if text and arguments.get("e"):
        number, blank, unit = text.partition(" ")
        text = f"{number} × 10{raised(arguments['e'])}{blank}{unit}"
    return text


def _quantity(given: list[str], wiki: str, whole: bool) -> str | None:
    """Numbers and what stands between them, then units; `whole` says whether all that is given is shown."""
    words, place = [], 0
    while place < len(given) and _NUMBER.fullmatch(given[place]):
        words.append(_number(given[place], wiki))
        place += 1
        if place + 1 < len(given) and given[place].lower() in _BETWEEN:
            words.append(_BETWEEN[given[place].lower()])
            place += 1
        else:
            break
    if not words:
        return _numbers_in(" ".join(given), wiki) or None
    units = given[place:] if whole else [_symbol(value) for value in given[place : place + 1]]
    return " ".join(["".join(words), *_with_powers(units)])


def _numbers_in(text: str, wiki: str) -> str:
    """Return a quantity that is one argument, `189.97 km/h`, `8 à 12 km`, with its numbers as the language writes them."""
    text = _NUMBER_IN_WORDS.sub(lambda found: _number(found[0], wiki), text)
    return " ".join(_with_powers([re.sub(r"(?<=\d)-(?=\d)", "–", text)]))


def _symbol(unit: str) -> str:
    known = find_unit(unit)
    return known.symbol if known is not None else unit


def _with_powers(units: list[str]) -> list[str]:
    """Units with their powers: `km`, `2` as "km²"."""
    found: list[str] = []
    for value in units:
        if re.fullmatch(r"-?[1-9]", value) and found:
            found[-1] += raised(value)
        else:
            found.append(_POWER.sub(lambda power: power[1] + raised(power[2]), value))
    return found


def _number(text: str, wiki: str) -> str:
    if not _PLAIN_NUMBER.fullmatch(text):
        return text
    return _locale(wiki).number(re.sub(r"[ \u00a0\u202f]", "", text).replace(",", "."))


def dated(arguments: Arguments, wiki: str) -> str | None:
    """`{{birth date|1879|3|14}}` in the language's words; what is no date in numbers is joined as it stands."""
    words = [word for word in numbered(arguments)[:3] if word]
    if not words or not all(re.fullmatch("[0-9]+", word) for word in words[:1] + words[2:]):
        return written_date(arguments, wiki)
    if len(words[0]) < 3 and len(words) == 3 and len(words[2]) > 2:
        words.reverse()
    year, month, day = [*words, "", ""][:3]
    if month.isalpha():
        return f"{day} {month} {year}".strip()
    if len(words) == 1 or not 1 <= int(month) <= 12:
        return " ".join(words)
    return _in_words(year, int(month), int(day) if day else None, arguments, wiki)


def _in_words(year: str, month: int, day: int | None, arguments: Arguments, wiki: str) -> str:
    locale = _locale(wiki)
    if wiki in _ENGLISH and day is not None and (arguments.get("df") or "").lower() in ("y", "yes", "1"):
        return f"{day} {locale.months_alone[month - 1]} {year}"
    return locale.written_date(year or None, month, day)


def written_date(arguments: Arguments, wiki: str) -> str:
    """`{{date|9|5|2004}}`, `{{date-|25/11/1993}}`, `{{date|23|août|2015|en athlétisme}}` as "23 août 2015"."""
    given = numbered(arguments)
    if len(given) >= 4 and not given[0][:1].isdigit() and given[1][:2].strip().isdigit():
        given = given[1:]  # the day of the week
    whole = bool(given) and re.search(r"\d\D+\d|[^\W\d_]-? \d", given[0]) is not None
    text = given[0] if whole else " ".join(filter(None, given[:3]))
    text = _HIDDEN_PART.sub("", text.removeprefix("le ")).strip()
    if wiki in _BEFORE_CHRIST and re.fullmatch(r"-\d+", text):
        return f"{text[1:]} {_BEFORE_CHRIST[wiki]}"
    found = _WRITTEN_DATE.match(text)
    if found is None:
        return text
    day, month, year = int(found[1]), found[2], found[3]
    locale = _locale(wiki)
    if month.isdecimal():
        if not 1 <= int(month) <= 12:
            return text
        return locale.written_date(year, int(month), day)
    names = [place for place, name in enumerate(locale.months_in_dates, 1) if name.lower().startswith(month.lower())]
    return locale.written_date(year, names[0], day) if len(names) == 1 else text


def as_of(arguments: Arguments, wiki: str) -> str | None:
    """`{{as of|2023|1}}` as "As of January 2023" in English; elsewhere the date alone."""
    if arguments.get("alt"):
        return arguments["alt"]
    if wiki not in _ENGLISH:
        return dated(arguments, wiki)
    start = "Since" if arguments.get("since") else "As of"
    american = (arguments.get("df") or "").lower() == "us"
    date = dated({**arguments, "df": "" if american else "y"}, wiki)
    return f"{start.lower() if arguments.get('lc') else start} {date}{arguments.get('post', '')}"


def grouped(arguments: Arguments, wiki: str) -> str:
    """`{{formatnum|3426354}}` with the wiki's thousands separator; what is not a plain number stays as it is."""
    value = arguments.get("1", "")
    return value if arguments.get("2", "").upper() in ("R", "NOSEP") else _locale(wiki).number(value)


def measured(arguments: Arguments, wiki: str) -> str:
    """`{{val|6.022|e=23|u=mol}}` as "6.022×10²³ mol"."""
    value = arguments.get("1", "")
    value = value if arguments.get("fmt") in ("none", "gaps") else _number(value, wiki)
    if arguments.get("2"):
        value += f"±{arguments['2']}" if not arguments["2"].startswith("(") else arguments["2"]
    if arguments.get("e"):
        value += f"×10{raised(arguments['e'])}"
    unit = arguments.get("u") or arguments.get("ul") or ""
    unit = _POWER.sub(lambda power: power[1] + raised(power[2]), unit)
    return f"{arguments.get('p', '')}{value} {unit}".strip()


def fraction(arguments: Arguments, wiki: str) -> str:
    """`{{frac|1|2}}` as "1/2", `{{frac|3|1|2}}` as "3 1/2", `{{frac|2}}` as "1/2"."""
    parts = [arguments[key] for key in ("1", "2", "3") if arguments.get(key)]
    if len(parts) == 1:
        parts.insert(0, "1")
    return " ".join([*parts[:-2], "/".join(parts[-2:])])


def listed(arguments: Arguments, wiki: str) -> str:
    """`{{hlist|a|b|c}}` as "a, b, c"."""
    return ", ".join(filter(None, numbered(arguments)))


def joined(arguments: Arguments, wiki: str) -> str:
    """All positional arguments with blanks between: `{{Date de naissance|11|novembre|1866}}`."""
    return " ".join(filter(None, numbered(arguments)))


def formula(arguments: Arguments, wiki: str) -> str:
    """`{{fchim|H|2|O}}` as "H₂O": the arguments run together, numbers lowered."""
    return "".join(f"<sub>{value}</sub>" if value.isdecimal() else value for value in numbered(arguments))


def hour(arguments: Arguments, wiki: str) -> str:
    """`{{heure|20|30}}` as "20 h 30", `durée=oui` with "min": hours, minutes, seconds and their hundredths, and a zone."""
    given = {place: arguments.get(str(place), "") for place in range(1, 5)}
    hours, minutes, seconds, hundredths = given.values()
    hours = hours.partition("-")[0]
    text = f"{hours} h" if hours else ""
    if minutes:
        shown = minutes if not hours else minutes.zfill(2) if minutes.strip("0") else "0"
        text += f" {shown}" + (" min" if seconds or not hours or arguments.get("durée") else "")
    if seconds:
        text += f" {seconds.zfill(2) if hours or minutes else seconds} s"
    zone = arguments.get("fuseau", "")
    return f"{text} {hundredths}".strip() + (f" {zone}" if zone else "")


COMPUTATIONS: dict[str, Callable[[Arguments, str], str | None]] = {
    "convert": converted,
    "quantity": quantity,
    "date": dated,
    "written_date": written_date,
    "as_of": as_of,
    "formatnum": grouped,
    "val": measured,
    "frac": fraction,
    "list": listed,
    "join": joined,
    "formula": formula,
    "hour": hour,
    "in_languages": template_words.in_languages,
    "siècle": template_words.siècle,
    "ordinal": template_words.ordinal,
    "harvard": template_words.harvard,
    "chinese": template_words.chinese,
    "wareki": template_words.wareki,
    "incise": template_words.incise,
    "siglo": template_words.siglo,
    "language_mark": template_words.language_mark,
    "ship": template_words.ship,
    "post_nominals": template_words.post_nominals,
    "percentage": template_words.percentage,
    "density": template_words.density,
    "bio": template_words.biography,
}
"""Computations by the name a rule gives after `=`."""
