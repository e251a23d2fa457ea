"""The facts of the world: Wikidata triples between entities that all chosen languages have names for.

Source: the files of mParaRel (Fierro and Søgaard, 2022): triples, labels in 104 languages, templates in 46.
"""

from __future__ import annotations

import gzip
import json
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import InputCorrupt, InputMissing

SUBJECT, OBJECT = "[X]", "[Y]"
"""Where a template names subject and object."""
FILES = ("triples.tsv.gz", "qid_labels_104langs.json.gz", "probe_patterns.jsonl.gz")


@dataclass(frozen=True, order=True)
class Fact:
    """One triple."""

    subject: str
    relation: str
    object: str

    @property
    def pair(self) -> tuple[str, str]:
        """Its two entities in either order: what is known of them in one direction tells of the other."""
        return min(self.subject, self.object), max(self.subject, self.object)


@dataclass(frozen=True)
class World:
    """Facts, and how each language speaks of them."""

    languages: tuple[str, ...]
    """Languages that name every entity."""
    facts: list[Fact]
    """All facts, sorted."""
    labels: dict[str, dict[str, str]]
    """Name of each entity by language, NFC."""
    templates: dict[tuple[str, str], list[str]]
    """Sentences with `[X]` and `[Y]` by (language, relation), sorted."""

    @property
    def entities(self) -> list[str]:
        """All entities, sorted."""
        return sorted({entity for fact in self.facts for entity in (fact.subject, fact.object)})

    @property
    def relations(self) -> list[str]:
        """All relations, sorted."""
        return sorted({fact.relation for fact in self.facts})


def load_world(folder: Path, languages: tuple[str, ...], least_facts: int) -> World:
    """Read the facts that can be told in every language, between entities with at least `least_facts` of them.

    Raises:
        InputMissing: a file is not there.
        InputCorrupt: no fact is left.
    """
    for name in FILES:
        if not (folder / name).is_file():
            raise InputMissing(f"{folder / name} is not there: name the folder that holds {', '.join(FILES)}.")
    templates = _templates(folder, languages)
    told = {relation for _, relation in templates if all((language, relation) in templates for language in languages)}
    labels = _labels(folder, languages)
    with gzip.open(folder / FILES[0], "rt", encoding="utf-8") as lines:
        facts = sorted({Fact(*line.rstrip("\n").split("\t")) for line in lines})
    facts = [
        fact
        for fact in facts
        if fact.relation in told and fact.subject != fact.object and {fact.subject, fact.object} <= labels.keys()
    ]
    facts = _dense(facts, least_facts)
    if not facts:
        raise InputCorrupt(
            f"{folder}: no fact is left that {', '.join(languages)} can all tell; ask for fewer languages, or "
            f"for fewer facts an entity than {least_facts}."
        )
    named = {entity for fact in facts for entity in fact.pair}
    kept = {relation for relation in told if any(fact.relation == relation for fact in facts)}
    return World(
        languages,
        facts,
        {entity: labels[entity] for entity in sorted(named)},
        {key: texts for key, texts in sorted(templates.items()) if key[1] in kept},
    )


def _dense(facts: list[Fact], least: int) -> list[Fact]:
    """Drop entities with fewer facts, until none is left that has."""
    while True:
        degree = Counter(entity for fact in facts for entity in fact.pair)
        kept = [fact for fact in facts if min(degree[fact.subject], degree[fact.object]) >= least]
        if len(kept) == len(facts):
            return kept
        facts = kept


def _labels(folder: Path, languages: tuple[str, ...]) -> dict[str, dict[str, str]]:
    with gzip.open(folder / FILES[1], "rt", encoding="utf-8") as file:
        everything: dict[str, dict[str, str]] = json.load(file)
    return {
        entity: {language: unicodedata.normalize("NFC", names[language]).strip() for language in languages}
        for entity, names in everything.items()
        if all(names.get(language, "").strip() for language in languages)
    }


def _templates(folder: Path, languages: tuple[str, ...]) -> dict[tuple[str, str], list[str]]:
    """The templates that name both places once."""
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    with gzip.open(folder / FILES[2], "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            text = unicodedata.normalize("NFC", row["pattern"]).strip()
            if row["language"] in languages and text.count(SUBJECT) == text.count(OBJECT) == 1:
                found[row["language"], row["relation"]].add(text)
    return {key: sorted(texts) for key, texts in found.items()}
