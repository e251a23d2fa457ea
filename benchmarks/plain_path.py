"""The plain path: the same step as the trainer's, computed as a textbook would, for holding the fast one against.

A packed batch is laid out as a padded rectangle with one document a row; the library's own plain attention runs over it
under a padding mask; the masked words' loss comes from all logits at once; AdamW goes from parameter to parameter.
What both share is what has tests of its own: projection heads, contrast and bank.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.batch import IGNORED_LABEL, Batch
from model.config import PretrainConfig
from model.method.joint import JointModel
from model.method.objectives import States
from model.method.totals import step_totals
from model.training.optim import make_optimizer, rate_at, set_rate


class PlainPath:
    """Turns batches into updates of a model of its own; dropout must be 0."""

    def __init__(self, joint: JointModel, config: PretrainConfig, *, reverse: bool = False) -> None:
        """Takes over a model; `reverse` lays the documents out last first, which changes nothing but rounding."""
        self.joint, self.config, self.reverse = joint, config, reverse
        joint.encoder.model.set_attn_implementation("eager")
        groups = [
            {"params": group["params"], "weight_decay": group["weight_decay"]}
            for group in make_optimizer(joint, config.optim).param_groups
        ]
        optim = config.optim
        self.optimizer = torch.optim.AdamW(groups, betas=optim.betas, eps=optim.eps, fused=False, foreach=False)

    def step(self, batch: Batch, number: int) -> dict[str, float]:
        """One optimizer step; returns the losses by objective and their scaled sum."""
        self.joint.train()
        set_rate(self.optimizer, rate_at(number, self.config.steps, self.config.optim))
        losses = self.losses(batch)
        total = torch.stack([self.joint.scales[name] * loss for name, loss in losses.items()]).sum()
        self.optimizer.zero_grad()
        total.backward()
        self.joint.end_step(1)
        trained = [parameter for parameter in self.joint.parameters() if parameter.grad is not None]
        nn.utils.clip_grad_norm_(trained, self.config.optim.clip_norm, foreach=False)
        self.optimizer.step()
        return {name: float(loss.detach()) for name, loss in losses.items()} | {"total": float(total.detach())}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The loss of each objective, with gradient."""
        states = self._states(batch)
        found: dict[str, Tensor] = {}
        totals = step_totals([batch], batch.token_ids.device, paper=self.joint.paper)[0]
        for name, objective in self.joint.objectives.items():
            if name == "mlm":
                logits = self.joint.encoder.logits(states.words)
                found[name] = nn.functional.cross_entropy(logits, batch.mlm_labels, ignore_index=IGNORED_LABEL)
            else:
                found[name] = objective(self.joint.encoder, states, batch, totals[name])[0]
        return found

    def _states(self, batch: Batch) -> States:
        bounds = batch.cu_seqlens.long()
        documents = [
            (start, end) for start, end in zip(bounds.tolist(), bounds[1:].tolist(), strict=False) if end > start
        ]
        documents = documents[::-1] if self.reverse else documents
        width = max(end - start for start, end in documents)
        token_ids = torch.ones(len(documents), width, dtype=torch.long)
        position_ids, mask = torch.ones_like(token_ids), torch.zeros_like(token_ids)
        place = torch.zeros(len(batch.token_ids), dtype=torch.long)
        for row, (start, end) in enumerate(documents):
            token_ids[row, : end - start] = batch.token_ids[start:end]
            position_ids[row, : end - start] = batch.position_ids[start:end]
            mask[row, : end - start] = 1
            place[start:end] = row * width + torch.arange(end - start)
        output = self.joint.encoder.model.base_model(
            input_ids=token_ids, position_ids=position_ids, attention_mask=mask, output_hidden_states=True
        )
        last = output.last_hidden_state.flatten(0, 1)
        layer = self.joint.layer
        contrast = last if layer is None else output.hidden_states[layer].flatten(0, 1)
        return States(
            words=last[place[batch.mlm_positions]],
            keys=contrast[place[batch.key_positions]],
            mentions=contrast[place[batch.mep_positions]],
            questions=contrast[place[batch.oe_positions]],
        )
