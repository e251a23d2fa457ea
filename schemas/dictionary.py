"""Writes the data dictionary, `schemas/README.md`, from the row types: `python -m schemas.dictionary > schemas/README.md`.

A test compares the file with what this module writes, so the dictionary is never out of date.
"""

from __future__ import annotations

import ast
import inspect
import typing
from collections.abc import Iterator

import pyarrow as pa

from schemas import TABLES
from schemas.tables import Table

INTRODUCTION = """# Data dictionary

The contract between the jobs that build tables (`pipeline/`) and the trainer that reads them (`model/`). This page is
written by `python -m schemas.dictionary` from the row types; edit those.

A **dataset** is a folder with a `manifest.json`, written last. Each job makes one dataset:

| dataset | tables |
|---|---|
| `wikidata/` | `entities` `relations` `triples` `sitelinks`, on request `qualifiers` `literals`, and `rejects` |
| `wikipedia/` | `pages` `redirects` `rejects` |
| `link/` | `descriptions` `mentions` `triples` `relations` `rejects` |
| `tokens/` | `mentions` `descriptions` `relations` `triples` `text` as token ids |

A **shard** is `<table>/<wiki or language>/<split>-00007-of-00042.parquet`. The number is that of the task that wrote it: a task
without rows leaves no file, so numbers may be missing; the manifest lists every file with its rows, size and sha256. The
split is `train` or `validation` where a table is split, else `part`. Files are zstd with a checksum on every page.

Ids are strings (`Q42`, `P31`) in the first three datasets and numbers (`42`, `31`) in `tokens/`. Text is NFC. Spans are
half-open and count code points (DuckDB's `substr`, Python's slices and Polars' `str.slice` count the same way).

Read a table with `duckdb.sql("from 'link/mentions/*/*.parquet'")`, `polars.scan_parquet("link/mentions/**/*.parquet")`, or
`datasets.load_dataset("parquet", data_files={"train": "link/mentions/sw/train-*.parquet"})`.
"""


def render() -> str:
    """Return the data dictionary as Markdown."""
    return INTRODUCTION + "".join(_table(table) for table in TABLES.values())


def _table(table: Table) -> str:
    summary = inspect.getdoc(table.row) or ""
    folder = f"{table.folder}/" + (f"<{table.partitioned_by}>/" if table.partitioned_by else "")
    lines = [f"\n## {table.name}\n", f"{summary} Folder `{folder}`, version {table.version}.\n"]
    lines += ["| column | type | meaning |", "|---|---|---|"]
    lines += [f"| {name} | {kind} | {meaning} |" for name, kind, meaning in _columns("", table.row, table.columns)]
    return "\n".join(lines) + "\n"


def _columns(prefix: str, row: type, columns: pa.Schema | pa.StructType) -> Iterator[tuple[str, str, str]]:
    meanings = _field_docstrings(row)
    for column in columns:
        optional = " or null" if column.nullable else ""
        yield f"`{prefix}{column.name}`", _kind(column.type) + optional, meanings[column.name]
        inner = column.type.value_type if pa.types.is_list(column.type) else column.type
        if pa.types.is_struct(inner):
            yield from _columns(f"{prefix}{column.name}[].", _row_of(row, column.name), inner)


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list of {_kind(kind.value_type)}"
    return "struct" if pa.types.is_struct(kind) else str(kind)


def _row_of(row: type, field: str) -> type:
    """Return the dataclass inside a field that is annotated `list[Row]`."""
    inner: type
    (inner,) = typing.get_args(typing.get_type_hints(row)[field])
    return inner


def _field_docstrings(row: type) -> dict[str, str]:
    """Return the docstring under each field of a dataclass, its bases' included."""
    found = {
        name: text for base in row.__bases__ if base is not object for name, text in _field_docstrings(base).items()
    }
    body = ast.parse(inspect.getsource(row)).body[0].body  # type: ignore[attr-defined]
    for field, following in zip(body, body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(following, ast.Expr):
            found[ast.unparse(field.target)] = " ".join(str(ast.literal_eval(following.value)).split())
    return found


if __name__ == "__main__":
    print(render(), end="")
