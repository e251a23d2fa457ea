"""Fixtures of the trainer's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.data.stores.token_dataset import TokenDataset
from model.data.stream_config import StreamConfig
from tests.model.token_shards import open_world, write_world


@pytest.fixture(scope="session")
def token_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small token dataset that tests must not change."""
    return write_world(tmp_path_factory.mktemp("world") / "tokens")


@pytest.fixture
def tokens(token_folder: Path) -> TokenDataset:
    """The small token dataset, opened."""
    return open_world(token_folder)


@pytest.fixture(scope="session")
def small_steps() -> StreamConfig:
    """Steps of 1,024 tokens that fit the small token dataset."""
    return StreamConfig(
        tokens_per_step=1024,
        max_length=64,
        max_text_length=64,
        max_description_length=34,
        max_relation_length=6,
        expected_length=24,
        num_lanes=6,
        window_units=4,
    )
