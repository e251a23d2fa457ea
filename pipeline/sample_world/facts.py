"""The entities of the sample world and what is known about them.

`data/labels.tsv` has one entity a line: id, kind, and its label in each language. `data/facts.tsv` has one statement a
line: subject, property, value, rank and qualifiers. A value is an entity's id, a plain text (a year, a code, a formula)
or one of `novalue` and `somevalue`. The order of the entities is such that the first few hundred lines make a
connected world of their own, which is what small tests use.

Source: labels and most statements are Wikidata's (CC0), by way of the public extract of 34,033 triples that the
mParaRel project made; borders, codes, dates and formulas were added by hand.
"""

from __future__ import annotations

import csv
import pathlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

DATA = pathlib.Path(__file__).with_name("data")
NO_VALUE, SOME_VALUE = "novalue", "somevalue"
_ENTITY = re.compile(r"Q[1-9][0-9]*")


@dataclass(frozen=True, kw_only=True)
class Entity:
    """One entity with an article of its own in every wiki."""

    entity: str
    """Wikidata's id: `Q142`."""
    kind: str
    """What it is, as the phrases name it: `country`, `city`, `person_f`, …"""
    labels: Mapping[str, str]
    """Label by Wikidata language code; Chinese has `zh-hans` and `zh-hant`."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One statement about an entity."""

    subject: str
    """Id of the entity it is about."""
    relation: str
    """Wikidata's property id: `P36`."""
    value: str
    """An entity's id, a plain text, `novalue` or `somevalue`."""
    rank: str
    """`preferred`, `normal` or `deprecated`."""
    qualifiers: tuple[tuple[str, str], ...]
    """Pairs of property and plain value."""

    @property
    def is_about_entity(self) -> bool:
        """Whether the value is an entity."""
        return _ENTITY.fullmatch(self.value) is not None


class World:
    """Entities, their statements, and the look-ups that texts are written from."""

    def __init__(self, entities: Sequence[Entity], facts: Sequence[Fact]) -> None:
        self.entities = {entity.entity: entity for entity in entities}
        self.facts: dict[str, list[Fact]] = {entity: [] for entity in self.entities}
        for fact in facts:
            if fact.subject in self.entities:
                self.facts[fact.subject].append(fact)
        self._stated: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._inverse: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for fact in self._best():
            if fact.is_about_entity:
                if fact.value not in self.entities:
                    continue
                self._inverse[fact.value][fact.relation].append(fact.subject)
            self._stated[fact.subject][fact.relation].append(fact.value)

    def _best(self) -> Iterator[Fact]:
        """Statements a reader takes for true: of each property the best rank, without `novalue` and `somevalue`."""
        for facts in self.facts.values():
            preferred = {fact.relation for fact in facts if fact.rank == "preferred"}
            for fact in facts:
                wanted = "preferred" if fact.relation in preferred else "normal"
                if fact.rank == wanted and fact.value not in (NO_VALUE, SOME_VALUE):
                    yield fact

    def values(self, subject: str, relation: str) -> list[str]:
        """Return True values of a relation of an entity: ids inside the world, or plain texts."""
        return self._stated[subject].get(relation, [])

    def subjects(self, value: str, relation: str) -> list[str]:
        """Entities that have this entity as the value of a relation."""
        return self._inverse[value].get(relation, [])

    def kind(self, entity: str) -> str:
        """Return the kind of an entity."""
        return self.entities[entity].kind


def load_world(entities: int = 0) -> World:
    """Read the bundled facts.

    Args:
        entities: keep the first so many entities; 0 keeps all.
    """
    rows = list(read_tsv(DATA / "labels.tsv"))
    languages = [column for column in rows[0] if column not in ("entity", "kind")]
    kept = [
        Entity(entity=row["entity"], kind=row["kind"], labels={language: row[language] for language in languages})
        for row in rows[: entities or None]
    ]
    return World(kept, [_fact(row) for row in read_tsv(DATA / "facts.tsv")])


def _fact(row: Mapping[str, str]) -> Fact:
    pairs = [pair.split("=", 1) for pair in row["qualifiers"].split(",") if pair]
    return Fact(
        subject=row["subject"],
        relation=row["property"],
        value=row["value"],
        rank=row["rank"],
        qualifiers=tuple((name, value) for name, value in pairs),
    )


def read_tsv(path: pathlib.Path) -> Iterator[dict[str, str]]:
    """Rows of a bundled table, without any quoting."""
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield {name: value or "" for name, value in row.items()}
