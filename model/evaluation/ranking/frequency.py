"""The line of frequency: what is found without reading, by naming first what was the answer most often in training.

A context is answered with the entities that training contexts mention most, a fact with the most frequent objects of its
relation. A model that does not stand above this line has not shown that it understands its queries. Both answers are
inner products, so they are ranked by the same code as a model's vectors.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from model.data.stores.token_dataset import TokenDataset
from model.evaluation.ranking.retrieval_data import (
    Numbers,
    TripleQuery,
    look_up_counts,
    mention_counts,
    read_triples,
)
from schemas import TRAIN
from schemas.sorted_keys import find_keys


class Frequency:
    """How often each entity was an answer in the training split."""

    def __init__(self, data: TokenDataset) -> None:
        """Count mentions, and objects by relation."""
        self.mentioned = mention_counts(data)
        pairs, self._counts = np.unique(read_triples(data, TRAIN)[:, 1:], axis=0, return_counts=True)
        self._relations, self._objects = pairs[:, 0], pairs[:, 1]
        self.relations = np.unique(self._relations)

    def of_mentions(self, entities: Numbers) -> Float[Tensor, "entities 1"]:
        """How often training contexts mention each entity."""
        return torch.from_numpy(look_up_counts(self.mentioned, entities.tolist())).float()[:, None]

    def of_objects(self, entities: Numbers) -> Float[Tensor, "entities relations"]:
        """How often each entity is the object of each relation in training triples; entities rise."""
        counts = torch.zeros(len(entities), len(self.relations))
        places, found = find_keys(entities, self._objects)
        there = np.flatnonzero(found)
        columns = np.searchsorted(self.relations, self._relations[there])
        counts[torch.from_numpy(places[there]), torch.from_numpy(columns)] = torch.from_numpy(
            self._counts[there]
        ).float()
        return counts

    def any_mention(self, number: int) -> Float[Tensor, "queries 1"]:
        """Return queries that are all alike, whatever their context."""
        return torch.ones(number, 1)

    def relations_of(self, queries: Sequence[TripleQuery]) -> Float[Tensor, "queries relations"]:
        """Return queries that know their relation alone; one that training never had is all zeros."""
        asked = np.array([query.relation for query in queries], dtype=np.int64)
        return torch.from_numpy(asked[:, None] == self.relations[None, :]).float()
