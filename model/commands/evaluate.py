"""`python -m model evaluate TASK`: scores a model on one task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.entities.linking_config import LinkingConfig
from model.evaluation import command
from schemas.command_line import parse_flags
from schemas.errors import UsageError

if TYPE_CHECKING:
    from model.evaluation.command import EvaluateConfig

LINKING = "linking"
_SUMMARY = "mentions to Wikidata items: Mewsli-9, Mewsli-X, TR2016; biomedical mentions to concepts: XL-BEL"


def parse(flags: list[str]) -> EvaluateConfig | LinkingConfig:
    """Make the configuration of a task from its name and flags. Raises: UsageError for no or an unknown task."""
    if flags and flags[0] == LINKING:
        return parse_flags(
            LinkingConfig, flags[1:], prog=f"{command.PROG} {LINKING}", description=f"Entity linking: {_SUMMARY}."
        )
    if not flags or flags[0] in ("-h", "--help"):
        print(f"{command.overview()}\n  {LINKING:<9}  {_SUMMARY}")
        raise SystemExit(0)
    try:
        return command.parse(flags)
    except UsageError as error:
        raise UsageError(
            f"{error}\n  {LINKING:<9}  {_SUMMARY}" if "there is no task" in str(error) else str(error)
        ) from error


def run(config: EvaluateConfig | LinkingConfig) -> None:
    """Evaluate, print the table, and write the results as JSON."""
    if not isinstance(config, LinkingConfig):
        command.run(config)
        return
    from model.entities.linking_score import score_linking
    from model.evaluation.results import format_results

    results = score_linking(config)
    path = results.write(command.output_folder(config.output, config.model))
    print(f"{format_results(results)}\n\nwritten to {path}")
