"""Whether a checkpoint may be gone on from: exactly, or not at all."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from model.config import PretrainConfig
from model.distributed import world_size
from schemas.errors import CheckpointUnusable, ShardMismatch

FREE = frozenset(
    {
        "accumulation",
        "allow_changed_data",
        "data",
        "data_cache",
        "data_cache_gb",
        "init_from",
        "keep_checkpoints",
        "keep_every",
        "licence",
        "log_every",
        "max_bad_steps",
        "mirror",
        "output",
        "resume",
        "save_every",
        "save_in_background",
        "stop_after",
        "threads",
        "tokenizer",
        "track",
        "validate_every",
        "validation_batches",
        "validation_candidates",
        "validation_queries",
        "workers",
    }
)
"""Fields that may change between a checkpoint and its resumption: they leave the gradient of every step as it is, but for
rounding. Of accumulation that holds where batches of a step are contrasted as one, or each alone (`_check_split`)."""
REDRAWN = frozenset({"chunk_tokens", "device"})
"""Fields that may change too, but draw other dropout: the same in expectation, and told."""


def fitting_state(config: PretrainConfig, data: str, tokenizer: str) -> dict[str, Any]:
    """Give what a checkpoint records so that `check_resumable` can judge it later."""
    return {
        "config": json.loads(json.dumps(asdict(config))),
        "batches_per_step": config.accumulation * world_size(),
        "ranks": world_size(),
        "data": data,
        "tokenizer": tokenizer,
    }


def check_resumable(state: dict[str, Any], config: PretrainConfig, data: str, tokenizer: str, folder: Path) -> bool:
    """Compare a checkpoint with the run that wants to go on from it.

    Returns:
        Whether the data is the same, so that the order of rows goes on too.

    Raises:
        CheckpointUnusable: other settings, another tokenizer, or another number of batches per step.
        ShardMismatch: other data, and `allow_changed_data` is off.
    """
    wanted = fitting_state(config, data, tokenizer)
    if _before_decay(state, config):
        state = state | {"config": state["config"] | {"steps": config.steps}}
    changed = _differences(state["config"], wanted["config"])
    if changed:
        raise CheckpointUnusable(
            f"{folder} was made with other settings: {'; '.join(changed[:5])}. Use the same recipe and flags, or another "
            "--output"
        )
    if state["tokenizer"] != tokenizer:
        raise CheckpointUnusable(
            f"{folder} was made with tokenizer {state['tokenizer']}, this run has {tokenizer}. Name the former with --tokenizer"
        )
    _check_split(state, config, folder)
    batches = state["batches_per_step"]
    if batches != wanted["batches_per_step"]:
        raise CheckpointUnusable(
            f"{folder} was made with {batches} batches per step ({state['ranks']} ranks), this run has "
            f"{config.accumulation} x {world_size()} ranks. Make --accumulation times the number of ranks {batches} again"
        )
    if state["data"] == data:
        return True
    if config.allow_changed_data:
        return False
    raise ShardMismatch(
        f"the data changed since {folder} was made: its fingerprint was {state['data']}, now it is {data}. Restore the "
        "former data, or pass --allow-changed-data True to go on with new rows"
    )


def _before_decay(state: dict[str, Any], config: PretrainConfig) -> bool:
    """Whether a checkpoint lies in the constant part of `wsd`, by its own number of steps and by the run's.

    Up to there both runs are one, so the number of steps may change: a run is prolonged, or branched by a copy of it.
    """
    before = state["config"]
    if config.optim.schedule != "wsd" or before["optim"]["schedule"] != "wsd":
        return False
    least = min(before["steps"], config.steps)
    return bool(state["step"] <= least * (1 - config.optim.decay_share))


def redrawn(state: dict[str, Any], config: PretrainConfig) -> list[str]:
    """List what changed since a checkpoint that makes a run draw other dropout, as `name was A, is B`."""
    before, now = state["config"], json.loads(json.dumps(asdict(config)))
    return [f"{name} was {before[name]}, is {now[name]}" for name in sorted(REDRAWN) if before[name] != now[name]]


def _check_split(state: dict[str, Any], config: PretrainConfig, folder: Path) -> None:
    """Where negatives are those of one batch of each rank, ranks decide what is learnt.

    Raises:
        CheckpointUnusable: it was made on another number of ranks.
    """
    contrasts = config.method.mode == "best" and any(name != "mlm" for name in config.objectives)
    if contrasts and config.method.negatives == "batch" and state["ranks"] != world_size():
        raise CheckpointUnusable(
            f"{folder} was made on {state['ranks']} ranks, this run has {world_size()}, and with --method.negatives batch "
            "the negatives are those of as many batches. Use the same number of ranks, or start with --method.negatives step"
        )


def _differences(before: dict[str, Any], now: dict[str, Any], where: str = "") -> list[str]:
    """Fields that differ and are not free, as `name was A, is B`."""
    found = []
    for name in sorted(set(before) | set(now)):
        if not where and name in FREE | REDRAWN:
            continue
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new, f"{where}{name}.")
        elif old != new:
            found.append(f"{where}{name} was {old}, is {new}")
    return found
