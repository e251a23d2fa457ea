"""Scores on the validation split: the losses and accuracies of training, on batches that are the same for every run."""

from __future__ import annotations

import torch

from model.data.stores.token_dataset import TokenDataset
from model.data.stream.validation import has_rows, validation_batches
from model.distributed import alone, global_sum, rank, world_size
from model.training.step import TrainingStep
from model.training.stopping import StopSignal


@torch.no_grad()
def validate(training: TrainingStep, data: TokenDataset, stop: StopSignal) -> dict[str, float]:
    """Means over the validation batches of all ranks, weighted by words and pairs.

    Negatives are those of one batch on one rank, so the scores do not depend on the number of ranks.

    Args:
        training: holds the model, the device and the arithmetic.
        data: the shards.
        stop: where it is asked for in a single process, validation is cut short.

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
    training.joint.train()
    totals = global_sum(sums.to(training.device, torch.float32)).tolist()
    return {f"{n}/{m}": total / count for (n, m), (total, count) in zip(names, totals, strict=True) if count}
