"""The job `wikidata`: JSON dumps of Wikidata to `entities`, `relations`, `triples`, `sitelinks` and their options.

Each task reads one range of compressed bytes and writes shards of its own. A range's records are the lines that begin in
it; the place of a reject is given in decoded bytes from the beginning of the gzip member, bzip2 block or zstd frame that
its detail names, or from the file's beginning where the dump is plain.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline.dumps.dump_list import describe_dump, dump_reads
from pipeline.dumps.ranges import ByteRange, Lines, plan_ranges, read_chunks, read_lines, warm_ups
from pipeline.dumps.sources import expand_sources
from pipeline.run import compiling, storage
from pipeline.run.accounts import merge_accounts
from pipeline.run.task import Job, Task
from pipeline.run.task_output import TaskOutput, TaskRecord
from pipeline.wikidata.config import WikidataConfig, item_options, merged_dumps
from pipeline.wikidata.layout import FINAL_MARK, find_layout, split_entities
from pipeline.wikidata.merged import merged_rows
from pipeline.wikidata.reading import EntityReading, can_scan
from pipeline.wikidata.shared import merged_items, options_of_task, prepare
from pipeline.wikidata.truthy import Block, NotTriples, json_of_block, read_blocks
from schemas import ENTITIES, LITERALS, MERGED, QUALIFIERS, RELATIONS, SITELINKS, TRIPLES, read_manifest
from schemas.errors import InputCorrupt, UsageError, XlmkError

log = logging.getLogger(__name__)

LEAST_SCANNED_BYTES = 1024 * 1024
"""Smaller ranges are read without compiled code, which takes longer to load than they take. The rows are the same."""
LEAST_COMPILED_BYTES = 1 << 30
"""Code is compiled for dumps of this size or more, as gz: it takes 21 CPU-seconds and saves some 20 a GB. For smaller ones it is
used where it is on disk already."""
_SCAN = Path(__file__).with_name("scan")


def plan(config: WikidataConfig) -> list[Task]:
    """Cut the dumps into ranges, from their sizes and first bytes alone.

    Raises:
        InputMissing, InputCorrupt: a dump is not there, is empty, or is none.
        UsageError: a language or wiki nobody knows, or a size that is none.
    """
    item_options(config)
    if config.range_bytes < 1 or config.max_line_bytes < 1 or config.check_keys_every < 0 or config.max_entities < 0:
        raise UsageError(
            "range_bytes and max_line_bytes must be at least 1, check_keys_every and max_entities at least 0"
        )
    tasks: list[Task] = []
    if config.merged:
        names = ", ".join(path.name for path in merged_dumps(config))
        tasks.append(Task(index=0, source=names, payload={"merged": True}, num_bytes=0))
    for path in expand_sources(config.dumps):
        layout = find_layout(path)
        if layout == "triples":
            _require_nothing_more(config, path)
        size = storage.size(path) if layout == "structure" or config.max_entities else config.range_bytes
        if layout == "lines" and not config.max_entities:
            log.warning("%s has no '[' at its beginning: if it was cut off between two lines, nobody can tell", path)
        reads = dump_reads(path)
        for span in plan_ranges(path, size, storage.open_read):
            payload = {"span": dataclasses.asdict(span), "layout": layout}
            name = storage.file_name(path)
            size = span.end - span.start
            tasks.append(Task(index=len(tasks), source=name, payload=payload, num_bytes=size, reads=reads))
    compiling.get_ready(_warm_ups(config, tasks))
    return tasks


def _require_nothing_more(config: WikidataConfig, path: str) -> None:
    """Make sure that nothing is asked for which N-Triples do not say.

    Raises:
        UsageError: it is.
    """
    asked = {
        "--literals": config.literals,
        "--qualifiers": config.qualifiers,
        "--ranks all": config.ranks == "all",
        "--only-linked": config.only_linked,
    }
    if any(asked.values()):
        raise UsageError(
            f"{path} is a truthy dump: it has labels and the best-ranked statements between items, and nothing for "
            f"{', '.join(name for name, is_set in asked.items() if is_set)}. Take latest-all.json.gz for that."
        )


def _scans(config: WikidataConfig, tasks: list[Task]) -> bool:
    """Whether any of the tasks uses compiled code."""
    ranges = [task for task in tasks if "span" in task.payload and task.num_bytes >= LEAST_SCANNED_BYTES]
    spans = [ByteRange(**task.payload["span"]) for task in ranges]
    pays = any(span.size >= LEAST_COMPILED_BYTES for span in spans) or bool(spans) and compiling.has_code(_SCAN)
    return can_scan(item_options(config)) and pays


def _warm_ups(config: WikidataConfig, tasks: list[Task]) -> list[str]:
    """Name what workers load before their tasks."""
    scan = ["pipeline.wikidata.scan.scanner:compile_now"] if _scans(config, tasks) else []
    return scan + warm_ups(ByteRange(**task.payload["span"]) for task in tasks if "span" in task.payload)


def run_task(config: WikidataConfig, task: Task, out: TaskOutput) -> None:
    """Take one range of a dump to shards.

    Raises:
        InputCorrupt: the dump is damaged, cut off, or ends without its closing bracket.
    """
    if "merged" in task.payload:
        merged = merged_items(config, out.built)
        if merged is not None:
            out.ledger.read(len(merged.merged))
            out.ledger.keep(len(merged.merged))
            out.write(MERGED, merged_rows(merged))
        return
    span = ByteRange(**task.payload["span"])
    limit = config.max_line_bytes
    reading = EntityReading(
        options_of_task(config, out.built),
        span,
        out,
        scans=_scans(config, [task]),
        max_line_bytes=limit,
        check_keys_every=config.check_keys_every,
    )
    if config.max_entities:
        reading.stop_after(config.max_entities)
    with closing(_lines(config, task)) as batches:
        for lines in batches:
            if isinstance(lines, Block):
                _add_block(lines, limit, reading)
            else:
                reading.add_lines(lines)
            if reading.is_full:
                break
    reading.finish()


def _add_block(block: Block, limit: int, reading: EntityReading) -> None:
    """Add the entity of a block of triples."""
    try:
        text = json_of_block(block, limit)
    except NotTriples as refused:
        reading.refuse(refused.reason, refused.detail, Lines(refused.line, block.unit, block.offset))
    else:
        if text:
            reading.add_lines(Lines(text + b"\n", block.unit, block.offset))


def _lines(config: WikidataConfig, task: Task) -> Generator[Lines | Block, None, None]:
    """Yield the lines of a task's range; of a file with other line breaks, each entity as a line; of triples, blocks of them.

    Raises:
        InputCorrupt: the dump is damaged, or has no end.
    """
    span, limit = ByteRange(**task.payload["span"]), config.max_line_bytes
    if task.payload["layout"] == "structure":
        with closing(read_chunks(span, storage.open_read)) as chunks:
            for found in split_entities(chunks, span, limit):
                text = found.text.replace(b"\n", b" ") + b"\n"  # within JSON's strings there is none
                yield Lines(text, found.unit, found.offset, found.size if found.size > limit else 0)
        return
    final_mark = b"" if config.max_entities else FINAL_MARK[task.payload["layout"]]
    advice = " If you took its beginning on purpose, as head does, say so with --max-entities."
    if task.payload["layout"] == "triples":
        yield from read_blocks(span, limit, final_mark, advice)
        return
    lines = read_lines(span, max_line_bytes=limit, final_mark=final_mark, open_file=storage.open_read, advice=advice)
    yield from lines


def _inputs(config: WikidataConfig) -> dict[str, str]:
    """Describe the dumps by size, date and checksum; of several with one name, all but the first carry a number."""
    inputs: dict[str, str] = {}
    merged = [str(path) for path in merged_dumps(config)] if config.merged else []
    for number, path in enumerate([*expand_sources(config.dumps), *merged]):
        name = storage.file_name(path)
        inputs[name if name not in inputs else f"{name} ({number})"] = describe_dump(path, storage.size(path))
    if config.subclasses:
        inputs["subclasses"] = read_manifest(config.subclasses).fingerprint
    return inputs


def _properties(config: WikidataConfig, records: list[TaskRecord]) -> dict[str, Any]:
    """Give what the manifest says of the dataset besides its configuration."""
    languages = item_options(config).languages
    return {"label_languages": "all" if languages is None else list(languages)}


def _verify(config: WikidataConfig, records: list[TaskRecord]) -> None:
    """Raise where the dumps held no item or property, or a statement was lost on its way.

    Raises:
        InputCorrupt: no entity, or none that a table is about.
        XlmkError: the counts of statements do not add up: a bug of this project.
    """
    merged = ", ".join(path.name for path in merged_dumps(config)) if config.merged else ""
    records = [record for record in records if all(account.source != merged for account in record.accounts)]
    if not any(account.read for record in records for account in record.accounts):
        raise InputCorrupt(
            f"{', '.join(config.dumps)}: no entity in any of them. Check that these are dumps of Wikidata."
        )
    accounts = merge_accounts(account for record in records for account in record.accounts)
    dropped = sum((Counter(account.dropped) for account in accounts), Counter[str]())
    if dropped and not any(account.kept or account.rejected for account in accounts):
        found = ", ".join(f"{n:,} {reason}" for reason, n in sorted(dropped.items()))
        raise InputCorrupt(
            f"{', '.join(config.dumps)}: no item and no property in any of them, but {found}. Lexemes and media have dumps of "
            "their own, which no table here is about: name one like latest-all.json.gz."
        )
    counts: Counter[str] = sum((Counter(record.counters) for record in records), Counter())
    fates = sum(n for name, n in counts.items() if name.startswith("statements_") and name != "statements_seen")
    if fates != counts["statements_seen"]:
        raise XlmkError(
            f"{counts['statements_seen']:,} statements read, but what became of them adds up to {fates:,}. "
            "Rows were lost or doubled; this is a bug, please report it."
        )


JOB = Job(
    name="wikidata",
    config=WikidataConfig,
    plan=plan,
    run_task=run_task,
    tables=(ENTITIES, RELATIONS, TRIPLES, SITELINKS, QUALIFIERS, LITERALS, MERGED),
    inputs=_inputs,
    input_fields=("dumps", "merged", "subclasses"),
    prepare=prepare,
    properties=_properties,
    verify=_verify,
    warm_ups=_warm_ups,
)
