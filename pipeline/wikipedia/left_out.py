"""Wikis that are left out of a dataset whole because their dump is damaged, where `--allow-partial` allows it.

Half a wiki is never published: where one task of a wiki fails, the rows of its other tasks go too, and so do their counts.
The manifest's property `left_out` says which wikis these are and why.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pipeline.run.task_output import TaskRecord


def unfit_files(records: list[TaskRecord], *, salvaged: bool) -> dict[str, str]:
    """Why each dump is not whole that has no page, or not as many as its index lists, by file name."""
    seen: dict[str, int] = {}
    expected: dict[str, int] = {}
    for record in records:
        notes = record.notes
        seen[notes["file"]] = seen.get(notes["file"], 0) + notes["pages"]
        if notes["expected"] is not None:
            expected[notes["file"]] = expected.get(notes["file"], 0) + notes["expected"]
    found: dict[str, str] = {}
    for name, pages in seen.items():
        if pages == 0:
            found[name] = f"{name} holds no page. An empty or cut dump: download it again."
        elif not salvaged and expected.get(name, pages) != pages:
            found[name] = (
                f"{name} holds {pages:,} pages, its index lists {expected[name]:,}. Dump and index do not belong together, "
                "or the dump was cut: download both again, or read it with --use-index False."
            )
    return found


def failed_wikis(records: list[TaskRecord], unfit_files: Mapping[str, str]) -> dict[str, str]:
    """Return why each wiki is left out, by its database name.

    Args:
        records: of all tasks; their notes have `wiki` and `file`, and `failed` where the task failed.
        unfit_files: reasons by file name, for files that turned out wrong as a whole.
    """
    failed: dict[str, str] = {}
    for record in records:
        notes = record.notes
        reason = notes.get("failed") or unfit_files.get(notes["file"])
        if reason:
            failed.setdefault(notes["wiki"], reason)
    return dict(sorted(failed.items()))


def without_wikis(records: list[TaskRecord], wikis: Mapping[str, str]) -> list[TaskRecord]:
    """Return the records with nothing in those of the tasks that read one of `wikis`."""
    return [
        dataclasses.replace(record, shards=[], accounts=[], counters={}, reject_examples=[])
        if record.notes["wiki"] in wikis
        else record
        for record in records
    ]
