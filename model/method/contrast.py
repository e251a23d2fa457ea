"""From the states of queries and keys to the loss of a knowledge objective, in either mode, with heads and banks."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from model.batch import UNUSED
from model.config import MethodConfig
from model.distributed import world_size
from model.method.bank import Bank
from model.method.heads import ProjectionHead
from model.method.losses import Pairs, Temperature, symmetric_contrast
from model.method.paper_loss import paper_contrast
from model.method.totals import Totals

Sums = dict[str, Tensor]
"""Named measures as tensors of a sum and the count it is over, which add up over batches, ranks and steps; read only when
a log line is due."""


def measure(total: Tensor, count: Tensor | float) -> Tensor:
    """Return a sum and its count as one tensor, without gradient, in the sum's precision."""
    total = total.detach()
    total = total if total.is_floating_point() else total.float()
    # Filled on the device: a tensor made from a Python value would be copied there, and the host would wait for it.
    number = torch.full_like(total, count) if isinstance(count, float) else count.to(total.dtype)
    return torch.stack([total, number])


class BestContrast(nn.Module):
    """Symmetric InfoNCE over all ranks' pairs and a bank of past keys with their entities."""

    def __init__(self, width: int, config: MethodConfig) -> None:
        """Make two heads, a temperature, and a bank if the configuration has one."""
        super().__init__()
        self.query_head = ProjectionHead(width, config.head_norm, shared=True)
        self.key_head = ProjectionHead(width, config.head_norm, shared=True)
        self.temperature = Temperature(config.temperature, learnable=config.learnable_temperature)
        self.bank = Bank(config.bank_size, width) if config.bank_size else None
        self.l2_normalise = config.l2_normalise

    def forward(self, pairs: Pairs, totals: Totals) -> tuple[Tensor, Sums]:
        """Project and contrast, and leave the keys for the bank; return this rank's loss and the measures."""
        entities = pairs.entities
        queries, keys = self.query_head(pairs.queries, pairs.used), self.key_head(pairs.keys, entities != UNUSED)
        pairs = replace(pairs, queries=queries, keys=keys)
        pairs = pairs.normalised() if self.l2_normalise else pairs
        contrast = symmetric_contrast(
            pairs, self.temperature(), self.bank.contents() if self.bank and self.training else None
        )
        if self.bank and self.training:
            self.bank.leave(pairs.keys, entities, entities != UNUSED)
        return contrast.loss * world_size() / totals.number.to(contrast.loss.dtype), {
            "loss": measure(contrast.loss, contrast.pairs),
            "accuracy": measure(contrast.hits, contrast.pairs),
            "pairs": measure(contrast.pairs, 1.0),
            "false_negatives": measure(contrast.masked, contrast.pairs),
            "temperature": measure(1 / self.temperature(), 1.0),
        }


class PaperContrast(nn.Module):
    """The released loss: both roles as query side, each with a bank of its own that starts as noise.

    The two losses differ in their bank alone: the one holds past keys, the other past queries (code). Their means are
    added, so every pair counts in both (code). They are means over the pairs of a batch, and a batch weighs in its step as
    many words as it predicts (code). States enter a bank as projected, before they are normalised (code).
    """

    def __init__(self, width: int, config: MethodConfig, seed: int) -> None:
        """Make two heads and two banks; `seed` draws the noise the banks start with."""
        super().__init__()
        self.query_head = ProjectionHead(width, config.head_norm)
        self.key_head = ProjectionHead(width, config.head_norm)
        self.key_bank = Bank(config.bank_size, width, noise_seed=2 * seed)
        self.query_bank = Bank(config.bank_size, width, noise_seed=2 * seed + 1)
        self.temperature, self.l2_normalise = config.temperature, config.l2_normalise

    def forward(self, pairs: Pairs, totals: Totals) -> tuple[Tensor, Sums]:
        """Project pair by pair, add the two losses, and leave both sides for the banks."""
        used, own = pairs.used, pairs.positives.clamp(min=0)
        query_states = self.query_head(pairs.queries, used)
        key_states = self.key_head(pairs.keys.index_select(0, own), used)
        asked, right = self._loss(query_states, key_states, self.key_bank.contents()[0], used)
        told, told_right = self._loss(key_states, query_states, self.query_bank.contents()[0], used)
        if self.training:
            entities = pairs.entities.index_select(0, own)
            self.key_bank.leave(key_states, entities, used)
            self.query_bank.leave(query_states, entities, used)
        loss, number = asked + told, used.sum()
        return loss * world_size() * totals.share.to(loss.dtype), {
            "loss": measure(loss * number, number),
            "accuracy": measure((right + told_right) / 2 * number, number),
            "pairs": measure(number, 1.0),
        }

    def _loss(self, asking: Tensor, asked: Tensor, bank: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
        return paper_contrast(asking, asked, bank, used, temperature=self.temperature, l2_normalise=self.l2_normalise)
