"""The list `dumps.json` of a folder of dumps: what each file is, and the checksum that was published for it.

The downloader writes it; the jobs compare a dump with it before they read a byte, once until the file changes, and copy date
and checksum into their manifest where both were compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.run import storage
from schemas.errors import InputCorrupt, InputMissing, StorageError
from schemas.files import ReadFile, ends_of, read_file

DUMP_LIST = "dumps.json"
CHECKED = ".checked.json"
VERSION = 1


_passed: dict[Path, list[object]] = {}


@dataclass(frozen=True, kw_only=True)
class DumpFile:
    """One file of a dump in a local folder."""

    name: str
    """Base name."""
    wiki: str
    """Database name, `wikidatawiki` for Wikidata."""
    kind: str
    """`multistream`, `content`, `page_props` or `wikidata`."""
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
    """Return the file's checksum in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def read_dump_list(folder: Path | str) -> dict[str, DumpFile]:
    """Return the files that the list in a folder, by path or URL, has by name; empty where there is no list.

    Raises:
        InputCorrupt: if the list is not one of ours.
    """
    path = storage.join(str(folder), DUMP_LIST)
    if not storage.exists(path):
        return {}
    try:
        document = json.loads(storage.read_text(path))
        if document["version"] != VERSION:
            raise ValueError(f"version {document['version']}")
        return {entry["name"]: DumpFile(**entry) for entry in document["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise InputCorrupt(f"{path} is no list of dumps ({error}); delete it and run the download again") from error


def add_to_dump_list(folder: Path, files: list[DumpFile]) -> None:
    """Add `files` to the folder's list, or replace their entries, in one step."""
    entries = read_dump_list(folder) | {file.name: file for file in files}
    document = {"version": VERSION, "files": [asdict(entries[name]) for name in sorted(entries)]}
    storage.write_text(str(folder / DUMP_LIST), json.dumps(document, indent=1) + "\n")


def check_dump(path: Path) -> DumpFile | None:
    """Check a dump's size and checksum against the list in its folder, and return its entry, or None without one.

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
    entry = read_dump_list(path.parent).get(path.name)
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
    """Check dumps that the list of their folder has, and remember what passed until a file changes.

    Raises:
        InputMissing, InputCorrupt: as `check_dump`.
    """
    for path in paths:
        entry = read_dump_list(path.parent).get(path.name)
        mark = path.parent / CHECKED
        stamp: list[object] = [*read_file(path).stamp, entry.digest] if entry and path.is_file() else []
        passed = _read_checked(mark)
        if entry is None or (stamp and stamp in (passed.get(path.name), _passed.get(path))):
            continue
        check_dump(path)
        _passed[path] = stamp
        try:
            storage.write_text(str(mark), json.dumps(passed | {path.name: stamp}))
        except StorageError:
            continue  # a read-only folder: the next build checks again


def _read_checked(mark: Path) -> dict[str, object]:
    try:
        found = json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def describe_dump(path: str, size: int, *, lenient: bool = False) -> str:
    """Return what a manifest says of a file that is read: its size, its ends, and what was published where that was compared.

    Args:
        path: path or URL; behind a URL nothing but the size is looked at, and what was published is not compared.
        size: of the file, in bytes.
        lenient: also describe a dump that is not the published one, as such.

    Raises:
        InputCorrupt: it is not the published one.
    """
    entry = read_dump_list(storage.folder_of(path)).get(storage.file_name(path))
    if not storage.is_local(path):
        return f"{size} bytes" + (f", {entry.date}, not compared with what was published" if entry else "")
    said = f"{size} bytes, ends {ends_of(path)[:16]}"
    if entry is None:
        return said
    try:
        check_dumps_once([Path(path)])
    except InputCorrupt:
        if not lenient:
            raise
        return f"{said}, {entry.date}, not as it was published"
    return f"{said}, {entry.date}, {entry.algorithm} {entry.digest}"


def dump_reads(path: str) -> tuple[ReadFile, ...]:
    """Return what tells a local dump apart from another in its place, for the tasks that read it."""
    return (read_file(path),) if storage.is_local(path) else ()
