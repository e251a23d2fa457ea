"""Who is told what: which facts are read in which languages, and what is kept back to be asked for.

Everything is a pure function of the world and a seed. A pair of entities has one role, so that no fact is told by its
reverse or by another relation between the same two:

- `context`: its facts are read as contexts, in half of the languages; in the others they are asked for (`transfer`);
- `description`: its facts stand in the descriptions of its entities, and in no context;
- `held_out`: its facts stand nowhere, not as triples either (`held_out`).

Of some entities the description in some languages is never seen (`undescribed`), and the names of some entities in
some languages stand in no training text of that language (`new_name`).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from benchmarks.evidence.facts import Fact, World

Role = Literal["context", "description", "held_out"]
TESTS = ("transfer", "undescribed", "held_out", "new_name")
"""What is asked, by the names above."""


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How much is kept back."""

    held_out: float = 0.08
    """Share of the pairs of entities nothing of which is told."""
    description: float = 0.35
    """Share of the pairs whose facts stand in descriptions."""
    seen_languages: float = 0.5
    """Share of the languages in which a context's facts are read."""
    undescribed: float = 0.2
    """Share of (entity, language) whose description is not seen."""
    new_name: float = 0.04
    """Share of (entity, language) whose name is not seen."""


@dataclass(frozen=True)
class Splits:
    """The split of a world under a seed."""

    world: World
    seed: int = 0
    shares: Shares = Shares()

    def role(self, fact: Fact) -> Role:
        """What becomes of a fact."""
        place = draw(self.seed, "role", *fact.pair)
        if place < self.shares.held_out:
            return "held_out"
        return "description" if place < self.shares.held_out + self.shares.description else "context"

    def seen_in(self, fact: Fact) -> list[str]:
        """Languages in which a fact of role `context` is read."""
        order = sorted(self.world.languages, key=lambda language: draw(self.seed, "seen", *fact.pair, language))
        return sorted(order[: round(self.shares.seen_languages * len(order))])

    def is_described(self, entity: str, language: str) -> bool:
        """Whether the entity's description in a language is for training."""
        return draw(self.seed, "described", entity, language) >= self.shares.undescribed

    def is_named(self, entity: str, language: str) -> bool:
        """Whether the entity's name in a language may stand in training texts of that language."""
        return draw(self.seed, "named", entity, language) >= self.shares.new_name

    def unnamed(self, language: str) -> list[str]:
        """Names that no training text of a language may hold, long ones first."""
        names = (
            self.world.labels[entity][language] for entity in self.world.entities if not self.is_named(entity, language)
        )
        return sorted(names, key=len, reverse=True)


def draw(*key: str | int) -> float:
    """Return a number in [0, 1) that depends on the key alone."""
    digest = blake2b("\x1f".join(map(str, key)).encode(), digest_size=8, person=b"xlmk-world").digest()
    return int.from_bytes(digest, "big") / 2**64
