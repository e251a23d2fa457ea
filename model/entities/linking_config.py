"""What the test of entity linking is told. Light to import, for the command line."""

from __future__ import annotations

from dataclasses import dataclass

from model.evaluation.ranking.config import Pooling
from schemas.names import Names


@dataclass(frozen=True, kw_only=True)
class LinkingConfig:
    """Mentions in news to Wikidata items, in any language."""

    model: str
    """Folder of the model the index was made with."""
    data: str
    """Folder of a set in the form of Mewsli-9, Mewsli-X, TR2016 (`xx/test/NAME.mentions`) or XL-BEL (`xx_1k_test_query.txt`)."""
    index: str = ""
    """Folder that `embed` wrote, best with `--tables` and `--mentions`; needed for all sets but XL-BEL."""
    tables: str = ""
    """Folder of the `wikidata` job's tables, whose sitelinks lead from the titles of TR2016 to items."""
    dictionary: str = ""
    """File of XL-BEL's names, `CUI||name` a line, among which its mentions are looked for."""
    pooling: Pooling = "state"
    """What stands for a name of XL-BEL: its first token's state through the key head, or the mean over tokens."""
    output: str = ""
    """Folder the results are written to; by default `evaluation` in the run's folder, else `runs/evaluate`."""
    languages: Names = ()
    """Languages to score; all of the set by default."""
    threshold: float | None = None
    """Score of the first candidate below which a mention is taken to have no item in the index (NIL)."""
    batch_tokens: int = 8192
    """Padded size of a batch, in tokens."""
    device: str = "auto"
    """cpu, cuda or auto."""
