"""What the fine-tuning loop asks of a task: a model with a head, features, losses, and official scores.

Scores of a head come as `TaskModel.scores` gives them: the rows of a batch's inputs end to end, whether the batch was
packed or padded.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from model.data.draws import permutation
from model.evaluation.bootstrap import Outcomes
from model.evaluation.finetuning.config import FinetuneConfig
from model.evaluation.finetuning.features import Feature
from model.evaluation.finetuning.task_model import Level
from model.evaluation.sets.sources import SetSource, open_source
from model.evaluation.tasks import Task
from schemas.errors import UsageError

Config = TypeVar("Config", bound=FinetuneConfig)
Examples = TypeVar("Examples")


@dataclass(frozen=True)
class EvaluationSet(Generic[Examples]):
    """One language of one split: the examples with their truth, and the features made from them."""

    language: str
    """Of the context, for questions."""
    examples: list[Examples]
    features: list[Feature]
    owners: list[int]
    """Index of the example each feature was made from; an example may have several."""
    details: list[Any] = field(default_factory=list)
    """What scoring must know of each feature beyond its inputs."""
    question: str = ""
    """Language of the questions, where it is another one."""

    @property
    def name(self) -> str:
        """What files and checkpoints call it."""
        return set_name(self.language, self.question)


def set_name(language: str, question: str = "") -> str:
    """Return the language, or that of the context and that of the question where they differ."""
    return language if question in ("", language) else f"context-{language}-question-{question}"


@dataclass(frozen=True)
class Scored:
    """Official measures, and the predictions in the form of XGLUE's submissions."""

    measures: dict[str, float]
    predictions: str
    outcomes: Outcomes
    """What came out for every example."""
    attachments: dict[str, str] = field(default_factory=dict)
    """Further files by the end of their name, for instance the n best answers."""


class FinetuneTask(ABC, Generic[Config, Examples]):
    """One fine-tuning task on one tokenizer."""

    spec: ClassVar[Task]
    level: ClassVar[Level]
    """Whether the head scores every token or every input as a whole."""

    def __init__(self, config: Config, tokenizer: Any) -> None:
        """Raise UsageError for a tokenizer without offsets, which span labels need."""
        if not getattr(tokenizer, "is_fast", False):
            raise UsageError("the model's tokenizer gives no character offsets; it needs a tokenizer.json")
        self.config = config
        self.tokenizer = tokenizer
        self.uses_segments = "token_type_ids" in tokenizer.model_input_names

    @cached_property
    def source(self) -> SetSource:
        """The set and where it lies. Raises: as `open_source`."""
        return open_source(self.spec, self.config.data, self.config.set)

    def data_facts(self) -> dict[str, Any]:
        """Return what results say of the data: the set and its metric. Complete once the training set was read."""
        return {"set": self.source.set, "metric": self.spec.primary_metric}

    def data_notes(self, sets: Iterable[EvaluationSet[Examples]]) -> list[str]:
        """Return what a reader must know of the data before comparing."""
        return []

    def pairs(self, languages: Sequence[str]) -> list[tuple[str, str]]:
        """Return what is tested: languages of context and question, which differ for questions alone."""
        return [(language, language) for language in languages]

    @abstractmethod
    def make_model(self) -> nn.Module:
        """Return the encoder with a new head, drawn from torch's generator as it stands."""

    @abstractmethod
    def train_features(self) -> list[Feature]:
        """Features of the training set."""

    @abstractmethod
    def read(self, language: str, split: str, question: str = "") -> EvaluationSet[Examples]:
        """One language of dev or test, `question` being that of questions in another one. Raises: as the readers do."""

    @abstractmethod
    def losses(self, scores: Float[Tensor, "rows labels"], features: Sequence[Feature]) -> Float[Tensor, " losses"]:
        """One loss per label of a batch, as many as `num_losses` of its features says."""

    def num_losses(self, feature: Feature) -> int:
        """How many losses a feature has."""
        return 1

    @abstractmethod
    def decode(self, scores: Float[Tensor, "rows labels"], features: Sequence[Feature]) -> list[Any]:
        """Return what is kept of a batch's scores, one object per feature, on the CPU."""

    @abstractmethod
    def score(self, examples: EvaluationSet[Examples], decoded: Sequence[Any]) -> Scored:
        """Official scores from what `decode` kept of every feature."""

    def sampled(self, examples: list[Examples]) -> list[Examples]:
        """At most `max_train` of the training examples, drawn at random, the same for every seed."""
        limit = self.config.max_train
        if not limit or len(examples) <= limit:
            return examples
        return [examples[i] for i in sorted(permutation(len(examples), "max_train")[:limit].tolist())]

    def write_predictions(self, scored: Scored, folder: Path, name: str) -> None:
        """Write `<name>.prediction` as XGLUE wants it handed in, and the attachments beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        for end, text in {"prediction": scored.predictions, **scored.attachments}.items():
            (folder / f"{name}.{end}").write_text(text, encoding="utf-8")
