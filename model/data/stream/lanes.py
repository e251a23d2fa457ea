"""Virtual lanes: independent packed streams, fixed in number, that ranks and loader workers share out among themselves.

Pack `g` of a run is the next pack of lane `g % num_lanes`, whoever makes it; rank `r` of `W` makes packs `g0 + t * W + r`.
So what a lane yields never depends on ranks or workers, and the packs of a run are the same, in the same order, on any
number of them. Where their number does not divide the lanes, several processes fill packs of one lane, each passing over
those that are another's: with 3 lanes and 2 ranks, lane 0 has the packs 0, 3, 6, 9, and rank 0 makes 0 and 6 of them.

Where each pack is of one objective, lane l starts as if l packs had been given out, so that the packs of a step are of
all objectives by their shares: with three equal ones, lanes 0 to 5 start with MLM, MEP, OE, MLM, MEP, OE.

A lane's state is small: where it stands in each objective's windows, the names of the examples that wait for room, the
tokens it gave to each objective, and how many rows it read and left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from model.data.examples.example import Example, Source, Window
from model.data.stream.packing import LEAST_ROOM, Pack
from model.data.stream_config import Objective, StreamConfig
from schemas.errors import UsageError

MOST_EMPTY_WINDOWS = 64
"""Windows in a row without a usable example after which a lane gives up."""

LaneState = dict[str, Any]


class Lane:
    """Draws examples and packs them."""

    def __init__(self, number: int, sources: Mapping[Objective, Source], config: StreamConfig) -> None:
        """Args:
        number: the lane's number.
        sources: makes the windows of each objective that is on.
        config: shares, sizes, buffer.
        """
        self.number, self._sources, self._config = number, sources, config
        self._shapes = config.shapes()
        self._shares = {objective: config.share(objective) for objective in sources}
        self._windows: dict[tuple[Objective, int], Window] = {}
        self.packs = 0
        self._next: dict[Objective, tuple[int, int]] = {objective: (0, 0) for objective in sources}
        start = number if config.one_objective_per_batch else 0
        self._given = _after(start, self._shares, config.tokens_per_step)
        self._waiting: list[Example] = []
        self._rows: Counter[str] = Counter()

    def next_pack(self) -> Pack:
        """Fill one more pack: waiting examples first, then new ones until it is full or too many wait."""
        pack = Pack(self._shapes)
        on: list[Objective] = list(self._sources)
        if self._config.one_objective_per_batch:
            on = [_behind(self._given, self._shares)]
        rest = [example for example in self._waiting if example.address[0] not in on]
        waiting = self._fill(pack, on, [example for example in self._waiting if example.address[0] in on])
        self._waiting = rest + waiting
        for objective in on:
            self._given[objective] += pack.tokens[objective]
        self.packs += 1
        self._forget_windows()
        return pack

    def skip_to(self, packs: int) -> None:
        """Fill packs that another process makes, and forget them, until so many have been filled.

        Raises:
            ValueError: the lane is beyond that.
        """
        if packs < self.packs:
            raise ValueError(f"lane {self.number} has filled {self.packs} packs and cannot go back to {packs}")
        while self.packs < packs:
            self.next_pack()

    def _fill(self, pack: Pack, on: list[Objective], candidates: list[Example]) -> list[Example]:
        """Put examples into a pack, the candidates first; returns those that wait on."""
        waiting = [example for example in candidates if not pack.add(example)]
        # Examples that wait count as given, or the objective furthest behind would fill the buffer alone.
        owed = dict(self._given)
        for example in waiting:
            owed[example.address[0]] += example.cost
        progress = {objective: (owed[objective] + pack.tokens[objective]) / self._shares[objective] for objective in on}
        open_ = [objective for objective in on if pack.is_open(objective)]
        while open_ and pack.room >= LEAST_ROOM and len(waiting) < self._config.packing_buffer:
            objective = min(open_, key=progress.__getitem__)
            example = self._draw(objective)
            if not pack.add(example):
                waiting.append(example)
                owed[objective] += example.cost
            progress[objective] = (owed[objective] + pack.tokens[objective]) / self._shares[objective]
            if not pack.is_open(objective):
                open_ = [other for other in open_ if pack.is_open(other)]
        return waiting

    def state_dict(self) -> LaneState:
        """Return the lane's state as plain numbers and lists."""
        return {
            "packs": self.packs,
            "next": {objective: list(place) for objective, place in self._next.items()},
            "given": dict(self._given),
            "waiting": [list(example.address) for example in self._waiting],
            "rows": dict(sorted(self._rows.items())),
        }

    def load_state_dict(self, state: LaneState) -> None:
        """Go on from a state; the windows of waiting examples are made again."""
        self.packs = state["packs"]
        self._next = {objective: (place[0], place[1]) for objective, place in state["next"].items()}
        self._given = dict(state["given"])
        self._rows = Counter(state["rows"])
        self._waiting = [
            self._window(objective, number).example(place) for objective, number, place in state["waiting"]
        ]

    def _draw(self, objective: Objective) -> Example:
        """Return the next example of an objective.

        Raises:
            UsageError: window after window holds nothing that can be used.
        """
        number, place = self._next[objective]
        for _ in range(MOST_EMPTY_WINDOWS):
            window = self._window(objective, number)
            if place == 0:
                self._count_rows(objective, window)
            if place < window.count:
                self._next[objective] = (number, place + 1)
                return window.example(place)
            number, place = number + 1, 0
        raise UsageError(
            f"none of the rows of {MOST_EMPTY_WINDOWS} windows can be used for {objective}: their items have no "
            "description in the languages chosen. Choose more languages, or tokenise their descriptions."
        )

    def _count_rows(self, objective: Objective, window: Window) -> None:
        """Add the rows of a window that is begun, and those of them that are left out, by reason."""
        self._rows[f"{objective}/rows"] += window.rows
        for reason, count in window.left_out.items():
            if count:
                self._rows[f"{objective}/left_out/{reason}"] += count

    def _window(self, objective: Objective, number: int) -> Window:
        key = (objective, number)
        if key not in self._windows:
            self._windows[key] = self._sources[objective].window(self.number, number)
        return self._windows[key]

    def _forget_windows(self) -> None:
        """Drop the windows that are used up; waiting examples keep their own arrays alive."""
        current = {(objective, number) for objective, (number, _) in self._next.items()}
        self._windows = {key: window for key, window in self._windows.items() if key in current}


def _behind(given: Mapping[Objective, int], shares: Mapping[Objective, float]) -> Objective:
    """Return the objective that was given least for its share."""
    return min(shares, key=lambda objective: given[objective] / shares[objective])


def _after(packs: int, shares: Mapping[Objective, float], tokens: int) -> dict[Objective, int]:
    """Return what a lane would have given to each objective after full packs of one objective each."""
    given: dict[Objective, int] = dict.fromkeys(shares, 0)
    for _ in range(packs):
        given[_behind(given, shares)] += tokens
    return given
