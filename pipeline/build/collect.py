"""Brings a finished dataset from where a runner's workers left it, an object store say, to a local folder."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.run import storage
from pipeline.run.job import times_path
from pipeline.run.output_lock import output_lock
from pipeline.run.resume import require_own_folder
from schemas import MANIFEST_NAME, Manifest, Shard, file_sha256, parse_manifest, read_manifest
from schemas.errors import InputMissing, OutputBusy, ShardMismatch
from schemas.shards import parse_shard_path

_PIECE_BYTES = 4 * 1024 * 1024
_COPIES_AT_ONCE = 8


def collect(source: str, folder: str) -> Manifest:
    """Copy a dataset, checking each shard against the manifest; returns the manifest.

    The copy appears whole or not at all. One that was stopped goes on: shards that are there are not copied again.

    Args:
        source: URL or path of a finished dataset.
        folder: local folder; left as it is where it holds the same dataset already.

    Raises:
        InputMissing: there is no finished dataset at the source.
        OutputBusy: the folder holds another dataset, or another run is writing it.
        ShardMismatch: the source does not fit its own manifest.
        StorageError: the disk is full or refuses.
    """
    path = storage.join(source, MANIFEST_NAME)
    if not storage.exists(path):
        raise InputMissing(
            f"{source} has no manifest.json, so it is not a finished dataset. Run the job that builds it."
        )
    manifest = parse_manifest(storage.read_text(path), path)
    built = storage.build_folder(folder)
    with output_lock(folder):
        require_own_folder(built)
        if storage.exists(storage.join(folder, MANIFEST_NAME)):
            _refuse_other(read_manifest(folder), manifest, source, folder)
            return manifest
        others = set(storage.list_files(built)) - {shard.path for shard in manifest.shards} - {MANIFEST_NAME}
        if unlisted := [name for name in sorted(others) if not name.endswith(".tmp")]:
            raise OutputBusy(f"{built} holds {unlisted[0]!r}, which {source} does not have. Move that folder away.")
        storage.delete(built, sorted(others))
        missing = [shard for shard in manifest.shards if not _is_there(built, shard)]
        storage.check_space_for_copies(built, sum(shard.bytes for shard in missing))
        for done, num_bytes in _copy_all(source, built, missing):
            print(f"collect: {source}: {done}/{len(missing)} shards, {num_bytes / 1e6:,.1f} MB", file=sys.stderr)
        if storage.exists(times_path(source)):
            storage.write_text(times_path(folder), storage.read_text(times_path(source)))
        storage.write_text(storage.join(built, MANIFEST_NAME), manifest.to_json())
        storage.publish(built, folder)
    return manifest


def _refuse_other(found: Manifest, wanted: Manifest, source: str, folder: str) -> None:
    if found.fingerprint != wanted.fingerprint:
        raise OutputBusy(
            f"{folder} holds another dataset ({found.fingerprint[:16]}) than {source} ({wanted.fingerprint[:16]}). "
            "Name another folder, or delete this one."
        )


def _is_there(built: str, shard: Shard) -> bool:
    path = Path(built, shard.path)
    return path.is_file() and path.stat().st_size == shard.bytes and file_sha256(path) == shard.sha256


def _copy_all(source: str, built: str, shards: list[Shard]) -> Iterator[tuple[int, int]]:
    """Copy shards, several at once; yields how many are done and their bytes, every hundred and at the end."""
    num_bytes = 0
    with ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
        for done, size in enumerate(pool.map(lambda shard: _copy(source, built, shard), shards), start=1):
            num_bytes += size
            if done % 100 == 0 or done == len(shards):
                yield done, num_bytes


def _copy(source: str, built: str, shard: Shard) -> int:
    """Copy one shard, which appears under its name only if it is as the manifest says; returns its bytes."""
    if not parse_shard_path(shard.path):
        raise ShardMismatch(
            f"{source}: its manifest lists {shard.path!r}, which is no shard's name. Build the dataset again."
        )
    origin, target = storage.join(source, shard.path), storage.join(built, shard.path)
    digest, size = hashlib.sha256(), 0
    with storage.open_read(origin) as file, storage.open_write(target) as copy:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            size += copy.write(piece)
        if digest.hexdigest() != shard.sha256:
            raise ShardMismatch(
                f"{origin}: sha256 is {digest.hexdigest()}, the manifest says {shard.sha256}. Delete that dataset and "
                "run its job again."
            )
    return size
