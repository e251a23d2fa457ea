"""`{{#expr: … }}`: arithmetic as MediaWiki evaluates it.

Precedence climbing over at most `MAX_TOKENS` tokens. What MediaWiki calls an error is an error here.

Source: documentation of the extension ParserFunctions.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

MAX_TOKENS = 200
"""Most numbers and signs of an expression."""

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*|\.\d+)|(<>|!=|<=|>=|[-+*/^()<>=]|[a-z]+))", re.IGNORECASE)
_UNARY: dict[str, Callable[[float], float]] = {
    **{
        "floor": math.floor,
        "ceil": math.ceil,
        "abs": abs,
        "trunc": math.trunc,
        "sqrt": math.sqrt,
        "exp": math.exp,
        "ln": math.log,
    },
    **{
        "sin": math.sin,
        "cos": math.cos,
        "tan": math.tan,
        "-": operator.neg,
        "+": operator.pos,
        "not": lambda a: float(not a),
    },
}
_BINARY: dict[str, tuple[int, Callable[[float, float], float]]] = {
    "or": (1, lambda a, b: float(bool(a) or bool(b))),
    "and": (2, lambda a, b: float(bool(a) and bool(b))),
    **{sign: (3, compare) for sign, compare in (("=", operator.eq), ("<>", operator.ne), ("!=", operator.ne))},
    **{"<": (3, operator.lt), ">": (3, operator.gt), "<=": (3, operator.le), ">=": (3, operator.ge)},
    "round": (4, lambda a, b: _rounded(a, b)),
    **{"+": (5, operator.add), "-": (5, operator.sub)},
    **{"*": (6, operator.mul), "/": (6, operator.truediv), "div": (6, operator.truediv), "mod": (6, math.fmod)},
    "^": (7, lambda a, b: math.pow(a, b)),
    "e": (9, lambda a, b: a * math.pow(10, b)),
}
_UNARY_STRENGTH = 8


def evaluate(expression: str) -> str:
    """Return the value of an expression, written as MediaWiki writes it; empty for an empty one.

    Raises:
        ValueError: it is none, or has no value.
    """
    tokens = _tokens(expression.replace("−", "-").replace("&minus;", "-"))
    if not tokens:
        return ""
    try:
        value, rest = _value(tokens, 0, 0)
    except (ArithmeticError, IndexError) as error:
        raise ValueError(f"{expression!r} has no value: {error}") from error
    if rest != len(tokens):
        raise ValueError(f"{expression!r}: {tokens[rest]!r} is one too many")
    return _shown(value)


def _tokens(expression: str) -> list[str]:
    tokens: list[str] = []
    position, text = 0, expression.strip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or len(tokens) >= MAX_TOKENS:
            raise ValueError(f"{text!r} is no expression from character {position}")
        tokens.append(found[0].strip().lower())
        position = found.end()
    return tokens


def _value(tokens: list[str], place: int, strength: int) -> tuple[float, int]:
    """Return the value of the longest part from `place` whose signs bind stronger than `strength`, and where it ends."""
    value, place = _operand(tokens, place)
    while place < len(tokens):
        sign = _BINARY.get(tokens[place])
        if sign is None or sign[0] <= strength:
            break
        right, place = _value(tokens, place + 1, sign[0])
        value = float(sign[1](value, right))
    return value, place


def _operand(tokens: list[str], place: int) -> tuple[float, int]:
    token = tokens[place]
    if token == "(":
        value, place = _value(tokens, place + 1, 0)
        if tokens[place] != ")":
            raise ValueError(f"`(` is never closed before {tokens[place]!r}")
        return value, place + 1
    if token in ("pi", "e"):
        return (math.pi if token == "pi" else math.e), place + 1
    if token in _UNARY:
        value, place = _value(tokens, place + 1, _UNARY_STRENGTH)
        return float(_UNARY[token](value)), place
    return float(token), place + 1


def _rounded(value: float, digits: float) -> float:
    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-int(digits)), ROUND_HALF_UP))


def _shown(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number")
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.14G}"
