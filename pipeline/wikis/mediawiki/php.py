"""The data in MediaWiki's PHP files: literal arrays, strings, numbers and names, read without running anything.

Language files assign to variables (`$linkTrail = '…';`), settings return one array, classes hold constants. All of it is
literals joined by `.`; whatever else a file does is passed over.

Source: PHP's language reference, "Strings" (escapes of both kinds of quotes) and "Arrays" (keys that are left out count up).
"""

from __future__ import annotations

import pathlib
import re
from typing import Any

from schemas.errors import InputCorrupt

_TOKEN = re.compile(
    r"(?P<blank>\s+|//[^\n]*|\#[^\n]*|/\*.*?\*/)"
    r"|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<variable>\$\w+)"
    r"|(?P<name>[A-Za-z_\\][\w\\]*(?:::\w+)?)"
    r"|(?P<mark>=>|.)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|x([0-9a-fA-F]{1,2})|([0-7]{1,3})|([nrtvef\\$\"]))")
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "v": "\v", "e": "\x1b", "f": "\f"}
_ASSIGNMENT = re.compile(r"^\$(\w+)((?:\[ *'[^']*' *\])?)\s*=\s*", re.MULTILINE)
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


class Reader:
    """Reads the literals of one file."""

    def __init__(self, path: pathlib.Path, constants: dict[str, Any] | None = None) -> None:
        """Open a file.

        Args:
            path: of the file.
            constants: values of names such as `NS_FILE`; a name that is not among them stands for itself, as text.
        """
        self._path, self._text = path, path.read_text(encoding="utf-8")
        self._constants = _WORDS | (constants or {})
        self._variables: dict[str, Any] = {}
        self._position = 0
        self._token: tuple[str, str] = ("", "")

    def variables(self) -> dict[str, Any]:
        """Return what the file assigns to its variables; `$x['en'] = …` adds an entry to the array `x`."""
        for found in _ASSIGNMENT.finditer(self._text):
            value = self._value_at(found.end())
            if found[2]:
                self._variables.setdefault(found[1], {})[found[2].strip("[] '")] = value
            else:
                self._variables[found[1]] = value
        return self._variables

    def returned(self) -> Any:
        """Return the value that the file returns.

        Raises:
            InputCorrupt: it returns none.
        """
        return self.after(re.compile(r"^return\s+", re.MULTILINE))

    def entry(self, key: str) -> Any:
        """Return the value of an entry at the left border of the file, for instance `'wgLanguageCode' => […]`."""
        return self.after(re.compile(rf"^'{re.escape(key)}'\s*=>\s*", re.MULTILINE))

    def constant(self, name: str) -> Any:
        """Return the value of a class's constant, or of one that `define` makes."""
        named = re.escape(name)
        return self.after(re.compile(rf"\bconst {named}\s*=\s*|\bdefine\(\s*'{named}',\s*"))

    def after(self, beginning: re.Pattern[str]) -> Any:
        """Return the value behind the first match of a pattern.

        Raises:
            InputCorrupt: nothing matches.
        """
        found = beginning.search(self._text)
        if found is None:
            raise InputCorrupt(
                f"{self._path}: nothing matches {beginning.pattern!r}; is this another MediaWiki's file?"
            )
        return self._value_at(found.end())

    def _value_at(self, position: int) -> Any:
        self._position = position
        self._next()
        return self._expression()

    def _next(self) -> None:
        """Go on to the next token that is neither blank nor comment."""
        while found := _TOKEN.match(self._text, self._position):
            self._position = found.end()
            if found.lastgroup != "blank":
                self._token = (str(found.lastgroup), found[0])
                return
        self._token = ("end", "")

    def _expression(self) -> Any:
        """Return a literal, or several joined by `.`."""
        value = self._literal()
        while self._token == ("mark", "."):
            self._next()
            value = f"{value}{self._literal()}"
        return value

    def _literal(self) -> Any:
        kind, text = self._token
        if text == "[" or (kind == "name" and text == "array"):
            return self._array()
        self._next()
        if kind == "string":
            return _unquoted(text)
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "variable":
            return self._variables.get(text[1:], text)
        if kind == "name":
            return self._constants.get(text, text)
        raise InputCorrupt(f"{self._path}, character {self._position}: found {text!r}, expected a literal")

    def _array(self) -> dict[Any, Any]:
        """Return an array, always with its keys; a key that is not written counts up from the last."""
        closing = "]" if self._token[1] == "[" else ")"
        if closing == ")":
            self._next()
        self._next()
        values: dict[Any, Any] = {}
        following = 0
        while self._token != ("mark", closing):
            key, value = following, self._expression()
            if self._token == ("mark", "=>"):
                self._next()
                key, value = value, self._expression()
            values[key] = value
            if isinstance(key, int):
                following = max(following, key + 1)
            if self._token == ("mark", ","):
                self._next()
        self._next()
        return values


def _unquoted(literal: str) -> str:
    """Return the text of a string literal."""
    inside = literal[1:-1]
    if literal[0] == "'":
        return re.sub(r"\\([\\'])", r"\1", inside)
    return _ESCAPE.sub(_escaped, inside)


def _escaped(found: re.Match[str]) -> str:
    code, byte, octal, letter = found.groups()
    if letter:
        return _LETTERS.get(letter, letter)
    return chr(int(code or byte, 16) if code or byte else int(octal, 8))
