"""`python -m model report --run RUN`: one HTML page of a run and its scores."""

from __future__ import annotations

from model.reporting.config import ReportConfig
from schemas.command_line import parse_flags


def parse(flags: list[str]) -> ReportConfig:
    """Make the configuration."""
    return parse_flags(ReportConfig, flags, prog="python -m model report")


def run(config: ReportConfig) -> None:
    """Write the page."""
    from model.reporting.report import write_report

    print(f"written to {write_report(config)}")
