"""What the long campaigns found, in `results.json`; `python -m tests.faults.report` brings it to the page of faults."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One campaign's result."""

    what: str
    """What was done, in words."""
    seed: int
    """Seed of all its draws."""
    tried: int
    """Faults made, or examples drawn."""
    held: int
    """How many of them ended as promised."""
    seconds: float
    """How long it took, by the wall clock."""

    def after(self, earlier: Outcome) -> Outcome:
        """Return this piece of a campaign together with the one before it.

        Raises:
            ValueError: they are pieces of different campaigns.
        """
        if (earlier.what, earlier.seed) != (self.what, self.seed):
            raise ValueError(f"{earlier.what!r} with seed {earlier.seed} is noted, which is another campaign")
        sums = {name: getattr(earlier, name) + getattr(self, name) for name in ("tried", "held", "seconds")}
        return replace(self, **sums)


def noted(name: str) -> Outcome | None:
    """Return what is noted of a campaign so far."""
    row = _rows().get(name)
    return Outcome(**row) if row else None


def conclude(name: str, outcome: Outcome, *, write: bool) -> int:
    """Print an outcome, note it in `results.json` where asked to, and return the exit code."""
    print(f"{name}: {outcome.held:,} of {outcome.tried:,} as promised, seed {outcome.seed}, {outcome.seconds:.0f} s")
    if write:
        rows = _rows()
        rows[name] = asdict(outcome)
        RESULTS.write_text(json.dumps(dict(sorted(rows.items())), indent=1) + "\n", encoding="utf-8")
    if outcome.held < outcome.tried:
        print(f"{name}: {outcome.tried - outcome.held} were not", file=sys.stderr)
        return 1
    return 0


def _rows() -> dict[str, dict[str, Any]]:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}  # type: ignore[no-any-return]
