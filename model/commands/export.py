"""`python -m model export`: the newest checkpoint of a run as a Hugging Face folder, without training on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas.command_line import parse_flags


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Which run to export, and where to."""

    run: str
    """Folder of a run, with `checkpoints/` and `pretrain.json`."""
    output: str = ""
    """Folder to write; by default `model` in the run's folder."""


def parse(flags: list[str]) -> ExportConfig:
    """Make the configuration from flags."""
    return parse_flags(ExportConfig, flags, prog="python -m model export")


def run(config: ExportConfig) -> None:
    """Load the newest whole checkpoint and write the folder, with what the run was evaluated on in its card."""
    from model.training.run_folder import export_run

    folder = Path(config.run)
    target = Path(config.output) if config.output else folder / "model"
    print(f"step {export_run(folder, target, _scores(folder / 'evaluation'))} of the run is in {target}")


def _scores(folder: Path) -> list[tuple[str, str]]:
    """Return the figure that each evaluated task is judged by."""
    from model.evaluation.results import read_results

    scores = []
    for results in map(read_results, sorted(folder.glob("*.json"))):
        about = ", ".join([results.primary_metric, *results.primary_keys.values()])
        scores.append((f"{results.task} ({about})", f"{results.primary:.1%}"))
    return scores
