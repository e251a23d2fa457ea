"""Shards behind an address: fetched when a row of them is wanted, held against the manifest, kept up to a size.

Any address that fsspec knows serves (`s3://`, `gs://`, `hf://`, `https://`, `memory://`); credentials come from the
environment, as fsspec's packages read them. What is kept lies in a folder of the dataset's fingerprint, so that another
build behind the same address is never taken for this one. A file is fetched beside its place and renamed when its sha256 is
the manifest's; beside it stand its size and times, and a file that no longer has them is fetched again. Several processes
may share the folder: a file that one of them removes to make room stays readable to those that have it open.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from model.addresses import file_system, reached, retried
from schemas import MANIFEST_NAME, Manifest, Shard, parse_manifest
from schemas.errors import InputMissing, ShardMismatch, StorageError
from schemas.sentencepiece_files import SENTENCEPIECE_NAME, TOKENIZER_JSON_NAME

KEPT_BYTES = 50 << 30
"""Bytes of shards that are kept where nothing else is said."""
_TOKENIZER_FILES = (
    TOKENIZER_JSON_NAME,
    SENTENCEPIECE_NAME,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "config.json",
)
_BLOCK = 1 << 20


def cache_folder() -> Path:
    """Return the folder for what is fetched: `XLMK_CACHE`, else `xlm-k` in the user's cache folder."""
    given = os.environ.get("XLMK_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xlm-k"


class RemoteShards:
    """The shards of one dataset behind an address."""

    def __init__(self, url: str, cache: Path | None = None, most_bytes: int = KEPT_BYTES) -> None:
        """Fetch the manifest.

        Args:
            url: the dataset's folder.
            cache: folder for what is fetched; `cache_folder` by default.
            most_bytes: size of the shards that are kept; the newest stays, however large.

        Raises:
            UsageError: fsspec does not know the address, or lacks the package for it.
            InputMissing: there is no finished dataset.
            StorageError: it cannot be reached.
        """
        self.url, self._most_bytes = url.rstrip("/"), most_bytes
        self.manifest: Manifest = parse_manifest(self._text(MANIFEST_NAME), f"{url}/{MANIFEST_NAME}")
        self.folder = (cache or cache_folder()) / self.manifest.fingerprint[:16]

    def path(self, shard: Shard) -> Path:
        """Return a whole local copy of a shard, fetching it first where there is none.

        Raises:
            StorageError: it cannot be reached, or not be written.
            ShardMismatch: what lies there is not what the manifest lists.
        """
        place = self.folder / shard.path
        if not _is_whole(place):
            retried(self._fetch, shard, place)
            self._make_room(place)
        _touch(place)
        return place

    def rows_of_groups(self, shard: Shard) -> list[int]:
        """Return the number of rows of each row group, from the shard's end alone where the shard is not here."""
        place = (self.folder / shard.path).with_suffix(".groups.json")
        try:
            return [int(rows) for rows in json.loads(place.read_text(encoding="utf-8"))]
        except (OSError, ValueError):
            pass
        footer = pq.read_metadata(self.path(shard)) if _is_whole(self.folder / shard.path) else self._footer(shard)
        rows = [footer.row_group(index).num_rows for index in range(footer.num_row_groups)]
        _write(place, json.dumps(rows).encode())
        return rows

    def _footer(self, shard: Shard) -> pq.FileMetaData:
        files, root = file_system(self.url)
        try:
            with files.open(f"{root}/{shard.path}", "rb") as file:
                return pq.read_metadata(file)
        except Exception:  # a server that gives no parts of files, or cannot be reached: fetching it will tell
            return pq.read_metadata(self.path(shard))

    def _fetch(self, shard: Shard, place: Path) -> None:
        url, digest, size = f"{self.url}/{shard.path}", sha256(), 0
        files, root = file_system(self.url)
        with _beside(place) as (beside, target), reached(url):
            with files.open(f"{root}/{shard.path}", "rb", block_size=_BLOCK) as source:
                while block := source.read(_BLOCK):
                    size += len(block)
                    digest.update(block)
                    target.write(block)
            if digest.hexdigest() != shard.sha256:
                raise ShardMismatch(
                    f"{url} has {size} bytes with sha256 {digest.hexdigest()[:16]}…, the manifest says {shard.bytes} with "
                    f"{shard.sha256[:16]}…. Put the dataset there anew."
                )
            target.close()
            os.replace(beside, place)
            _write(_note(place), json.dumps(_stamp(place)).encode())

    def _make_room(self, kept: Path) -> None:
        """Remove the shards that were not opened for longest until the others fit."""
        shards = sorted(_states(self.folder), key=lambda item: item[1].st_atime_ns)
        total = sum(state.st_size for _, state in shards)
        for path, state in shards:
            if total <= self._most_bytes:
                return
            if path != kept:
                path.unlink(missing_ok=True)
                _note(path).unlink(missing_ok=True)
                total -= state.st_size

    def _text(self, name: str) -> str:
        files, root = file_system(self.url)
        with reached(f"{self.url}/{name}"):
            try:
                return str(files.cat_file(f"{root}/{name}").decode("utf-8"))
            except FileNotFoundError as error:
                raise InputMissing(
                    f"{self.url} has no {name}, so it is not a finished dataset. Name the folder that holds it."
                ) from error
            except UnicodeDecodeError as error:
                raise ShardMismatch(f"{self.url}/{name} is not UTF-8 text: it is damaged.") from error


def fetched_tokenizer(data: str, cache: Path | None = None) -> Path | None:
    """Fetch the tokenizer in `tokenizer/` in or beside a dataset behind an address; None where there is none."""
    files, root = file_system(data)
    for place in (f"{root}/tokenizer", f"{root.rpartition('/')[0]}/tokenizer"):
        found: dict[str, bytes] = {}
        for name in _TOKENIZER_FILES:
            try:
                with reached(f"{place}/{name}"):
                    found[name] = files.cat_file(f"{place}/{name}")
            except FileNotFoundError:
                continue
        if TOKENIZER_JSON_NAME in found or SENTENCEPIECE_NAME in found:
            key = sha256(b"".join(name.encode() + content for name, content in found.items())).hexdigest()[:16]
            folder = (cache or cache_folder()) / f"tokenizer-{key}"
            for name, content in found.items():
                _write(folder / name, content)
            return folder
    return None


@contextmanager
def _beside(place: Path) -> Iterator[tuple[Path, Any]]:
    """Open a new file beside a place, removed where it was not renamed."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f"{place.name}.", suffix=".tmp", dir=place.parent)
    except OSError as error:
        raise StorageError(f"{place.parent} cannot be written: {error.strerror}. Name another --data-cache.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield Path(name), file
    except FileNotFoundError as error:
        raise ShardMismatch(
            f"{place.name} is listed in the manifest but missing: {error}. Put it there anew."
        ) from error
    finally:
        Path(name).unlink(missing_ok=True)


def _write(place: Path, content: bytes) -> None:
    with _beside(place) as (beside, file):
        file.write(content)
        file.flush()
        os.replace(beside, place)


def _note(place: Path) -> Path:
    return place.with_suffix(".stamp.json")


def _stamp(place: Path) -> list[int]:
    state = place.stat()
    return [state.st_size, state.st_mtime_ns, state.st_ino]


def _is_whole(place: Path) -> bool:
    """Whether a shard is here and is the file whose sha256 was compared."""
    try:
        return bool(_stamp(place) == json.loads(_note(place).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False


def _touch(place: Path) -> None:
    """Note when a shard was last opened, in its time of access alone."""
    try:
        os.utime(place, ns=(time.time_ns(), place.stat().st_mtime_ns))
    except OSError:
        return  # removed by another process just now: opening it will tell


def _states(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in folder.rglob("*.parquet"):
        try:
            yield path, path.stat()
        except OSError:
            continue
