"""First-fit packing: examples go into the first batch of their lane that has room for them.

A pack is one batch being filled. Room is counted in tokens, documents, keys and queries, and a description that is
already a key of the pack costs nothing, so each distinct item is encoded once.

A worked line: into a stream of 64 tokens goes a context of 20, special tokens included, whose item is described in 8 tokens:
it costs 20 + 8 + 2 = 30. A second context of 20 with the same item costs 20, so 14 are left; a third of 20 waits, and
one of 14 or fewer that comes later is let in before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from model.data.examples.example import Example, Tokens
from model.data.stream_config import Objective, StreamShapes

LEAST_ROOM = 8
"""A pack with fewer free tokens than this is full."""


@dataclass
class Pack:
    """Examples and keys that share one stream."""

    shapes: StreamShapes
    """What it has room for."""
    examples: list[Example] = field(default_factory=list)
    """Examples, in the order they were added."""
    keys: dict[int, Tokens] = field(default_factory=dict)
    """Ids of the description of each distinct item, in the order they were added."""
    num_tokens: int = 0
    """Tokens of all documents, special tokens included."""
    tokens: dict[Objective, int] = field(default_factory=lambda: {"mlm": 0, "mep": 0, "oe": 0})
    """Tokens by the objective that brought them."""
    queries: dict[Objective, int] = field(default_factory=lambda: {"mlm": 0, "mep": 0, "oe": 0})
    """Examples by objective."""

    def __post_init__(self) -> None:
        self._num_documents = 0
        # The unused end of the stream is cut into documents too, none longer than the static bound.
        tails = -(-self.shapes.tokens // self.shapes.longest)
        self._documents = self.shapes.documents - tails
        self._queries: dict[Objective, int] = {"mlm": self._documents, "mep": self.shapes.mep, "oe": self.shapes.oe}

    @property
    def room(self) -> int:
        """Free tokens."""
        return self.shapes.tokens - self.num_tokens

    def is_open(self, objective: Objective) -> bool:
        """Tell whether one more example of an objective could fit, were it short enough."""
        needed = 1 if objective == "mlm" else 2
        return self.queries[objective] < self._queries[objective] and self._num_documents + needed <= self._documents

    def add(self, example: Example) -> bool:
        """Add an example if there is room for it and its key; tell whether it was added."""
        objective = example.address[0]
        key_tokens = None if example.entity in self.keys else example.key_tokens
        new_key = key_tokens is not None
        cost = example.num_tokens + (0 if key_tokens is None else len(key_tokens) + 2)
        if (
            self.num_tokens + cost > self.shapes.tokens
            or self.queries[objective] >= self._queries[objective]
            or self._num_documents + 1 + new_key > self._documents
            or len(self.keys) + new_key > self.shapes.keys
        ):
            return False
        if key_tokens is not None:
            self.keys[example.entity] = key_tokens
        self.examples.append(example)
        self.queries[objective] += 1
        self._num_documents += 1 + new_key
        self._count(objective, cost)
        for item, tokens in example.rivals:
            self._add_rival(objective, item, tokens)
        return True

    def _count(self, objective: Objective, cost: int) -> None:
        self.num_tokens += cost
        self.tokens[objective] += cost

    def _add_rival(self, objective: Objective, item: int, tokens: Tokens) -> None:
        """Add a hard negative if it is not a key yet and leaves room for another example and its key."""
        cost = len(tokens) + 2
        full = len(self.keys) + 2 > self.shapes.keys or self._num_documents + 3 > self._documents
        if item in self.keys or full or cost + LEAST_ROOM > self.room:
            return
        self.keys[item] = tokens
        self._num_documents += 1
        self._count(objective, cost)
