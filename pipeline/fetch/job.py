"""Fetches dumps: finds the files in the catalogues, makes sure they fit, brings them, and writes down what they are."""

from __future__ import annotations

import logging
import queue
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from pipeline.dumps.dump_list import DumpFile, add_to_dump_list
from pipeline.fetch import catalogue
from pipeline.fetch.progress import TransferProgress
from pipeline.fetch.server import MAX_CONNECTIONS, DumpServer
from pipeline.fetch.transfer import RemoteFile, fetch
from pipeline.run.storage import in_words
from pipeline.wikis.languages import language_wiki, parse_languages
from schemas.command_line import next_command
from schemas.errors import InputMissing, OutputBusy, StorageError, UsageError
from schemas.names import Names

log = logging.getLogger(__name__)

WIKIDATA = "wikidatawiki"
MAX_SKEW_DAYS = 45
"""How far a Wikidata dump may lie from the wikis' date before `download` says so; the build refuses it by default."""

JOIN_SECONDS = 2.0
"""How long a stopping run waits for its threads; what they have written is whole up to its last byte in any case."""


@dataclass(frozen=True, kw_only=True)
class DownloadConfig:
    """Which dumps to fetch, and where to."""

    output: str
    """Folder for the files; it is made if it does not exist. A run that was cut off goes on where it stopped."""
    languages: Names = ()
    """Languages to fetch; none with `--wikidata` fetches that alone."""
    date: str = "latest"
    """The wikis' dump date, eight digits, or `latest`: the newest that is finished for every wiki asked for."""
    format: Literal["multistream", "content"] = "multistream"
    """`multistream` is the dump with an index, `content` the MediaWiki Content File Exports that succeed it."""
    wikidata: bool = True
    """Whether to fetch Wikidata's JSON dump too."""
    page_props: bool = False
    """Whether to fetch each wiki's `page_props.sql.gz` too, which ties its pages to items: with `--no-wikidata` the cheap way,
    without triples (docs/one-language.md)."""
    wikidata_date: str = ""
    """Its date, or `latest`, or nothing: the first one on or after the wikis' date, else the last before it."""
    wikidata_compression: Literal["gz", "bz2"] = "gz"
    """gz decodes ten to twenty times as fast as bz2."""
    mirrors: tuple[str, ...] = ()
    """Base addresses (https) to try before dumps.wikimedia.org. Checksums always come from there."""
    contact: str = ""
    """An address for the User-Agent, so that Wikimedia can reach whoever runs a large download."""
    dry_run: bool = False
    """Only say what would be fetched."""


CONFIG = DownloadConfig
"""What the command line is made from."""


def run(config: DownloadConfig) -> int:
    """Run the command; returns its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    entries = download(config)
    total = in_words(sum(entry.size for entry in entries))
    verb = "to fetch" if config.dry_run else f"verified in {config.output}"
    print(f"{len(entries)} files, {total}, {verb}")
    if not config.dry_run:
        sitelinks = ["--sitelinks-sql", config.output] if config.page_props and not config.wikidata else []
        print(next_command("pipeline", "build", "--dumps", config.output, *sitelinks, "--output", "data/build"))
    return 0


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A file to fetch and which dump it belongs to."""

    remote: RemoteFile
    """Name, path, size and checksum."""
    wiki: str
    """Database name, `wikidatawiki` for Wikidata."""
    kind: str
    """As `DumpFile.kind`."""
    date: str
    """Eight digits."""


def download(config: DownloadConfig, server: DumpServer | None = None) -> list[DumpFile]:
    """Fetch the dumps that `config` asks for and return their entries in the list of the folder. Tests pass their own server.

    Raises:
        UsageError: for a wiki, date or mirror that cannot be.
        InputMissing: if a dump is not there or not finished, or the server stops answering.
        InputCorrupt: if bytes do not have the published checksum.
        OutputBusy: if another download writes to the same folder.
        StorageError: if the files do not fit or the folder cannot be written.
    """
    server = server or DumpServer(mirrors=config.mirrors, contact=config.contact)
    wanted = resolve(config, server)
    folder = Path(config.output)
    _announce(wanted, folder)
    if config.dry_run:
        return [_entry(file, server) for file in wanted]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".download.lock", timeout=0):
            _check_space(wanted, folder)
            return _fetch_all(wanted, folder, server)
    except Timeout as error:
        raise OutputBusy(f"another download is writing to {folder}; wait for it or choose another folder") from error
    except OSError as error:
        what = error.strerror or str(error)
        raise StorageError(f"cannot write to {folder}: {what}; make room or choose another folder") from error


def resolve(config: DownloadConfig, server: DumpServer) -> list[Wanted]:
    """Turn languages and dates into files.

    Raises:
        UsageError, InputMissing: as `download`.
    """
    wikis = [language_wiki(language) for language in parse_languages(config.languages)] if config.languages else []
    if not wikis and not config.wikidata:
        raise UsageError("nothing to fetch: name languages with --languages, or leave --wikidata on")
    date, wanted = _wiki_files(config, wikis, server) if wikis else (config.date, [])
    if config.wikidata:
        found, files = _wikidata_files(config, date, server)
        wanted += [Wanted(remote=file, wiki=WIKIDATA, kind="wikidata", date=found) for file in files]
        if wikis and abs(catalogue.days_apart(date, found)) > MAX_SKEW_DAYS:
            log.warning("Wikidata is of %s, the wikis of %s: more than %d days apart", found, date, MAX_SKEW_DAYS)
    return wanted


def _wiki_files(config: DownloadConfig, wikis: list[str], server: DumpServer) -> tuple[str, list[Wanted]]:
    """Return the one date for all wikis, and their files on it."""
    if config.date != "latest":
        return config.date, _files_of(config, wikis, config.date, server)
    dates = catalogue.content_dates if config.format == "content" else catalogue.wiki_dates
    listed = [set(dates(server, wiki)) for wiki in wikis]
    shared = set.intersection(*listed)
    if not shared:
        raise InputMissing(f"no date has a dump of each of {', '.join(wikis)}; fetch them one by one with --date")
    reasons: list[str] = []
    for date in sorted(shared, reverse=True):
        try:
            files = _files_of(config, wikis, date, server)
        except InputMissing as error:
            reasons.append(str(error))
            continue
        log.info("latest is %s", date)
        return date, files
    raise InputMissing(f"no date has a finished dump of every wiki asked for; the newest: {reasons[0]}")


def _files_of(config: DownloadConfig, wikis: list[str], date: str, server: DumpServer) -> list[Wanted]:
    pages = catalogue.content_files if config.format == "content" else catalogue.multistream_files
    kinds = {config.format: pages} | ({"page_props": catalogue.page_props_files} if config.page_props else {})
    return [
        Wanted(remote=file, wiki=wiki, kind=kind, date=date)
        for wiki in wikis
        for kind, files in kinds.items()
        for file in files(server, wiki, date)
    ]


def _wikidata_files(config: DownloadConfig, date: str, server: DumpServer) -> tuple[str, list[RemoteFile]]:
    def files(day: str) -> list[RemoteFile]:
        return catalogue.wikidata_files(server, day, config.wikidata_compression)

    wish = config.wikidata_date
    if wish not in ("", "latest"):
        return wish, files(wish)
    dates = catalogue.wikidata_dates(server)
    if wish == "" and date != "latest":
        after = [day for day in dates if day >= catalogue.checked_date(date)]
        for day in after:
            try:
                return day, files(day)
            except InputMissing:
                continue
    return catalogue.newest_finished(dates, files)


def _announce(wanted: list[Wanted], folder: Path) -> None:
    total = sum(file.remote.size for file in wanted)
    for file in wanted:
        log.info("%s  %s", file.remote.name, in_words(file.remote.size))
    log.info("%d files, %s, into %s", len(wanted), in_words(total), folder)


def _check_space(wanted: list[Wanted], folder: Path) -> None:
    """Refuse to begin what cannot end. What is there already, whole or in part, needs no room."""
    needed = sum(max(0, file.remote.size - _present(folder, file.remote.name)) for file in wanted)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"{folder} has {in_words(free)} free ({free} bytes), the download needs {in_words(needed)} "
            f"({needed} bytes); make room, choose another folder, or ask for fewer languages"
        )


def _present(folder: Path, name: str) -> int:
    paths = (folder / name, folder / f"{name}.part")
    return max((path.stat().st_size for path in paths if path.exists()), default=0)


def _fetch_all(wanted: list[Wanted], folder: Path, server: DumpServer) -> list[DumpFile]:
    """Fetch two files at a time, large ones first; the list grows with each that is whole."""
    entries: list[DumpFile] = []
    results: queue.SimpleQueue[Wanted | Exception] = queue.SimpleQueue()
    with TransferProgress(sum(file.remote.size for file in wanted)) as progress:
        workers = _start_workers(sorted(wanted, key=lambda file: -file.remote.size), folder, server, progress, results)
        try:
            for _ in wanted:
                result = results.get()
                if isinstance(result, Exception):
                    raise result
                entries.append(_entry(result, server))
                add_to_dump_list(folder, entries[-1:])
        finally:
            progress.stop()
            for worker in workers:
                worker.join(timeout=JOIN_SECONDS)
    return entries


def _start_workers(
    files: list[Wanted],
    folder: Path,
    server: DumpServer,
    progress: TransferProgress,
    results: queue.SimpleQueue[Wanted | Exception],
) -> list[threading.Thread]:
    """Start the threads that fetch. They are daemons, so that Ctrl-C ends a run whose server sends nothing."""
    waiting: queue.SimpleQueue[Wanted] = queue.SimpleQueue()
    for file in files:
        waiting.put(file)

    def work() -> None:
        while True:
            try:
                file = waiting.get_nowait()
                fetch(server, file.remote, folder, progress.add)
                results.put(file)
            except queue.Empty:
                return
            except Exception as error:  # handed to the main thread, which raises it
                results.put(error)
                return

    workers = [threading.Thread(target=work, daemon=True) for _ in range(MAX_CONNECTIONS)]
    for worker in workers:
        worker.start()
    return workers


def _entry(file: Wanted, server: DumpServer) -> DumpFile:
    return DumpFile(
        name=file.remote.name,
        wiki=file.wiki,
        kind=file.kind,
        date=file.date,
        size=file.remote.size,
        algorithm=file.remote.algorithm,
        digest=file.remote.digest,
        url=f"{server.primary}/{file.remote.path}",
    )
