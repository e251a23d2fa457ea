"""`python -m model bench`: measures training steps."""

from __future__ import annotations

from pathlib import Path

from model.measuring.config import BenchConfig
from schemas.command_line import parse_flags


def parse(flags: list[str]) -> BenchConfig:
    """Make the configuration from flags."""
    return parse_flags(BenchConfig, flags, prog="python -m model bench")


def run(config: BenchConfig) -> None:
    """Measure, print, and write the figures where asked to."""
    from model.measuring.bench import measure
    from model.measuring.figures import report, write

    figures = measure(config)
    print(report(figures))
    if config.output:
        write(figures, Path(config.output))
