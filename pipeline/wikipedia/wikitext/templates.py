"""What inline templates say: a table of rules that is data, and the few that need a computation.

`data/template_rules.tsv` has one rule a line: the wikis it holds on, the names of the templates, and what they leave in
the text. A template without a rule leaves nothing. A rule is one of

* a pattern: `{1}` a positional argument, `{-1}` the last one, `{name}` a named one, `{2/1}` the first that is given,
  `<? … ?>` a part that is left out where an argument in it is missing, anything else stands for itself;
* `=convert` and the like: a computation of `template_values`;
* `-`: nothing; `~`: nothing, and a label that stood before it ("pronounced …") goes too.
"""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from pipeline.wikipedia.wikitext.data_table import by_key
from pipeline.wikipedia.wikitext.namespaces import read_rows
from pipeline.wikipedia.wikitext.template_values import COMPUTATIONS

SOUND_MARK = "\x1a"
"""Stands where a pronunciation was taken out, until `parentheses` has looked at what is left around it."""

Arguments = Mapping[str, str]
"""Arguments of one call by name; positional ones are "1", "2", …, already expanded and stripped."""
Rule = Callable[[Arguments, str], str]
"""Gives the wikitext of a call from its arguments and the wiki's name."""
Part: TypeAlias = "str | tuple[str, ...] | list[Part]"
"""A part of a pattern: a literal string, names of an argument of which the first given counts, or an optional part."""

_RULES = pathlib.Path(__file__).with_name("data") / "template_rules.tsv"
_MOST_REMEMBERED = 20_000
_PIECE = re.compile(r"<\?|\?>|\{([^{}\[\]]+)\}")


@dataclass(frozen=True)
class TemplateRules:
    """The rules that hold on one wiki."""

    wiki: str
    """Database name of the wiki."""
    exact: Mapping[str, Rule]
    """Rule by folded template name."""
    by_start: Sequence[tuple[str, Rule]]
    """Rules for names that begin in a certain way, longest beginning first."""
    _found: dict[str, Rule | None] = field(default_factory=dict, repr=False, compare=False)

    def find(self, name: str) -> Rule | None:
        """The rule of a template or parser function; None where it leaves nothing."""
        found = self._found.get(name, _leave_nothing)
        if found is _leave_nothing:
            found = self._search(fold_name(name))
            if len(self._found) < _MOST_REMEMBERED:
                self._found[name] = found
        return found

    def _search(self, name: str) -> Rule | None:
        rule = self.exact.get(name)
        if rule is None:
            rule = next((rule for start, rule in self.by_start if name.startswith(start)), None)
        return None if rule is _leave_nothing else rule


def fold_name(name: str) -> str:
    """The form in which template names are compared."""
    return " ".join(name.replace("_", " ").split()).lower()


@functools.cache
def wiki_template_rules(wiki: str) -> TemplateRules:
    """The rules of one wiki: those for all wikis, overruled by its own."""
    table = _rule_table()
    own = {name: compile_rule(said) for holder in ("*", wiki) for name, said in table.get(holder, {}).items()}
    exact = {name: rule for name, rule in own.items() if not name.endswith("*")}
    starts = [(name[:-1], rule) for name, rule in own.items() if name.endswith("*")]
    return TemplateRules(wiki, exact, sorted(starts, key=lambda item: (-len(item[0]), item[0])))


@functools.cache
def _rule_table() -> dict[str, dict[str, str]]:
    """What templates say by wiki (`*` for all) and name.

    Raises:
        ValueError: a name stands twice for one wiki.
    """
    cells = [(wikis.split(","), names.split(","), said) for wikis, (names, said) in read_rows(_RULES)]
    each = by_key(
        _RULES, ((f"{wiki}\t{name}", said) for wikis, names, said in cells for wiki in wikis for name in names)
    )
    table: dict[str, dict[str, str]] = {}
    for key, said in each.items():
        wiki, _, name = key.partition("\t")
        table.setdefault(wiki, {})[name] = said
    return table


@functools.cache
def compile_rule(said: str) -> Rule:
    """Turn the last column of the table into a function.

    Raises:
        ValueError: the pattern's parts do not close, or a computation has no such name.
    """
    if said in ("-", "~"):
        return _leave_nothing if said == "-" else _leave_sound_mark
    if said.startswith("=") and len(said) > 1:
        if said[1:] not in COMPUTATIONS:
            raise ValueError(f"no computation {said!r} in template_values; it has {', '.join(COMPUTATIONS)}")
        return COMPUTATIONS[said[1:]]
    parts, rest = _parse_pattern(said, 0)
    if rest != len(said):
        raise ValueError(f"{said!r}: `?>` without `<?` at character {rest}")
    return lambda arguments, wiki: _fill(parts, arguments) or ""


def _leave_nothing(arguments: Arguments, wiki: str) -> str:
    return ""


def _leave_sound_mark(arguments: Arguments, wiki: str) -> str:
    return SOUND_MARK


def _parse_pattern(said: str, position: int, inside: bool = False) -> tuple[list[Part], int]:
    """Cut a pattern into its parts; returns them with where they end."""
    parts: list[Part] = []
    while piece := _PIECE.search(said, position):
        if piece.start() > position:
            parts.append(said[position : piece.start()])
        position = piece.end()
        if piece[0] == "<?":
            optional, position = _parse_pattern(said, position, inside=True)
            parts.append(optional)
        elif piece[0] == "?>":
            return (parts, position) if inside else (parts, piece.start())
        else:
            parts.append(tuple(piece[1].split("/")))
    if inside:
        raise ValueError(f"{said!r}: `<?` is never closed")
    parts.append(said[position:])
    return parts, len(said)


def _fill(parts: list[Part], arguments: Arguments) -> str | None:
    """The text of a pattern; None where an argument of an optional part is missing."""
    filled: list[str] = []
    complete = True
    for part in parts:
        if isinstance(part, str):
            filled.append(part)
        elif isinstance(part, list):
            filled.append(_fill_optional(part, arguments))
        else:
            value = next(filter(None, (_argument(name, arguments) for name in part)), "")
            complete = complete and bool(value)
            filled.append(value)
    return "".join(filled) if complete or len(parts) == 0 or not _only_literals(filled, parts) else None


def _fill_optional(parts: list[Part], arguments: Arguments) -> str:
    needed = [part for part in parts if isinstance(part, tuple)]
    given = all(any(_argument(name, arguments) for name in part) for part in needed)
    return (_fill(parts, arguments) or "") if given else ""


def _only_literals(filled: list[str], parts: list[Part]) -> bool:
    """Whether nothing but the pattern's own characters came out, as `[[]]` from `[[{1}]]`."""
    return not any(text for text, part in zip(filled, parts, strict=True) if not isinstance(part, str))


def _argument(name: str, arguments: Arguments) -> str:
    if name == "-1":
        return arguments.get(str(sum(key.isdigit() for key in arguments)), "")
    return arguments.get(name, "")
