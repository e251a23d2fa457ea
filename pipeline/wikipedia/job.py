"""The wikipedia job: dumps of Wikipedias to `pages` (lead, contexts with raw links) and `redirects`.

A dump is XML with the wikitext of pages, or a snapshot of pages that MediaWiki has rendered; the first bytes say which.

A task is a range of one dump file; it reads the pages that begin in it, from compressed bytes to its own shards. Dumps
may be whole or in parts, multistream or not, packed as bz2, gz, zst or plain, of today's export schema or the one
before: all go through the same ranges. Pages that cannot be read are rejected one by one; a damaged file ends the job,
unless `salvage` says to read on behind the damage.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import re
import sys
from typing import Any

import pyarrow as pa

from pipeline.dumps.archives import is_tar
from pipeline.dumps.dump_list import describe_dump, dump_reads
from pipeline.dumps.multistream import cut_at_streams, find_index, read_index
from pipeline.dumps.ranges import ByteRange, read_head, warm_ups
from pipeline.dumps.sources import expand_sources, plan_sources
from pipeline.run import compiling, storage
from pipeline.run.task import Job, Task
from pipeline.run.task_output import TaskOutput, TaskRecord
from pipeline.wikipedia.config import WikipediaConfig
from pipeline.wikipedia.html.reading import read_snapshot_range
from pipeline.wikipedia.html.snapshots import (
    first_wiki,
    is_snapshot,
    latest_path,
    latest_records,
    snapshot_spans,
    write_latest,
)
from pipeline.wikipedia.left_out import failed_wikis, unfit_files, without_wikis
from pipeline.wikipedia.reading import read_range
from pipeline.wikipedia.siteinfo import HEAD_BYTES, read_siteinfo
from pipeline.wikipedia.templates import write_templates
from pipeline.wikis.languages import find_wiki
from schemas import PAGES, REDIRECTS
from schemas.errors import InputCorrupt, UsageError

log = logging.getLogger(__name__)

_WIKI_IN_NAME = re.compile(r"(?P<code>[a-z]{2,12}(?:[-_][a-z]{2,12}){0,3}?)(?:_wiki\.|wiki[-_.])")


def inputs(config: WikipediaConfig) -> dict[str, str]:
    """Return the dump files by size, date and checksum as far as known."""
    lenient = config.allow_partial or config.salvage
    return {
        storage.file_name(path): describe_dump(path, storage.size(path), lenient=lenient) for path in dump_files(config)
    }


def dump_files(config: WikipediaConfig) -> list[str]:
    """Return the dump files that the patterns name; index files among them are passed over."""
    return [path for path in expand_sources(config.dumps) if "-index" not in storage.file_name(path)]


def plan(config: WikipediaConfig) -> list[Task]:
    """Ranges of each dump, with what its header says.

    Raises:
        UsageError: a dump is of a wiki that is no Wikipedia.
        InputCorrupt: a dump is not a MediaWiki dump, declares a document type, or its index does not fit.
    """
    tasks: list[Task] = []
    for path in dump_files(config):
        name = storage.file_name(path)
        try:
            parts = _plan_file(config, path)
        except InputCorrupt as error:
            named = _WIKI_IN_NAME.match(name)
            if not config.allow_partial or named is None:
                raise
            parts = [({"failed": str(error), "wiki": find_wiki(named["code"]).wiki}, 0)]
        reads = dump_reads(path)
        for payload, length in parts:
            tasks.append(Task(index=len(tasks), source=name, payload=payload, num_bytes=length, reads=reads))
    compiling.get_ready(_warm_ups(config, tasks))
    return tasks


def _warm_ups(config: WikipediaConfig, tasks: list[Task]) -> list[str]:
    return warm_ups(ByteRange(**task.payload["span"]) for task in tasks if "span" in task.payload)


def _plan_file(config: WikipediaConfig, path: str) -> list[tuple[dict[str, Any], int]]:
    """Return the payload and the size of the task of each range of a dump."""
    head = read_head(path, HEAD_BYTES, storage.open_read)
    if is_snapshot(head):
        return _plan_snapshot(config, path, head)
    site = read_siteinfo(head, path)
    wiki = dump_wiki(path, site.wiki, config.wiki_from_name)
    known = find_wiki(wiki).case
    if not config.wiki_from_name and site.case and not known.startswith(site.case):
        log.warning(
            "%s: titles are %s by its header, %s by languages.tsv; links in other case may not be found",
            *(path, site.case, known),
        )
    spans = plan_sources([path], config.range_bytes)
    index_path = find_index(path) if config.use_index and spans[0].form == "bz2" else None
    index = read_index(index_path, spans[0].size) if index_path else None
    if index:
        spans = cut_at_streams(spans, index)
    parts = []
    for span in spans:
        payload: dict[str, Any] = {"span": dataclasses.asdict(span), "wiki": wiki}
        payload |= {"namespaces": list(site.namespaces.items())}
        payload |= {"index": index_path, "pages": index.pages_between(span.start, span.end) if index else None}
        parts.append((payload, span.end - span.start))
    return parts


def _plan_snapshot(config: WikipediaConfig, path: str, head: bytes) -> list[tuple[dict[str, Any], int]]:
    """Return the payload and the size of the task of each range of a snapshot of rendered pages."""
    wiki = _snapshot_wiki(config, path, head)
    order = [other for other, _, of in _snapshots(config) if of == wiki].index(path)
    return [
        (
            {"span": dataclasses.asdict(span), "wiki": wiki, "snapshot": order, "archived": is_tar(head)},
            span.end - span.start,
        )
        for span in snapshot_spans(path, head, config.range_bytes)
    ]


def _snapshot_wiki(config: WikipediaConfig, path: str, head: bytes) -> str:
    return dump_wiki(path, "" if config.wiki_from_name else first_wiki(path, head), config.wiki_from_name)


@functools.lru_cache(maxsize=4)
def _snapshots(config: WikipediaConfig) -> list[tuple[str, bytes, str]]:
    """Path, first bytes and wiki of each snapshot among the dumps, in order."""
    heads = ((path, _head_if_whole(path)) for path in dump_files(config))
    return [(path, head, _snapshot_wiki(config, path, head)) for path, head in heads if is_snapshot(head)]


def _head_if_whole(path: str) -> bytes:
    """Read a file's first bytes; none of one that is damaged there, which its own plan tells, or leaves out."""
    try:
        return read_head(path, HEAD_BYTES, storage.open_read)
    except InputCorrupt:
        return b""


def prepare(config: WikipediaConfig, built: str) -> None:
    """Find out which record counts of pages that snapshots hold more than once, and read templates where they are asked for."""
    files: dict[str, list[tuple[str, list[ByteRange], bool]]] = {}
    for path, head, wiki in _snapshots(config):
        file = (path, snapshot_spans(path, head, config.range_bytes), is_tar(head))
        files.setdefault(wiki, []).append(file)
    for wiki, of_wiki in files.items():
        if not storage.exists(latest_path(built, wiki)):
            write_latest(built, wiki, latest_records(of_wiki, config.salvage))
    if config.templates:
        write_templates(config, built, _xml_dumps(config))


def _xml_dumps(config: WikipediaConfig) -> dict[str, list[str]]:
    """Paths of the XML dumps by wiki."""
    found: dict[str, list[str]] = {}
    for path in dump_files(config):
        head = _head_if_whole(path)
        if head and not is_snapshot(head):
            wiki = dump_wiki(path, read_siteinfo(head, path).wiki, config.wiki_from_name)
            found.setdefault(wiki, []).append(path)
    return found


def dump_wiki(path: str, name: str, from_name: bool) -> str:
    """Return the database name of a dump's wiki.

    Args:
        path: of the dump.
        name: what the dump itself says, empty where it says nothing.
        from_name: believe the file's name instead.

    Raises:
        UsageError: neither dump nor name says, or no Wikipedia has that name.
    """
    if from_name or not name:
        found = _WIKI_IN_NAME.match(storage.file_name(path))
        if found is None:
            raise UsageError(f"{path}: no wiki in this name; name the file like dewiki-20260901-….xml.bz2")
        name = found["code"]
    try:
        return find_wiki(name).wiki
    except UsageError as error:
        raise UsageError(f"{path} is a dump of {name!r}: {error}") from error


def run_task(config: WikipediaConfig, task: Task, out: TaskOutput) -> None:
    """Read the pages of one range into shards."""
    pa.set_cpu_count(1)
    try:
        read = read_snapshot_range if "snapshot" in task.payload else read_range
        read(config, task, out)
    except InputCorrupt as error:
        if not config.allow_partial:
            raise
        out.forget()
        out.notes = {"expected": None, "pages": 0, "failed": str(error)}
    out.notes |= {"file": task.source, "wiki": task.payload["wiki"]}


def settle(config: WikipediaConfig, records: list[TaskRecord]) -> list[TaskRecord]:
    """Leave out wikis that failed, where that is allowed."""
    failed = failed_wikis(records, unfit_files(records, salvaged=config.salvage)) if config.allow_partial else {}
    for wiki, reason in failed.items():
        print(f"wikipedia: {wiki} is left out: {reason}", file=sys.stderr)
    return without_wikis(records, failed)


def verify(config: WikipediaConfig, records: list[TaskRecord]) -> None:
    """Check each dump against its index and that it holds pages at all.

    Raises:
        InputCorrupt: a dump has no page, or not as many as its index lists; or every wiki would be left out.
    """
    unfit = unfit_files(records, salvaged=config.salvage)
    left = {record.notes["wiki"] for record in records} - set(failed_wikis(records, unfit))
    if unfit and not (config.allow_partial and left):
        raise InputCorrupt(next(iter(unfit.values())))


def properties(config: WikipediaConfig, records: list[TaskRecord]) -> dict[str, Any]:
    """Attribution for readers of the dataset, and what is missing from it."""
    licence = "CC BY-SA 4.0, see the wikis' terms; page and revision ids name the authors' pages"
    failed = failed_wikis(records, unfit_files(records, salvaged=config.salvage)) if config.allow_partial else {}
    return {"text_licence": licence} | ({"left_out": failed} if failed else {})


JOB = Job(
    name="wikipedia",
    config=WikipediaConfig,
    plan=plan,
    run_task=run_task,
    tables=(PAGES, REDIRECTS),
    inputs=inputs,
    properties=properties,
    prepare=prepare,
    settle=settle,
    verify=verify,
    warm_ups=_warm_ups,
)
