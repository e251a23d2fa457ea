"""The link job: ties pages to Wikidata and writes `descriptions`, `mentions`, `triples` and `relations` for training.

Before its tasks it reads titles, links and leads of all pages to keys, builds the title index and decides about the whole
(`pipeline.link.prepare`); then one task per shard of pages, a few for Wikidata's short texts, one per shard of triples and
one for the relations write their rows alone. Every link found has exactly one fate, and the fates of each language add up to
its links.

Each column of a shard of pages is read once: what decides and what names a page before the tasks, the contexts in them.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from pipeline.link import prepare as steps
from pipeline.link.config import (
    LinkConfig,
    LinkInputs,
    SharedPaths,
    check_inputs,
    link_inputs,
    read_inputs,
)
from pipeline.link.mentions import run_pages
from pipeline.link.short_texts import run_short_texts, short_texts_of
from pipeline.link.title_index_build import TitleIndexBuilder
from pipeline.link.title_sources import add_titles, page_props_file
from pipeline.link.triples import run_relations, run_triples
from pipeline.run import storage
from pipeline.run.task import Job, Task, grouped
from pipeline.run.task_output import TaskOutput, TaskRecord
from pipeline.wikis.language_notes import merged_notes
from schemas import DESCRIPTIONS, ENTITIES, MENTIONS, RELATIONS, TRIPLES, Shard
from schemas.errors import UsageError, XlmkError
from schemas.files import check_shards, ends_of

SHORT_TEXT_BYTES = 64 * 1024 * 1024
"""Bytes of `entities` that one task reads: it writes a shard per language, which should not be tiny, and holds a row
group of each in memory."""


_TITLE_COUNTS = "counts.json"
"""Beside the title index: how many titles and redirects of all wikis there are, by what they lead to."""


def inputs(config: LinkConfig) -> dict[str, str]:
    """Return the two datasets by fingerprint, and the SQL dumps by size where some are read."""
    wikidata, wikipedia = read_inputs(config)
    found = {"wikipedia": wikipedia.fingerprint}
    if wikidata is not None:
        found["wikidata"] = wikidata.fingerprint
    if config.sitelinks_sql:
        path = Path(config.sitelinks_sql)
        files = [page_props_file(path, wiki) for wiki in link_inputs(config).pages] if path.is_dir() else [path]
        found |= {file.name: f"{storage.size(str(file))} bytes, ends {ends_of(file)[:16]}" for file in files}
    return found


def prepare(config: LinkConfig, built: str) -> None:
    """Build the title index, survey the shards and decide; what is there from a stopped run is taken over.

    Raises: UsageError where the output is not on a local disk.
    """
    if not storage.is_local(built):
        raise UsageError(f"link memory-maps its title index: {config.output} must be on a local or mounted disk")
    shared, found = SharedPaths.of_build(built), link_inputs(config)
    check_inputs(config)
    _forget_other_preparation(config, shared.root)
    num_pages = sum(map(len, found.pages.values()))
    with steps.step(f"reading of {num_pages} shards of pages"):
        lengths = {"min_bytes": config.min_description_bytes, "max_characters": config.max_description_characters}
        steps.read_wikis(found, shared, **lengths)
    _build_titles(config, found, shared)
    with steps.step(f"survey of {len(found.entities)} shards of entities"):
        texts = short_texts_of(config, sorted(found.languages.values()))
        steps.survey_wikidata(found, shared, texts, config.min_description_bytes)
    with steps.step(f"links of {num_pages} shards of pages"):
        steps.survey_wikis(found, shared, keep_section_links=config.keep_section_links)
    with steps.step("decisions on descriptions and frequent entities"):
        steps.decide(found, shared, max_same_skeleton=config.max_same_skeleton, cap=config.max_mentions)


def _forget_other_preparation(config: LinkConfig, root: Path) -> None:
    """Remove what a stopped run with other settings or inputs prepared."""
    settings = dataclasses.asdict(config) | {"output": ""}
    wanted = json.dumps([settings, inputs(config)], sort_keys=True)
    made_for = root / "made_for.json"
    if made_for.exists() and made_for.read_text("utf-8") == wanted:
        return
    shutil.rmtree(root, ignore_errors=True)
    storage.write_text(str(made_for), wanted)


def _build_titles(config: LinkConfig, found: LinkInputs, shared: SharedPaths) -> None:
    done = shared.titles / _TITLE_COUNTS
    if done.exists():
        return
    shutil.rmtree(shared.titles, ignore_errors=True)
    with steps.step(f"title index of {len(found.pages)} wikis"):
        builder = TitleIndexBuilder(shared.titles)
        add_titles(builder, found, shared, config.sitelinks_sql, config.keep_section_links)
        storage.write_text(str(done), json.dumps(builder.finish()))


def plan(config: LinkConfig) -> list[Task]:
    """One task per shard of pages and of triples, a few for short texts, one for the relations."""
    found = link_inputs(config)
    languages = sorted(found.languages.values())
    todo: list[tuple[str, dict[str, Any], list[Shard]]] = []
    for wiki, shards in found.pages.items():
        todo += [(f"pages/{wiki}", {"do": "pages", "wiki": wiki, "shard": s.path}, [s]) for s in shards]
    for group in grouped(found.entities, SHORT_TEXT_BYTES):
        payload = {"do": "short_texts", "shards": [shard.path for shard in group], "languages": languages}
        todo.append(("entities", payload, group))
    for shard in found.triples:
        entities = shard.path.replace(TRIPLES.folder, ENTITIES.folder, 1)
        todo.append(("triples", {"do": "triples", "shard": shard.path, "entities": entities}, [shard]))
    if found.relations:
        payload = {"do": "relations", "shards": [shard.path for shard in found.relations], "languages": languages}
        todo.append(("relations", payload, found.relations))
    return [
        Task(
            index=index,
            source=source,
            payload=payload,
            num_bytes=sum(shard.bytes for shard in shards),
            reads=tuple(check_shards(config.wikipedia if payload["do"] == "pages" else config.wikidata, shards)),
        )
        for index, (source, payload, shards) in enumerate(todo)
    ]


RUNNERS = {
    "pages": run_pages,
    "short_texts": run_short_texts,
    "triples": run_triples,
    "relations": run_relations,
}
"""What runs a task, by the `do` of its payload."""


def run_task(config: LinkConfig, task: Task, out: TaskOutput) -> None:
    """Write the rows of one task."""
    RUNNERS[task.payload["do"]](config, task.payload, out)


def properties(config: LinkConfig, records: list[TaskRecord]) -> dict[str, Any]:
    """Count by language, and of titles and redirects."""
    languages = merged_notes(record.notes for record in records)
    titles = SharedPaths.of_build(storage.build_folder(config.output)).titles / _TITLE_COUNTS
    return {
        "languages": languages,
        "titles": json.loads(storage.read_text(str(titles))),
    }


def verify(config: LinkConfig, records: list[TaskRecord]) -> None:
    """Check that every language's links by fate add up to the links its accounts say were found.

    Raises: XlmkError where they do not: a bug of this project.
    """
    languages = merged_notes(record.notes for record in records)
    found = {account.source: 0 for record in records for account in record.accounts}
    for record in records:
        for account in record.accounts:
            found[account.source] += account.read
    for language, counts in languages.items():
        by_fate = sum(n for name, n in counts.items() if name.startswith("links_"))
        if by_fate != found.get(f"links/{language}", 0):
            raise XlmkError(
                f"{language}: {found.get(f'links/{language}', 0):,} links found, fates add up to {by_fate:,}. "
                "This is a bug, please report it."
            )


JOB = Job(
    name="link",
    config=LinkConfig,
    plan=plan,
    run_task=run_task,
    tables=(DESCRIPTIONS, MENTIONS, TRIPLES, RELATIONS),
    inputs=inputs,
    input_fields=("wikidata", "wikipedia", "sitelinks_sql"),
    prepare=prepare,
    properties=properties,
    verify=verify,
)
