"""Finds out which files a dump consists of, whether it is finished, and which dates there are.

Kinds of dump, each with its catalogue on the primary host:

    kind          catalogue                                              finished when
    multistream   <wiki>/<date>/dumpstatus.json                          its job's status is "done"
    page_props    the same                                               the same
    content       other/mediawiki_content_current/<wiki>/<date>/…        SHA256SUMS and _SUCCESS stand there
    wikidata      wikidatawiki/entities/<date>/…-sha1sums.txt            the file is listed

Source: https://meta.wikimedia.org/wiki/Data_dumps; https://dumps.wikimedia.org/other/mediawiki_content_current/readme.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date as Date
from html.parser import HTMLParser
from typing import Any

from pipeline.fetch.server import DumpServer, NotOnServer
from pipeline.fetch.transfer import RemoteFile
from schemas.errors import InputCorrupt, InputMissing, UsageError

WIKI = re.compile(r"[a-z][a-z0-9_]*wiki")
DATE = re.compile(r"[0-9]{8}")
_DASHED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

JOBS = ("articlesmultistreamdumprecombine", "articlesmultistreamdump")
"""The job of the recombined file comes first: large wikis have both, small ones the second only."""

PAGE_PROPS_JOB = "pagepropstable"

_PAGE_PROPS = re.compile(r"-page_props\.sql\.gz")
_MULTISTREAM = re.compile(r"-pages-articles-multistream\d*(\.xml|-index\d*\.txt)(-p\d+p\d+)?\.bz2")
_CONTENT = re.compile(r"-p\d+(p\d+|r\d+r\d+)\.xml\.bz2")
_CONTENT_FOLDER = "other/mediawiki_content_current"
_WIKIDATA_FOLDER = "wikidatawiki/entities"


def checked_wiki(wiki: str) -> str:
    """Return a wiki code that is safe in an address and a path.

    Raises:
        UsageError: if it is not of the form `swwiki`, `be_x_oldwiki`.
    """
    if WIKI.fullmatch(wiki) is None:
        raise UsageError(f"{wiki!r} is not a wiki's database name, which looks like swwiki or zh_min_nanwiki")
    return wiki


def checked_date(date: str) -> str:
    """Return a date that is safe in an address and a path.

    Raises:
        UsageError: if it is not eight digits that name a day.
    """
    try:
        if DATE.fullmatch(date) is None:
            raise ValueError(date)
        Date(int(date[:4]), int(date[4:6]), int(date[6:]))
    except ValueError as error:
        raise UsageError(f"{date!r} is not a dump's date, which looks like 20261101 (or say latest)") from error
    return date


def days_apart(first: str, second: str) -> int:
    """Return how many days `second` lies after `first`; negative if before."""
    one, two = (Date(int(day[:4]), int(day[4:6]), int(day[6:])) for day in (first, second))
    return (two - one).days


def wiki_dates(server: DumpServer, wiki: str) -> list[str]:
    """Return the dates of the multistream dumps that the server lists for `wiki`, oldest first."""
    return sorted(name for name in _listing(server, checked_wiki(wiki)) if DATE.fullmatch(name))


def content_dates(server: DumpServer, wiki: str) -> list[str]:
    """Return the dates of the Content File Exports that the server lists for `wiki`, oldest first, as eight digits."""
    names = _listing(server, f"{_CONTENT_FOLDER}/{checked_wiki(wiki)}")
    return sorted(name.replace("-", "") for name in names if _DASHED.fullmatch(name))


def wikidata_dates(server: DumpServer) -> list[str]:
    """Return the dates of the Wikidata JSON dumps that the server lists, oldest first."""
    return sorted(name for name in _listing(server, _WIKIDATA_FOLDER) if DATE.fullmatch(name))


def multistream_files(server: DumpServer, wiki: str, date: str) -> list[RemoteFile]:
    """Return the pages-articles-multistream file or files of a dump, with their index.

    Raises:
        InputMissing: if there is no such dump or its job is not done; says which dates there are.
        InputCorrupt: if the catalogue is not one.
    """
    folder, files = _status_files(server, wiki, date, JOBS)
    return [_from_status(folder, f"{wiki}-{date}", _MULTISTREAM, name, entry) for name, entry in files]


def page_props_files(server: DumpServer, wiki: str, date: str) -> list[RemoteFile]:
    """Return the one file that says which item each page of a wiki belongs to: some hundredths of the dump's size.

    Raises:
        InputMissing, InputCorrupt: as `multistream_files`.
    """
    folder, files = _status_files(server, wiki, date, (PAGE_PROPS_JOB,))
    return [_from_status(folder, f"{wiki}-{date}", _PAGE_PROPS, name, entry) for name, entry in files]


def _status_files(server: DumpServer, wiki: str, date: str, jobs: Sequence[str]) -> tuple[str, list[tuple[str, Any]]]:
    """Return a dump's folder, and the names and entries of the files of the first of some jobs that is done."""
    folder = f"{checked_wiki(wiki)}/{checked_date(date)}"
    status = _json(server, f"{folder}/dumpstatus.json", lambda: _absent(wiki, date, wiki_dates(server, wiki)))
    listed = status.get("jobs")
    if not isinstance(listed, dict):
        raise InputCorrupt(f"{folder}/dumpstatus.json has no jobs in it; is the address a mirror's page?")
    found = {name: listed[name] for name in jobs if isinstance(listed.get(name), dict)}
    done = [job for job in found.values() if job.get("status") == "done" and job.get("files")]
    if not done:
        states = ", ".join(f"{name}: {job.get('status')}" for name, job in found.items()) or f"no job {jobs[0]}"
        dates = ", ".join(wiki_dates(server, wiki))
        raise InputMissing(
            f"the dump {wiki} {date} is not finished ({states}); dates listed: {dates}; wait or take another"
        )
    return folder, sorted(done[0]["files"].items())


def _from_status(folder: str, prefix: str, tail: re.Pattern[str], name: str, entry: Any) -> RemoteFile:
    if not name.startswith(prefix) or tail.fullmatch(name.removeprefix(prefix)) is None:
        raise InputCorrupt(f"{folder}/dumpstatus.json lists {name!r}, which is not a name that this dump can have")
    size, digest = (entry.get("size"), entry.get("sha1")) if isinstance(entry, dict) else (None, None)
    if not isinstance(size, int) or size <= 0 or not isinstance(digest, str) or _SHA1.fullmatch(digest) is None:
        raise InputCorrupt(f"{folder}/dumpstatus.json states no size and sha1 for {name}; it could not be checked")
    return RemoteFile(name=name, path=f"{folder}/{name}", size=size, algorithm="sha1", digest=digest)


def content_files(server: DumpServer, wiki: str, date: str) -> list[RemoteFile]:
    """Return the files of a Content File Export; their sizes come from the server, their sha256 from SHA256SUMS.

    Raises:
        InputMissing: if there is no such export or it is not finished; says which dates there are.
    """
    checked_date(date)
    dashed = f"{date[:4]}-{date[4:6]}-{date[6:]}"
    folder = f"{_CONTENT_FOLDER}/{checked_wiki(wiki)}/{dashed}/xml/bzip2"

    def absent() -> str:
        return _absent(wiki, date, content_dates(server, wiki))

    names = _existing(lambda: _listing(server, folder), absent)
    if missing := {"SHA256SUMS", "_SUCCESS"} - set(names):
        waiting = ", ".join(sorted(missing))
        raise InputMissing(f"the export {wiki} {date} is not finished ({waiting} not there yet); {absent()}")
    sums = _checksums(server.read(f"{folder}/SHA256SUMS"), _SHA256, f"{folder}/SHA256SUMS")
    prefix = f"{wiki}-{dashed}"
    wanted = sorted(name for name in sums if name.startswith(prefix) and _CONTENT.fullmatch(name.removeprefix(prefix)))
    if not wanted:
        raise InputCorrupt(f"{folder}/SHA256SUMS lists no file of the form {prefix}-p1p2.xml.bz2")
    return [_sized(server, folder, name, "sha256", sums[name]) for name in wanted]


def wikidata_files(server: DumpServer, date: str, compression: str = "gz") -> list[RemoteFile]:
    """Return the one file of a Wikidata JSON dump. gz decodes ten times as fast as bz2.

    Raises:
        InputMissing: if there is no such dump; says which dates there are.
    """
    folder = f"{_WIKIDATA_FOLDER}/{checked_date(date)}"
    path = f"{folder}/wikidata-{date}-sha1sums.txt"
    body = _existing(lambda: server.read(path), lambda: _absent("wikidata", date, wikidata_dates(server)))
    sums = _checksums(body, _SHA1, path)
    name = f"wikidata-{date}-all.json.{compression}"
    if name not in sums:
        absent = _absent("wikidata", date, wikidata_dates(server))
        raise InputMissing(f"the Wikidata dump {date} has no {name} yet; {absent}")
    return [_sized(server, folder, name, "sha1", sums[name])]


def newest_finished(dates: Iterable[str], files: Callable[[str], list[RemoteFile]]) -> tuple[str, list[RemoteFile]]:
    """Resolve `latest`: the newest of `dates` whose dump is finished, and its files.

    Raises:
        InputMissing: if none is.
    """
    reasons: list[str] = []
    for date in sorted(dates, reverse=True):
        try:
            return date, files(date)
        except InputMissing as error:
            reasons.append(str(error))
    raise InputMissing(f"no finished dump was found: {reasons[0] if reasons else 'no date is listed'}")


def _sized(server: DumpServer, folder: str, name: str, algorithm: str, digest: str) -> RemoteFile:
    path = f"{folder}/{name}"
    return RemoteFile(name=name, path=path, size=server.size(path), algorithm=algorithm, digest=digest)


def _absent(wiki: str, date: str, dates: list[str]) -> str:
    listed = ", ".join(dates) or "none"
    return f"no dump {wiki} {date} to be had; dates listed: {listed} (old ones are removed from the server)"


def _existing(read: Callable[[], Any], absent: Callable[[], str]) -> Any:
    """Read, and say which dates there are if there is nothing to read."""
    try:
        return read()
    except NotOnServer as error:
        raise InputMissing(absent()) from error


def _json(server: DumpServer, path: str, absent: Callable[[], str]) -> dict[str, Any]:
    body = _existing(lambda: server.read(path), absent)
    try:
        value = json.loads(body)
    except ValueError as error:
        first = body.lstrip()[:80].decode("utf-8", "replace").splitlines()[:1]
        raise InputCorrupt(f"{path} is not JSON; it begins with {first}; try again later") from error
    if not isinstance(value, dict):
        raise InputCorrupt(f"{path} holds a {type(value).__name__}, expected an object")
    return value


def _checksums(body: bytes, pattern: re.Pattern[str], path: str) -> dict[str, str]:
    """Read lines of `checksum  name`; a name that is no plain base name is refused."""
    sums: dict[str, str] = {}
    for line in body.decode("utf-8", "replace").splitlines():
        digest, _, name = line.strip().partition(" ")
        name = name.lstrip(" *").removeprefix("./")
        if not line.strip():
            continue
        if pattern.fullmatch(digest) is None or _NAME.fullmatch(name) is None and name != "_SUCCESS":
            raise InputCorrupt(f"{path} holds the line {line[:120]!r}, which is not a checksum and a file name")
        sums[name] = digest
    return sums


class _Links(HTMLParser):
    """Collects the targets of the links of a directory page."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the target of one link."""
        if tag == "a":
            self.targets += [value for key, value in attrs if key == "href" and value]


def _listing(server: DumpServer, folder: str) -> list[str]:
    """Return the names in a server's directory page; links that lead elsewhere are left out."""
    links = _Links()
    links.feed(server.read(f"{folder}/").decode("utf-8", "replace"))
    names = (target.removeprefix("./").removesuffix("/") for target in links.targets)
    return [name for name in names if name == "_SUCCESS" or _NAME.fullmatch(name)]
