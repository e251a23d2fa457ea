"""`python -m model score ner|xnli|qa GOLD PREDICTIONS`: the official score of anybody's predictions, with its interval."""

from __future__ import annotations

from pathlib import Path

from model.evaluation.scoring_config import ScoreConfig
from schemas.command_line import parse_flags


def parse(flags: list[str]) -> ScoreConfig:
    """Make the configuration."""
    return parse_flags(ScoreConfig, flags, prog="python -m model score")


def run(config: ScoreConfig) -> None:
    """Score, print the table, and write it as JSON where a folder is named."""
    from model.evaluation.results import format_results
    from model.evaluation.scoring import score_files

    results = score_files(config)
    print(format_results(results))
    if config.output:
        print(f"\nwritten to {results.write(Path(config.output))}")
