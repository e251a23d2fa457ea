"""`{{convert|2648|km|0|abbr=on}}` as the English Wikipedia shows it: "2,648 km (1,645 mi)".

Reads the call, computes, rounds as the template does and words it. What it does not know it refuses, and the call's sentence is
left out rather than told wrong.

Source: documentation of the template, and the rule of its default precision: as many decimals as the input has, moved by the
size of the factor (of the unit itself where whole numbers become feet or pounds), and two significant digits at least (three in
kelvins). Ranges share the finest precision.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from pipeline.wikipedia.wikitext.unit_table import Unit, find_unit

_NUMBER = re.compile(r"[+−-]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)")
_RANGE = re.compile(rf"({_NUMBER.pattern})\s*(?:-|–|&ndash;)\s*({_NUMBER.pattern})")
_BETWEEN = {
    **{
        "to": " to ",
        "-": "–",
        "–": "–",
        "&ndash;": "–",
        "and": " and ",
        "or": " or ",
        "by": " by ",
        "x": " × ",
        "×": " × ",
    },
    **{"xx": " × ", "to(-)": " to ", "and(-)": " and ", "to about": " to about ", "+/-": " ± ", "±": " ± ", "+": " + "},
}
_JOINTS = {"or": (" or ", ""), "slash": ("/", ""), "/": ("/", ""), "comma": (", ", ""), "semicolon": ("; ", "")}
_JOINTS |= {
    "sqbr": (" [", "]"),
    "b": (" (", ")"),
    "br": (" (", ")"),
    "br()": (" (", ")"),
    "": (" (", ")"),
    "flip": (" (", ")"),
    "s": ("/", ""),
}
_COMPOSITES = {
    "ftin": ("ft", "in"),
    "ft in": ("ft", "in"),
    "stlb": ("st", "lb"),
    "lboz": ("lb", "oz"),
    "ydft": ("yd", "ft"),
}
_SMALLER = {("ft", "in"), ("st", "lb"), ("lb", "oz"), ("yd", "ft"), ("mi", "yd"), ("mi", "ft"), ("m", "cm")}
_SMALL_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
)
_SMALL_WORDS += "seventeen eighteen nineteen twenty".split()
_KNOWN_OPTIONS = frozenset(
    "abbr disp order adj sp lk sortable sing comma spell sigfig round debug reason NAME PAGENAME".split()
)


@dataclass(frozen=True)
class _Call:
    """What a call says."""

    values: list[str]
    """Numbers as written; of a quantity in two units, in the smaller one."""
    joints: list[str]
    """What stands between the values."""
    unit: Unit
    written: str
    """The quantity in two units, as it is shown; empty for others."""
    targets: str
    decimals: int | None
    middle: str
    """Text of `adj=mid` behind the unit."""


def convert(arguments: Mapping[str, str], abbreviated: bool) -> str | None:
    """Return the text of a call; None where it says something that is not known here.

    Args:
        arguments: of the call.
        abbreviated: whether symbols are shown where the call does not say, as `cvt` does.
    """
    call = None if any(not (key.isdigit() or key in _KNOWN_OPTIONS) for key in arguments) else _read(arguments)
    if call is None:
        return None
    targets = [call.targets] if call.targets in _COMPOSITES else (call.targets or call.unit.beside).split()
    results = [_result(call, target, arguments) for target in targets]
    known = [pair for pair in results if pair is not None]
    if not known or len(known) < len(results):
        return None
    given = (call.written,) * 2 if call.written else (_worded(call, arguments, True), _worded(call, arguments, False))
    others = ("; ".join(spelt for spelt, _ in known), "; ".join(short for _, short in known))
    return _laid_out(given, others, call.middle, arguments, _abbreviation(arguments, abbreviated))


def _abbreviation(arguments: Mapping[str, str], abbreviated: bool) -> str:
    asked = arguments.get("abbr") or "out"
    return "on" if abbreviated and asked == "out" else asked


def _laid_out(
    given: tuple[str, ...], others: tuple[str, ...], middle: str, arguments: Mapping[str, str], abbreviation: str
) -> str | None:
    """Both quantities, each spelt out and short, in the order and the form that the call asks for."""
    display = arguments.get("disp", "")
    if display in ("out", "output only"):
        return others[abbreviation in ("on", "out")]
    flipped = arguments.get("order") == "flip" or display == "flip"
    first, second = (others, given) if flipped else (given, others)
    left, right = first[abbreviation in ("on", "in")], second[abbreviation in ("on", "out")]
    if middle:
        left += middle if middle[0] == "-" else f" {middle}"
    joint = _JOINTS.get(display)
    return None if joint is None else f"{left}{joint[0]}{right}{joint[1]}"


def _read(arguments: Mapping[str, str]) -> _Call | None:
    """Return the numbered arguments: values and joints, unit, targets, decimals, a text for the middle."""
    given = [arguments.get(str(number), "") for number in range(1, 1 + sum(key.isdigit() for key in arguments))]
    given = [value.replace("&nbsp;", " ").replace("&minus;", "−").strip() for value in given]
    if given and (pair := _RANGE.fullmatch(given[0])):
        given[:1] = [pair[1], "–", pair[2]]
    values, joints, place = [], [], 0
    while place < len(given) and _NUMBER.fullmatch(given[place]):
        values.append(given[place])
        place += 1
        if place < len(given) and given[place].lower() in _BETWEEN:
            joints.append(_BETWEEN[given[place].lower()])
            place += 1
        else:
            break
    unit = find_unit(given[place]) if place < len(given) else None
    if unit is None or len(values) != len(joints) + 1:
        return None
    code, place = given[place], place + 1
    written = ""
    if len(values) == 1 and len(given) > place + 1 and (code, given[place + 1]) in _SMALLER:
        smaller = find_unit(given[place + 1])
        if smaller is None or not _NUMBER.fullmatch(given[place]):
            return None
        written = f"{_grouped(values[0])} {unit.symbol} {given[place]} {smaller.symbol}"
        values = [f"{_number(values[0]) * round(unit.worth / smaller.worth, 6) + _number(given[place]):g}"]
        unit, place = smaller, place + 2
        unit = Unit(
            unit.symbol, unit.one, unit.many, unit.worth, unit.zero, {"in": "m", "lb": "kg"}.get(given[place - 1], "kg")
        )
    return _rest(given[place:], arguments, values, joints, unit, written)


def _rest(
    given: list[str], arguments: Mapping[str, str], values: list[str], joints: list[str], unit: Unit, written: str
) -> _Call | None:
    targets, decimals, middle = "", None, ""
    for argument in given:
        if re.fullmatch(r"-?\d", argument):
            decimals = int(argument)
        elif not targets and argument and (argument in _COMPOSITES or all(map(find_unit, argument.split()))):
            targets = argument
        elif arguments.get("adj") == "mid" and argument:
            middle = argument
        elif argument:
            return None
    return _Call(values, joints, unit, written, targets, decimals, middle)


def _number(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


def _grouped(text: str) -> str:
    """Return a number as written, with commas and a proper minus sign."""
    sign, digits = ("−", text[1:]) if text[0] in "-−" else ("", text.removeprefix("+"))
    whole, point, decimals = digits.replace(",", "").partition(".")
    return f"{sign}{int(whole or 0):,}{point}{decimals}"


def _worded(call: _Call, arguments: Mapping[str, str], spelt: bool) -> str:
    """Return the quantity as it was given, with the unit's name or its symbol."""
    numbers = [_grouped(value) for value in call.values]
    if (
        arguments.get("spell", "").lower() in ("in", "on")
        and numbers[-1].isdigit()
        and int(numbers[-1]) < len(_SMALL_WORDS)
    ):
        numbers = [_SMALL_WORDS[int(number)] if number.isdigit() else number for number in numbers]
    return _with_unit(numbers, call, call.unit, arguments, spelt)


def _with_unit(numbers: list[str], call: _Call, unit: Unit, arguments: Mapping[str, str], spelt: bool) -> str:
    text = "".join(a + b for a, b in zip(numbers, [*call.joints, ""], strict=True))
    adjective = arguments.get("adj", "")
    if unit.zero is not None and arguments.get("abbr") != "off":
        spelt = False
    if not spelt and unit.symbol not in (unit.one, "short ton", "long ton"):
        return f"{text}{'' if unit.symbol[0] in '/×' else ' '}{unit.symbol}"
    name = (
        unit.one
        if numbers[-1] in ("1", "−1", "one") or adjective in ("on", "mid") or arguments.get("sing")
        else unit.many
    )
    if arguments.get("sp") == "us":
        name = re.sub(r"(met|lit)re", r"\1er", name)
    if adjective in ("on", "mid"):
        return f"{text}-{name.replace(' ', '-')}"
    return f"{text} {name}"


def _result(call: _Call, target: str, arguments: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the quantity in another unit, with the unit's name and with its symbol."""
    if target in _COMPOSITES:
        text = _composite(call, *_COMPOSITES[target])
        return None if text is None else (text, text)
    unit = find_unit(target)
    if unit is None or (unit.zero is None) != (call.unit.zero is None):
        return None
    numbers = [_number(value) for value in call.values]
    results = [_converted(number, call.unit, unit) for number in numbers]
    decimals = call.decimals
    if decimals is None:
        pairs = zip(call.values, results, strict=True)
        decimals = max(_precision(value, result, call, unit, arguments) for value, result in pairs)
    shown = [_rounded(result, decimals, arguments) for result in results]
    return _with_unit(shown, call, unit, arguments, True), _with_unit(shown, call, unit, arguments, False)


def _converted(number: float, unit: Unit, target: Unit) -> float:
    if unit.zero is not None and target.zero is not None:
        return (number * unit.worth + unit.zero - target.zero) / target.worth
    return number * unit.worth / target.worth


def _precision(value: str, result: float, call: _Call, target: Unit, arguments: Mapping[str, str]) -> int:
    """Decimals of a result, negative for rounded tens, where the call does not say."""
    if arguments.get("sigfig", "").isdigit() and result:
        return int(arguments["sigfig"]) - 1 - math.floor(math.log10(abs(result)))
    digits = value.lstrip("+-−").replace(",", "")
    whole, point, decimals = digits.partition(".")
    own = len(decimals) if point else 0 if call.written else -(len(whole) - len(whole.rstrip("0")))
    number = abs(_number(value))
    if call.unit.zero is not None:
        kelvins = abs(_number(value) * call.unit.worth + call.unit.zero)
        return max(own, 2 if kelvins < 1e-8 else 2 - math.floor(math.log10(kelvins)))
    if not number or not result:
        return 0
    if target.symbol in ("ft", "lb") and number == int(number) and not call.written:
        moved = -math.log10(call.unit.worth)
    elif call.written:  # a quantity in two units is taken as more exact than its smaller one says
        moved = math.log10(target.worth) + 2 if target.worth < 1e3 else 0.0
    else:
        moved = math.log10(number / abs(result))
    return max(math.floor(own + moved + math.log10(2)), 1 - math.floor(math.log10(abs(result)) + 1e-14))


def _rounded(result: float, decimals: int, arguments: Mapping[str, str]) -> str:
    step = arguments.get("round", "")
    if step in ("5", "10", "25", "50"):
        result, decimals = round(result / int(step)) * int(step), 0
    number = Decimal(repr(result)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    text = f"{number:.{max(decimals, 0)}f}"
    return _grouped(text) if float(text) else text.lstrip("-")


def _composite(call: _Call, large: str, small: str) -> str | None:
    """Return a quantity in two units: `6 ft 7 in`."""
    larger, smaller = find_unit(large), find_unit(small)
    if larger is None or smaller is None or len(call.values) != 1 or call.unit.zero is not None:
        return None
    result = _converted(_number(call.values[0]), call.unit, smaller)
    ratio = round(larger.worth / smaller.worth)
    decimals = max(call.decimals or 0, 0)
    total = Decimal(repr(result)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return f"{_grouped(str(int(total // ratio)))} {larger.symbol} {total % ratio} {smaller.symbol}"
