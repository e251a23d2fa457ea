"""The command `report`: one HTML page of a build's tables, that needs no other file and runs no script.

DuckDB reads the tables, a template escapes every text; what stands in the page is in `figures`, how texts are shown in `rows`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from pipeline.report.figures import (
    Figures,
    by_language,
    coverage,
    fates,
    left_out,
    lengths,
    most_linked,
    rejects,
)
from pipeline.report.rows import sample_rows
from pipeline.report.tables import Build, open_build
from schemas.command_line import next_command
from schemas.errors import UsageError

TEMPLATE = "page.html.jinja"


@dataclass(frozen=True, kw_only=True)
class DataReportConfig:
    """Of which build, and where to."""

    build: Positional[str]
    """Folder that `build` wrote, with the datasets wikidata, wikipedia, link, tokens or some of them."""
    output: str = ""
    """The page; empty for `report.html` in the build's folder."""
    rows: int = 6
    """How many rows of each table to show, drawn by chance."""
    seed: int = 1
    """Seed of the draw."""


CONFIG = DataReportConfig
"""What the command line is made from."""


def run(config: DataReportConfig) -> None:
    """Write the page and say where it is.

    Raises:
        InputMissing: the folder holds no finished dataset.
        UsageError: a number of rows below 0, or the packages of the page are not installed.
    """
    if config.rows < 0:
        raise UsageError(f"--rows is {config.rows}, expected 0 or more")
    build = open_build(Path(config.build))
    path = Path(config.output) if config.output else Path(config.build) / "report.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
    beside.write_text(render(build, config), encoding="utf-8")
    os.replace(beside, path)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, opens in any browser")
    if "tokens" in build.manifests:
        print(
            next_command("model", "pretrain", "tiny", "--data", str(build.folder / "tokens"), "--output", "runs/first")
        )


def render(build: Build, config: DataReportConfig) -> str:
    """Return the page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    figures: list[Figures] = [
        part
        for make in (by_language, fates, coverage, lengths, most_linked, left_out, rejects)
        if (part := make(build)) is not None
    ]
    return environment.get_template(TEMPLATE).render(
        name=build.folder.resolve().name,
        datasets=build.overview(),
        figures=figures,
        samples=sample_rows(build, config.rows, config.seed),
    )
