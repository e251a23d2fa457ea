"""What the comparison of runs is told."""

from dataclasses import dataclass

import tyro

from schemas.names import Names


@dataclass(frozen=True, kw_only=True)
class ComparisonConfig:
    """Several runs side by side: retrieval beside chance, or with --task the results of any task, with significance."""

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Folders of runs, or of finished models."""
    data: str = ""
    """Folder of token shards that all of them are tested on by retrieval."""
    task: str = ""
    """A task whose results lie beside the runs: ner, xnli, qa, retrieval, alignment, probing, bitext or linking. Every run is set
    against the first, in pairs on the same examples; nothing is evaluated anew."""
    output: str = ""
    """Folder for the results of each run as JSON, one sub-folder per run; by default `evaluation` in each run's folder."""
    languages: Names = ()
    """Languages of queries and candidates; all that have descriptions by default."""
    max_queries: int = 100
    """Most queries per language and question, drawn at random, the same for all runs; 0 takes all."""
    reuse: bool = False
    """Takes results that lie there already, where they are newer than model and data and of the same settings."""
    device: str = "auto"
    """cpu, cuda or auto."""
