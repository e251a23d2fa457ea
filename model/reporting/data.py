"""What a report page shows, read from a run's folder: the log of losses, its configuration, and results by task."""

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model.evaluation.results import Results, read_results
from model.reporting.config import ReportConfig
from schemas.errors import InputCorrupt, InputMissing

LOG = "log.jsonl"
EVALUATION = "evaluation"

Series = list[tuple[int, float]]
"""A measure by step, rising."""


@dataclass(frozen=True)
class RunData:
    """Everything a page is made of."""

    name: str
    series: dict[str, Series]
    """By the log's names, for instance `mlm/loss`."""
    results: dict[str, Results]
    """By task."""
    config: dict[str, Any]
    head: list[tuple[str, str]]
    """When, on what and from what the run was trained, by name."""
    warnings: list[str] = field(default_factory=list)
    """What the run had too little of, as it said when it started."""


def read_run(config: ReportConfig) -> RunData:
    """Read a run. Raises: InputMissing where there is neither a log nor a result; InputCorrupt for damaged ones."""
    folder = Path(config.run)
    if not folder.is_dir():
        raise InputMissing(f"{folder}: there is no such folder; name a run that `python -m model pretrain` wrote")
    results = {}
    for path in _result_files([folder / EVALUATION, *map(Path, config.results)]):
        one = read_results(path)
        results[one.task] = one
    series = read_log(folder / LOG)
    if not series and not results:
        raise InputMissing(f"{folder} holds neither {LOG} nor results in {EVALUATION}/; train it, or evaluate it first")
    record = _run_config(folder)
    found = _first_event(folder / LOG).get("warnings", [])
    warnings = [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
    return RunData(folder.resolve().name, series, results, record, run_head(folder / LOG, record), warnings)


def run_head(log: Path, config: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what tells a run from others: date, encoder, data, seed, machine; only what the log and the model's record say."""
    start = _first_event(log)
    settings = _fields(config, "config")
    encoder = _fields(settings, "encoder")
    began = datetime.fromtimestamp(start["time"], UTC).strftime("%Y-%m-%d %H:%M UTC") if "time" in start else ""
    shape = (
        f"{encoder.get('layers')} layers of {encoder.get('width')}, from random weights"
        if encoder.get("layers")
        else ""
    )
    parameters = f"{start['parameters'] / 1e6:.1f} M" if "parameters" in start else ""
    found = {
        "began": began,
        "encoder": str(encoder.get("source") or shape),
        "parameters": parameters,
        "objectives": ", ".join(settings.get("objectives") or ()),
        "steps": f"{config['steps']:,}" if isinstance(config.get("steps"), int) else "",
        "data": f"{str(start.get('data') or config.get('data') or '')[:12]} ({settings.get('data', '')})",
        "seed": str(settings.get("seed", "")),
        "device": str(start.get("device", "")),
        "ranks": str(start.get("ranks", config.get("ranks", ""))),
        "threads": str(start.get("threads", "")),
        "torch": str(start.get("torch", "")),
    }
    return [(name, value) for name, value in found.items() if value and value != " ()"]


def _fields(record: dict[str, Any], name: str) -> dict[str, Any]:
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def _first_event(log: Path) -> dict[str, Any]:
    """Return the event with which a run started; nothing where its log has none."""
    if log.is_file():
        for line in log.read_text(encoding="utf-8").split("\n"):
            if '"event"' in line and '"start"' in line:
                try:
                    found = json.loads(line)
                except json.JSONDecodeError:
                    continue
                return found if isinstance(found, dict) and found.get("event") == "start" else {}
    return {}


def read_log(path: Path) -> dict[str, Series]:
    """Measures by step. Steps that were run twice, before and after a restart, count once, the later time.

    A last line that a kill cut short is left out. Raises: InputCorrupt for any other line that is not JSON.
    """
    if not path.is_file():
        return {}
    steps: dict[int, dict[str, float]] = {}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise InputCorrupt(f"{path} is no UTF-8 text: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            step, measures = _log_line(line)
        except (LookupError, TypeError, AttributeError, ValueError, OverflowError, RecursionError) as error:
            if number == len(lines):
                break
            raise InputCorrupt(f"{path}, line {number}: not a line of a training log: {error!r}") from error
        if measures:
            steps.setdefault(step, {}).update(measures)
    series: dict[str, Series] = {}
    for step in sorted(steps):
        for name, value in steps[step].items():
            series.setdefault(name, []).append((step, value))
    return series


def _log_line(line: str) -> tuple[int, dict[str, float]]:
    """Return the step and the measures of a line; none for a line about an event."""
    row = json.loads(line)
    if "event" in row:
        return 0, {}
    prefix = "validation/" if "validated" in row else ""
    step = row.pop("validated" if prefix else "step")
    if isinstance(step, bool) or not isinstance(step, int):
        raise TypeError(f"step {step!r}")
    measures = {f"{prefix}{name}": float(value) for name, value in row.items() if isinstance(value, int | float)}
    if odd := [name for name, value in measures.items() if not math.isfinite(value)]:
        raise ValueError(f"{odd[0]} is {measures[odd[0]]}")
    return step, measures


def _result_files(places: list[Path]) -> list[Path]:
    files = []
    for place in places:
        files += sorted(place.glob("*.json")) if place.is_dir() else [place] if place.exists() else []
    return files


def _run_config(folder: Path) -> dict[str, Any]:
    path = folder / "model" / "run.json"
    if not path.is_file():
        return {}
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("no JSON object")
    except (ValueError, RecursionError) as error:
        raise InputCorrupt(f"{path} is damaged: {error}; export the model again") from error
    return config
