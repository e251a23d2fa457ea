"""`compare --task`: runs against the first, in pairs on the same examples, from what lies beside their results."""

from pathlib import Path

import numpy as np
import pytest

from model import cli
from model.evaluation.bootstrap import Outcomes
from model.evaluation.outcome_files import SetOutcomes, read_outcomes, write_outcomes
from model.evaluation.results import Results, Row, outcomes_path

PRIMARY = {"selection": "mean dev", "split": "test", "language": "mean"}


def _run(folder: Path, shares: dict[str, float], count: int = 400, seeds: int = 1) -> Path:
    """A run whose first examples are right, a share of each language."""
    outcomes, rows = [], []
    for language, share in shares.items():
        keys = PRIMARY | {"language": language}
        rows.append(Row.single(keys, {"accuracy": share}))
        for seed in range(seeds):
            values = (np.arange(count) < share * count).astype(float)
            outcomes.append(SetOutcomes(keys, seed, Outcomes("means", {"accuracy": values})))
    rows.append(Row.single(PRIMARY, {"accuracy": float(np.mean(list(shares.values())))}))
    results = Results(
        task="xnli", model="m", primary_metric="accuracy", primary_keys=PRIMARY, rows=rows, outcomes=outcomes
    )
    results.write(folder / "evaluation")
    return folder


def test_gains_on_the_same_examples_are_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = _run(tmp_path / "mlm", {"en": 0.70, "sw": 0.50})
    second = _run(tmp_path / "all", {"en": 0.71, "sw": 0.50}, seeds=2)
    assert cli.run(["compare", str(first), str(second), "--task", "xnli"]) == 0
    lines = {line.split("  ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["en"].split()[:4] == ["en", "70.0", "71.0", "+1.0"] and lines["en"].endswith("*")
    assert lines["sw"].split() == ["sw", "50.0", "50.0", "+0.0", "[+0.0,", "+0.0]"]
    assert lines["mean"].split()[:4] == ["mean", "60.0", "60.5", "+0.5"] and lines["mean"].endswith("*")


def test_runs_on_other_examples_cannot_be_paired(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = _run(tmp_path / "a", {"en": 0.7})
    assert cli.run(["compare", str(first), str(_run(tmp_path / "b", {"en": 0.7}, count=300)), "--task", "xnli"]) == 2
    assert "400 and 300 examples cannot be paired" in capsys.readouterr().err
    assert cli.run(["compare", str(first), str(_run(tmp_path / "c", {"fr": 0.7})), "--task", "xnli"]) == 2
    assert "c was scored on other sets" in capsys.readouterr().err
    assert cli.run(["compare", str(first), "--task", "xnli"]) == 2
    assert cli.run(["compare", str(first), str(first)]) == 2
    assert cli.run(["compare", str(first), str(tmp_path / "none"), "--task", "xnli"]) == 10


def test_results_without_outcomes_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = _run(tmp_path / "a", {"en": 0.7})
    outcomes_path(first / "evaluation" / "xnli.json").unlink()
    assert cli.run(["compare", str(first), str(first), "--task", "xnli"]) == 10
    assert "evaluate again" in capsys.readouterr().err


def test_outcomes_come_back_as_they_were(tmp_path: Path) -> None:
    spans = {name: np.array([1.0, 2.0, np.nan]) for name in ("correct", "predicted", "true")}
    found = [SetOutcomes({"language": "zh → ja"}, 7, Outcomes("spans", spans, "mep zh"))]
    write_outcomes(found, tmp_path / "x.outcomes.safetensors")
    [back] = read_outcomes(tmp_path / "x.outcomes.safetensors")
    assert (back.keys, back.seed, back.outcomes.kind, back.outcomes.shared) == (
        {"language": "zh → ja"},
        7,
        "spans",
        "mep zh",
    )
    for name, values in spans.items():
        np.testing.assert_array_equal(back.outcomes.values[name], values)
