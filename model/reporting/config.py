"""What the report page is told."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """One self-contained HTML page: losses, retrieval, alignment, probing and fine-tuning of a run."""

    run: str
    """Folder of the run; its log and the results in its `evaluation` folder are shown."""
    results: tuple[str, ...] = ()
    """Further results: JSON files, or folders of them. Of one task the last one named counts."""
    output: str = ""
    """File to write; by default `report.html` in the run's folder."""
