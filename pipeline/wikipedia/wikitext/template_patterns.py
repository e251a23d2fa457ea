"""Patterns that say what a template leaves: `{1}<? ({2})?>` and the like, compiled to functions.

`{1}` is a positional argument, `{-1}` the last one, `{name}` a named one, `{2/1}` the first that is given, `{1/=sic}` words
where none is, `{number:1}` one of `_CHANGES` of an argument, `<? … ?>` a part that is left out where an argument in it is
missing. Anything else stands for itself. `{NAME}` is the template's name as written, `{NAME.1}` what a `*` or a group of the
rule's name stands for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pipeline.wikis.languages import wiki_language
from pipeline.wikis.locales import find_locale, language_name

Arguments = Mapping[str, str]
"""Arguments of one call by name; positional ones are "1", "2", …, already expanded and stripped."""
Part = str | tuple[str, ...] | list["Part"]
"""Of a pattern: literal text; the names of arguments, the first that is given counts; an optional part."""

_PIECE = re.compile(r"<\?|\?>|\{([^{}]+)\}")
_CHANGES: dict[str, Callable[[str, str], str]] = {
    "language": lambda value, wiki: language_name(value, wiki_language(wiki)),
    "language_small": lambda value, wiki: language_name(value, wiki_language(wiki)).lower(),
    "number": lambda value, wiki: find_locale(wiki_language(wiki)).number(value.replace(" ", "").replace(",", ".")),
    "lower": lambda value, wiki: value.lower(),
    "upper": lambda value, wiki: value.upper(),
    "bare": lambda value, wiki: re.sub(r"\s*\([^()]*\)\s*\Z", "", value),
    "regnal": lambda value, wiki: re.sub(r"(\s(?:Ier|[IVXLC]+))\b.*|\s*\([^()]*\)\s*\Z", r"\1", value),
}
"""What a pattern may do to an argument, by the word before the colon: from value and wiki to text."""


def compile_pattern(said: str) -> Callable[[Arguments, str], str]:
    """Turn a pattern into a function of a call's arguments and the wiki's name.

    Raises:
        ValueError: the pattern's parts do not close, or it changes an argument in a way nobody knows.
    """
    parts, rest = _parse(said, 0)
    if rest != len(said):
        raise ValueError(f"{said!r}: `?>` without `<?` at character {rest}")
    return lambda arguments, wiki: _fill(parts, arguments, wiki) or ""


def _parse(said: str, position: int, inside: bool = False) -> tuple[list[Part], int]:
    parts: list[Part] = []
    while piece := _PIECE.search(said, position):
        if piece.start() > position:
            parts.append(said[position : piece.start()])
        position = piece.end()
        if piece[0] == "<?":
            optional, position = _parse(said, position, inside=True)
            parts.append(optional)
        elif piece[0] == "?>":
            return (parts, position) if inside else (parts, piece.start())
        else:
            parts.append(_names(piece[1], said))
    if inside:
        raise ValueError(f"{said!r}: `<?` is never closed")
    parts.append(said[position:])
    return parts, len(said)


def _names(inside: str, said: str) -> tuple[str, ...]:
    names = tuple(inside.split("/"))
    for name in names:
        change, colon, _ = name.partition(":")
        if colon and name[0] != "=" and change not in _CHANGES:
            raise ValueError(f"{said!r}: no change {change!r}; there are {', '.join(_CHANGES)}")
    return names


def _fill(parts: list[Part], arguments: Arguments, wiki: str) -> str | None:
    """Return the text of a pattern; None where nothing but its own characters would come out, as `[[]]` from `[[{1}]]`."""
    filled: list[str] = []
    asked = said = False
    for part in parts:
        if isinstance(part, str):
            filled.append(part)
            continue
        text = _optional(part, arguments, wiki) if isinstance(part, list) else _first(part, arguments, wiki)
        asked = asked or not (isinstance(part, list) or text)
        said = said or bool(text)
        filled.append(text)
    return None if asked and not said else "".join(filled)


def _optional(parts: list[Part], arguments: Arguments, wiki: str) -> str:
    needed = (part for part in parts if isinstance(part, tuple))
    return (_fill(parts, arguments, wiki) or "") if all(_first(part, arguments, wiki) for part in needed) else ""


def _first(names: tuple[str, ...], arguments: Arguments, wiki: str) -> str:
    return next(filter(None, (_value(name, arguments, wiki) for name in names)), "")


def _value(name: str, arguments: Arguments, wiki: str) -> str:
    if name[0] == "=":
        return name[1:]
    if ":" in name:
        change, _, name = name.partition(":")
        value = _value(name, arguments, wiki)
        return _CHANGES[change](value, wiki) if value else ""
    if name == "-1":
        return arguments.get(str(sum(key.isdigit() for key in arguments)), "")
    return arguments.get(name, "")
