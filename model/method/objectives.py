"""The objectives: each turns the states of a batch into a loss and its measures, and knows nothing of the others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from model.batch import IGNORED_LABEL, Batch
from model.config import PretrainConfig
from model.distributed import world_size
from model.method.contrast import BestContrast, PaperContrast, Sums, measure
from model.method.encoder import Encoder
from model.method.losses import Pairs
from model.method.mlm_head import masked_word_loss
from model.method.totals import Totals


@dataclass(frozen=True, kw_only=True)
class States:
    """The rows of the encoder's output that some objective reads; all else of the stream is forgotten."""

    words: Float[Tensor, "masked width"]
    """Last layer at the masked words."""
    keys: Float[Tensor, "keys width"]
    """Contrast layer at the first token of each description."""
    mentions: Float[Tensor, "mep_queries width"]
    """Contrast layer at the first sub-token of each masked mention."""
    questions: Float[Tensor, "oe_queries width"]
    """Contrast layer at the first token of each subject and relation."""


class MaskedWords(nn.Module):
    """MLM: mean cross entropy of the masked words of a step."""

    name = "mlm"

    def __init__(self, *, compiled: bool = False) -> None:
        """With `compiled`, training on a GPU compiles the work on logits; on a CPU that is slower."""
        super().__init__()
        self.compiled = compiled

    def forward(self, encoder: Encoder, states: States, batch: Batch, totals: Totals) -> tuple[Tensor, Sums]:
        """Return this rank's share of the step's mean loss, and the measures of this batch."""
        rows = encoder.transform_rows(states.words)
        output = encoder.output_embedding
        compiled = self.compiled and self.training and rows.is_cuda
        bias = output.weight.new_zeros(output.out_features) if output.bias is None else output.bias
        total, right = masked_word_loss(rows, output.weight, bias, batch.mlm_labels, compiled=compiled)
        number = (batch.mlm_labels != IGNORED_LABEL).sum()
        measures = {"loss": measure(total, number), "accuracy": measure(right, number), "words": measure(number, 1.0)}
        return total * world_size() / totals.number.to(total.dtype), measures


class KnowledgeObjective(nn.Module, ABC):
    """What both knowledge objectives share: a contrast of query states with description states."""

    name: str

    def __init__(self, width: int, config: PretrainConfig, salt: int) -> None:
        """Make the contrast of the configured mode; `salt` keeps the noise of two objectives' banks apart."""
        super().__init__()
        method = config.method
        paper = method.mode == "paper"
        self.contrast = PaperContrast(width, method, config.seed * 7 + salt) if paper else BestContrast(width, method)

    @abstractmethod
    def pairs(self, states: States, batch: Batch) -> Pairs:
        """Return this objective's queries and the keys they must find."""

    def forward(self, encoder: Encoder, states: States, batch: Batch, totals: Totals) -> tuple[Tensor, Sums]:
        """Return this rank's share of the step's loss, and the measures of this batch."""
        contrasted: tuple[Tensor, Sums] = self.contrast(self.pairs(states, batch), totals)
        return contrasted


class MaskedEntities(KnowledgeObjective):
    """MEP: the state of a masked mention finds the description of the entity it leads to."""

    name = "mep"

    def pairs(self, states: States, batch: Batch) -> Pairs:
        """Return the masked mentions; the only right answer is the mentioned entity."""
        return Pairs(
            queries=states.mentions,
            keys=states.keys,
            positives=batch.mep_keys,
            answers=batch.mep_entities[:, None],
            entities=batch.key_entities,
        )


class ObjectEntailment(KnowledgeObjective):
    """OE: the state of a subject's description and a relation's text finds the description of the object."""

    name = "oe"

    def pairs(self, states: States, batch: Batch) -> Pairs:
        """Return the questions; every true object of (subject, relation) is a right answer."""
        return Pairs(
            queries=states.questions,
            keys=states.keys,
            positives=batch.oe_keys,
            answers=batch.oe_objects,
            entities=batch.key_entities,
        )


def make_objectives(config: PretrainConfig, width: int) -> nn.ModuleDict:
    """Return the objectives of a run by name, in the order their losses are added."""
    on = config.stream.objectives
    made: dict[str, nn.Module] = {}
    # The contexts of masked mentions carry masked words too, so MLM is part of every run that has any.
    if "mlm" in on or ("mep" in on and config.stream.mlm_on_contexts):
        made["mlm"] = MaskedWords(compiled=config.encoder.compile)
    if "mep" in on:
        made["mep"] = MaskedEntities(width, config, salt=1)
    if "oe" in on:
        made["oe"] = ObjectEntailment(width, config, salt=2)
    return nn.ModuleDict(made)
