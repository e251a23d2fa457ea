"""`python -m model compare RUN RUN …`: retrieval of several runs in one table, beside chance."""

from __future__ import annotations

from model.evaluation.comparison_config import ComparisonConfig
from schemas.command_line import parse_flags
from schemas.errors import UsageError


def parse(flags: list[str]) -> ComparisonConfig:
    """Make the configuration. Raises: UsageError without a run."""
    config = parse_flags(ComparisonConfig, flags, prog="python -m model compare")
    if not config.runs:
        raise UsageError("compare needs at least one run: python -m model compare RUN RUN --data TOKENS")
    return config


def run(config: ComparisonConfig) -> None:
    """Evaluate every run and print the table."""
    from model.evaluation.comparison import compare

    print(compare(config))
