"""A dataset of token shards, opened for training: what is in it, read by row group, checked on the way.

Opening reads the manifest; in a folder every shard must be there in its listed size, with none beside them that is not
listed. The first opening compares their checksums too, later ones only where a file has changed since. Shards behind an
address are fetched as they are wanted (`remote_shards`). A page whose bits change afterwards is found when it is read, by
its own checksum.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import pyarrow as pa
import pyarrow.parquet as pq

from model.addresses import is_url
from model.data.special_tokens import SpecialTokens
from model.data.stores.remote_shards import KEPT_BYTES, RemoteShards
from model.data.stores.shard_check import check_bytes
from schemas import TRAIN, Manifest, Shard, Table, open_shard, read_manifest
from schemas.errors import SchemaMismatch, ShardMismatch, UsageError

OPEN_FILES = 64
"""Shards kept open at a time by one process."""


@dataclass(frozen=True)
class RowGroup:
    """One row group of one shard."""

    shard: Shard
    """The shard it lies in."""
    index: int
    """Its number within the shard."""
    rows: int
    """Number of rows."""


S = TypeVar("S", bound="Store")


@runtime_checkable
class Store(Protocol):
    """What is looked up beside the rows of a dataset: made from all of it, once."""

    @classmethod
    def of(cls: type[S], data: TokenDataset) -> S:
        """Open the store of a dataset, building it first where it is not there."""


class TokenDataset:
    """Token shards of one folder or address, with the indexes that are built from them once."""

    def __init__(
        self,
        folder: Path | str,
        special: SpecialTokens,
        *,
        cache: Path | str | None = None,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        """Open a dataset.

        Args:
            folder: folder or address where `manifest.json` lies.
            special: the tokenizer's reserved ids.
            cache: where indexes are kept, by default beside the dataset in `<folder>.index`; of an address, where its
                shards are kept too, by default `remote_shards.cache_folder()`.
            kept_bytes: of an address, bytes of shards that are kept.

        Raises:
            InputMissing: there is no finished dataset.
            ShardMismatch: a shard is missing, has other bytes, or is not listed.
            SchemaMismatch: the tables are of another version.
            StorageError: the address cannot be reached.
        """
        self.where = str(folder)
        self.special = special
        self._files: OrderedDict[str, pq.ParquetFile] = OrderedDict()
        self._stores: dict[type, Any] = {}
        self._groups: dict[tuple[str, str, str], list[RowGroup]] = {}
        self._remote: RemoteShards | None = None
        if is_url(folder):
            self._remote = RemoteShards(str(folder), Path(cache) if cache else None, kept_bytes)
            self.manifest: Manifest = self._remote.manifest
            self.cache = self._remote.folder / "index"
            return
        local = Path(folder)
        self.manifest = read_manifest(local)
        self.cache = Path(cache) if cache else local.with_name(local.name + ".index")
        self._check_files(local)
        check_bytes(local, self.manifest, self.cache)

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the data."""
        return self.manifest.fingerprint

    def check_tokenizer(self, fingerprint: str) -> None:
        """Raise unless the shards were made with the tokenizer of this fingerprint.

        Raises:
            SchemaMismatch: they were made with another one, so their ids mean other pieces.
        """
        found = self.manifest.properties.get("tokenizer_fingerprint")
        if found != fingerprint:
            raise SchemaMismatch(
                f"{self.where} was tokenised with tokenizer {found}, the model's is {fingerprint}. "
                "Tokenise the dataset again with the model's tokenizer, or start from the model the shards were made for."
            )

    def languages(self, table: Table, split: str = TRAIN) -> list[str]:
        """Return the languages a table has rows in, sorted; `[""]` for a table without languages."""
        return sorted({shard.partition for shard in self.manifest.of(table, split=split)})

    def row_groups(self, table: Table, language: str, split: str = TRAIN) -> list[RowGroup]:
        """Return all row groups of a language, in the order of shards."""
        key = (table.name, language, split)
        if key not in self._groups:
            self._groups[key] = [
                RowGroup(shard, index, rows)
                for shard in self.manifest.of(table, partition=language, split=split)
                for index, rows in enumerate(self._rows_of_groups(shard, table))
            ]
        return self._groups[key]

    def _rows_of_groups(self, shard: Shard, table: Table) -> list[int]:
        if self._remote is not None:
            return self._remote.rows_of_groups(shard)
        metadata = self._file(shard, table).metadata
        return [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]

    def read(self, table: Table, group: RowGroup, columns: list[str]) -> pa.Table:
        """Read columns of one row group, verifying the checksums of its pages.

        Raises:
            ShardMismatch: a page is damaged.
        """
        try:
            return self._file(group.shard, table).read_row_group(group.index, columns=columns, use_threads=False)
        except (OSError, pa.ArrowInvalid) as error:
            raise ShardMismatch(
                f"{self.where}/{group.shard.path}, row group {group.index}, is damaged: {error}. "
                "Restore the file, or build the dataset again."
            ) from error

    def scan(self, table: Table, columns: list[str], *, split: str | None = None) -> Iterator[pa.Table]:
        """Yield columns of every row group of a table, of one split or of all, in the order of shards."""
        for shard in self.manifest.of(table, split=split):
            for index in range(self._file(shard, table).metadata.num_row_groups):
                yield self.read(table, RowGroup(shard, index, 0), columns)

    def store(self, kind: type[S]) -> S:
        """Return a store of this dataset, opened, or built beside it, on first use."""
        if kind not in self._stores:
            self._stores[kind] = kind.of(self)
        return cast(S, self._stores[kind])

    def _check_files(self, folder: Path) -> None:
        listed = {shard.path: shard.bytes for shard in self.manifest.shards}
        present = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*.parquet")}
        for path, size in listed.items():
            if path not in present:
                raise ShardMismatch(f"{folder / path} is listed but missing. Restore it, or build again.")
            if present[path] != size:
                raise ShardMismatch(
                    f"{folder / path} has {present[path]} bytes, its manifest says {size}. "
                    "Restore the file, or build the dataset again."
                )
        if extra := sorted(present.keys() - listed.keys()):
            raise ShardMismatch(
                f"{folder} holds {len(extra)} shards its manifest does not list, the first {extra[0]}. "
                "Move them away, or build the dataset again."
            )

    def _file(self, shard: Shard, table: Table) -> pq.ParquetFile:
        file = self._files.pop(shard.path, None) or open_shard(self._path(shard), table)
        self._files[shard.path] = file
        while len(self._files) > OPEN_FILES:
            self._files.popitem(last=False)[1].close()
        return file

    def _path(self, shard: Shard) -> Path:
        return self._remote.path(shard) if self._remote is not None else Path(self.where) / shard.path

    def __getstate__(self) -> dict[str, Any]:
        """Leave open files and stores behind: a worker process opens its own."""
        return self.__dict__ | {"_files": OrderedDict(), "_stores": {}}


def manifest_of(where: Path | str) -> Manifest:
    """Return the manifest of a dataset in a folder or behind an address, its shards unread; raises as `TokenDataset`."""
    return RemoteShards(str(where)).manifest if is_url(where) else read_manifest(where)


def require_rows(data: TokenDataset, table: Table, split: str, languages: tuple[str, ...]) -> list[str]:
    """Return the languages to read a table in.

    Args:
        languages: those asked for; empty means all there are.

    Raises:
        UsageError: the table has no rows in that split, or none in one of the languages asked for.
    """
    there = data.languages(table, split)
    if not there:
        raise UsageError(
            f"{data.where} has no rows of {table.folder} for {split}: tokenise them, or turn off the objective."
        )
    if not table.partitioned_by or not languages:
        return there
    if missing := sorted(set(languages) - set(there)):
        raise UsageError(f"{data.where} has no {table.folder} in {', '.join(missing)}; it has {', '.join(there)}.")
    return sorted(languages)
