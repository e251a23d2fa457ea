"""The feed: the batches of each step from the loader, with the wait for them measured."""

from __future__ import annotations

from typing import Any

import torch

from model.batch import Batch
from model.config import PretrainConfig
from model.data.loading.loader import StreamLoader
from model.data.stores.token_dataset import TokenDataset
from model.data.stream.stream import TrainingStream


class Feed:
    """Hands out the batches of one rank; its state is that of the batches handed out, whatever was read ahead."""

    def __init__(
        self, data: TokenDataset, config: PretrainConfig, rank: int, world_size: int, device: torch.device
    ) -> None:
        """Opens the stream; nothing is read before the first batch is asked for."""
        stream = TrainingStream(data, config.stream, seed=config.seed, rank=rank, world_size=world_size)
        self.loader = StreamLoader(stream, num_workers=config.workers, pin_memory=device.type == "cuda")

    def take(self, number: int) -> tuple[list[Batch], float]:
        """The next batches, and the seconds spent waiting for them."""
        before = self.loader.seconds_waited
        batches = [next(self.loader) for _ in range(number)]
        return batches, self.loader.seconds_waited - before

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands after the batches handed out."""
        return self.loader.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state."""
        self.loader.load_state_dict(state)

    def close(self) -> None:
        """Stops the loader's processes."""
        self.loader.close()
