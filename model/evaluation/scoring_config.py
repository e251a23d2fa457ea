"""What `score` is told."""

from dataclasses import dataclass
from typing import Literal

import tyro


@dataclass(frozen=True, kw_only=True)
class ScoreConfig:
    """The official score of anybody's predictions."""

    task: tyro.conf.Positional[Literal["ner", "xnli", "qa"]]
    """Kind of the set."""
    gold: tyro.conf.Positional[str]
    """File of the set with its labels, in its original form, plain or gzipped."""
    predictions: tyro.conf.Positional[str]
    """File of predictions: tags a line with blank lines between sentences (or columns, the tag last), labels a line, or JSON
    {question id: answer}."""
    against: str = ""
    """Predictions of another system on the same set; the difference is shown with its interval and significance."""
    language: str = ""
    """Language of the gold file, where its name does not say it."""
    metric: Literal["auto", "mlqa", "squad"] = "auto"
    """Rules by which answers are compared; auto takes those of the set, which the file's name says."""
    recut: bool = False
    """Cuts the gold sentences where the predictions cut theirs, as XGLUE cut over-long ones (NER)."""
    build: str = ""
    """Folder of the `link` job's tables that the model was trained on: tells questions apart whose page stands in it (qa)."""
    output: str = ""
    """Folder for the result as JSON; it is printed in any case."""
