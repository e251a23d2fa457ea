"""The training stream: token shards in, packed batches out, in an order that is a pure function of (seed, position)."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from model.batch import Batch
from model.data.examples.example import Source
from model.data.examples.mep import MepSource
from model.data.examples.mlm import MlmSource
from model.data.examples.oe import OeSource
from model.data.stores.token_dataset import TokenDataset
from model.data.stores.triples import TripleIndex
from model.data.stream.collate import Collator
from model.data.stream.lanes import Lane, LaneState
from model.data.stream.packing import Pack
from model.data.stream_config import Objective, StreamConfig
from schemas import TRAIN
from schemas.errors import CheckpointUnusable, ShardMismatch

State = dict[str, Any]
"""JSON-able state of a stream."""

STATE_VERSION = 3


class Made(NamedTuple):
    """A batch, and what the stream's state becomes by using it."""

    batch: Batch
    lane: int
    state: LaneState
    """The lane's, after the batch."""


class TrainingStream:
    """Endless batches of one rank."""

    def __init__(self, data: TokenDataset, config: StreamConfig, *, seed: int, rank: int, world_size: int) -> None:
        """Open a stream at its start.

        Args:
            data: the shards.
            config: what the batches are like.
            seed: decides the order, all choices and all masks.
            rank: which of the processes this is, from 0.
            world_size: how many processes share the lanes.

        Raises:
            UsageError: an objective has no data.
        """
        self.data, self.config = data, config
        self._seed, self.rank, self.world_size = seed, rank, world_size
        self._lanes: dict[int, Lane] = {}
        self._states: dict[int, LaneState] = {}
        self._next_pack = 0
        self._sources = make_sources(data, config, TRAIN, seed, config.objectives)
        triples = data.store(TripleIndex) if "oe" in config.objectives else None
        self._collator = Collator(data.special, config, triples, seed)

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches without end, from where the stream stands."""
        while True:
            batch, lane, state = self.make(self._next_pack + self.rank)
            self.advance(lane, state)
            yield batch

    def make(self, pack: int) -> Made:
        """Make one pack of the run.

        Args:
            pack: its number; packs of one lane must be asked for in their order, and those left out are passed over.
        """
        number, of_lane = divmod(pack, self.config.num_lanes)
        lane = self._lane(of_lane)
        lane.skip_to(number)
        filled = lane.next_pack()
        batch = self._collator.batch(filled, pack - self.rank, lane.number, number)
        return Made(batch, lane.number, lane.state_dict())

    def blank(self) -> Batch:
        """Return a batch of nothing; its tensors have the types and shapes that those of every batch have."""
        return self._collator.batch(Pack(self.config.shapes()), 0)

    def advance(self, lane: int, state: LaneState) -> None:
        """Note that a batch was used: the stream's state is the one after it."""
        self._states[lane] = state
        self._next_pack += self.world_size

    def rewind(self) -> None:
        """Forget batches that were made and not used: they are made again from the state."""
        self._lanes = {}

    @property
    def next_pack(self) -> int:
        """Number of the first pack, over all ranks, that is not used yet."""
        return self._next_pack

    def state_dict(self) -> State:
        """Return where the stream stands after the batches it gave out: small, JSON-able, of this rank's lanes."""
        return {
            "version": STATE_VERSION,
            "dataset": self.data.fingerprint,
            "seed": self._seed,
            "config": plain(self.config),
            "next_pack": self._next_pack,
            "lanes": {str(lane): state for lane, state in sorted(self._states.items())},
        }

    def load_state_dict(self, state: State, *, allow_changed_data: bool = False) -> None:
        """Go on from a state: this rank's own, or those of all ranks merged, of any number of ranks.

        Args:
            state: as `state_dict` or `merge_states` gave it.
            allow_changed_data: go on although the shards are not those the state was saved with; the order of rows is
                then another one, and rows may come twice.

        Raises:
            CheckpointUnusable: it was saved with another seed or configuration, or by another version of this code.
            ShardMismatch: it was saved with other shards.
        """
        self._check_state(state, allow_changed_data)
        self._next_pack = state["next_pack"]
        self._states = {int(lane): lane_state for lane, lane_state in state["lanes"].items()}
        self._lanes = {}

    def _lane(self, number: int) -> Lane:
        if number not in self._lanes:
            lane = Lane(number, self._sources, self.config)
            if number in self._states:
                lane.load_state_dict(self._states[number])
            self._lanes[number] = lane
        return self._lanes[number]

    def _check_state(self, state: State, allow_changed_data: bool) -> None:
        if state.get("version") != STATE_VERSION:
            raise CheckpointUnusable(
                f"the stream's state has version {state.get('version')}, this code reads {STATE_VERSION}."
            )
        if state["dataset"] != self.data.fingerprint and not allow_changed_data:
            raise ShardMismatch(
                f"the run was saved with dataset {state['dataset']}, {self.data.where} is {self.data.fingerprint}. "
                "Use the dataset of the run, or allow the change knowingly: rows may then come twice or not at all."
            )
        saved, now = {**state["config"], "seed": state["seed"]}, {**plain(self.config), "seed": self._seed}
        if changed := sorted(name for name in saved.keys() | now.keys() if saved.get(name) != now.get(name)):
            differences = "; ".join(f"{name}: saved {saved.get(name)}, now {now.get(name)}" for name in changed)
            raise CheckpointUnusable(
                f"the order of batches depends on fields that differ from the saved run ({differences}). "
                "Set them as they were, or start a new run from the saved weights."
            )


def make_sources(
    data: TokenDataset, config: StreamConfig, split: str, seed: int, objectives: Sequence[Objective]
) -> dict[Objective, Source]:
    """Open the sources of some objectives.

    Raises:
        UsageError: one of them has no data.
    """
    makers: dict[Objective, type[Source]] = {"mlm": MlmSource, "mep": MepSource, "oe": OeSource}
    return {objective: makers[objective](data, config, split, seed) for objective in objectives}


def plain(config: StreamConfig) -> dict[str, Any]:
    """Return a configuration as JSON would give it back."""
    as_read: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return as_read


def rows_read(state: State) -> dict[str, int]:
    """Add up over the lanes of a state the rows read by objective, and those left out by objective and reason."""
    total: Counter[str] = Counter()
    for lane in state["lanes"].values():
        total.update(lane["rows"])
    return dict(sorted(total.items()))


def merge_states(states: Sequence[State]) -> State:
    """Put the states of all ranks at one step into one, from which any number of ranks can go on.

    Of a lane that several ranks have filled packs of, the state furthest on counts: it is the one after the lane's last
    pack before the step's end.

    Raises:
        CheckpointUnusable: the states are not of one step of one run.
    """
    if not states:
        raise CheckpointUnusable("there are no stream states to merge.")
    shared = {name: value for name, value in states[0].items() if name != "lanes"}
    lanes: dict[str, LaneState] = {}
    for rank, state in enumerate(states):
        different = sorted(name for name, value in shared.items() if state.get(name) != value)
        if different:
            raise CheckpointUnusable(f"the stream states of ranks 0 and {rank} differ in {', '.join(different)}.")
        for lane, lane_state in state["lanes"].items():
            if lane not in lanes or lane_state["packs"] > lanes[lane]["packs"]:
                lanes[lane] = lane_state
    return {**shared, "lanes": dict(sorted(lanes.items(), key=lambda item: int(item[0])))}
