"""The projection heads between encoder states and the contrast: one per side of each knowledge objective.

The head is Linear, BatchNorm, ReLU, Linear, BatchNorm without affine part, both Linears without bias, all as wide as
the encoder (code). BatchNorm here counts used rows only, so that the unused slots of a batch change nothing and no
shape depends on the data. Where it is shared, its statistics are those of all ranks, so that a pair is projected alike
however a step is split; the release has each rank's own (code). LayerNorm in its place makes a row's projection
independent of its batch (ours).
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from model.distributed import sum_with_gradient

BATCH_NORM_EPS = 1e-12
"""Added to the variance. (code)"""
BATCH_NORM_MOMENTUM = 0.1
"""Share of a batch in the running statistics, PyTorch's default. (code: default)"""


class RowBatchNorm(nn.Module):
    """BatchNorm over the used rows of a batch; equal to `nn.BatchNorm1d` where all rows are used."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int, *, affine: bool, shared: bool = False) -> None:
        """Start with mean 0, variance 1 and, if `affine`, weight 1 and bias 0; `shared` takes all ranks' statistics."""
        super().__init__()
        self.affine, self.shared = affine, shared
        if affine:
            self.weight = nn.Parameter(torch.ones(width))
            self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(
        self, rows: Float[Tensor, "rows width"], used: Bool[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows width"]:
        """Normalise by the batch's statistics in training, by the running ones otherwise."""
        rows = rows.float() if rows.dtype in (torch.bfloat16, torch.float16) else rows
        mean, variance = self._statistics(rows, used) if self.training else (self.running_mean, self.running_var)
        normal = (rows - mean) * (variance + BATCH_NORM_EPS).rsqrt()
        return normal * self.weight + self.bias if self.affine else normal

    def _statistics(self, rows: Tensor, used: Tensor | None) -> tuple[Tensor, Tensor]:
        weights = rows.new_ones(rows.shape[0], 1) if used is None else used.to(rows.dtype)[:, None]
        total = sum_with_gradient if self.shared else torch.nn.Identity()
        count = total(weights.sum()).clamp(min=1)
        mean = total((rows * weights).sum(0)) / count
        variance = total(((rows - mean).square() * weights).sum(0)) / count
        self._track(mean, variance * count / (count - 1).clamp(min=1), count)
        return mean, variance

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """Move the running statistics, unless the batch had fewer than two rows or was not finite."""
        sound = (count > 1) & mean.isfinite().all() & variance.isfinite().all()
        for running, new in ((self.running_mean, mean), (self.running_var, variance)):
            running.copy_(torch.where(sound, running.lerp(new.to(running.dtype), BATCH_NORM_MOMENTUM), running))


class RowLayerNorm(nn.Module):
    """LayerNorm with the signature of `RowBatchNorm`."""

    def __init__(self, width: int, *, affine: bool) -> None:
        """Start as the identity on normal rows."""
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=affine)

    def forward(
        self, rows: Float[Tensor, "rows width"], used: Bool[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows width"]:
        """Normalise each row by itself; `used` changes nothing."""
        normal: Tensor = self.norm(rows)
        return normal


class ProjectionHead(nn.Module):
    """Projects the states of one side of one objective."""

    def __init__(self, width: int, norm: Literal["batch", "layer"], *, shared: bool = False) -> None:
        """Make a head from `width` to `width`; `shared` BatchNorm counts the rows of all ranks."""
        super().__init__()
        kind = partial(RowBatchNorm, shared=shared) if norm == "batch" else RowLayerNorm
        self.first = nn.Linear(width, width, bias=False)
        self.first_norm = kind(width, affine=True)
        self.second = nn.Linear(width, width, bias=False)
        self.second_norm = kind(width, affine=False)

    def forward(
        self, rows: Float[Tensor, "rows width"], used: Bool[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows width"]:
        """Project rows; those not `used` are projected too but count in no statistic. None means all are used."""
        inner = self.first_norm(self.first(rows), used).relu()
        outer: Tensor = self.second_norm(self.second(inner), used)
        return outer
