"""What of a stopped run is believed: whose folder it is, and which of its tasks are done.

A folder is taken for a build of this project only where nothing else lies in it. A task is done where its record fits its
own checksum and every shard is there with the size and the sha256 the record states; any other task is done again.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import schemas
from pipeline.run import storage
from pipeline.run.task import SHARED_FOLDER
from pipeline.run.task_output import TASKS_FOLDER, TaskRecord, task_record_path
from schemas import MANIFEST_NAME, Shard, file_sha256
from schemas.card import CARD_NAME
from schemas.errors import printable
from schemas.shards import parse_shard_path

PLAN_NAME, CUTS_NAME = "_plan.json", "_cuts.json"
"""What an unfinished build is made of, and how its input was cut into tasks."""
ERROR_NAME = "_error.txt"
"""What a task leaves that ends the run."""

_BESIDE = re.compile(r"\.tmp$")
_RECORD = re.compile(rf"{TASKS_FOLDER}/\d+\.json")
_OF_A_BUILD = frozenset({PLAN_NAME, CUTS_NAME, ERROR_NAME, MANIFEST_NAME})


def require_own_folder(built: str) -> None:
    """Make sure that a build folder is absent, empty, or holds nothing but files of a build.

    Raises:
        OutputBusy: it holds something else, or is a link to somewhere else.
    """
    begun = any(storage.exists(storage.join(built, name)) for name in (PLAN_NAME, MANIFEST_NAME))
    storage.require_own(built, lambda name: _is_of_a_build(name) or (begun and _BESIDE.sub("", name) == CARD_NAME))


def _is_of_a_build(name: str) -> bool:
    name = _BESIDE.sub("", name)
    shard = parse_shard_path(name)
    return (
        name in _OF_A_BUILD
        or name.startswith(f"{SHARED_FOLDER}/")
        or _RECORD.fullmatch(name) is not None
        or (shard is not None and any(shard["folder"] == table.folder for table in schemas.TABLES.values()))
    )


def sound_tasks(built: str, job: str) -> set[int]:
    """Return the numbers of the tasks that are done; what others left of themselves is deleted.

    Args:
        built: the build folder.
        job: name of the job, for what is said about tasks that are done again.
    """
    done: set[int] = set()
    names = storage.list_files(built)
    storage.delete(built, [name for name in names if _BESIDE.search(name)])
    for name in filter(_RECORD.fullmatch, names):
        problem = _problem(built, name)
        if problem is None:
            done.add(int(name.rpartition("/")[2].removesuffix(".json")))
            continue
        print(printable(f"{job}: {problem}; the task of {name} is done again."), file=sys.stderr)
        storage.delete(built, [name])
    return done


def _problem(built: str, name: str) -> str | None:
    """Return what speaks against a task being done; None where nothing does."""
    try:
        record = TaskRecord.from_json(storage.read_text(storage.join(built, name)))
    except ValueError as error:
        return f"{name} is damaged ({error})"
    if task_record_path(record.index) != name:
        return f"{name} is the record of task {record.index}"
    return next(iter(changed_shards(built, record.shards)), None)


def changed_shards(folder: str, shards: Sequence[Shard]) -> list[str]:
    """Say of each shard that is not as its record states what is wrong: by size, and on the local disk by sha256."""
    lost = lost_shards(folder, shards)
    if lost or not storage.is_local(folder):
        return lost
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        sums = list(pool.map(lambda shard: file_sha256(Path(folder, shard.path)), shards))
    changed = [shard for shard, found in zip(shards, sums, strict=True) if found != shard.sha256]
    return [f"{storage.join(folder, shard.path)} has another sha256 than was written" for shard in changed]


def lost_shards(folder: str, shards: Sequence[Shard]) -> list[str]:
    """Say of each shard that is missing or has another size than its record states."""
    found: list[str] = []
    for shard in shards:
        path = storage.join(folder, shard.path)
        if not storage.exists(path):
            found.append(f"{path} is missing")
        elif (size := storage.size(path)) != shard.bytes:
            found.append(f"{path} has {size:,} bytes where {shard.bytes:,} were written")
    return found
