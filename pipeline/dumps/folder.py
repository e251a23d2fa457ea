"""A folder of dumps, by path or URL: which file in it is of what, by its name."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.run import storage
from pipeline.wikis.languages import find_wiki
from schemas.errors import InputMissing, UsageError

_PACKED = r"(?:\.(?P<packing>gz|bz2|zst))?"
_WIKIDATA = re.compile(r"(?:wikidata-(?P<date>\d{8})-all|latest-all|.*entit(?:y|ies).*)\.json" + _PACKED)
_WIKI = re.compile(
    r"(?P<wiki>[a-z][a-z_-]*?)_?wiki(?:-(?P<date>\d{8}|\d{4}-\d{2}-\d{2}))?[-.].*?\.?xml(?:-p\d+p\d+)?" + _PACKED
)
_SUBFOLDERS = ("", "wikidata", "wikipedia")
_PACKING_ORDER = ("zst", "gz", "", "bz2")


@dataclass(frozen=True, kw_only=True)
class DumpFolder:
    """The dumps of a folder."""

    wikidata: list[str]
    """JSON dumps of Wikidata."""
    wikis: dict[str, list[str]]
    """XML dumps by database name."""
    passed_over: list[str] = field(default_factory=list)
    """XML and JSON files that are of no Wikipedia and not of Wikidata."""
    dates: dict[str, str] = field(default_factory=dict)
    """Date in the name, eight digits, by `wikidata` or database name; only where there is one."""


def read_dump_folder(folder: str) -> DumpFolder:
    """Sort the files of a folder, and of its sub-folders `wikidata` and `wikipedia`, by their names.

    Of Wikidata dumps that differ in packing only, the one that decodes fastest is taken.

    Raises: InputMissing where the folder is not there, or holds no dump at all.
    """
    if storage.is_local(folder) and not os.path.isdir(folder):
        raise InputMissing(
            f"{folder} is no folder. Name one with dumps, or fetch them with `python -m pipeline download`."
        )
    names = storage.list_files(folder)
    found = DumpFolder(wikidata=[], wikis={})
    for sub in _SUBFOLDERS:
        for name in names:
            if name.rpartition("/")[0] == sub:
                _sort_in(storage.join(folder, name), found)
    if not found.wikidata and not found.wikis:
        raise InputMissing(
            f"{folder} holds no dumps: no …wiki-….xml.bz2 and no wikidata-…-all.json.gz, there or in its sub-folders "
            "wikidata and wikipedia."
        )
    return DumpFolder(
        wikidata=_one_packing_each(found.wikidata), wikis=found.wikis, passed_over=found.passed_over, dates=found.dates
    )


def _sort_in(path: str, found: DumpFolder) -> None:
    file_name = storage.file_name(path)
    if match := _WIKIDATA.fullmatch(file_name):
        found.wikidata.append(path)
        name = "wikidata"
    elif match := _WIKI.fullmatch(file_name):
        name = wiki_of_name(file_name) or ""
        if not name:
            found.passed_over.append(path)
            return
        found.wikis.setdefault(name, []).append(path)
    else:
        return
    if date := (match["date"] or "").replace("-", ""):
        found.dates[name] = max(date, found.dates.get(name, ""))


def wiki_of_name(name: str) -> str | None:
    """Return the database name of the Wikipedia whose dump has this file name; None for other files."""
    match = _WIKI.fullmatch(name)
    try:
        return find_wiki(match["wiki"].replace("-", "_") + "wiki").wiki if match else None
    except UsageError:
        return None


def _one_packing_each(paths: Iterable[str]) -> list[str]:
    best: dict[str, tuple[int, str]] = {}
    for path in paths:
        match = _WIKIDATA.fullmatch(storage.file_name(path))
        packing = (match["packing"] or "") if match else ""
        rank = _PACKING_ORDER.index(packing)
        stem = path.removesuffix(f".{packing}" if packing else "")
        if stem not in best or rank < best[stem][0]:
            best[stem] = rank, path
    return sorted(path for _, path in best.values())


def check_dates(dates: dict[str, str], max_skew_days: int) -> None:
    """Make sure that Wikidata is not much older or newer than the wikis.

    Raises: UsageError naming the wikis that are too far from it.
    """
    if "wikidata" not in dates:
        return
    wikidata = _day(dates["wikidata"])
    far = {name: abs((_day(date) - wikidata).days) for name, date in dates.items()}
    too_far = [f"{name} ({dates[name]}, {days} days)" for name, days in sorted(far.items()) if days > max_skew_days]
    if too_far:
        raise UsageError(
            f"Wikidata's dump is of {dates['wikidata']}, too far from {', '.join(too_far)}: pages and items changed "
            f"in between, and links would be lost. Fetch dumps of one month, or raise --max-date-skew-days {max_skew_days}."
        )


def _day(date: str) -> datetime.date:
    return datetime.datetime.strptime(date, "%Y%m%d").replace(tzinfo=datetime.UTC).date()
