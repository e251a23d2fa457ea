"""Examples: what one draw of an objective puts into a batch, and windows of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from model.batch import UNUSED
from model.data.draws import KeyPart
from model.data.examples.units import Unit, UnitPlan
from model.data.stores.token_dataset import TokenDataset
from model.data.stream_config import Objective, StreamConfig

Address = tuple[Objective, int, int]
"""Objective, window number, place within the window: names one example of a lane, for ever."""

Tokens = npt.NDArray[np.integer]


class Example(NamedTuple):
    """One document, the description it must find, and descriptions that are easy to take for it."""

    address: Address
    """Its name within the lane."""
    parts: Sequence[Tokens]
    """The document's parts; special tokens go before, between and after them."""
    num_tokens: int
    """Length of the document, special tokens included."""
    origin: str
    """Objective, shard, row group and row it was made from."""
    entity: int = UNUSED
    """Item whose description is the key; `UNUSED` in plain MLM."""
    key_tokens: Tokens | None = None
    """Ids of that description."""
    mention: tuple[int, int] = (0, 0)
    """First and last sub-token of the chosen mention in `parts[0]`."""
    subject: int = UNUSED
    """Subject of a triple."""
    relation: int = UNUSED
    """Relation of a triple."""
    rivals: Sequence[tuple[int, Tokens]] = ()
    """Hard negatives: items and the ids of their descriptions."""

    @property
    def cost(self) -> int:
        """Tokens of the document and of its key's description, special tokens included."""
        return self.num_tokens + (0 if self.key_tokens is None else len(self.key_tokens) + 2)


@runtime_checkable
class Window(Protocol):
    """The shuffled examples of one window of a lane."""

    count: int
    """Number of examples."""
    rows: int
    """Number of rows they were made from, those left out included."""
    left_out: dict[str, int]
    """Rows that could not become an example, by reason."""

    def example(self, place: int) -> Example:
        """Return the example at a place, 0 to `count` - 1."""


@runtime_checkable
class Source(Protocol):
    """Makes the windows of one objective."""

    plan: UnitPlan
    """The units it draws from."""

    def __init__(self, data: TokenDataset, config: StreamConfig, split: str, seed: int) -> None:
        """Raise UsageError where the dataset has nothing for the objective."""

    def window(self, lane: int, number: int) -> Window:
        """Make a window of a lane: a pure function of the seed, the lane and the number."""

    def window_of(self, units: list[Unit], number: int, *key: KeyPart) -> Window:
        """Make a window of given units; `key` takes the lane's place in what choices depend on."""
