"""How far a score would move with other examples: the bootstrap, alone for an interval and paired for a difference.

A set's examples are drawn anew, with replacement, `DRAWS` times; a score is computed from each draw. Two systems are drawn
together, so that what is hard for both does not count as a difference. A mean over sets draws each of them; a mean over
seeds draws the seeds too.

Source: Efron and Tibshirani (1993); paired for NLP by Koehn (2004).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

DRAWS = 1000
LEVEL = 0.95
"""Share of draws inside an interval."""
_ROWS = 4_000_000
"""Most drawn examples held at once."""

Floats = npt.NDArray[np.float64]
Kind = Literal["means", "spans"]


@dataclass(frozen=True)
class Outcomes:
    """What came out for every example of one set, in the order of the set.

    `values` holds one number per example by name: of `means` each a measure, whose score is its mean; of `spans` the counts
    `correct`, `predicted` and `true`, from which precision, recall and F1 are made over all examples together.
    """

    kind: Kind
    values: Mapping[str, Floats]
    shared: str = ""
    """Sets of the same name here ask the same questions, of other candidates say: they are drawn together. A question that
    one of them does not ask is NaN there and does not count."""

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def names(self) -> tuple[str, ...]:
        """Return the measures that can be made."""
        return ("f1", "precision", "recall") if self.kind == "spans" else tuple(self.values)

    def scores(self, name: str, draws: npt.NDArray[np.int64] | None = None) -> Floats:
        """Return the score of every draw, shape `[draws]`; of all examples once where nothing is drawn."""
        rows = np.arange(len(self))[None] if draws is None else draws
        if self.kind == "means":
            return _means(self.values[name][rows])
        totals = {part: self.values[part][rows].sum(axis=1) for part in ("correct", "predicted", "true")}
        below = {
            "precision": totals["predicted"],
            "recall": totals["true"],
            "f1": (totals["predicted"] + totals["true"]) / 2,
        }[name]
        return np.asarray(np.divide(totals["correct"], below, out=np.zeros(len(rows)), where=below > 0))


@dataclass(frozen=True)
class Difference:
    """How much better the second of two systems is, with its interval and how often a draw says the contrary."""

    value: float
    low: float
    high: float
    p: float
    """Two-sided: the share of draws in which the difference has the other sign or none, twice."""

    @property
    def is_significant(self) -> bool:
        """Whether chance over examples and seeds alone would give it in less than one case of twenty."""
        return self.p < 1 - LEVEL


Sets = Sequence[Sequence[Outcomes]]
"""By set (a language, say), then by seed; all seeds of a set have the same examples."""


def interval(sets: Sets, name: str, *, weights: Sequence[float] = (), seed: int = 0) -> tuple[float, float]:
    """Return the interval of a score, the mean over sets and seeds; `weights` are the sets', equal by default."""
    drawn = _drawn([sets], name, weights, seed)[0]
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def difference(first: Sets, second: Sets, name: str, *, weights: Sequence[float] = (), seed: int = 0) -> Difference:
    """How much better the second system's score is. Both must have the same examples in order; `weights` as in `interval`.

    Raises: ValueError where their sets have different numbers of examples.
    """
    for one, other in zip(first, second, strict=True):
        if len(one[0]) != len(other[0]):
            raise ValueError(f"{len(one[0]):,} and {len(other[0]):,} examples cannot be paired")
    ours, theirs = _drawn([first, second], name, weights, seed)
    gains = theirs - ours
    value = score(second, name, weights) - score(first, name, weights)
    low, high = np.quantile(gains, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    contrary = float(np.mean(gains <= 0 if value > 0 else gains >= 0)) if value else 1.0
    # A draw that never says the contrary proves no more than that it is rarer than one in all draws.
    return Difference(value, float(low), float(high), min(1.0, 2 * max(contrary, 1 / (DRAWS + 1))))


def score(sets: Sets, name: str, weights: Sequence[float] = ()) -> float:
    """Return the mean over sets and seeds, as `interval` weighs them."""
    means = [float(np.mean([one.scores(name)[0] for one in seeds])) for seeds in sets]
    return float(np.average(means, weights=weights or None))


def _drawn(systems: Sequence[Sets], name: str, weights: Sequence[float], seed: int) -> list[Floats]:
    """Scores of each system in the same draws, shape `[DRAWS]` each."""
    generator = np.random.default_rng(seed)
    shares = np.array(weights or [1.0] * len(systems[0]), dtype=np.float64)
    shares /= shares.sum()
    totals = [np.zeros(DRAWS) for _ in systems]
    for numbers in _drawn_together(systems[0]):
        count = len(systems[0][numbers[0]][0])
        for start, stop in _portions(count):
            examples = generator.integers(0, count, size=(stop - start, count))
            for number in numbers:
                for total, system in zip(totals, systems, strict=True):
                    total[start:stop] += shares[number] * _over_seeds(system[number], name, examples, generator)
    return totals


def _drawn_together(sets: Sets) -> list[list[int]]:
    """Numbers of the sets that ask the same questions; the others alone."""
    groups: dict[object, list[int]] = {}
    for number, seeds in enumerate(sets):
        groups.setdefault(seeds[0].shared or number, []).append(number)
    return list(groups.values())


def _means(values: Floats) -> Floats:
    """Means along the last axis over what was asked; 0 where nothing was."""
    asked = ~np.isnan(values)
    return np.asarray(np.where(asked, values, 0.0).sum(axis=1) / np.maximum(asked.sum(axis=1), 1))


def _over_seeds(
    seeds: Sequence[Outcomes], name: str, examples: npt.NDArray[np.int64], generator: np.random.Generator
) -> Floats:
    """Means over as many seeds as there are, drawn anew for each draw of examples."""
    scores = np.stack([one.scores(name, examples) for one in seeds])
    if len(seeds) == 1:
        return np.asarray(scores[0])
    chosen = generator.integers(0, len(seeds), size=scores.shape)
    return np.asarray(np.take_along_axis(scores, chosen, axis=0).mean(axis=0))


def _portions(count: int) -> list[tuple[int, int]]:
    step = max(1, min(DRAWS, _ROWS // max(count, 1)))
    return [(start, min(start + step, DRAWS)) for start in range(0, DRAWS, step)]
