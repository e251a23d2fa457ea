"""Retrieval in a training's validation: a fixed sample of queries, asked of the model as it stands, beside chance and frequency.

The in-batch accuracy of a loss depends on the batch; this is the question the method is for, over the same queries and
candidates at every step and in every run on the same shards.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.config import PretrainConfig
from model.data.stores.token_dataset import TokenDataset
from model.data.stream.validation import has_rows
from model.evaluation.documents import Document
from model.evaluation.embedder import Embedder, length_batches
from model.evaluation.ranking.config import Lengths, Pooling, RetrievalConfig
from model.evaluation.ranking.frequency import Frequency
from model.evaluation.ranking.ranked import summary_rows
from model.evaluation.ranking.retrieval import Retrieval
from model.evaluation.ranking.retrieval_data import description_counts
from model.evaluation.results import Row
from model.method.encoder import pack
from model.method.joint import JointModel
from model.training.head_files import SIDES

LANGUAGES = 8
"""Most languages that are asked in: those with most descriptions."""
MEASURES = ("hits@1", "mrr")
BATCH_TOKENS = 8192


class PackedEmbedder(Embedder):
    """The encoder and heads of a model in training, whose attention takes packed streams."""

    def __init__(self, joint: JointModel, config: PretrainConfig, data: TokenDataset) -> None:
        """Take the model apart; its weights are shared and not copied."""
        heads: dict[str, nn.Module] = {
            f"{name}_{side}": joint.objectives[name].get_submodule(f"contrast.{side}_head")
            for name in joint.objectives
            if name != "mlm"
            for side in SIDES
        }
        stream = config.stream
        lengths = Lengths(
            context=stream.max_length, description=stream.max_description_length, relation=stream.max_relation_length
        )
        super().__init__(
            joint.encoder.model, data.special, heads, layer=joint.layer, lengths=lengths, batch_tokens=BATCH_TOKENS
        )
        self.encoder = joint.encoder

    @torch.no_grad()
    def states(self, documents: Sequence[Document], pooling: Pooling = "state") -> Float[Tensor, "documents width"]:
        """Return each document's state before any head, in their order, on the CPU."""
        states = torch.empty(len(documents), self.encoder.width)
        for batch in length_batches([len(document.token_ids) for document in documents], self.batch_tokens):
            own = [documents[i] for i in batch]
            token_ids, positions, bounds, longest = pack(
                [document.token_ids for document in own], self.encoder.position_offset
            )
            places = bounds[:-1].long() + torch.tensor([document.position for document in own])
            tensors = [tensor.to(self.device) for tensor in (token_ids, positions, bounds)]
            _, hidden = self.encoder(tensors[0], tensors[1], tensors[2], longest, self.layer)
            states[batch] = hidden[places.to(self.device)].float().cpu()
        return states


class TrainingRetrieval:
    """Asks a model in training the same queries at each call."""

    def __init__(self, joint: JointModel, config: PretrainConfig, data: TokenDataset) -> None:
        """Draw queries and candidates, and score the lines beside the model, once."""
        counts = description_counts(data)
        languages = sorted(counts, key=lambda name: (-counts[name], name))[:LANGUAGES]
        asked = RetrievalConfig(
            model="",
            data=config.data,
            languages=tuple(sorted(languages)),
            max_queries=max(1, config.validation_queries // len(languages)),
            max_candidates=config.validation_candidates,
            seed=config.stream.validation_seed,
        )
        self.questions = tuple(name for name in joint.objectives if name != "mlm")
        self.retrieval = Retrieval(asked, PackedEmbedder(joint, config, data), data)
        self.by_frequency = self.retrieval.rank_by_frequency(Frequency(data))

    def __call__(self) -> dict[str, float]:
        """Return hits@1 and MRR of each objective, beside those of `frequency` and `chance`, and the mean MRR.

        Names are `retrieval/mep/mrr`, `retrieval/mep/chance_mrr` and the like, and `retrieval/mrr`. Across languages; within one
        where there is one alone. Empty where no query has an answer.
        """
        # Shapes differ from call to call; a compiled encoder would make a graph for each.
        with torch.compiler.set_stance("force_eager"):
            self.retrieval.encode()
            ranked = [one for one in self.retrieval.rank() if one.question in self.questions]
        rows = summary_rows(ranked, self.by_frequency) if ranked else []
        found: dict[str, float] = {}
        for question in self.questions:
            for row in _lines(rows, question):
                line = "" if row.matches(line="model") else f"{row.keys['line']}_"
                found |= {f"retrieval/{question}/{line}{name}": row.measures[name].mean for name in MEASURES}
        means = [
            found[f"retrieval/{question}/mrr"] for question in self.questions if f"retrieval/{question}/mrr" in found
        ]
        return found | ({"retrieval/mrr": sum(means) / len(means)} if means else {})


def _lines(rows: Sequence[Row], question: str) -> list[Row]:
    """Return the model and its two lines, across languages where there are several."""
    own = [row for row in rows if row.matches(question=question)]
    across = [row for row in own if row.matches(languages="across")]
    return across or own


def training_retrieval(joint: JointModel, config: PretrainConfig, data: TokenDataset) -> TrainingRetrieval | None:
    """Return what a validation asks; None where it is off, or where nothing can be asked."""
    wanted = [name for name in joint.objectives if name != "mlm"]
    if not config.validation_queries or not config.validate_every or not description_counts(data):
        return None
    if not any(has_rows(data, config.stream, name) for name in ("mep", "oe") if name in wanted):
        return None
    return TrainingRetrieval(joint, config, data)
