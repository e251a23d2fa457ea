"""What the fine-tuning loop asks of a task: a model with a head, features, losses, and official scores.

Scores of a head come as `TaskModel.scores` gives them: the rows of a batch's inputs end to end, whether the batch was
packed or padded.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from model.data.draws import permutation
from model.evaluation.finetuning.config import FinetuneConfig
from model.evaluation.finetuning.features import Feature
from model.evaluation.finetuning.task_model import Level
from model.evaluation.tasks import Task
from schemas.errors import UsageError

Config = TypeVar("Config", bound=FinetuneConfig)
Examples = TypeVar("Examples")


@dataclass(frozen=True)
class EvaluationSet(Generic[Examples]):
    """One language of one split: the examples with their truth, and the features made from them."""

    language: str
    examples: list[Examples]
    features: list[Feature]
    owners: list[int]
    """Index of the example each feature was made from; an example may have several."""
    details: list[Any] = field(default_factory=list)
    """What scoring must know of each feature beyond its inputs."""


@dataclass(frozen=True)
class Scored:
    """Official measures, and the predictions in the form of XGLUE's submissions."""

    measures: dict[str, float]
    predictions: str
    attachments: dict[str, str] = field(default_factory=dict)
    """Further files by the end of their name, for instance the n best answers."""


class FinetuneTask(ABC, Generic[Config, Examples]):
    """One fine-tuning task on one tokenizer."""

    spec: ClassVar[Task]
    level: ClassVar[Level]
    """Whether the head scores every token or every input as a whole."""

    def __init__(self, config: Config, tokenizer: Any) -> None:
        """Raises: UsageError for a tokenizer without offsets, which span labels need."""
        if not getattr(tokenizer, "is_fast", False):
            raise UsageError("the model's tokenizer gives no character offsets; it needs a tokenizer.json")
        self.config = config
        self.tokenizer = tokenizer
        self.uses_segments = "token_type_ids" in tokenizer.model_input_names

    @abstractmethod
    def make_model(self) -> nn.Module:
        """The encoder with a new head, drawn from torch's generator as it stands."""

    @abstractmethod
    def train_features(self) -> list[Feature]:
        """Features of the training set."""

    @abstractmethod
    def read(self, language: str, split: str) -> EvaluationSet[Examples]:
        """One language of dev or test. Raises: as the readers do."""

    @abstractmethod
    def losses(self, scores: Float[Tensor, "rows labels"], features: Sequence[Feature]) -> Float[Tensor, " losses"]:
        """One loss per label of a batch, as many as `num_losses` of its features says."""

    def num_losses(self, feature: Feature) -> int:
        """How many losses a feature has."""
        return 1

    @abstractmethod
    def decode(self, scores: Float[Tensor, "rows labels"], features: Sequence[Feature]) -> list[Any]:
        """What is kept of a batch's scores, one object per feature, on the CPU."""

    @abstractmethod
    def score(self, examples: EvaluationSet[Examples], decoded: Sequence[Any]) -> Scored:
        """Official scores from what `decode` kept of every feature."""

    def sampled(self, examples: list[Examples]) -> list[Examples]:
        """At most `max_train` of the training examples, drawn at random, the same for every seed."""
        limit = self.config.max_train
        if not limit or len(examples) <= limit:
            return examples
        return [examples[i] for i in sorted(permutation(len(examples), "max_train")[:limit].tolist())]

    def write_predictions(self, scored: Scored, folder: Path, language: str) -> None:
        """Write `<language>.prediction` as XGLUE wants it handed in, and the attachments beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        for end, text in {"prediction": scored.predictions, **scored.attachments}.items():
            (folder / f"{language}.{end}").write_text(text, encoding="utf-8")
