"""The GPU benchmark's clock: what weighs most comes first, nothing runs beside a measurement, and nothing runs too long."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.gpu_session import Session
from tests.conftest import REPOSITORY

WORKER = """
import json, os, sys, time
from pathlib import Path
from benchmarks.gpu_session import Findings

name, folder, habit = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
findings, eager = Findings(name=name, folder=folder), "--eager" in sys.argv
findings.read()

def note(what):
    with open(folder / "log", "a") as log:
        print(what, name, os.getpid(), file=log)

note("start")
if habit == "dies":
    sys.exit(3)
if habit == "hangs" and not eager:
    time.sleep(600)
if "-" in name:
    note("prepared")
    findings.record("prepared", 0.1)
    for order in sys.stdin:
        note(order.strip())
        if habit == "hangs when measured":
            time.sleep(600)
        figures = dict(seconds_per_step=0.1, tokens_per_second=5e5, mfu=0.4, floor_seconds=0.05, peak_memory=2**30)
        findings.record("compiled", not eager)
        findings.record("figures" if order.strip() == "measure" else "profile", figures)
        if order.strip() == "profile":
            (folder / "profile.txt").touch()
note("end")
findings.record("seconds", 0.1)
"""
"""A part that does nothing but what its habit is, and writes down when."""


def run(folder: Path, seconds: float, habits: Mapping[str, str]) -> list[list[str]]:
    """Runs all parts, and returns what they wrote down: word, part, process."""

    def command(part: str, left: float) -> list[str]:
        assert left <= seconds
        return [sys.executable, "-c", WORKER, part, str(folder), habits.get(part, "")]

    gpu.run(Session(folder, seconds, command), gpu.PARTS, small=True)
    return [line.split() for line in (folder / "log").read_text().splitlines()]


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers find the benchmarks by the folder they start in."""
    monkeypatch.chdir(REPOSITORY)


def rows(folder: Path) -> dict[str, list[str]]:
    """The table's rows by size."""
    lines = (folder / "table.md").read_text().splitlines()[4:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {f"{row[0]}-{row[1].replace(',', '')}": row[2:] for row in cells}


def test_nothing_runs_beside_a_measurement_and_what_weighs_most_comes_first(tmp_path: Path) -> None:
    events = run(tmp_path, 60, {})
    measured = [event[1] for event in events if event[0] == "measure"]
    assert measured == [*gpu.SMALL_CORE, *gpu.SMALL_MORE]
    words = [f"{word} {part}" for word, part, _ in events]
    first = words.index(f"measure {gpu.SMALL_CORE[0]}")
    ready = {*(f"prepared {size}" for size in gpu.SMALL_CORE), *(f"end {check}" for check in gpu.CHECKS)}
    assert ready <= set(words[:first])
    after = ["measure " + size for size in gpu.SMALL_CORE] + [f"profile {gpu.SMALL_CORE[0]}", "start ways", "end ways"]
    assert words[first : first + len(after)] == after and words[-2:] == ["start head", "end head"]
    assert all(row[-1] == "yes" and row[0] == "100.0" for row in rows(tmp_path).values())
    assert run(tmp_path, 60, {}) == events  # all of it is there already


def test_whatever_hangs_or_dies_is_ended_and_the_rest_is_found(tmp_path: Path) -> None:
    one, two, three, four = gpu.SMALL_CORE
    habits = {"curves": "hangs", two: "hangs", three: "dies", four: "hangs when measured", "ways": "hangs"}
    started = time.monotonic()
    events = run(tmp_path, 12, habits)
    assert time.monotonic() - started < 30
    assert not [pid for pid in {event[2] for event in events} if Path(f"/proc/{pid}").exists()]
    table = rows(tmp_path)
    assert table[one][-1] == "yes" and table[two][-1] == "no"  # measured all the same, without compiling
    assert table[three][0] == "failed: ended with code 3"
    assert table[four][0] == "ended: out of time while measured"
    assert table[gpu.SMALL_MORE[0]][0] == "not run: out of time"
    found = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in ("curves", "resume", "ways", one)}
    assert found["curves"]["ended"].startswith("out of time") and found["ways"]["ended"].startswith("out of time")
    assert "seconds" in found["resume"] and "profile" in found[one]


def test_with_next_to_no_time_everything_says_so(tmp_path: Path) -> None:
    habits = dict.fromkeys((*gpu.SMALL_CORE, *gpu.SMALL_MORE, *gpu.CHECKS, "ways", "head"), "hangs")
    (tmp_path / "log").write_text("")
    run(tmp_path, 0.01, habits)
    assert {row[0] for row in rows(tmp_path).values()} <= {
        "not run: out of time",
        "ended: out of time while compiling",
    }
    assert len(rows(tmp_path)) == len((*gpu.SMALL_CORE, *gpu.SMALL_MORE))


def test_a_size_that_failed_beside_others_is_tried_again(tmp_path: Path) -> None:
    run(tmp_path, 60, {gpu.SMALL_CORE[1]: "dies"})
    assert rows(tmp_path)[gpu.SMALL_CORE[1]][0] == "failed: ended with code 3"
    events = run(tmp_path, 60, {})
    assert rows(tmp_path)[gpu.SMALL_CORE[1]][-1] == "yes"
    assert [event[1] for event in events if event[0] == "measure"].count(gpu.SMALL_CORE[0]) == 1


def test_shares_of_the_time_rise_to_the_whole() -> None:
    assert list(gpu.SHARES.values()) == sorted(gpu.SHARES.values()) and gpu.SHARES["head"] == 1.0
    assert list(gpu.CHECKS.values()) == sorted(gpu.CHECKS.values()) and gpu.CHECKS["resume"] < gpu.SHARES["compiled"]
