"""A dataset of token shards, opened for training: what is in it, read by row group, checked on the way.

Opening reads the manifest; every shard must be there in its listed size, with none beside them that is not listed. The
first opening compares their checksums too, later ones only where a file has changed since. A page whose bits change
afterwards is found when it is read, by its own checksum.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import pyarrow as pa
import pyarrow.parquet as pq

from model.data.special_tokens import SpecialTokens
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
    """Token shards of one folder, with the indexes that are built from them once."""

    def __init__(self, folder: Path | str, special: SpecialTokens, *, cache: Path | str | None = None) -> None:
        """Open a dataset.

        Args:
            folder: where `manifest.json` lies.
            special: the tokenizer's reserved ids.
            cache: where indexes are kept; by default a folder beside the dataset, `<folder>.index`.

        Raises:
            InputMissing: there is no finished dataset.
            ShardMismatch: a shard is missing, has other bytes, or is not listed.
            SchemaMismatch: the tables are of another version.
        """
        self.folder = Path(folder)
        self.special = special
        self.manifest: Manifest = read_manifest(self.folder)
        self.cache = Path(cache) if cache else self.folder.with_name(self.folder.name + ".index")
        self._files: OrderedDict[str, pq.ParquetFile] = OrderedDict()
        self._stores: dict[type, Any] = {}
        self._groups: dict[tuple[str, str, str], list[RowGroup]] = {}
        self._check_files()
        check_bytes(self.folder, self.manifest, self.cache)

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
                f"{self.folder} was tokenised with tokenizer {found}, the model's is {fingerprint}. "
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
                RowGroup(shard, index, metadata.row_group(index).num_rows)
                for shard in self.manifest.of(table, partition=language, split=split)
                for metadata in [self._file(shard, table).metadata]
                for index in range(metadata.num_row_groups)
            ]
        return self._groups[key]

    def read(self, table: Table, group: RowGroup, columns: list[str]) -> pa.Table:
        """Read columns of one row group, verifying the checksums of its pages.

        Raises:
            ShardMismatch: a page is damaged.
        """
        try:
            return self._file(group.shard, table).read_row_group(group.index, columns=columns, use_threads=False)
        except (OSError, pa.ArrowInvalid) as error:
            raise ShardMismatch(
                f"{self.folder / group.shard.path}, row group {group.index}, is damaged: {error}. "
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

    def _check_files(self) -> None:
        listed = {shard.path: shard.bytes for shard in self.manifest.shards}
        present = {
            path.relative_to(self.folder).as_posix(): path.stat().st_size for path in self.folder.rglob("*.parquet")
        }
        for path, size in listed.items():
            if path not in present:
                raise ShardMismatch(f"{self.folder / path} is listed but missing. Restore it, or build again.")
            if present[path] != size:
                raise ShardMismatch(
                    f"{self.folder / path} has {present[path]} bytes, its manifest says {size}. "
                    "Restore the file, or build the dataset again."
                )
        if extra := sorted(present.keys() - listed.keys()):
            raise ShardMismatch(
                f"{self.folder} holds {len(extra)} shards its manifest does not list, the first {extra[0]}. "
                "Move them away, or build the dataset again."
            )

    def _file(self, shard: Shard, table: Table) -> pq.ParquetFile:
        file = self._files.pop(shard.path, None) or open_shard(self.folder / shard.path, table)
        self._files[shard.path] = file
        while len(self._files) > OPEN_FILES:
            self._files.popitem(last=False)[1].close()
        return file

    def __getstate__(self) -> dict[str, Any]:
        """Leave open files and stores behind: a worker process opens its own."""
        return self.__dict__ | {"_files": OrderedDict(), "_stores": {}}


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
            f"{data.folder} has no rows of {table.folder} for {split}: tokenise them, or turn off the objective."
        )
    if not table.partitioned_by or not languages:
        return there
    if missing := sorted(set(languages) - set(there)):
        raise UsageError(f"{data.folder} has no {table.folder} in {', '.join(missing)}; it has {', '.join(there)}.")
    return sorted(languages)
