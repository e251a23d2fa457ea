"""Token shards behind an address: the same rows and weights as from a folder, nothing half-fetched, room kept."""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest

from model import addresses
from model.data.stores.remote_shards import RemoteShards
from model.data.stores.token_dataset import TokenDataset
from model.training.trainer import pretrain
from schemas import TOKEN_DESCRIPTIONS, TOKEN_MENTIONS, read_manifest
from schemas.errors import InputMissing, ShardMismatch, StorageError, UsageError
from tests.model.token_shards import SPECIAL, write_world
from tests.model.training_world import assert_same_bits, final_weights, run_config, write_training_world


class _Quiet(SimpleHTTPRequestHandler):
    asked: Counter[str] = Counter()

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Count, and serve."""
        self.asked[self.path] += 1
        super().do_GET()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and its address on loopback; the server gives no parts of files."""
    folder = tmp_path / "served"
    folder.mkdir()
    _Quiet.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(timeout=10)


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A world in a folder, and the same behind `memory://`."""
    folder = write_world(tmp_path / "world")
    files = fsspec.filesystem("memory")
    for path in folder.rglob("*"):
        if path.is_file():
            files.pipe_file(f"/shards/{path.relative_to(folder).as_posix()}", path.read_bytes())
    yield folder, "memory://shards"
    files.rm("/shards", recursive=True)


def test_rows_are_those_of_the_folder_and_shards_are_fetched_when_wanted(
    in_memory: tuple[Path, str], tmp_path: Path
) -> None:
    folder, url = in_memory
    near, far = TokenDataset(folder, SPECIAL), TokenDataset(url, SPECIAL, cache=tmp_path / "cache")
    (language, *_) = near.languages(TOKEN_MENTIONS)
    assert far.row_groups(TOKEN_MENTIONS, language) == near.row_groups(TOKEN_MENTIONS, language)
    assert not list((tmp_path / "cache").rglob("*.parquet")), "footers alone were wanted"
    for group in near.row_groups(TOKEN_MENTIONS, language):
        assert far.read(TOKEN_MENTIONS, group, ["ids"]).equals(near.read(TOKEN_MENTIONS, group, ["ids"]))
    fetched = {path.name for path in (tmp_path / "cache").rglob("*.parquet")}
    assert fetched == {Path(group.shard.path).name for group in near.row_groups(TOKEN_MENTIONS, language)}


def test_a_run_over_http_gives_the_weights_of_one_from_the_folder(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = served
    tokens = write_training_world(folder)
    pretrain(run_config(tokens, tmp_path / "near", tokenizer=str(folder / "tokenizer")))
    far = replace(run_config(tokens, tmp_path / "far"), data=f"{url}/tokens", data_cache=str(tmp_path / "cache"))
    pretrain(replace(far, tokenizer=""))
    assert_same_bits(final_weights(tmp_path / "near"), final_weights(tmp_path / "far"))
    shards = [f"/tokens/{shard.path}" for shard in read_manifest(tokens).shards]
    asked = Counter({path: _Quiet.asked[path] for path in shards})
    again = TokenDataset(f"{url}/tokens", SPECIAL, cache=tmp_path / "cache")
    list(again.scan(TOKEN_DESCRIPTIONS, ["ids"]))
    assert Counter({path: _Quiet.asked[path] for path in shards}) == asked, "what is here is not fetched again"


def test_other_bytes_are_never_kept_and_changed_ones_are_fetched_again(
    in_memory: tuple[Path, str], tmp_path: Path
) -> None:
    folder, url = in_memory
    shard = next(read_manifest(folder).of(TOKEN_DESCRIPTIONS))
    files, place = fsspec.filesystem("memory"), f"/shards/{shard.path}"
    whole = files.cat_file(place)
    files.pipe_file(place, whole[:-1] + bytes([whole[-1] ^ 1]))
    shards = RemoteShards(url, tmp_path / "cache")
    with pytest.raises(ShardMismatch, match="sha256"):
        shards.path(shard)
    assert not list((tmp_path / "cache").rglob("*.parquet*")), "nothing half-right stays"
    files.pipe_file(place, whole)
    kept = shards.path(shard)
    assert kept.read_bytes() == whole
    kept.write_bytes(whole[:-1] + b"x")
    assert shards.path(shard).read_bytes() == whole
    files.rm(place)
    kept.unlink()
    with pytest.raises(ShardMismatch, match="missing"):
        shards.path(shard)


def test_the_cache_is_bounded_and_drops_what_was_not_read_for_longest(
    in_memory: tuple[Path, str], tmp_path: Path
) -> None:
    folder, url = in_memory
    first, second, third, *_ = sorted(read_manifest(folder).shards, key=lambda shard: shard.bytes)
    shards = RemoteShards(url, tmp_path / "cache", most_bytes=first.bytes + third.bytes)
    shards.path(first), shards.path(second)
    shards.path(first)
    shards.path(third)
    kept = {path.relative_to(shards.folder).as_posix() for path in shards.folder.rglob("*.parquet")}
    assert kept == {first.path, third.path}
    assert RemoteShards(url, tmp_path / "cache", most_bytes=1).path(second).is_file(), "the newest stays"


def test_what_cannot_be_reached_is_told(
    served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses.time, "sleep", lambda seconds: None)
    with pytest.raises(InputMissing, match="not a finished dataset"):
        RemoteShards(f"{served[1]}/tokens", tmp_path)
    with pytest.raises(UsageError, match="fsspec knows"):
        RemoteShards("nosuch://place/tokens", tmp_path)
    with pytest.raises(StorageError, match="cannot be reached"):
        RemoteShards("http://127.0.0.1:9/tokens", tmp_path)
