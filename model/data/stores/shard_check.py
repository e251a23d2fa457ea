"""The one full check of a dataset's bytes before training on it: every shard's sha256, remembered until a file changes."""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from schemas import Manifest, file_sha256
from schemas.errors import ShardMismatch

MARK_NAME = "checked.json"
QUIET_BYTES = 10 << 30
"""Datasets up to this size are checked without a word; a processor hashes 1 to 2 GB a second."""

Stamps = dict[str, list[int]]
"""Size, times of the last write and of any change, and number on the disk of each file."""


def check_bytes(folder: Path, manifest: Manifest, cache: Path) -> None:
    """Raise unless every shard has the checksum its manifest lists; what passed is not read again until it changes.

    Args:
        folder: the dataset, whose files are all there.
        manifest: its manifest.
        cache: folder beside it for what is remembered; where it cannot be written, every opening checks.

    Raises:
        ShardMismatch: a shard's bytes are not those that were written.
    """
    mark, stamps = cache / MARK_NAME, _stamps(folder, manifest)
    if _read_mark(mark) == [manifest.fingerprint, stamps]:
        return
    total = sum(shard.bytes for shard in manifest.shards)
    if total > QUIET_BYTES:
        print(f"checking {total / 1e9:,.0f} GB of shards in {folder}, once", file=sys.stderr, flush=True)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        found = pool.map(lambda shard: file_sha256(folder / shard.path), manifest.shards)
        for shard, checksum in zip(manifest.shards, found, strict=True):
            if checksum != shard.sha256:
                raise ShardMismatch(
                    f"{folder / shard.path} has changed: its sha256 is {checksum[:16]}…, its manifest says "
                    f"{shard.sha256[:16]}…. Restore the file, or build the dataset again."
                )
    _write_mark(mark, manifest.fingerprint, stamps)


def _stamps(folder: Path, manifest: Manifest) -> Stamps:
    states = {shard.path: (folder / shard.path).stat() for shard in manifest.shards}
    return {path: [s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for path, s in states.items()}


def _read_mark(mark: Path) -> object:
    try:
        return json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write_mark(mark: Path, fingerprint: str, stamps: Stamps) -> None:
    beside = mark.with_name(f"{MARK_NAME}.{os.getpid()}")
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps([fingerprint, stamps]), encoding="utf-8")
        os.replace(beside, mark)
    except OSError:
        return  # a read-only place: the next opening checks again
