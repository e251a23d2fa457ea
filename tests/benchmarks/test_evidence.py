"""The world of real facts tells nothing of what it asks: each split is looked for leaks in the texts themselves."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path

import pytest

from benchmarks.evidence.facts import FILES, load_world
from benchmarks.evidence.job import EvidenceConfig, asked_contexts
from benchmarks.evidence.splits import Shares, Splits
from benchmarks.evidence.texts import Texts
from schemas.errors import InputCorrupt, InputMissing

LANGUAGES = ("en", "de", "el", "ja")


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the form of the real one: 30 towns and who is whose neighbour and twin."""
    folder = tmp_path_factory.mktemp("knowledge")
    names = {f"Q{number}": f"{chr(65 + number % 26)}{number}ville" for number in range(1, 31)}
    pairs = [pair for pair in itertools.permutations(names, 2) if (int(pair[0][1:]) * 7 + int(pair[1][1:])) % 5 == 0]
    triples = [f"{one}\tP{47 if int(two[1:]) % 2 else 190}\t{two}" for one, two in pairs]
    labels = {entity: {language: f"{name} {language}" for language in LANGUAGES} for entity, name in names.items()}
    labels["Q31"] = {"en": "nameless elsewhere"}
    texts = {"P47": ("[X] borders [Y]", "[Y] is next to [X]"), "P190": ("[X] and [Y] are twins", "[Y], twin of [X]")}
    patterns = [
        {"language": language, "relation": relation, "pattern": f"{text} ({language})"}
        for language in LANGUAGES
        for relation, both in texts.items()
        for text in both
    ]
    patterns.append({"language": "en", "relation": "P47", "pattern": "[X] and [X] have no object"})
    for name, text in zip(
        FILES,
        ["\n".join([*triples, "Q31\tP47\tQ1"]), json.dumps(labels), "\n".join(map(json.dumps, patterns))],
        strict=True,
    ):
        with gzip.open(folder / name, "wt", encoding="utf-8") as file:
            file.write(text)
    return folder


@pytest.fixture(scope="module", params=["made", "real"])
def texts(request: pytest.FixtureRequest) -> Texts:
    if request.param == "real":
        folder = request.getfixturevalue("real_data") / "knowledge"
        return Texts(Splits(load_world(folder, EvidenceConfig(knowledge="", output="").languages, 3)))
    world = load_world(request.getfixturevalue("knowledge"), LANGUAGES, 3)
    return Texts(Splits(world, shares=Shares(new_name=0.1)))


def training_texts(texts: Texts, language: str) -> list[str]:
    return [row.text for row in texts.training_contexts(language)] + [
        row.text for row in texts.descriptions(language)[0]
    ]


def pairs_told(texts: Texts, language: str) -> set[tuple[str, str]]:
    """Pairs of entities whose names stand in one training text of a language, found by what the text says."""
    told = set()
    for row in texts.training_contexts(language):
        told.add(tuple(sorted(mention.entity for mention in row.mentions)))
    for row in texts.descriptions(language)[0]:
        for other in texts.world.entities:
            parts = row.text.split(". ")[1:]
            if other != row.entity and any(texts.world.labels[other][language] in part for part in parts):
                told.add(tuple(sorted((row.entity, other))))
    return told


def test_every_role_has_facts_and_no_two_roles_share_a_pair(texts: Texts) -> None:
    by_role = {role: {fact.pair for fact in texts.of_role(role)} for role in ("context", "description", "held_out")}
    assert all(by_role.values())
    assert sum(map(len, by_role.values())) == len(set.union(*by_role.values()))


@pytest.mark.parametrize("asks", ["transfer", "held_out"])
def test_what_is_asked_in_a_language_is_not_told_in_it(texts: Texts, asks: str) -> None:
    for language in texts.world.languages:
        asked = {tuple(sorted(m.entity for m in row.mentions)) for row in asked_contexts(texts, asks, language)}  # type: ignore[arg-type]
        assert asked
        contexts = {tuple(sorted(m.entity for m in row.mentions)) for row in texts.training_contexts(language)}
        assert not asked & contexts


def test_facts_held_out_are_told_in_no_language_in_no_direction(texts: Texts) -> None:
    held_out = {fact.pair for fact in texts.of_role("held_out")}
    for language in texts.world.languages:
        told = pairs_told(texts, language)
        # A name may be another's or stand inside it (Niger in Nigeria): where a pair seems told, such a name must explain it.
        for pair in held_out & told:
            assert any(
                texts.world.labels[entity][language] in texts.world.labels[other][language]
                for entity in pair
                for other in texts.world.entities
                if other != entity
            ), (pair, language)


def test_transfer_was_read_in_other_languages(texts: Texts) -> None:
    for language in texts.world.languages:
        rows = asked_contexts(texts, "transfer", language)
        elsewhere = {
            tuple(sorted(m.entity for m in row.mentions))
            for other in texts.world.languages
            if other != language
            for row in texts.training_contexts(other)
        }
        read = [tuple(sorted(m.entity for m in row.mentions)) in elsewhere for row in rows]
        assert sum(read) > 0.9 * len(read)  # a context with a name that must stay unseen is left out there


def test_names_kept_back_stand_in_no_training_text_of_the_language(texts: Texts) -> None:
    kept_back = 0
    for language in texts.world.languages:
        unnamed = {e for e in texts.world.entities if not texts.splits.is_named(e, language)}
        kept_back += len(unnamed)
        for text in training_texts(texts, language):
            assert not [e for e in unnamed if texts.world.labels[e][language] in text], text
        for row in asked_contexts(texts, "new_name", language):
            assert len(row.mentions) == 1
            assert row.mentions[0].entity not in unnamed
            assert any(texts.world.labels[e][language] in row.text for e in unnamed)
    assert kept_back


def test_descriptions_kept_back_are_not_for_training(texts: Texts) -> None:
    for language in texts.world.languages:
        seen, unseen = texts.descriptions(language)
        assert seen and unseen
        assert not {row.entity for row in seen} & {row.entity for row in unseen}
        assert len(seen) + len(unseen) == len(texts.world.entities)


def test_mentions_stand_where_they_are_said_to(texts: Texts) -> None:
    for language in texts.world.languages:
        for row in texts.training_contexts(language):
            assert len(row.mentions) == 2
            for mention in row.mentions:
                assert row.text[mention.start : mention.end] == texts.world.labels[mention.entity][language]


def test_only_what_every_language_can_tell_is_in_the_world(knowledge: Path) -> None:
    world = load_world(knowledge, LANGUAGES, 3)
    assert "Q31" not in world.entities
    assert all(text.count("[X]") == text.count("[Y]") == 1 for texts in world.templates.values() for text in texts)


def test_what_is_missing_is_said(knowledge: Path, tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match=r"triples\.tsv\.gz is not there"):
        load_world(tmp_path, LANGUAGES, 3)
    with pytest.raises(InputCorrupt, match="no fact is left that en, fr can all tell"):
        load_world(knowledge, ("en", "fr"), 3)
