"""The record `dumps.json` of a folder of dumps: what each file is, and the checksum that was published for it.

The downloader writes it; the jobs check a dump against it before they read a byte, and copy date and checksum into
their manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.run import storage
from schemas.errors import InputCorrupt, InputMissing

RECORD = "dumps.json"
CHECKED = ".checked.json"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class DumpFile:
    """One file of a dump in a local folder."""

    name: str
    """Base name."""
    wiki: str
    """Database name, `wikidatawiki` for Wikidata."""
    kind: str
    """`multistream`, `content` or `wikidata`."""
    date: str
    """The dump's date, eight digits."""
    size: int
    """Bytes."""
    algorithm: str
    """`sha1` or `sha256`."""
    digest: str
    """Published checksum, lower-case hexadecimal."""
    url: str
    """Address on the primary host."""


def digest_of(path: Path, algorithm: str) -> str:
    """Returns the file's checksum in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def read_record(folder: Path | str) -> dict[str, DumpFile]:
    """Returns the files that the record in a folder, by path or URL, lists by name; empty where there is no record.

    Raises:
        InputCorrupt: if the record is not one of ours.
    """
    path = storage.join(str(folder), RECORD)
    if not storage.exists(path):
        return {}
    try:
        document = json.loads(storage.read_text(path))
        if document["version"] != VERSION:
            raise ValueError(f"version {document['version']}")
        return {entry["name"]: DumpFile(**entry) for entry in document["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise InputCorrupt(f"{path} is no record of dumps ({error}); delete it and run the download again") from error


def add_to_record(folder: Path, files: list[DumpFile]) -> None:
    """Adds `files` to the folder's record, or replaces their entries, in one step."""
    entries = read_record(folder) | {file.name: file for file in files}
    document = {"version": VERSION, "files": [asdict(entries[name]) for name in sorted(entries)]}
    beside = folder / f"{RECORD}.part"
    beside.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    os.replace(beside, folder / RECORD)


def check_dump(path: Path) -> DumpFile | None:
    """Checks a dump's size and checksum against the record in its folder, and returns its entry, or None without one.

    Reads the whole file once, at about the disk's speed: half a second per gigabyte of sha1.

    Raises:
        InputMissing: if the file is not there.
        InputCorrupt: if it is empty or not the published file.
    """
    if not path.is_file():
        raise InputMissing(f"{path} is not there; `make download` fetches dumps")
    size = path.stat().st_size
    if size == 0:
        raise InputCorrupt(f"{path} is empty; delete it and download it again")
    entry = read_record(path.parent).get(path.name)
    if entry is None:
        return None
    if size != entry.size:
        raise InputCorrupt(f"{path} has {size} bytes, published are {entry.size}; delete it and download it again")
    found = digest_of(path, entry.algorithm)
    if found != entry.digest:
        raise InputCorrupt(
            f"{path}: {entry.algorithm} is {found}, published is {entry.digest}; delete it and download it again"
        )
    return entry


def check_dumps_once(paths: Iterable[Path]) -> None:
    """Check dumps that the record of their folder lists, and remember what passed until a file changes.

    Raises:
        InputMissing, InputCorrupt: as `check_dump`.
    """
    for path in paths:
        mark = path.parent / CHECKED
        stamp = [path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else []
        passed = _read_checked(mark)
        if passed.get(path.name) == stamp or path.name not in read_record(path.parent):
            continue
        check_dump(path)
        try:
            mark.write_text(json.dumps(passed | {path.name: stamp}), encoding="utf-8")
        except OSError:
            continue  # a read-only folder: the next build checks again


def _read_checked(mark: Path) -> dict[str, object]:
    try:
        found = json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def describe_dump(path: str, size: int) -> str:
    """Return what a manifest says of a dump: its size, and date and checksum where its folder has a record of it."""
    entry = read_record(storage.folder_of(path)).get(storage.file_name(path))
    return f"{size} bytes" + (f", {entry.date}, {entry.algorithm} {entry.digest}" if entry else "")
