"""The manifest: what a dataset holds, from what it was made, and that every input record is accounted for.

`manifest.json` is written last. A folder without it is not a dataset, and every reader of this project says so.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from schemas.errors import InputMissing, SchemaMismatch, ShardMismatch
from schemas.shards import Shard
from schemas.tables import Table

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Account:
    """What became of the records of one source. `read == kept + sum(dropped) + sum(rejected)` always holds."""

    source: str
    """File name of the dump, or the dataset and table that was read."""
    read: int
    """Records read."""
    kept: int
    """Records that became rows."""
    dropped: dict[str, int]
    """Records left out on purpose, by reason."""
    rejected: dict[str, int]
    """Records that could not be understood, by reason; each has a row in `rejects`."""

    @property
    def balance(self) -> int:
        """Records unaccounted for: 0 in a sound dataset."""
        return self.read - self.kept - sum(self.dropped.values()) - sum(self.rejected.values())


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything a reader needs to know about a dataset folder."""

    job: str
    """Name of the job that made it."""
    tables: dict[str, int]
    """Version of each table, by name."""
    shards: list[Shard]
    """Every file, ordered by path."""
    accounts: list[Account]
    """One per source, ordered by name."""
    counters: dict[str, int]
    """Further counts, ordered by name."""
    inputs: dict[str, str]
    """What it was made from: dump file names with size, or dataset names with fingerprint."""
    config: dict[str, Any]
    """The job's configuration."""
    code_version: str
    """Version of this project."""
    properties: dict[str, Any] = field(default_factory=dict)
    """Facts that readers of this dataset need, for instance the tokenizer's fingerprint."""
    manifest_version: int = MANIFEST_VERSION

    @property
    def fingerprint(self) -> str:
        """A checksum over the paths and checksums of all shards: equal for equal data."""
        digest = sha256()
        for shard in sorted(self.shards, key=lambda shard: shard.path):
            digest.update(f"{shard.path} {shard.sha256}\n".encode())
        return digest.hexdigest()

    @property
    def rows(self) -> dict[str, int]:
        """Number of rows by table name."""
        totals = dict.fromkeys(sorted(self.tables), 0)
        for shard in self.shards:
            totals[shard.table] += shard.rows
        return totals

    def to_json(self) -> str:
        """Render as JSON text, with the fingerprint for people and a checksum over everything else at the end."""
        return seal(dataclasses.asdict(self) | {"fingerprint": self.fingerprint})

    def of(self, table: Table, *, partition: str | None = None, split: str | None = None) -> Iterator[Shard]:
        """Yield the shards of a table, of one partition or split where given, ordered by path."""
        for shard in self.shards:
            if shard.table != table.name:
                continue
            if partition in (None, shard.partition) and split in (None, shard.split):
                yield shard

    def partitions(self, table: Table) -> list[str]:
        """Return the partitions (wikis or languages) a table has rows in, sorted."""
        return sorted({shard.partition for shard in self.of(table)})


def seal(fields: dict[str, Any]) -> str:
    """Render fields as JSON text and the checksum of their rendering."""
    checksum = sha256(_render(fields).encode()).hexdigest()
    return _render(fields | {"checksum": checksum})


def unseal(text: str) -> dict[str, Any]:
    """Return the fields that `seal` rendered.

    Raises:
        ValueError: it is no such text, or a single character of it is not as it was written.
    """
    fields = json.loads(text)
    if not isinstance(fields, dict) or "checksum" not in fields:
        raise ValueError("it has no checksum")
    del fields["checksum"]
    if seal(fields) != text:
        raise ValueError("it does not fit its own checksum")
    return fields


def _render(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, indent=1)


def parse_manifest(text: str, where: str) -> Manifest:
    """Read a manifest from its JSON text.

    Raises:
        ShardMismatch: it is not a manifest, or a single character of it is not as it was written.
        SchemaMismatch: it is of another version.
    """
    try:
        fields = json.loads(text)
        found = fields.pop("manifest_version")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ShardMismatch(f"{where} is not a manifest of this project: {error}. Build the dataset again.") from error
    if found != MANIFEST_VERSION:
        raise SchemaMismatch(f"{where} has manifest version {found}, this code reads {MANIFEST_VERSION}. Build again.")
    try:
        sealed = {key: value for key, value in json.loads(text).items() if key != "checksum"}
        fingerprint, _ = fields.pop("fingerprint"), fields.pop("checksum")
        shards = [Shard(**row) for row in fields.pop("shards")]
        accounts = [Account(**row) for row in fields.pop("accounts")]
        manifest = Manifest(shards=shards, accounts=accounts, **fields)
        matches = fingerprint == manifest.fingerprint and text == seal(sealed)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ShardMismatch(f"{where} lacks parts of a manifest: {error}. Build the dataset again.") from error
    if not matches:
        raise ShardMismatch(f"{where} does not fit its own checksum: it was edited or is damaged. Build again.")
    return manifest


def read_manifest(folder: Path | str) -> Manifest:
    """Read the manifest of a dataset folder.

    Raises:
        InputMissing: the folder is not there or has no manifest: an unfinished build, or no dataset at all.
        SchemaMismatch, ShardMismatch: as `parse_manifest`.
    """
    path = Path(folder) / MANIFEST_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        state = "has no manifest.json, so it is not a finished dataset" if Path(folder).is_dir() else "does not exist"
        raise InputMissing(f"{folder} {state}. Run the job that builds it, or name another folder.") from error
    except UnicodeDecodeError as error:
        raise ShardMismatch(f"{path} is not UTF-8 text: it is damaged. Build the dataset again.") from error
    return parse_manifest(text, str(path))


def write_manifest(folder: Path | str, manifest: Manifest) -> None:
    """Write `manifest.json` beside and rename it, so that it is either whole or absent."""
    path = Path(folder) / MANIFEST_NAME
    beside = path.with_name(MANIFEST_NAME + ".tmp")
    with beside.open("w", encoding="utf-8") as file:
        file.write(manifest.to_json())
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
