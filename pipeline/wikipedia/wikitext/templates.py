"""What inline templates say: a table of rules that is data, and the few that need a computation.

`data/template_rules.tsv` has one rule a line: the wikis it holds on, the names of the templates, and what they leave in
the text. A name that ends in `*` stands for all that begin so; one between two `/` is a regular expression of whole names. A
template without a rule has no text that we know, and its sentence is left out (`holes`). A rule is one of

* a pattern, see `template_patterns`;
* `=convert` and the like: a computation of `template_values`;
* `-`: nothing; `~`: nothing, and a label that stood before it ("pronounced …") goes too;
* `?`: what it says is not to be known from the call, as if it had no rule;
* `§`: a source in full, as lists of literature hold them: no prose, so that its line is left out.
"""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.wikipedia.wikitext.data_table import by_key
from pipeline.wikipedia.wikitext.namespaces import read_rows
from pipeline.wikipedia.wikitext.template_patterns import Arguments, compile_pattern
from pipeline.wikipedia.wikitext.template_values import COMPUTATIONS

SOUND_MARK = "\x1a"
"""Stands where a pronunciation was taken out, until `parentheses` has looked at what is left around it."""

Rule = Callable[[Arguments, str], str | None]
"""Gives the wikitext of a call from its arguments and the wiki's name; None where it cannot."""

_RULES = pathlib.Path(__file__).with_name("data") / "template_rules.tsv"
_MOST_REMEMBERED = 20_000


@dataclass(frozen=True)
class TemplateRules:
    """The rules that hold on one wiki."""

    wiki: str
    """Database name of the wiki."""
    exact: Mapping[str, Rule]
    """Rule by folded template name."""
    by_start: Sequence[tuple[str, Rule]]
    """Rules for names that begin in a certain way, longest beginning first."""
    by_shape: Sequence[tuple[re.Pattern[str], Rule]]
    """Rules for names that match an expression."""
    _found: dict[str, Rule | None] = field(default_factory=dict, repr=False, compare=False)

    def find(self, name: str) -> Rule | None:
        """Return the rule of a template or parser function; None where nobody knows what it says."""
        if name in self._found:
            return self._found[name]
        found = self._search(fold_name(name))
        if len(self._found) < _MOST_REMEMBERED:
            self._found[name] = found
        return found

    def leaves_out(self, name: str) -> bool:
        """Whether a rule leaves a template out on purpose: notes, pronunciations, sources."""
        return self.find(name) in (leave_nothing, leave_sound_mark, leave_out_line)

    def _search(self, name: str) -> Rule | None:
        if (rule := self.exact.get(name)) is not None:
            return rule if rule is not leave_unknown else None
        for start, rule in self.by_start:
            if name.startswith(start):
                return _bound(rule, (name[len(start) :],))
        for shape, rule in self.by_shape:
            if match := shape.fullmatch(name):
                return _bound(rule, match.groups(""))
        return None


def _bound(rule: Rule, groups: tuple[str, ...]) -> Rule:
    """Return a rule that is told what the parts of the template's name are."""
    if rule in (leave_nothing, leave_sound_mark, leave_out_line):
        return rule
    parts = {f"NAME.{number}": group for number, group in enumerate(groups, 1)}
    return lambda arguments, wiki: rule({**arguments, **parts}, wiki)


def fold_name(name: str) -> str:
    """Return the form in which template names are compared."""
    return " ".join(name.replace("_", " ").split()).lower()


@functools.cache
def wiki_template_rules(wiki: str) -> TemplateRules:
    """Return the rules of one wiki: those for all wikis, overruled by its own."""
    table = _rule_table()
    own = {name: compile_rule(said) for holder in ("*", wiki) for name, said in table.get(holder, {}).items()}
    exact = {name: rule for name, rule in own.items() if not name.endswith("*") and not _is_shape(name)}
    starts = [(name[:-1], rule) for name, rule in own.items() if name.endswith("*")]
    shapes = [(re.compile(name[1:-1]), rule) for name, rule in own.items() if _is_shape(name)]
    return TemplateRules(wiki, exact, sorted(starts, key=lambda item: (-len(item[0]), item[0])), shapes)


def rule_names(cell: str) -> list[str]:
    """Return the names in the second column; an expression, which may hold commas, stands alone."""
    return [cell] if _is_shape(cell) else cell.split(",")


def _is_shape(name: str) -> bool:
    return len(name) > 2 and name[0] == name[-1] == "/"


@functools.cache
def _rule_table() -> dict[str, dict[str, str]]:
    """Return what templates say by wiki (`*` for all) and name.

    Raises:
        ValueError: a name stands twice for one wiki.
    """
    cells = [(wikis.split(","), rule_names(names), said) for wikis, (names, said) in read_rows(_RULES)]
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
    if said in _PLAIN:
        return _PLAIN[said]
    if said.startswith("=") and len(said) > 1:
        if said[1:] not in COMPUTATIONS:
            raise ValueError(f"no computation {said!r} in template_values; it has {', '.join(COMPUTATIONS)}")
        return COMPUTATIONS[said[1:]]
    return compile_pattern(said)


def leave_nothing(arguments: Arguments, wiki: str) -> str:
    """Return the rule `-`."""
    return ""


def leave_sound_mark(arguments: Arguments, wiki: str) -> str:
    """Return the rule `~`."""
    return SOUND_MARK


def leave_unknown(arguments: Arguments, wiki: str) -> None:
    """Apply the rule `?`."""


def leave_out_line(arguments: Arguments, wiki: str) -> None:
    """Apply the rule `§`."""


_PLAIN: dict[str, Rule] = {"-": leave_nothing, "~": leave_sound_mark, "?": leave_unknown, "§": leave_out_line}
