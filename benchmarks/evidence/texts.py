"""What is read and what is asked: contexts with their mentions, and descriptions, made from facts by templates."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from benchmarks.evidence.facts import OBJECT, SUBJECT, Fact, World
from benchmarks.evidence.splits import Splits, draw
from schemas.descriptions import Description
from schemas.mentions import Mention, MentionContext

MOST_SENTENCES = 4
"""Facts that a description tells."""
PARAPHRASES = 2
"""Templates by which a fact is told in one language."""
_PLACES = re.compile(r"\[[XY]\]")


def told(world: World, fact: Fact, language: str, template: str) -> tuple[str, list[Mention]]:
    """Return a fact as a sentence, with the places of its two entities."""
    names = {SUBJECT: fact.subject, OBJECT: fact.object}
    parts, mentions, at, end = [], [], 0, 0
    for place in _PLACES.finditer(template):
        name = world.labels[names[place[0]]][language]
        parts += [template[at : place.start()], name]
        start = end + place.start() - at
        end = start + len(name)
        mentions.append(Mention(start=start, end=end, entity=names[place[0]]))
        at = place.end()
    text = "".join([*parts, template[at:]])
    if unicodedata.normalize("NFC", text) != text:
        raise ValueError(f"{template!r} with its names is not NFC")
    return text, mentions


class Texts:
    """Texts of a world under a split."""

    def __init__(self, splits: Splits) -> None:
        self.splits, self.world = splits, splits.world

    def contexts(self, facts: list[Fact], language: str) -> Iterator[MentionContext]:
        """Yield each fact as contexts in one language, by a few templates of its own."""
        for fact in facts:
            choices = self.world.templates[language, fact.relation]
            order = sorted(choices, key=lambda text: draw(self.splits.seed, "template", *fact.pair, language, text))
            for index, template in enumerate(order[:PARAPHRASES]):
                text, mentions = told(self.world, fact, language, template)
                yield MentionContext(
                    text=text,
                    mentions=mentions,
                    page_entity=fact.subject,
                    language=language,
                    wiki=f"{language}wiki",
                    title=self.world.labels[fact.subject][language],
                    page_id=int(fact.subject[1:]),
                    revision_id=0,
                    context_index=index,
                )

    def training_contexts(self, language: str) -> list[MentionContext]:
        """Return what is read in a language."""
        facts = [f for f in self.of_role("context") if language in self.splits.seen_in(f)]
        return [row for row in self.contexts(facts, language) if self.may_be_seen(row.text, language)]

    def of_role(self, role: str) -> list[Fact]:
        """Return the facts of a role."""
        return [fact for fact in self.world.facts if self.splits.role(fact) == role]

    def may_be_seen(self, text: str, language: str) -> bool:
        """Whether a text holds no name that is to stay unseen in its language."""
        return not any(name in text for name in self._unnamed[language])

    @cached_property
    def _unnamed(self) -> dict[str, list[str]]:
        return {language: self.splits.unnamed(language) for language in self.world.languages}

    @cached_property
    def _sentences(self) -> dict[str, list[Fact]]:
        """Facts that stand in descriptions, by each of their entities."""
        by_entity: defaultdict[str, list[Fact]] = defaultdict(list)
        for fact in self.of_role("description"):
            by_entity[fact.subject].append(fact)
            by_entity[fact.object].append(fact)
        return by_entity

    def description(self, entity: str, language: str) -> Description:
        """Return the description of an entity: its name, then some of its facts."""
        facts = sorted(
            self._sentences.get(entity, []), key=lambda f: draw(self.splits.seed, "sentence", entity, language, *f.pair)
        )
        sentences = [self.world.labels[entity][language]]
        for fact in facts:
            choices = self.world.templates[language, fact.relation]
            template = min(choices, key=lambda text: draw(self.splits.seed, "told", entity, language, *fact.pair, text))
            sentence = told(self.world, fact, language, template)[0]
            if self.may_be_seen(sentence, language) and len(sentences) <= MOST_SENTENCES:
                sentences.append(sentence)
        text = ". ".join(sentence.rstrip(".。") for sentence in sentences) + "."
        return Description(
            entity=entity,
            language=language,
            text=text,
            origin="wikidata",
            code=language,
            title=None,
            wiki=None,
            page_id=None,
            revision_id=None,
        )

    def descriptions(self, language: str) -> tuple[list[Description], list[Description]]:
        """Return the descriptions of a language that are for training, and those that are never seen."""
        seen, unseen = [], []
        for entity in self.world.entities:
            row = self.description(entity, language)
            is_seen = self.splits.is_described(entity, language) and self.may_be_seen(row.text, language)
            (seen if is_seen else unseen).append(row)
        return seen, unseen
