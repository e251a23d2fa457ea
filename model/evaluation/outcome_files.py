"""What came out for every example, kept beside the results, so that two runs can be compared in pairs afterwards.

`TASK.outcomes.safetensors` holds one tensor per set, seed and value; its metadata say in JSON which is which.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from model.evaluation.bootstrap import Kind, Outcomes, interval
from schemas.errors import InputCorrupt, InputMissing

FIELD = "sets"


@dataclass(frozen=True)
class SetOutcomes:
    """The outcomes of one seed on one set, under the keys of the row of results that they make."""

    keys: Mapping[str, str]
    seed: int
    outcomes: Outcomes


def write_outcomes(found: Sequence[SetOutcomes], path: Path) -> None:
    """Write outcomes, whole or not at all."""
    about = [
        {"keys": dict(one.keys), "seed": one.seed, "kind": one.outcomes.kind, "shared": one.outcomes.shared}
        for one in found
    ]
    tensors = {
        f"{number}.{name}": np.ascontiguousarray(values, dtype=np.float64)
        for number, one in enumerate(found)
        for name, values in one.outcomes.values.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.partial")
    save_file(tensors, beside, metadata={FIELD: json.dumps(about, ensure_ascii=False)})
    os.replace(beside, path)


def read_outcomes(path: Path) -> list[SetOutcomes]:
    """Read what `write_outcomes` wrote. Raises: InputMissing, InputCorrupt."""
    if not path.is_file():
        raise InputMissing(
            f"{path}: the outcomes of single examples are not there; results made before they were kept cannot be paired: "
            "evaluate again"
        )
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})[FIELD])
            values: list[dict[str, np.ndarray]] = [{} for _ in about]
            for key in file.keys():
                number, _, name = key.partition(".")
                values[int(number)][name] = file.get_tensor(key)
    except (OSError, SafetensorError, KeyError, ValueError, IndexError) as error:
        raise InputCorrupt(f"{path} is damaged ({error!r}); evaluate again") from error
    return [
        SetOutcomes(one["keys"], one["seed"], Outcomes(_kind(one["kind"]), own, one["shared"]))
        for one, own in zip(about, values, strict=True)
    ]


def by_set(found: Sequence[SetOutcomes], wanted: Sequence[Mapping[str, str]]) -> list[list[Outcomes]]:
    """Return the outcomes of the wanted keys, by set and seed. Raises: KeyError for a set that is not there."""
    sets = []
    for keys in wanted:
        own = sorted((one for one in found if dict(one.keys) == dict(keys)), key=lambda one: one.seed)
        if not own:
            raise KeyError(f"no outcomes of {dict(keys)}")
        sets.append([one.outcomes for one in own])
    return sets


def intervals(
    found: Sequence[SetOutcomes], members: Sequence[Mapping[str, str]], weights: Sequence[float] = ()
) -> dict[str, tuple[float, float]]:
    """Return the interval of every measure of the mean over some sets, each of its weight, equal ones by default."""
    sets = by_set(found, members)
    return {name: interval(sets, name, weights=weights) for name in sets[0][0].names()}


def _kind(text: str) -> Kind:
    return "spans" if text == "spans" else "means"
