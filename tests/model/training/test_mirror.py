"""Checkpoints behind an address: another machine goes on from them to the same bits, and half a copy is no start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from model.training.mirror import Mirror
from model.training.trainer import pretrain
from schemas.errors import Preempted
from tests.model.training_world import assert_same_bits, final_weights, run_config, write_training_world

RUN = "memory://mirror/run"


@pytest.fixture
def files() -> Iterator[fsspec.AbstractFileSystem]:
    found = fsspec.filesystem("memory")
    yield found
    found.rm("/mirror", recursive=True)


def names(files: fsspec.AbstractFileSystem) -> list[str]:
    return sorted(path.rpartition("/")[2] for path in files.ls("/mirror/run/checkpoints", detail=False))


def test_a_run_goes_on_from_the_mirror_to_the_same_bits(tmp_path: Path, files: fsspec.AbstractFileSystem) -> None:
    tokens = write_training_world(tmp_path)
    config = run_config(tokens, tmp_path / "whole", steps=6, save_every=2)
    pretrain(config)
    with pytest.raises(Preempted):
        pretrain(replace(config, output=str(tmp_path / "gone"), mirror=RUN, stop_after=3))
    assert names(files) == ["checkpoint-00000002", "checkpoint-00000003"]
    pretrain(replace(config, output=str(tmp_path / "elsewhere"), mirror=RUN))
    assert_same_bits(final_weights(tmp_path / "whole"), final_weights(tmp_path / "elsewhere"))
    assert names(files) == ["checkpoint-00000004", "checkpoint-00000006"], "the newest two are kept there too"


def test_a_copy_that_is_not_whole_is_passed_over(tmp_path: Path, files: fsspec.AbstractFileSystem) -> None:
    tokens = write_training_world(tmp_path)
    pretrain(run_config(tokens, tmp_path / "run", steps=4, save_every=2, mirror=RUN, keep_every=2, keep_checkpoints=2))
    newest = "/mirror/run/checkpoints/checkpoint-00000004"
    files.rm(f"{newest}/state.json")
    fetched = Mirror(RUN).fetch(tmp_path / "one")
    assert fetched == tmp_path / "one" / "checkpoint-00000002"
    state = (tmp_path / "run" / "checkpoints" / "checkpoint-00000004" / "state.json").read_bytes()
    files.pipe_file(f"{newest}/state.json", state)
    weights = files.cat_file(f"{newest}/model.safetensors")
    files.pipe_file(f"{newest}/model.safetensors", weights[:-1] + bytes([weights[-1] ^ 1]))
    assert Mirror(RUN).fetch(tmp_path / "two") == tmp_path / "two" / "checkpoint-00000002"
    assert Mirror(RUN).fetch(tmp_path / "run" / "checkpoints") is None, "what is here is as new"
    assert not list((tmp_path / "two").glob(".partial*"))
