"""Out of memory, told with the next smaller setting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from model.config import PretrainConfig
from schemas.errors import OutOfMemory


@contextmanager
def explain_out_of_memory(config: PretrainConfig, *, validating: bool = False) -> Iterator[None]:
    """Turn the allocators' errors within into ours.

    Args:
        config: the run's.
        validating: whether a validation batch is at work, not a step.

    Raises:
        OutOfMemory: a GPU's or the host's memory did not hold it.
    """
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        raise OutOfMemory(_message(config, str(error), validating=validating)) from error


def _smaller(config: PretrainConfig) -> str:
    """Return the next smaller setting: pieces, then smaller pieces, then recomputing, and only then a smaller batch."""
    stream, off = config.stream, " --encoder.compile False" if config.encoder.compile else ""
    piece = config.chunk_tokens // 2 if config.chunk_tokens else stream.tokens_per_step // 4
    again = "--encoder.gradient-checkpointing True"
    if piece >= stream.longest or not config.chunk_tokens:
        also = "" if config.encoder.gradient_checkpointing else f"; or {again}"
        return f"--chunk-tokens {max(piece, stream.longest)}{off}, which keeps the batch and its negatives{also}"
    if not config.encoder.gradient_checkpointing:
        return f"{again}, because pieces cannot be smaller than a document"
    return _halved(config)


def _without_validation(config: PretrainConfig) -> str:
    """Return what helps where validation batches, which are as large as a step's and never cut, are too much."""
    again = "with which this run goes on from its last checkpoint"
    return f"--validate-every 0, {again}; or, in a new run, {_halved(config)}"


def _halved(config: PretrainConfig) -> str:
    """Batches of half the size, twice as many of them in a step."""
    tokens = config.stream.tokens_per_step // 2
    return f"--stream.tokens-per-step {tokens} with --accumulation {2 * config.accumulation}"


def _message(config: PretrainConfig, cause: str, *, validating: bool) -> str:
    what = "validation batch" if validating else "step"
    return (
        f"memory did not hold a {what} of {config.stream.tokens_per_step:,} tokens (documents up to "
        f"{config.stream.longest} tokens, {config.chunk_tokens or 'no'} chunk tokens): {cause.splitlines()[0]}. Next "
        f"smaller setting: {_without_validation(config) if validating else _smaller(config)}"
    )
