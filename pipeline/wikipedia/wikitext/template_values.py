"""Templates whose text is computed: units, dates, numbers.

Each takes the arguments of a call and the wiki's name and gives wikitext. Only what the page itself says is shown: a
converted second unit or an age depends on code or on today's date and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pipeline.wikipedia.wikitext.formulas import raised

Arguments = Mapping[str, str]

_UNITS = {
    **{"km2": "km²", "m2": "m²", "cm2": "cm²", "mm2": "mm²", "m3": "m³", "km3": "km³", "cm3": "cm³", "dm3": "dm³"},
    **{"sqmi": "sq mi", "sqft": "sq ft", "sqkm": "km²", "sqm": "m²", "cuft": "cu ft", "cumi": "cu mi", "cuyd": "cu yd"},
    **{"c": "°C", "f": "°F", "k": "K", "degc": "°C", "degf": "°F", "°c": "°C", "°f": "°F", "um": "μm", "ug": "μg"},
    **{"/sqkm": "/km²", "/km2": "/km²", "/sqmi": "/sq mi", "pd/sqkm": "/km²", "pd/sqmi": "/sq mi", "m/s2": "m/s²"},
    **{"impgal": "imp gal", "usgal": "US gal", "floz": "fl oz", "nmi": "nmi", "g/cm3": "g/cm³", "kg/m3": "kg/m³"},
    **{"km/h": "km/h", "mph": "mph", "kg": "kg", "lb": "lb", "m3/s": "m³/s", "cuft/s": "cu ft/s", "sqyd": "sq yd"},
    **{"oilbbl": "barrels", "koilbbl": "thousand barrels", "oilbbl/d": "barrels a day", "mi2": "sq mi", "ft2": "sq ft"},
    **{"koilbbl/d": "thousand barrels a day", "moilbbl": "million barrels", "tcuft": "trillion cubic feet", "l": "L"},
    **{"e6km2": "million km²", "e3km2": "thousand km²", "e6sqmi": "million sq mi", "e6m3": "million m³"},
}
_BETWEEN = {"-": "–", "–": "–", "to": " to ", "and": " and ", "or": " or ", "x": " × ", "by": " × ", "×": " × "}
_BETWEEN |= {"+": " + ", "+/-": " ± ", "±": " ± ", "to(-)": " to ", "to about": " to about ", "and(-)": " and "}
_NUMBER = re.compile(r"[+\-−]?(?:[\d.,'’ \u00a0/⁄+]|&nbsp;|e[+\-]?\d)+|[+\-−]?[०-९০-৯٠-٩۰-۹๐-๙.,]+")
_ENGLISH = ("enwiki", "simplewiki")
_MONTHS = "January February March April May June July August September October November December".split()
_SEPARATORS = {
    **dict.fromkeys(("dewiki", "eswiki", "itwiki", "nlwiki", "ptwiki", "idwiki", "trwiki", "dawiki", "viwiki"), "."),
    **dict.fromkeys(("elwiki", "rowiki", "hrwiki", "srwiki", "slwiki", "cawiki", "glwiki", "iswiki", "shwiki"), "."),
    **dict.fromkeys(("euwiki", "lawiki", "azwiki", "mkwiki", "bswiki", "jvwiki", "astwiki"), "."),
    **dict.fromkeys(("frwiki", "ruwiki", "ukwiki", "plwiki", "cswiki", "skwiki", "svwiki", "nowiki", "nnwiki"), "\xa0"),
    **dict.fromkeys(("fiwiki", "huwiki", "bgwiki", "bewiki", "etwiki", "lvwiki", "ltwiki", "hywiki", "kawiki"), "\xa0"),
    **dict.fromkeys(("eowiki", "ttwiki", "bawiki", "cvwiki", "kkwiki", "kywiki", "uzwiki", "ocwiki", "sqwiki"), "\xa0"),
}
_PLAIN_NUMBER = re.compile(r"([+\-−]?)(\d+)(?:\.(\d+))?")


def converted(arguments: Arguments, wiki: str) -> str:
    """`{{convert|664|km2|sqmi}}` as "664 km²": the value as given, ranges and pairs included."""
    words: list[str] = []
    position = 1
    while (value := arguments.get(str(position), "")) and len(words) < 8:
        if not _NUMBER.fullmatch(value):
            break
        follower = arguments.get(str(position + 1), "")
        if follower.lower() in _BETWEEN:
            words.append(value + _BETWEEN[follower.lower()])
        elif follower:
            words.append(f"{value} {_UNITS.get(follower.lower(), follower)} ")
        else:
            words.append(value)
        position += 2
        if follower.lower() not in _BETWEEN and not (position == 3 and _pair_follows(arguments)):
            break
    return "".join(words).strip()


def _pair_follows(arguments: Arguments) -> bool:
    """`{{convert|5|ft|8|in}}`: a second value with a smaller unit, where a round-off or a target unit could stand."""
    pairs = {("ft", "in"), ("lb", "oz"), ("st", "lb"), ("mi", "yd"), ("yd", "ft"), ("mi", "ft"), ("m", "cm")}
    return (arguments.get("2", ""), arguments.get("4", "")) in pairs and arguments.get("3", "").isdigit()


def dated(arguments: Arguments, wiki: str) -> str:
    """`{{birth date|1879|3|14}}` as "1879-03-14", in English "14 March 1879"; words are joined as they stand."""
    words = [arguments[key] for key in ("1", "2", "3") if arguments.get(key)]
    if not words or not all(word.isdecimal() for word in words) or len(words[0]) < 3:
        return " ".join(words)
    if len(words) == 1:
        return words[0]
    month = int(words[1])
    if wiki in _ENGLISH and 1 <= month <= 12:
        return " ".join([*words[2:3], _MONTHS[month - 1], words[0]])
    return "-".join([words[0], *(word.zfill(2) for word in words[1:3])])


def as_of(arguments: Arguments, wiki: str) -> str:
    """`{{as of|2023|1}}` as "As of January 2023" in English; elsewhere the date alone."""
    if arguments.get("alt"):
        return arguments["alt"]
    if wiki not in _ENGLISH:
        return dated(arguments, wiki)
    start = "Since" if arguments.get("since") else "As of"
    return f"{start if not arguments.get('lc') else start.lower()} {dated(arguments, wiki)}"


def grouped(arguments: Arguments, wiki: str) -> str:
    """`{{formatnum:3426354}}` with the wiki's thousands separator; what is not a plain number stays as it is."""
    value = arguments.get("1", "")
    number = _PLAIN_NUMBER.fullmatch(value)
    if number is None or arguments.get("2", "").upper() in ("R", "NOSEP"):
        return value
    separator = _SEPARATORS.get(wiki, ",")
    whole = f"{int(number[2]):,}".replace(",", separator) if len(number[2]) > 4 or separator == "," else number[2]
    fraction = f"{'.' if separator == ',' else ','}{number[3]}" if number[3] else ""
    return number[1] + whole + fraction


def measured(arguments: Arguments, wiki: str) -> str:
    """`{{val|6.022|e=23|u=mol}}` as "6.022×10²³ mol"."""
    value = arguments.get("1", "")
    if arguments.get("2"):
        value += f"±{arguments['2']}" if not arguments["2"].startswith("(") else arguments["2"]
    if arguments.get("e"):
        value += f"×10{raised(arguments['e'])}"
    unit = arguments.get("u") or arguments.get("ul") or ""
    return f"{value} {unit}".strip()


def fraction(arguments: Arguments, wiki: str) -> str:
    """`{{frac|1|2}}` as "1/2", `{{frac|3|1|2}}` as "3 1/2", `{{frac|2}}` as "1/2"."""
    parts = [arguments[key] for key in ("1", "2", "3") if arguments.get(key)]
    if len(parts) == 1:
        parts.insert(0, "1")
    return " ".join([*parts[:-2], "/".join(parts[-2:])])


def listed(arguments: Arguments, wiki: str) -> str:
    """`{{hlist|a|b|c}}` as "a, b, c"."""
    numbers = range(1, 1 + sum(key.isdigit() for key in arguments))
    return ", ".join(filter(None, (arguments.get(str(number), "") for number in numbers)))


def joined(arguments: Arguments, wiki: str) -> str:
    """All positional arguments with blanks between: `{{Date de naissance|11|novembre|1866}}`."""
    numbers = range(1, 1 + sum(key.isdigit() for key in arguments))
    return " ".join(filter(None, (arguments.get(str(number), "") for number in numbers)))


def upper(arguments: Arguments, wiki: str) -> str:
    """`{{uc:text}}`."""
    return arguments.get("1", "").upper()


def lower(arguments: Arguments, wiki: str) -> str:
    """`{{lc:text}}`."""
    return arguments.get("1", "").lower()


def upper_first(arguments: Arguments, wiki: str) -> str:
    """`{{ucfirst:text}}`."""
    return arguments.get("1", "")[:1].upper() + arguments.get("1", "")[1:]


COMPUTATIONS: dict[str, Callable[[Arguments, str], str]] = {
    "convert": converted,
    "date": dated,
    "as_of": as_of,
    "formatnum": grouped,
    "val": measured,
    "frac": fraction,
    "list": listed,
    "join": joined,
    "uc": upper,
    "lc": lower,
    "ucfirst": upper_first,
}
"""Computations by the name a rule gives after `=`."""
