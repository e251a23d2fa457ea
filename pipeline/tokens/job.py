"""The tokenize job: the linked tables, and plain-text corpora, as token ids of one tokenizer.

The manifest's properties name the tokenizer by the fingerprint that the trainer checks, and hold the tokens of each
language.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from pipeline.dumps.dump_list import describe_dump
from pipeline.dumps.ranges import plan_ranges
from pipeline.dumps.sources import expand_sources
from pipeline.run import storage
from pipeline.run.task import Job, Task, grouped
from pipeline.run.task_output import TaskOutput, TaskRecord
from pipeline.tokens.config import TokenizeConfig
from pipeline.tokens.subwords import fingerprint_of
from pipeline.tokens.tasks import RUNNERS, subwords_of
from pipeline.wikis.language_notes import merged_notes
from schemas import (
    DESCRIPTIONS,
    MENTIONS,
    RELATIONS,
    TOKEN_DESCRIPTIONS,
    TOKEN_MENTIONS,
    TOKEN_RELATIONS,
    TOKEN_TEXT,
    TOKEN_TRIPLES,
    TRIPLES,
    Manifest,
    Shard,
    Table,
    read_manifest,
)
from schemas.errors import UsageError
from schemas.files import ReadFile, check_shards, read_file


def inputs(config: TokenizeConfig) -> dict[str, str]:
    """Return the linked dataset and the tokenizer by fingerprint, the corpora by size."""
    if not config.linked and not config.texts:
        raise UsageError("nothing to tokenise: name --linked, --texts, or both")
    found = {"tokenizer": fingerprint_of(config.tokenizer_folder, config.backend)}
    if config.linked:
        found["linked"] = read_manifest(config.linked).fingerprint
    for language, pattern in config.corpora():
        for path in expand_sources([pattern]):
            found[f"{language}={storage.file_name(path)}"] = describe_dump(path, storage.size(path))
    return found


def plan(config: TokenizeConfig) -> list[Task]:
    """Tasks of about equal size: neighbouring shards of one table, language and split; ranges of text files."""
    todo: list[tuple[str, dict[str, Any], int, list[ReadFile]]] = []
    if config.linked:
        manifest = read_manifest(config.linked)
        for table in (DESCRIPTIONS, MENTIONS, RELATIONS, TRIPLES):
            for group in grouped(_in_order(manifest, table), config.num_bytes_per_task):
                first, num_bytes = group[0], sum(shard.bytes for shard in group)
                reads = check_shards(config.linked, group)
                payload = {
                    "partition": first.partition,
                    "split": first.split,
                    "shards": [shard.path for shard in group],
                }
                source = "/".join(filter(None, (table.name, first.partition, first.split)))
                todo.append((source, {"do": table.name} | payload, num_bytes, reads))
    todo += _text_tasks(config)
    return [
        Task(index=index, source=source, payload=payload, num_bytes=num_bytes, reads=tuple(reads))
        for index, (source, payload, num_bytes, reads) in enumerate(todo)
    ]


def _in_order(manifest: Manifest, table: Table) -> list[Shard]:
    """Shards of a table with those of one partition and split side by side."""
    return sorted(manifest.of(table), key=lambda shard: (shard.partition, shard.split, shard.path))


def _text_tasks(config: TokenizeConfig) -> Iterator[tuple[str, dict[str, Any], int, list[ReadFile]]]:
    for language, pattern in config.corpora():
        for path in expand_sources([pattern]):
            source = f"text/{language}/{storage.file_name(path)}"
            reads = [read_file(path)]
            for span in plan_ranges(path, config.num_bytes_per_task):
                payload = {"do": "text", "language": language, "range": dataclasses.asdict(span)}
                yield source, payload, span.end - span.start, reads


def run_task(config: TokenizeConfig, task: Task, out: TaskOutput) -> None:
    """Write the rows of one task."""
    RUNNERS[task.payload["do"]](config, task.payload, out)


def properties(config: TokenizeConfig, records: list[TaskRecord]) -> dict[str, Any]:
    """Return the tokenizer, and counts of rows and tokens by language."""
    subwords = subwords_of(config)
    return {
        "tokenizer_fingerprint": fingerprint_of(config.tokenizer_folder, config.backend),
        "vocab_size": len(subwords.pieces),
        "languages": merged_notes(record.notes for record in records),
    }


JOB = Job(
    name="tokenize",
    config=TokenizeConfig,
    plan=plan,
    run_task=run_task,
    tables=(TOKEN_MENTIONS, TOKEN_DESCRIPTIONS, TOKEN_RELATIONS, TOKEN_TRIPLES, TOKEN_TEXT),
    inputs=inputs,
    input_fields=("linked", "tokenizer", "texts"),
    properties=properties,
)
