"""What every task returns: rows of measures with mean and spread over seeds, as JSON and as an aligned text table."""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from model.evaluation.outcome_files import SetOutcomes, write_outcomes
from schemas.errors import InputCorrupt, InputMissing

RESULTS_FORMAT = 1
"""Version of the JSON form; a reader refuses another one."""

COUNTS = frozenset(
    {"queries", "spans", "candidates", "questions", "sentences", "pairs", "facts", "shared", "relations"}
)
"""Measures that are numbers of things; all others are shares between 0 and 1, shown in per cent."""


@dataclass(frozen=True)
class Measure:
    """The values of one measure, one per seed (a single one for a task without training)."""

    values: tuple[float, ...]
    interval: tuple[float, float] | None = None
    """Where the mean would lie with other examples (and seeds), in 95 of 100 cases; None where that was not drawn."""

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return fmean(self.values)

    @property
    def spread(self) -> float | None:
        """Sample standard deviation over seeds; None for a single seed, which has no spread."""
        return stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Row:
    """One line of a table: what it is about (`keys`, for instance language) and its measures."""

    keys: dict[str, str]
    measures: dict[str, Measure]

    @classmethod
    def single(cls, keys: Mapping[str, str], values: Mapping[str, float | int]) -> "Row":
        """Return a row of measures taken once."""
        return cls(dict(keys), {name: Measure((float(value),)) for name, value in values.items()})

    def matches(self, **keys: str) -> bool:
        """Whether the row has all these keys with these values."""
        return all(self.keys.get(name) == value for name, value in keys.items())


@dataclass(frozen=True, kw_only=True)
class Results:
    """The outcome of one task on one model."""

    task: str
    model: str
    primary_metric: str
    """Name of the measure the task is judged by."""
    primary_keys: dict[str, str]
    """Keys of the row that holds it."""
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    """What a reader must know before comparing, for instance a training set that stood in for the real one."""
    config: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    """The set, its metric and its labels, for tasks on public sets."""
    outcomes: list[SetOutcomes] = field(default_factory=list)
    """What came out for every example, for comparisons in pairs; kept in a file of its own."""
    stand_in: bool = False
    """True where other data stood in for the training set: a test of the machinery and no claim."""

    @property
    def primary(self) -> float:
        """The figure the task is judged by, between 0 and 1."""
        return self.find(**self.primary_keys).measures[self.primary_metric].mean

    def find(self, **keys: str) -> Row:
        """Return the first row with these keys. Raises: KeyError where there is none."""
        for row in self.rows:
            if row.matches(**keys):
                return row
        raise KeyError(f"no row with {keys} among {len(self.rows)} rows of {self.task}")

    def to_json(self) -> str:
        """Return the JSON form: shares between 0 and 1 in full precision, NaN as null."""
        document = {
            "format": RESULTS_FORMAT,
            "task": self.task,
            "model": self.model,
            "primary": {"metric": self.primary_metric, "keys": self.primary_keys, "value": _finite(self.primary)},
            "stand_in_for_training": self.stand_in,
            "data": self.data,
            "notes": self.notes,
            "rows": [_row_document(row) for row in self.rows],
            "config": self.config,
        }
        return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    def write(self, folder: Path) -> Path:
        """Write `<task>.json` into the folder, whole or not at all, and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.task}.json"
        beside = path.with_suffix(".json.partial")
        beside.write_text(self.to_json(), encoding="utf-8")
        os.replace(beside, path)
        if self.outcomes:
            write_outcomes(self.outcomes, outcomes_path(path))
        return path


def outcomes_path(results: Path) -> Path:
    """Where the outcomes of a results file lie."""
    return results.with_suffix(".outcomes.safetensors")


def with_intervals(row: Row, found: Mapping[str, tuple[float, float]]) -> Row:
    """Return the row with the intervals of the measures that have one."""
    measures = {name: replace(m, interval=found.get(name, m.interval)) for name, m in row.measures.items()}
    return Row(row.keys, measures)


def read_results(path: Path) -> Results:
    """Read a file that `Results.write` wrote. Raises: InputMissing, InputCorrupt."""
    if not path.is_file():
        raise InputMissing(f"{path}: no such results file; `python -m model evaluate` writes it")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != RESULTS_FORMAT:
            raise InputCorrupt(f"{path}: results of format {document['format']}, expected {RESULTS_FORMAT}")
        results = Results(
            task=document["task"],
            model=document["model"],
            primary_metric=document["primary"]["metric"],
            primary_keys=document["primary"]["keys"],
            rows=[_read_row(row) for row in document["rows"]],
            notes=document["notes"],
            config=document["config"],
            data=document.get("data", {}),
            stand_in=document["stand_in_for_training"],
        )
        _check(results)
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError, RecursionError) as error:
        raise InputCorrupt(f"{path}: not a results file of this project ({error!r})") from error
    return results


def _check(results: Results) -> None:
    """Raise unless every field is of the kind that what is made of results takes it for."""
    texts = [results.task, results.model, results.primary_metric, *results.notes, *results.primary_keys.values()]
    texts += [text for row in results.rows for keys in row.keys.items() for text in keys]
    if odd := [text for text in texts if not isinstance(text, str)]:
        raise TypeError(f"{odd[0]!r} where a text was expected")
    if (
        not isinstance(results.config, dict)
        or not isinstance(results.data, dict)
        or not isinstance(results.notes, list)
    ):
        raise TypeError("notes, config or data of another kind")
    primary = results.find(**results.primary_keys).measures[results.primary_metric]
    numbers = [primary.mean, *(value for row in results.rows for one in row.measures.values() for value in one.values)]
    if any(math.isinf(number) for number in numbers):
        raise ValueError("an infinite measure")


def merge_seeds(runs: Sequence[Sequence[Row]]) -> list[Row]:
    """Join the rows of several seeds into rows with several values. The runs must have the same rows in order."""
    merged = []
    for rows in zip(*runs, strict=True):
        names = rows[0].measures
        values = {n: Measure(tuple(v for row in rows for v in row.measures[n].values)) for n in names}
        merged.append(Row(rows[0].keys, values))
    return merged


def mean_row(keys: Mapping[str, str], rows: Iterable[Row], names: Sequence[str]) -> Row:
    """Return the unweighted mean of some measures over rows (of languages, say), seed by seed."""
    kept = list(rows)
    columns = {name: zip(*(row.measures[name].values for row in kept), strict=True) for name in names}
    return Row(dict(keys), {name: Measure(tuple(map(fmean, by_seed))) for name, by_seed in columns.items()})


def format_table(rows: Sequence[Row]) -> str:
    """Rows as aligned plain text; shares in per cent, `mean ± spread` where there are several seeds."""
    keys = list(dict.fromkeys(name for row in rows for name in row.keys))
    names = list(dict.fromkeys(name for row in rows for name in row.measures))
    lines = [[*keys, *names]]
    for row in rows:
        cells = [format_measure(n, row.measures[n]) if n in row.measures else "" for n in names]
        lines.append([*(row.keys.get(k, "") for k in keys), *cells])
    return align(lines, left=len(keys))


def format_results(results: Results) -> str:
    """Return a head line, the notes, and one table per group of rows that have the same keys."""
    keys = ", ".join(f"{name} {value}" for name, value in results.primary_keys.items())
    parts = [f"{results.task} of {results.model}: {results.primary_metric} {100 * results.primary:.1f} % ({keys})"]
    parts += [
        f"{name}: {', '.join(v) if isinstance(v, list) else v}"
        for name, v in results.data.items()
        if name != "examples"
    ]
    parts += [f"note: {note}" for note in results.notes]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in results.rows:
        groups.setdefault((row.keys.get("about", ""), *row.keys), []).append(row)
    return "\n\n".join(["\n".join(parts), *map(format_table, groups.values())])


def align(lines: Sequence[Sequence[str]], left: int) -> str:
    """Lay cells out in columns, the first `left` ones flush left and the others flush right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def format_measure(name: str, measure: Measure) -> str:
    """One cell of a table: a count as it is, a share in per cent with its spread over seeds."""
    if name in COUNTS:
        return f"{measure.mean:,.0f}"
    if not math.isfinite(measure.mean):
        return "-"
    text = f"{100 * measure.mean:.1f}"
    text = text if measure.spread is None else f"{text} ± {100 * measure.spread:.1f}"
    if measure.interval is None:
        return text
    return f"{text} [{100 * measure.interval[0]:.1f}, {100 * measure.interval[1]:.1f}]"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _row_document(row: Row) -> dict[str, Any]:
    measures = {
        name: {"mean": _finite(m.mean), "spread": m.spread, "values": [_finite(v) for v in m.values]}
        | ({} if m.interval is None else {"interval": list(m.interval)})
        for name, m in row.measures.items()
    }
    return {"keys": row.keys, "measures": measures}


def _read_row(document: dict[str, Any]) -> Row:
    return Row(document["keys"], {name: _read_measure(m) for name, m in document["measures"].items()})


def _read_measure(document: dict[str, Any]) -> Measure:
    interval = document.get("interval")
    values = tuple(math.nan if value is None else _number(value) for value in document["values"])
    if not values:
        raise ValueError("a measure without a value")
    return Measure(values, (_number(interval[0]), _number(interval[1])) if interval else None)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} where a number was expected")
    return float(value)
