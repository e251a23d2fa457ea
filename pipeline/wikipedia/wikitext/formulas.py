"""Short formulas as a reader would type them; long ones leave nothing.

`<math>` holds TeX. A symbol or a plain equation inside a sentence is part of it ("where c is the speed of light");
a display formula is not, and half a formula would be worse than none.
"""

from __future__ import annotations

import re

MAX_CHARACTERS = 60
"""Longest formula, in TeX, that is turned into text."""

_GREEK = dict(
    zip(
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
        "omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega varepsilon varphi vartheta".split(),
        "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩεφϑ",
        strict=True,
    )
)
_SYMBOLS = {
    **_GREEK,
    **{"times": "×", "cdot": "·", "pm": "±", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "neq": "≠", "ne": "≠"},
    **{"approx": "≈", "infty": "∞", "to": "→", "rightarrow": "→", "in": "∈", "circ": "°", "hbar": "ħ", "sim": "∼"},
    **{"ell": "ℓ", "partial": "∂", "nabla": "∇", "sum": "∑", "int": "∫", "ldots": "…", "dots": "…", "cdots": "…"},
    **{"mathbb": "", "mathrm": "", "mathbf": "", "mathcal": "", "text": "", "rm": "", "bf": "", "displaystyle": ""},
    **{"left": "", "right": "", "mathit": "", "operatorname": "", "textstyle": "", "boldsymbol": "", "quad": " "},
    **{name: name for name in "sin cos tan log ln exp lim max min det".split()},
}
_RAISED = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")
_LOWERED = str.maketrans("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋")
_COMMAND = re.compile(r"\\([a-zA-Z]+) ?")
_RAISE = re.compile(r"\^(?:\{([0-9+\-n]{1,6})\}|([0-9n]))")
_LOWER = re.compile(r"_(?:\{([0-9+\-]{1,6})\}|([0-9]))")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}\\]{1,9})\}\s*\{([^{}\\]{1,9})\}")
_UNREADABLE = re.compile(r"[\\^{}&]|[=<>≤≥]\s*$")


def raised(digits: str) -> str:
    """Digits and signs as superscripts."""
    return digits.translate(_RAISED)


def lowered(digits: str) -> str:
    """Digits and signs as subscripts."""
    return digits.translate(_LOWERED)


def formula_text(tex: str) -> str:
    """Return a short TeX formula as text, or nothing where it does not read as a line of text."""
    tex = tex.strip()
    if len(tex) > MAX_CHARACTERS:
        return ""
    for spacing in ("\\,", "\\;", "\\!", "\\ ", "\\:", "~"):
        tex = tex.replace(spacing, " ")
    tex = _FRACTION.sub(r"\1/\2", tex)
    text = _COMMAND.sub(lambda command: _SYMBOLS.get(command[1], "\\"), tex)
    text = _RAISE.sub(lambda power: raised(power[1] or power[2]), text)
    text = _LOWER.sub(lambda index: lowered(index[1] or index[2]), text)
    text = re.sub(r"\{([^{}\\]*)\}", r"\1", text)
    text = (
        text.replace("'", "′").replace("<", "&lt;").replace("[", "&#91;").replace("]", "&#93;").replace("|", "&#124;")
    )
    return "" if _UNREADABLE.search(text.replace("&lt;", "").replace("&#", "")) else " ".join(text.split())
