"""How long training stands still for a checkpoint: written beside it by a thread, or waited for.

    python -m benchmarks.checkpoints --output /tmp/checkpoints

The state is that of XLM-R base under AdamW, with random numbers: three tensors for each parameter. Both ways go through
the trainer's own writer, in turn, in one process; the table holds medians.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
import tyro
from torch import nn

from model.training.checkpoint_writer import CheckpointWriter, Written


@dataclass(frozen=True, kw_only=True)
class Config:
    """How large, and how often."""

    output: str
    """Folder on the disk that is measured; removed at the end."""
    vocab_size: int = 250_002
    """Pieces of the vocabulary."""
    width: int = 768
    """Hidden width."""
    layers: int = 12
    """Layers, each of twelve times the width squared parameters."""
    rounds: int = 3
    """Checkpoints of each way."""


def encoder_sized(config: Config) -> nn.Module:
    """A module with tensors of an encoder's number and sizes."""
    width, inner = config.width, 4 * config.width
    shapes = [(width, width)] * 4 + [(width, inner), (inner, width)]
    layers = [nn.Linear(*shape) for _ in range(config.layers) for shape in shapes]
    return nn.ModuleList([nn.Embedding(config.vocab_size, width), *layers])


def with_moments(model: nn.Module) -> torch.optim.Optimizer:
    """AdamW after its first step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    optimizer.zero_grad()
    return optimizer


def one(config: Config, model: nn.Module, optimizer: torch.optim.Optimizer, *, background: bool) -> Written:
    """Write one checkpoint into an empty folder."""
    shutil.rmtree(config.output, ignore_errors=True)
    writer = CheckpointWriter(Path(config.output), 2, background=background)
    written = writer.save(1, model, optimizer, {}) + writer.wait()
    writer.close()
    return written[0]


def main(config: Config) -> None:
    """Measure both ways in turn and print the table."""
    model = encoder_sized(config)
    optimizer = with_moments(model)
    sizes = sum(parameter.numel() for parameter in model.parameters())
    print(f"{sizes / 1e6:.0f} M parameters, {12 * sizes / 1e9:.1f} GB a checkpoint, medians of {config.rounds}\n")
    found: dict[bool, list[Written]] = {False: [], True: []}
    for _ in range(config.rounds):
        for background, rows in found.items():
            rows.append(one(config, model, optimizer, background=background))
            print(rows[-1], file=sys.stderr)
    print("| | training stands still, ms | on disk after, ms |\n| --- | ---: | ---: |")
    for background, rows in found.items():
        stalled = 1000 * median(row.stalled for row in rows)
        ready = stalled + 1000 * median(row.seconds for row in rows) if background else stalled
        print(f"| {'a thread writes it' if background else 'waited for'} | {stalled:,.0f} | {ready:,.0f} |")
    shutil.rmtree(config.output, ignore_errors=True)


if __name__ == "__main__":
    main(tyro.cli(Config))
