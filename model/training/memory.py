"""Out of memory, told with the next smaller setting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from model.config import PretrainConfig
from schemas.errors import OutOfMemory


@contextmanager
def explain_out_of_memory(config: PretrainConfig) -> Iterator[None]:
    """Turns the allocators' errors within into ours.

    Raises:
        OutOfMemory: a GPU's or the host's memory did not hold the step.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(_message(config, str(error))) from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):
            raise
        raise OutOfMemory(_message(config, str(error))) from error


def _smaller(config: PretrainConfig) -> str:
    """The next smaller setting: pieces, then smaller pieces, then recomputing, and only then a smaller batch."""
    stream, off = config.stream, " --encoder.compile False" if config.encoder.compile else ""
    piece = config.chunk_tokens // 2 if config.chunk_tokens else stream.tokens_per_step // 4
    again = "--encoder.gradient-checkpointing True"
    if piece >= stream.longest or not config.chunk_tokens:
        also = "" if config.encoder.gradient_checkpointing else f"; or {again}"
        return f"--chunk-tokens {max(piece, stream.longest)}{off}, which keeps the batch and its negatives{also}"
    if not config.encoder.gradient_checkpointing:
        return f"{again}, because pieces cannot be smaller than a document"
    return f"--stream.tokens-per-step {stream.tokens_per_step // 2} with --accumulation {2 * config.accumulation}"


def _message(config: PretrainConfig, cause: str) -> str:
    return (
        f"memory did not hold a step of {config.stream.tokens_per_step:,} tokens (documents up to "
        f"{config.stream.longest} tokens, {config.chunk_tokens or 'no'} chunk tokens): {cause.splitlines()[0]}. Next "
        f"smaller setting: {_smaller(config)}"
    )
