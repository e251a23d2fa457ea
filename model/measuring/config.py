"""What a measurement of the trainer is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """One measurement of training steps, with random weights of a recipe's size."""

    recipe: str = "tiny"
    """Recipe whose sizes, objectives and method are measured."""
    size: Literal["recipe", "base", "large"] = "recipe"
    """Size of the encoder: the recipe's own random one, or XLM-R base or large with random weights."""
    data: str = ""
    """Folder of token shards to stream, which measures the data wait too; empty makes batches of random tokens."""
    workers: int = 1
    """Processes that make the data's batches ahead of time; 0 makes each one between two steps."""
    tokenizer: str = ""
    """Folder or Hub name of the data's tokenizer; empty takes `tokenizer/` in or beside the data."""
    tokens_per_step: int = 0
    """Tokens of a batch; 0 takes the recipe's."""
    vocab_size: int = 0
    """Pieces of the vocabulary where there is no data; 0 takes XLM-R's 250,002, or 8,000 for the recipe's own size."""
    steps: int = 20
    """Steps that are measured."""
    warmup: int = 3
    """Steps before, which are not."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to measure."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Arithmetic of the forward pass."""
    compile: bool = False
    """Compiles the encoder's body."""
    output: str = ""
    """File for the figures as JSON; empty only prints them."""
    profile: str = ""
    """File for a profile of three more steps; empty makes none."""
