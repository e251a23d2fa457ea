"""From the states of queries and keys to the loss of a knowledge objective, in either mode, with heads and banks."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from model.batch import UNUSED
from model.config import MethodConfig
from model.distributed import gather_states, global_sum, world_size
from model.method.bank import Bank
from model.method.heads import ProjectionHead
from model.method.losses import Pairs, Temperature, symmetric_contrast
from model.method.paper_loss import paper_contrast

Metrics = dict[str, Tensor]
"""Named measures of a step as tensors, read only when a log line is due."""


class BestContrast(nn.Module):
    """Symmetric InfoNCE over all ranks' pairs and a bank of past keys with their entities."""

    def __init__(self, width: int, config: MethodConfig) -> None:
        """Makes two heads, a temperature, and a bank if the configuration has one."""
        super().__init__()
        self.query_head = ProjectionHead(width, config.head_norm)
        self.key_head = ProjectionHead(width, config.head_norm)
        self.temperature = Temperature(config.temperature, learnable=config.learnable_temperature)
        self.bank = Bank(config.bank_size, width) if config.bank_size else None
        self.l2_normalise = config.l2_normalise

    def forward(self, pairs: Pairs) -> tuple[Tensor, Metrics]:
        """Projects, contrasts, and puts the keys into the bank; returns this rank's loss and the measures."""
        entities = pairs.entities
        queries, keys = self.query_head(pairs.queries, pairs.used), self.key_head(pairs.keys, entities != UNUSED)
        pairs = replace(pairs, queries=queries, keys=keys)
        pairs = pairs.normalised() if self.l2_normalise else pairs
        contrast = symmetric_contrast(
            pairs, self.temperature(), self.bank.contents() if self.bank and self.training else None
        )
        if self.bank and self.training:
            gathered = gather_states(entities)
            self.bank.push(gather_states(pairs.keys), gathered, gathered != UNUSED)
        return contrast.loss, {
            "loss": contrast.mean,
            "accuracy": contrast.hits / contrast.pairs.clamp(min=1),
            "pairs": contrast.pairs,
            "false_negatives": contrast.masked,
            "temperature": 1 / self.temperature().detach(),
        }


class PaperContrast(nn.Module):
    """The released loss: both roles as query side, each with a bank of its own that starts as noise.

    The two losses differ in their bank alone: the one holds past keys, the other past queries (code). Their means are
    added, so every pair counts in both (code). States enter a bank as projected, before they are normalised (code).
    """

    def __init__(self, width: int, config: MethodConfig, seed: int) -> None:
        """Makes two heads and two banks; `seed` draws the noise the banks start with."""
        super().__init__()
        self.query_head = ProjectionHead(width, config.head_norm)
        self.key_head = ProjectionHead(width, config.head_norm)
        self.key_bank = Bank(config.bank_size, width, noise_seed=2 * seed)
        self.query_bank = Bank(config.bank_size, width, noise_seed=2 * seed + 1)
        self.temperature, self.l2_normalise = config.temperature, config.l2_normalise

    def forward(self, pairs: Pairs) -> tuple[Tensor, Metrics]:
        """Projects pair by pair, adds the two losses, and puts both sides of all ranks into the banks."""
        used, own = pairs.used, pairs.positives.clamp(min=0)
        query_states = self.query_head(pairs.queries, used)
        key_states = self.key_head(pairs.keys.index_select(0, own), used)
        key_bank, query_bank = self.key_bank.contents()[0], self.query_bank.contents()[0]
        asked, right = self._loss(query_states, key_states, key_bank, used)
        told, told_right = self._loss(key_states, query_states, query_bank, used)
        if self.training:
            everywhere, whose = gather_states(used), gather_states(pairs.entities.index_select(0, own))
            self.key_bank.push(gather_states(key_states), whose, everywhere)
            self.query_bank.push(gather_states(query_states), whose, everywhere)
        loss = asked + told
        parts = (loss.detach(), (right + told_right) / 2, used.sum())
        totals = global_sum(torch.stack([part.to(loss.dtype) for part in parts]))
        return loss, {"loss": totals[0] / world_size(), "accuracy": totals[1] / world_size(), "pairs": totals[2]}

    def _loss(self, asking: Tensor, asked: Tensor, bank: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
        return paper_contrast(asking, asked, bank, used, temperature=self.temperature, l2_normalise=self.l2_normalise)
