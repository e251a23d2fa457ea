"""`python -m model compare RUN RUN …`: retrieval of several runs in one table, beside chance."""

from __future__ import annotations

import tyro

from model.evaluation.comparison_config import ComparisonConfig
from schemas.errors import UsageError


def parse(flags: list[str]) -> ComparisonConfig:
    """Make the configuration. Raises: UsageError without a run."""
    config = tyro.cli(
        ComparisonConfig, args=flags, prog="python -m model compare", config=(tyro.conf.FlagConversionOff,)
    )
    if not config.runs:
        raise UsageError("compare needs at least one run: python -m model compare RUN RUN --data TOKENS")
    return config


def run(config: ComparisonConfig) -> None:
    """Evaluate every run and print the table."""
    from model.evaluation.comparison import compare

    print(compare(config))
