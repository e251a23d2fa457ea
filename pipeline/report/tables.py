"""The tables of a build, as the report reads them."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas import MANIFEST_NAME, Manifest, read_manifest
from schemas.errors import InputMissing, UsageError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DATASETS = ("wikidata", "wikipedia", "link", "tokens")


@dataclass(frozen=True)
class Build:
    """A build's datasets and a connection that reads them."""

    folder: Path
    """Where they lie."""
    manifests: dict[str, Manifest]
    """Of the finished ones, by folder."""
    connection: DuckDBPyConnection
    """DuckDB's, in memory."""

    def has(self, dataset: str, table: str) -> bool:
        """Tell whether a table has rows."""
        return any(shard.path.startswith(f"{table}/") for shard in self._shards(dataset))

    def ask(self, query: str, **tables: str) -> list[tuple[Any, ...]]:
        """Run a query. `{name}` in it stands for the shards of `dataset/table`; names and paths come from manifests alone."""
        return self.connection.sql(
            query.format(**{name: self._files(*of.split("/")) for name, of in tables.items()})
        ).fetchall()

    def columns(self, dataset: str, table: str) -> list[str]:
        """Return the names of a table's columns."""
        return self.connection.sql(f"select * from {self._files(dataset, table)} limit 0").columns

    def tables(self) -> Iterator[tuple[str, str]]:
        """Yield dataset and folder of every table that has rows."""
        for dataset in self.manifests:
            for table in sorted({shard.path.split("/")[0] for shard in self._shards(dataset)}):
                yield dataset, table

    def overview(self) -> list[dict[str, Any]]:
        """Return a line for each table, and what each dataset is made from."""
        lines: list[dict[str, Any]] = []
        for dataset, manifest in self.manifests.items():
            rows = []
            for name in sorted({shard.path.split("/")[0] for shard in manifest.shards}):
                shards = [shard for shard in manifest.shards if shard.path.startswith(f"{name}/")]
                parts = sorted({shard.partition for shard in shards} - {""})
                rows.append(
                    (
                        name,
                        sum(shard.rows for shard in shards),
                        sum(shard.bytes for shard in shards),
                        len(shards),
                        parts,
                    )
                )
            lines.append({"name": dataset, "manifest": manifest, "tables": rows})
        return lines

    def _shards(self, dataset: str) -> list[Any]:
        manifest = self.manifests.get(dataset)
        return [shard for shard in manifest.shards if shard.rows] if manifest else []

    def _files(self, dataset: str, table: str) -> str:
        paths = [self.folder / dataset / shard.path for shard in self._shards(dataset)]
        chosen = [path for path in paths if path.relative_to(self.folder / dataset).parts[0] == table]
        quoted = ", ".join("'" + glob.escape(str(path)).replace("'", "''") + "'" for path in chosen)
        return f"read_parquet([{quoted}], hive_partitioning=false)"


def open_build(folder: Path) -> Build:
    """Open what a build's folder holds.

    Raises:
        InputMissing: no finished dataset is there.
        UsageError: DuckDB or Jinja is not installed.
    """
    try:
        import duckdb
        import jinja2  # noqa: F401
    except ImportError as error:
        raise UsageError(f"the report needs {error.name}: pip install '.[report]'") from error
    found = {name: read_manifest(folder / name) for name in DATASETS if (folder / name / MANIFEST_NAME).is_file()}
    if not found:
        raise InputMissing(
            f"{folder} holds no finished dataset: expected {', '.join(DATASETS)} or some of them, each with a manifest.json. "
            "Name the folder that `build` wrote."
        )
    connection = duckdb.connect()
    connection.sql("set enable_progress_bar = false")
    return Build(folder, found, connection)
