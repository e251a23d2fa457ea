"""`python -m model compare RUN RUN …`: several runs in one table, retrieval beside chance or any task with significance."""

from __future__ import annotations

from model.evaluation.comparison_config import ComparisonConfig
from schemas.command_line import parse_flags
from schemas.errors import UsageError


def parse(flags: list[str]) -> ComparisonConfig:
    """Make the configuration. Raises: UsageError without a run."""
    config = parse_flags(ComparisonConfig, flags, prog="python -m model compare")
    if not config.runs:
        raise UsageError("compare needs at least one run: python -m model compare RUN RUN --data TOKENS")
    if bool(config.data) == bool(config.task):
        raise UsageError(
            "compare needs --data TOKENS, to evaluate retrieval, or --task TASK, to compare results that are there"
        )
    if config.task and len(config.runs) < 2:
        raise UsageError("compare --task needs two runs or more: the others are set against the first")
    return config


def run(config: ComparisonConfig) -> None:
    """Evaluate every run and print the table."""
    if config.task:
        from model.evaluation.comparison_pairs import compare_task

        print(compare_task(config.runs, config.task))
        return
    from model.evaluation.comparison import compare

    print(compare(config))
