"""The page of faults and the tests say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.catalogue import FAULTS
from tests.faults.report import PAGE, FaultTable, campaign_lines, write_campaigns

FOLDER = Path(__file__).parent


def test_there_are_66_faults_and_those_found_later() -> None:
    counts = {letter: sum(fault[0] == letter for fault in FAULTS) for letter in "ABCDEF"}
    assert counts == {"A": 14, "B": 13, "C": 14, "D": 13, "E": 6, "F": 6}
    later = [fault for fault in FAULTS if fault[0] not in counts]
    assert later == sorted(later, key=lambda fault: int(fault[1:])) and all(fault > "G66" for fault in later)


def test_every_fault_has_a_test() -> None:
    marked: set[str] = set()
    for path in FOLDER.glob("test_*.py"):
        for arguments in re.findall(r"mark\.fault\(([^)]*)\)", path.read_text()):
            marked.update(re.findall(r'"([A-G]\d+)"', arguments))
    assert sorted(set(FAULTS) - marked) == []


def test_the_page_lists_every_fault_as_expected() -> None:
    if not PAGE.exists():
        pytest.skip("docs/faults.md is not written yet: `make faults` writes it")
    page = PAGE.read_text()
    assert f"**{len(FAULTS)} of {len(FAULTS)}** as expected" in page
    for fault, (what, _) in FAULTS.items():
        assert f"| {fault} | {what.replace('<', '&lt;')} |" in page


def test_the_page_has_the_campaigns_as_they_were_noted(tmp_path: Path) -> None:
    if not PAGE.exists():
        pytest.skip("docs/faults.md is not written yet: `make faults` writes it")
    text = PAGE.read_text(encoding="utf-8")
    assert text.endswith("\n".join([*campaign_lines(), ""])), "python -m tests.faults.report writes them"
    copy = tmp_path / "faults.md"
    copy.write_text(text.replace("| 1,000 |", "| 999 |"), encoding="utf-8")
    write_campaigns(copy)
    assert copy.read_text(encoding="utf-8") == text


def test_a_failed_or_absent_test_shows() -> None:
    page = FaultTable().render()
    assert f"**0 of {len(FAULTS)}** as expected" in page and "not run" in page
