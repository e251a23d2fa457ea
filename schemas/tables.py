"""What a table is: a row type, an explicit Arrow schema, and a version.

Each table has a module of its own (`schemas/entities.py` and so on) with a row dataclass, whose fields carry their
documentation, and the `pa.schema` that files have. A test keeps the two in agreement, and a golden print of all schemas
(`tests/schemas/golden_schemas.txt`) makes every change of the contract a visible diff.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from schemas.errors import SchemaMismatch

Partition = Literal["", "wiki", "language"]
"""What a table's sub-folders are named after; "" for a table without sub-folders."""

_NAME_KEY, _VERSION_KEY = b"xlmk.table", b"xlmk.version"


@dataclass(frozen=True, kw_only=True)
class Table:
    """One kind of row and how it is stored."""

    name: str
    """Unique name, for instance `mentions`."""
    version: int
    """Rises with every change that an older reader would misread."""
    row: type
    """The dataclass of one row."""
    columns: pa.Schema
    """Column names, types and nullability."""
    partitioned_by: Partition = ""
    """What the sub-folders are named after."""
    row_group_rows: int = 200_000
    """Most rows of a row group. Small in the tables that the trainer reads in shuffled pieces."""
    subfolder: str = ""
    """Folder of the table inside its dataset where it is not the name: `mentions` for `token_mentions`."""

    @property
    def folder(self) -> str:
        """Folder of the table inside its dataset."""
        return self.subfolder or self.name

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of a shard: the columns plus the table's name and version as metadata."""
        return self.columns.with_metadata({_NAME_KEY: self.name.encode(), _VERSION_KEY: str(self.version).encode()})

    def batch(self, rows: Iterable[Any]) -> pa.RecordBatch:
        """Turn row dataclasses into a record batch of this table's schema."""
        return pa.RecordBatch.from_pylist([dataclasses.asdict(row) for row in rows], schema=self.schema)

    def check(self, schema: pa.Schema, where: str) -> None:
        """Raise unless `schema`, found at `where`, is this table's in name, version and columns.

        Raises:
            SchemaMismatch: the file is of another table, another version, or has other columns.
        """
        metadata = schema.metadata or {}
        name, version = metadata.get(_NAME_KEY, b"?"), metadata.get(_VERSION_KEY, b"?")
        found = (name.decode("utf-8", "replace"), version.decode("utf-8", "replace"))
        if found != (self.name, str(self.version)):
            raise SchemaMismatch(
                f"{where} holds table {found[0]!r} version {found[1]}, expected {self.name!r} version {self.version}. "
                "Build the dataset again with this version of the code, or read it with the version that wrote it."
            )
        if not schema.equals(self.columns, check_metadata=False):
            raise SchemaMismatch(
                f"{where} says it is {self.name!r} version {self.version} but its columns differ:\n"
                f"found {schema.remove_metadata()}\nexpected {self.columns}"
            )


def required(name: str, kind: pa.DataType) -> pa.Field:
    """Return a column that is never null."""
    return pa.field(name, kind, nullable=False)


def list_of(kind: pa.DataType) -> pa.DataType:
    """Return a list whose items are never null."""
    return pa.list_(pa.field("item", kind, nullable=False))
