"""Scores on the validation split: the losses and accuracies of training, on batches that are the same for every run."""

from __future__ import annotations

from collections.abc import Callable

import torch

from model.config import PretrainConfig
from model.data.stores.token_dataset import TokenDataset
from model.data.stream.validation import has_rows, validation_batches
from model.distributed import alone, global_sum, rank, world_size
from model.method.joint import JointModel
from model.training.step import TrainingStep
from model.training.stopping import StopSignal

Asked = Callable[[], dict[str, float]]
"""What else a validation measures with the model as it stands, on the main rank alone."""
MakeAsked = Callable[[JointModel, PretrainConfig, TokenDataset], Asked | None]
"""Prepares it once, for a model whose weights will change; None where there is nothing to ask."""


@torch.no_grad()
def validate(
    training: TrainingStep, data: TokenDataset, stop: StopSignal, asked: Asked | None = None
) -> dict[str, float]:
    """Means over the validation batches of all ranks, weighted by words and pairs, and what is asked beside.

    Negatives are those of one batch on one rank, so the scores do not depend on the number of ranks.

    Args:
        training: holds the model, the device and the arithmetic.
        data: the shards.
        stop: where it is asked for in a single process, validation is cut short.
        asked: further measures, taken on this rank alone; None takes none.

    Returns:
        Measures by name; empty if there are no validation rows or it was cut short.
    """
    config = training.config
    if not any(has_rows(data, config.stream, objective) for objective in config.stream.objectives):
        return {}
    names = [(name, measure) for name in training.joint.objectives for measure in ("loss", "accuracy")]
    sums = torch.zeros(len(names), 2, dtype=torch.float64)
    place = {"rank": rank(), "world_size": world_size()}
    several = world_size() > 1
    training.joint.eval()
    with alone(), torch.autocast(training.device.type, dtype=training.dtype, enabled=training.mixed):
        for batch in validation_batches(data, config.stream, limit=config.validation_batches, **place):
            if stop.asked and not several:
                return {}
            _, measures = training.joint(batch.to(training.device))
            sums += torch.stack([measures[f"{name}/{measure}"] for name, measure in names]).to("cpu", torch.float64)
        found = asked() if asked is not None else {}
    training.joint.train()
    totals = global_sum(sums.to(training.device, torch.float32)).tolist()
    return {f"{n}/{m}": total / count for (n, m), (total, count) in zip(names, totals, strict=True) if count} | found
