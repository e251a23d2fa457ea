"""The joint model: one encoder pass over the packed stream of a step, then every objective reads its rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from model.batch import Batch
from model.config import PretrainConfig
from model.method.contrast import Metrics
from model.method.encoder import Encoder
from model.method.objectives import States, make_objectives


class JointModel(nn.Module):
    """Encoder and objectives; `forward` is what data-parallel training wraps."""

    def __init__(self, encoder: Encoder, config: PretrainConfig) -> None:
        """Puts the objectives of the configuration on top of an encoder; heads start from the configured seed."""
        super().__init__()
        self.encoder = encoder
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.objectives = make_objectives(config, encoder.width)
        if "mlm" not in self.objectives:
            encoder.freeze_head()
        method = config.method
        self.layer = method.contrast_layer
        self.scales = {"mlm": method.mlm_scale, "mep": method.mep_scale, "oe": method.oe_scale}
        if config.encoder.gradient_checkpointing:
            recompute_activations(encoder.model)
        if config.encoder.compile:
            # Shapes are fixed; where one differs all the same, as in validation, it gets a graph of its own instead of
            # one for all shapes, which is slower for each.
            encoder.compile(fullgraph=True, dynamic=False)

    def encode(self, batch: Batch) -> States:
        """The rows that the objectives read, from one pass over the whole stream."""
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

    def losses(self, states: States, batch: Batch) -> tuple[Tensor, Metrics]:
        """The scaled sum of all objectives' losses and every measure, named `objective/measure`."""
        total = torch.zeros((), device=batch.token_ids.device)
        measures: Metrics = {}
        for name, objective in self.objectives.items():
            loss, metrics = objective(self.encoder, states, batch)
            total = total + self.scales[name] * loss
            measures |= {f"{name}/{measure}": value.detach() for measure, value in metrics.items()}
        return total, measures

    def forward(self, batch: Batch) -> tuple[Tensor, Metrics]:
        """This rank's share of the joint loss, whose mean over ranks is the loss of the whole; and the measures."""
        return self.losses(self.encode(batch), batch)


def recompute_activations(model: Any) -> None:
    """Let each layer of an encoder's model forget its activations and compute them again in the backward pass."""
    # The second is the first's name in transformers before 5.23, and goes away in 6.
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})
