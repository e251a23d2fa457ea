"""Checks a dataset folder against its manifest: every file, every page, every row, every count.

What `verify_dataset` finds is a list, so that a person sees all that is wrong at once.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import schemas
from schemas.errors import SchemaMismatch, ShardMismatch, XlmkError
from schemas.manifest import MANIFEST_NAME, Account, Manifest, read_manifest
from schemas.rejects import REJECTS
from schemas.shards import Shard, file_sha256, iter_shard, parse_shard_path
from schemas.tables import Table

ALLOWED_BESIDE = frozenset({MANIFEST_NAME, "README.md"})
"""Files that may stand in a dataset folder without being shards: the manifest and a card."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong with a dataset."""

    path: str
    """File it is about, below the dataset's folder, or the manifest."""
    error: XlmkError
    """What is wrong, as the error a reader raises."""


def verify_dataset(
    folder: Path | str, *, read_rows: bool = True, on_bytes: Callable[[int], object] = lambda _: None
) -> tuple[Manifest, list[Finding]]:
    """Check a whole dataset; returns its manifest and everything that is wrong with it.

    Args:
        read_rows: also decode every page with its checksum and count the rows; without it the files' sha256 alone
            vouches for them, at about a tenth of the time.
        on_bytes: told the size of each shard that was checked.

    Raises:
        InputMissing: the folder is no dataset.
        ShardMismatch, SchemaMismatch: the manifest is damaged or of another version.
    """
    root = Path(folder)
    manifest = read_manifest(root)
    findings = [*check_tables(manifest), *check_accounts(manifest), *check_names(manifest), *_unlisted(root, manifest)]

    def check(shard: Shard) -> list[Finding]:
        found = list(_check_shard(root, shard, read_rows))
        on_bytes(shard.bytes)
        return found

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        # A path that is none of ours may lead out of the folder: it is reported, never opened.
        for found in pool.map(check, [shard for shard in manifest.shards if parse_shard_path(shard.path)]):
            findings += found
    if read_rows and not findings:
        findings += check_rejects(root, manifest)
    return manifest, findings


def check_tables(manifest: Manifest) -> Iterator[Finding]:
    """Find tables that this code does not know or reads in another version."""
    for name, version in manifest.tables.items():
        table = schemas.TABLES.get(name)
        if table is None:
            yield _finding(SchemaMismatch, MANIFEST_NAME, f"lists a table {name!r} that this code does not know")
        elif table.version != version:
            yield _finding(
                SchemaMismatch,
                MANIFEST_NAME,
                f"has table {name!r} in version {version}, this code reads version {table.version}; "
                "build the dataset again, or read it with the version of the code that wrote it",
            )


def check_accounts(manifest: Manifest) -> Iterator[Finding]:
    """Find sources whose records are not all accounted for."""
    for account in manifest.accounts:
        counts = [account.read, account.kept, *account.dropped.values(), *account.rejected.values()]
        if account.balance or min(counts) < 0:
            yield _finding(
                ShardMismatch,
                MANIFEST_NAME,
                f"does not balance for {account.source}: {account.read:,} records read, but {account.kept:,} kept, "
                f"{sum(account.dropped.values()):,} dropped, {sum(account.rejected.values()):,} rejected; build again",
            )


def check_names(manifest: Manifest) -> Iterator[Finding]:
    """Find shards whose path is none of ours or does not fit what the manifest says about them."""
    seen: Counter[str] = Counter(shard.path for shard in manifest.shards)
    for shard in manifest.shards:
        table = schemas.TABLES.get(shard.table)
        match = parse_shard_path(shard.path)
        stated = (table.folder if table else None, shard.partition or None, shard.split)
        if match is None or (match["folder"], match["partition"], match["split"]) != stated:
            yield _finding(ShardMismatch, shard.path, "is not the path of a shard of the table the manifest names")
        elif int(match["index"]) >= int(match["count"]) or seen[shard.path] > 1:
            yield _finding(ShardMismatch, shard.path, "is listed twice or is numbered beyond its count")
        elif shard.rows < 1 or shard.table not in manifest.tables:
            yield _finding(ShardMismatch, shard.path, "is listed without rows or for a table the manifest lacks")


def check_rejects(root: Path, manifest: Manifest) -> Iterator[Finding]:
    """Find rejects that were counted but have no row, or the other way round."""
    found: Counter[tuple[str, str]] = Counter()
    for shard in manifest.of(REJECTS):
        for batch in iter_shard(root / shard.path, REJECTS, ["source", "reason"]):
            found.update(zip(batch["source"].to_pylist(), batch["reason"].to_pylist(), strict=True))
    for key in sorted({*found, *_stated_rejects(manifest.accounts)}):
        stated = _stated_rejects(manifest.accounts)[key]
        if found[key] != stated:
            source, reason = key
            yield _finding(
                ShardMismatch,
                MANIFEST_NAME,
                f"counts {stated:,} records of {source} rejected as {reason}, the table `rejects` holds {found[key]:,}",
            )


def _stated_rejects(accounts: list[Account]) -> Counter[tuple[str, str]]:
    return Counter({(account.source, reason): n for account in accounts for reason, n in account.rejected.items() if n})


def _unlisted(root: Path, manifest: Manifest) -> Iterator[Finding]:
    """Find files that the manifest does not list: remains of another run, or put there later."""
    listed = {shard.path for shard in manifest.shards}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink() or not path.is_dir() and name not in listed and name not in ALLOWED_BESIDE:
            yield _finding(ShardMismatch, name, "is not listed in the manifest; take it out of the dataset's folder")


def _check_shard(root: Path, shard: Shard, read_rows: bool) -> Iterator[Finding]:
    """Find what is wrong with one file: absent, other bytes, damaged pages, other rows, another schema."""
    path = root / shard.path
    if not path.is_file():
        yield _finding(ShardMismatch, shard.path, "is missing; restore it, or build the dataset again")
        return
    size = path.stat().st_size
    if size != shard.bytes or file_sha256(path) != shard.sha256:
        found = f"{size:,} bytes where {shard.bytes:,} were written" if size != shard.bytes else "another sha256"
        yield _finding(ShardMismatch, shard.path, f"has changed ({found}); restore it, or build the dataset again")
        return
    table = schemas.TABLES.get(shard.table)
    if read_rows and table is not None:
        yield from _check_rows(path, shard, table)


def _check_rows(path: Path, shard: Shard, table: Table) -> Iterator[Finding]:
    try:
        rows = sum(batch.num_rows for batch in iter_shard(path, table))
    except XlmkError as error:
        yield Finding(path=shard.path, error=error)
        return
    if rows != shard.rows:
        yield _finding(ShardMismatch, shard.path, f"holds {rows:,} rows, the manifest says {shard.rows:,}")


def _finding(kind: type[XlmkError], path: str, what: str) -> Finding:
    return Finding(path=path, error=kind(f"{path} {what}."))
