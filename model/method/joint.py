"""The joint model: one encoder pass over the packed stream of a step, then every objective reads its rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from model.batch import Batch
from model.config import PretrainConfig
from model.method.bank import Bank
from model.method.contrast import Sums
from model.method.encoder import Encoder
from model.method.objectives import States, make_objectives
from model.method.totals import Totals, step_totals


class JointModel(nn.Module):
    """Encoder and objectives; `forward` is what data-parallel training wraps."""

    def __init__(self, encoder: Encoder, config: PretrainConfig) -> None:
        """Put the objectives of the configuration on top of an encoder; heads start from the configured seed."""
        super().__init__()
        self.encoder = encoder
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.objectives = make_objectives(config, encoder.width)
        if "mlm" not in self.objectives:
            encoder.freeze_head()
        method = config.method
        self.paper = method.mode == "paper"
        contrasts = any(name != "mlm" for name in self.objectives)
        self.joins_batches = contrasts and not self.paper and method.negatives == "step"
        """Whether the batches of a step are contrasted as one."""
        self.layer = method.contrast_layer
        self.scales = {"mlm": method.mlm_scale, "mep": method.mep_scale, "oe": method.oe_scale}
        if config.encoder.gradient_checkpointing:
            recompute_activations(encoder.model)
        if config.encoder.compile:
            # Shapes are fixed; where one differs all the same, as in validation, it gets a graph of its own instead of
            # one for all shapes, which is slower for each.
            encoder.compile(fullgraph=True, dynamic=False)

    def encode(self, batch: Batch) -> States:
        """Return the rows that the objectives read, from one pass over the whole stream."""
        last, contrast = self.encoder(
            batch.token_ids, batch.position_ids, batch.cu_seqlens, batch.max_seqlen, self.layer
        )
        # index_select, not indexing: its gradient adds up rows in a fixed order.
        return States(
            words=last.index_select(0, batch.mlm_positions),
            keys=contrast.index_select(0, batch.key_positions),
            mentions=contrast.index_select(0, batch.mep_positions),
            questions=contrast.index_select(0, batch.oe_positions),
        )

    def losses(self, states: States, batch: Batch, totals: Mapping[str, Totals] | None = None) -> tuple[Tensor, Sums]:
        """Return the scaled sum of all objectives' losses and every measure, named `objective/measure`.

        Args:
            states: the rows of the batch.
            batch: with its tensors where the states are.
            totals: of the step; None takes the batch, on all ranks, for all of it.
        """
        totals = totals or step_totals([batch], batch.token_ids.device, paper=self.paper)[0]
        total = torch.zeros((), device=batch.token_ids.device)
        measures: Sums = {}
        for name, objective in self.objectives.items():
            loss, found = objective(self.encoder, states, batch, totals[name])
            total = total + self.scales[name] * loss
            measures |= {f"{name}/{short}": value for short, value in found.items()}
        return total, measures

    def forward(self, batch: Batch, totals: Mapping[str, Totals] | None = None) -> tuple[Tensor, Sums]:
        """Return this rank's share of the joint loss, whose mean over ranks is the loss of the whole; and the measures."""
        return self.losses(self.encode(batch), batch, totals)

    def end_step(self, batches: int) -> None:
        """Let the banks take in what the step's batches left; call it after the backward pass, on every rank."""
        for module in self.modules():
            if isinstance(module, Bank):
                module.take_in(batches)


def recompute_activations(model: Any) -> None:
    """Let each layer of an encoder's model forget its activations and compute them again in the backward pass."""
    # The second is the first's name in transformers before 5.23, and goes away in 6.
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})
