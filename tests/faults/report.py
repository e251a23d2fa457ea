"""The page of faults, made from the reports of a test run.

    python -m tests.faults.report

writes the page's section on the campaigns anew, from `benchmarks/campaigns/results.json`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faults.catalogue import FAULTS

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "faults.md"
CAMPAIGNS = REPOSITORY / "benchmarks" / "campaigns" / "results.json"
GROUPS = {
    "A": "Downloads and files",
    "B": "Wikidata records",
    "C": "Wikipedia pages",
    "D": "Pipeline and output",
    "E": "Shards read by the trainer",
    "F": "Training",
    "G": "Nothing half-right is believed",
}
CAMPAIGNS_HEAD = "## Campaigns"
MAX_OUTCOMES = 5
"""How many outcomes of one fault the page shows."""

INTRODUCTION = """# Faults

What happens to data on its way, and what this project does about it. `make faults` runs every fault below and writes
this page from what it got; the first number of an outcome is the exit code (`schemas/errors.py`). Six promises stand
behind the table:

1. Every record read is a row, is dropped for a named reason, or is rejected with a row of its own.
2. A dataset is whole or absent: its manifest is written last, and nothing reads a folder without one.
3. Equal input and configuration give equal bytes, on any number of workers.
4. A run that was stopped goes on and ends as if it had not been.
5. Data that changed is refused, with both fingerprints.
6. Nothing that comes from data or checkpoints is ever executed.
"""


class FaultTable:
    """What the tests of each fault got, and in how many seconds."""

    def __init__(self) -> None:
        self.got: dict[str, list[str]] = {}
        self.seconds: dict[str, float] = {}
        self.kept: dict[str, str] = {}
        self.failed: set[str] = set()
        self.skipped: set[str] = set()

    def add(self, report: pytest.TestReport) -> None:
        """Takes one report of a test's set-up, call or end."""
        faults = [value for key, value in report.user_properties if key == "fault"]
        for fault in faults:
            self.seconds[fault] = self.seconds.get(fault, 0.0) + report.duration
            if report.when == "call" and report.passed:
                words = [str(value) for key, value in report.user_properties if key == "got"]
                self.got.setdefault(fault, []).extend(words)
            if report.failed:
                self.failed.add(fault)
            if report.skipped:
                self.skipped.add(fault)

    def passed(self, fault: str) -> bool:
        """Says whether every test of a fault passed, and there was one."""
        return fault in self.got and fault not in self.failed

    def write(self, path: Path) -> None:
        """Writes the page; the rows of faults that were not run stay as they are on it."""
        if path.exists():
            rows = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
            self.kept = {row.split(" ", 2)[1]: row for row in rows}
        path.write_text(self.render(), encoding="utf-8")

    def render(self) -> str:
        """Returns the page as Markdown."""
        rows = {fault: self._row(fault) for fault in FAULTS}
        passed = sum("| **not as expected** |" not in row and "| not run |" not in row for row in rows.values())
        slowest = max(float(row.rsplit("|", 2)[1]) for row in rows.values())
        lines = [INTRODUCTION, f"**{passed} of {len(FAULTS)}** as expected; the slowest took {slowest:.0f} s.", ""]
        for letter, title in GROUPS.items():
            lines += [f"## {title}", "", "| | fault | expected | got | seconds |", "|---|---|---|---|---|"]
            lines += [row for fault, row in rows.items() if fault[0] == letter]
            lines.append("")
        return "\n".join([*lines, *campaign_lines(), ""])

    def _row(self, fault: str) -> str:
        what, expected = FAULTS[fault]
        start = f"| {fault} | {_cell(what)} | {_cell(expected)} | "
        if fault not in self.seconds and self.kept.get(fault, "").startswith(start):
            return self.kept[fault]
        outcomes = dict.fromkeys(_cell(words) for words in self.got.get(fault, []))
        got = "<br>".join(list(outcomes)[:MAX_OUTCOMES]) or "as expected"
        if not self.passed(fault):
            got = "**not as expected**" if fault in self.failed else "not run"
        return f"{start}{got} | {self.seconds.get(fault, 0.0):.1f} |"


def campaign_lines() -> list[str]:
    """Returns the section on the random campaigns, from what their long runs left."""
    lines = [
        CAMPAIGNS_HEAD,
        "",
        "Random faults from a seed, long form (`python -m benchmarks.campaigns.NAME --help`).",
        "",
    ]
    lines += ["| campaign | seed | tried | as promised | minutes |", "|---|---|---|---|---|"]
    results = json.loads(CAMPAIGNS.read_text(encoding="utf-8")) if CAMPAIGNS.exists() else {}
    for name, row in sorted(results.items()):
        share = f"{row['held']:,} of {row['tried']:,}"
        lines.append(
            f"| {name}: {row['what']} | {row['seed']} | {row['tried']:,} | {share} | {row['seconds'] / 60:.1f} |"
        )
    return lines


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("<", "&lt;")


def write_campaigns(page: Path) -> None:
    """Writes the section on the campaigns, which is the last of the page, anew."""
    before = page.read_text(encoding="utf-8").partition(CAMPAIGNS_HEAD)[0]
    page.write_text("\n".join([before + campaign_lines()[0], *campaign_lines()[1:], ""]), encoding="utf-8")


if __name__ == "__main__":
    write_campaigns(PAGE)
