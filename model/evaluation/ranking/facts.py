"""Facts to ask about: triples with labels and cloze templates, chosen alike for every language.

A template has `[X]` for the subject and `[Y]` for the object. The candidates of a relation are the objects it has
anywhere in the triples: a city is ranked among cities and not among all words.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from model.data.draws import permutation
from model.evaluation.ranking.config import ProbingConfig
from model.evaluation.ranking.labels import Labels
from schemas.errors import UsageError

SUBJECT, OBJECT = "[X]", "[Y]"
USUAL_LANGUAGES = ("en", "de", "es", "fr", "ru", "ar", "zh-hans", "vi")
"""Languages that are asked in where none is named."""


@dataclass(frozen=True)
class Fact:
    """A true triple, by its entity and relation ids."""

    subject: str
    relation: str
    object: str


@dataclass(frozen=True)
class Knowledge:
    """All that the files say."""

    facts: list[Fact]
    labels: Labels
    templates: dict[tuple[str, str], list[str]]
    """By language and relation, in the order of the file."""
    set: str = "Wikidata triples with mParaRel's templates"
    """What results call it."""
    notes: tuple[str, ...] = ()
    """What a reader must know of the files."""


@dataclass(frozen=True)
class Question:
    """One relation in one language: facts, templates, candidates, all labelled in that language."""

    language: str
    relation: str
    templates: list[str]
    facts: list[Fact]
    candidates: list[str]
    """Entities, most frequent first, equal ones by id."""
    others: list[list[int]]
    """By fact, candidates that are true too and do not count against it."""
    frequencies: list[int]
    """How often each candidate is an object of the relation in the triples."""


@dataclass(frozen=True)
class _Relation:
    """What the triples say of one relation, and the facts chosen to ask about."""

    name: str
    asked: list[Fact]
    frequencies: Counter[str]
    true: dict[str, set[str]]
    """All objects by subject."""


def make_questions(knowledge: Knowledge, config: ProbingConfig) -> list[Question]:
    """Choose the facts of every relation, and what can be asked of them in every language.

    Raises: UsageError for a language or relation that the files do not have.
    """
    by_relation: dict[str, list[Fact]] = {}
    for fact in knowledge.facts:
        by_relation.setdefault(fact.relation, []).append(fact)
    known = {relation for _, relation in knowledge.templates} & by_relation.keys()
    there = {language for language, _ in knowledge.templates}
    _check("languages", config.languages, there)
    # Where none is named, the usual ones that the files have, else all of them.
    usual = [language for language in USUAL_LANGUAGES if language in there]
    config = replace(config, languages=config.languages or tuple(usual or sorted(there)))
    _check("relations", config.relations, known)
    questions = []
    for name in sorted(config.relations or known, key=lambda p: int(p[1:])):
        relation = _relation(knowledge, name, by_relation[name], config)
        made = (_question(knowledge, language, relation, config) for language in config.languages)
        questions += [question for question in made if question is not None]
    return questions


def _relation(knowledge: Knowledge, name: str, facts: Sequence[Fact], config: ProbingConfig) -> _Relation:
    true: dict[str, set[str]] = {}
    for fact in facts:
        true.setdefault(fact.subject, set()).add(fact.object)
    return _Relation(name, choose_facts(knowledge, facts, config), Counter(fact.object for fact in facts), true)


def choose_facts(knowledge: Knowledge, facts: Sequence[Fact], config: ProbingConfig) -> list[Fact]:
    """At random, but facts whose subject and object are labelled in all languages come first, so as to be compared."""
    own = [facts[i] for i in permutation(len(facts), "facts", facts[0].relation, config.seed)]

    def missing(fact: Fact) -> int:
        labels = (knowledge.labels.get(fact.subject, {}), knowledge.labels.get(fact.object, {}))
        return sum(language not in one for language in config.languages for one in labels)

    own.sort(key=missing)
    return own[: config.max_facts or None]


def _question(knowledge: Knowledge, language: str, relation: _Relation, config: ProbingConfig) -> Question | None:
    """Return the relation in one language, or None where there is no template, no fact or no choice."""

    def labelled(entity: str) -> bool:
        return language in knowledge.labels.get(entity, {})

    asked = [fact for fact in relation.asked if labelled(fact.subject) and labelled(fact.object)]
    candidates = _candidates(relation, [fact.object for fact in asked], labelled, config.max_candidates)
    templates = knowledge.templates.get((language, relation.name), [])[: config.max_templates or None]
    if not templates or not asked or len(candidates) < 2:
        return None
    places = {entity: place for place, entity in enumerate(candidates)}
    others = [
        sorted(places[entity] for entity in relation.true[fact.subject] - {fact.object} if entity in places)
        for fact in asked
    ]
    frequencies = [relation.frequencies[entity] for entity in candidates]
    return Question(language, relation.name, templates, asked, candidates, others, frequencies)


def _candidates(relation: _Relation, right: Sequence[str], labelled: Callable[[str], bool], most: int) -> list[str]:
    """Labelled objects of the relation, most frequent first: all right answers, filled up to `most` with others."""
    objects = [entity for entity in relation.frequencies if labelled(entity)]
    objects.sort(key=lambda entity: (-relation.frequencies[entity], int(entity[1:])))
    right_set = set(right)
    wrong = [entity for entity in objects if entity not in right_set]
    chosen = {*right_set, *(wrong[: max(most - len(right_set), 0)] if most else wrong)}
    return [entity for entity in objects if entity in chosen]


def _check(name: str, wanted: Sequence[str], there: set[str]) -> None:
    missing = sorted(set(wanted) - there)
    if missing:
        raise UsageError(f"{name}: no templates for {', '.join(missing)}; there are {', '.join(sorted(there))}")
