"""Shards: the Parquet files of a table, how they are named, written and read.

A shard is `<table>/<partition>/<split>-00007-of-00042.parquet`; a table without partitions has no middle folder. The
number is the number of the task that wrote it, so a name never depends on the run; a task without rows writes no file
(readers elsewhere fail on empty row groups). Files are zstd, in row groups of bounded size, with a checksum on every page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import ShardMismatch
from schemas.tables import Table

ROW_GROUP_BYTES = 64 * 1024 * 1024
"""Uncompressed size at which a row group is closed; browsers of datasets refuse groups over 286 MiB."""

_NAME = re.compile(
    r"(?P<folder>[a-z_]+)/(?:(?P<partition>[A-Za-z0-9_-]+)/)?(?P<split>train|validation|part)-(?P<index>\d{5})-of-(?P<count>\d{5})\.parquet"
)
_PARTITION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One file of a dataset, as its manifest lists it."""

    path: str
    """Path below the dataset's folder, with `/`."""
    table: str
    """Name of the table."""
    partition: str
    """Wiki or language; "" for a table without partitions."""
    split: str
    """`train`, `validation`, or `part`."""
    rows: int
    """Number of rows."""
    bytes: int
    """Size of the file."""
    sha256: str
    """Checksum of the whole file."""


def shard_path(table: Table, partition: str, split: str, index: int, count: int) -> str:
    """Return the path of a shard below its dataset's folder.

    Raises:
        ValueError: the partition is not a plain name (titles never become paths), or is missing or unwanted.
    """
    if bool(partition) != bool(table.partitioned_by):
        raise ValueError(f"table {table.name} is partitioned by {table.partitioned_by!r}, got partition {partition!r}")
    if partition and not _PARTITION.fullmatch(partition):
        raise ValueError(f"{partition!r} cannot name a partition: letters, digits, '-' and '_' only")
    middle = f"{partition}/" if partition else ""
    return f"{table.folder}/{middle}{split}-{index:05d}-of-{count:05d}.parquet"


def parse_shard_path(path: str) -> re.Match[str] | None:
    """Match a shard's path below its dataset's folder; groups folder, partition, split, index, count."""
    return _NAME.fullmatch(path)


class _HashingSink:
    """A write-only file that also keeps the checksum and the size of what passes through."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink, self._digest, self.size = sink, sha256(), 0
        self.closed = self.abandoned = False

    def write(self, data: Any) -> int:
        view = memoryview(data)
        if self.abandoned:
            return view.nbytes
        self._digest.update(view)
        self.size += view.nbytes
        self._sink.write(view)
        return view.nbytes

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self._sink.flush()

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class ShardWriter:
    """Writes rows of one table into one file, gathering them into row groups of bounded size.

    The bytes written are a function of the rows, of how they were cut into calls, and of the library's version alone.
    """

    def __init__(self, sink: BinaryIO, table: Table) -> None:
        """Args:
        sink: a binary file open for writing; the caller closes it after `close()`.
        table: whose rows come.
        """
        self._table, self._sink = table, _HashingSink(sink)
        self._writer = pq.ParquetWriter(
            self._sink,
            table.schema,
            compression="zstd",
            compression_level=3,
            write_page_checksum=True,
            write_page_index=True,
            store_schema=True,
        )
        self._pending: list[pa.Table] = []
        self._pending_rows = self._pending_bytes = self.rows = 0

    def write(self, rows: pa.RecordBatch | pa.Table) -> None:
        """Append rows; they must have exactly the table's columns.

        Raises:
            ValueError: the columns are not the table's.
        """
        if not rows.schema.equals(self._table.columns, check_metadata=False):
            raise ValueError(
                f"rows for {self._table.name} have columns\n{rows.schema}\nexpected\n{self._table.columns}"
            )
        piece = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
        if piece.num_rows == 0:
            return
        self._pending.append(piece)
        self._pending_rows += piece.num_rows
        self._pending_bytes += piece.nbytes
        if self._pending_bytes >= ROW_GROUP_BYTES or self._pending_rows >= self._table.row_group_rows:
            self._flush()

    def _flush(self) -> None:
        if not self._pending:
            return
        merged = pa.concat_tables(self._pending).cast(self._table.schema)
        # A single call can bring more than one group's worth of rows: cut by the mean size of a row.
        mean = max(1, self._pending_bytes // self._pending_rows)
        limit = max(1, min(self._table.row_group_rows, ROW_GROUP_BYTES // mean))
        # Groups of equal size, rather than full ones and a small rest.
        group = ceil(self._pending_rows / ceil(self._pending_rows / limit))
        self._writer.write_table(merged, row_group_size=group)
        self.rows += self._pending_rows
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0

    def abandon(self) -> None:
        """Write nothing more; the Parquet library ends a file even when it is thrown away."""
        self._sink.abandoned = True

    def close(self) -> tuple[int, int, str]:
        """Finish the file; returns (rows, bytes, sha256)."""
        self._flush()
        self._writer.close()
        return self.rows, self._sink.size, self._sink.hexdigest()


def open_shard(path: Path, table: Table) -> pq.ParquetFile:
    """Open a shard for reading with page checksums verified.

    Raises:
        ShardMismatch: the file is missing or is no readable Parquet file.
        SchemaMismatch: it holds another table or version.
    """
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        schema = file.schema_arrow
    except FileNotFoundError as error:
        raise ShardMismatch(f"{path} is missing. Restore it, or build the dataset again.") from error
    except Exception as error:  # a damaged footer makes Arrow raise whatever it runs into
        raise ShardMismatch(f"{path} is not a readable Parquet file: {error}. Restore it, or build again.") from error
    table.check(schema, str(path))
    return file


def iter_shard(
    path: Path, table: Table, columns: Sequence[str] | None = None, batch_rows: int = 16_384
) -> Iterator[pa.RecordBatch]:
    """Yield a shard's rows in batches.

    Raises:
        ShardMismatch: the file is missing or damaged (a checksum of a page is wrong).
        SchemaMismatch: it holds another table or version.
    """
    file = open_shard(path, table)
    try:
        yield from file.iter_batches(batch_size=batch_rows, columns=list(columns) if columns else None)
    except Exception as error:
        raise ShardMismatch(f"{path} is damaged: {error}. Restore it, or build the dataset again.") from error
    finally:
        file.close()


def read_shard(path: Path, table: Table, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a whole shard; see `iter_shard` for what it raises."""
    names = list(columns) if columns else table.columns.names
    schema = pa.schema([table.columns.field(name) for name in names])
    return pa.Table.from_batches(iter_shard(path, table, columns), schema=schema)


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file as hexadecimal digits."""
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
