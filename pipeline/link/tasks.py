"""What each kind of task of the link job reads and writes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.link import short_texts
from pipeline.link.config import LinkConfig, SharedPaths, short_texts_of
from pipeline.link.fates import MENTION_FATES, Cap, count_fates, final_fates
from pipeline.link.leads import LeadFate, long_enough
from pipeline.link.mentions import (
    ROW_COLUMNS,
    LinkedContexts,
    lead_descriptions,
    link_contexts,
    mention_counts,
    short_descriptions,
)
from pipeline.link.repeats import FirstRows
from pipeline.link.short_texts import ShortText, ShortTextFate
from pipeline.link.survey import BATCH_ROWS, links_of_batch
from pipeline.link.triples import TripleFate, kept_triples, read_relations, relation_rows, triple_fates
from pipeline.run.task import SHARED_FOLDER
from pipeline.run.task_output import TaskOutput
from pipeline.wikis.language_notes import LanguageNotes
from pipeline.wikis.languages import wiki_language
from pipeline.wikis.numbers import contains, open_array
from schemas import DESCRIPTIONS, ENTITIES, MENTIONS, PAGES, RELATIONS, SPLITS, TRIPLES, iter_shard, read_shard
from schemas.errors import ShardMismatch


def shared_of(out: TaskOutput) -> SharedPaths:
    """Where the job's preparation is."""
    return SharedPaths(root=Path(out.built, SHARED_FOLDER))


def run_pages(config: LinkConfig, payload: dict[str, Any], out: TaskOutput) -> None:
    """One shard of `pages`: its leads to `descriptions`, its contexts to `mentions`.

    Raises: ShardMismatch where the shard is not the one that was surveyed.
    """
    shared, path, language = shared_of(out), payload["shard"], wiki_language(payload["wiki"])
    names = ("link_values", "link_fates", "page_values", "final_lead_fates")
    values, early, page_values, lead_fates = (open_array(shared.of_path(path, name)) for name in names)
    cap = Cap(config.max_mentions, open_array(shared.of_path(path, "frequent"))) if config.max_mentions else None
    fates = final_fates(early, values, cap, None if config.keep_undescribed else open_array(shared.described))
    notes = LanguageNotes(out.notes)
    _account_links(out, notes, language, fates)
    _account_leads(out, language, lead_fates)
    page = link = 0
    for batch in iter_shard(Path(config.wikipedia, path), PAGES, ROW_COLUMNS, BATCH_ROWS):
        rows, links = slice(page, page + batch.num_rows), slice(link, link + len(links_of_batch(batch)[0]))
        linked = link_contexts(batch, values[links], fates[links], page_values[rows], config.validation_per_mille)
        _write_contexts(out, notes, language, linked)
        described = lead_descriptions(batch, lead_fates[rows], page_values[rows], config.max_description_characters)
        out.write(DESCRIPTIONS, described, partition=language)
        notes.add(language, "descriptions_wikipedia", described.num_rows)
        page, link = rows.stop, links.stop
    if (page, link) != (len(page_values), len(values)):
        raise ShardMismatch(
            f"{path} has {page} pages and {link} links, the survey saw {len(page_values)} and {len(values)}"
        )


def _account_links(out: TaskOutput, notes: LanguageNotes, language: str, fates: NDArray[np.uint8]) -> None:
    source = f"links/{language}"
    out.ledger.read(len(fates), source=source)
    for fate, n in count_fates(fates).items():
        notes.add(language, f"links_{fate.name.lower()}", n)
        if fate in MENTION_FATES:
            out.ledger.keep(n, source=source)
        else:
            out.ledger.drop(fate.name.lower(), n, source=source)


def _account_leads(out: TaskOutput, language: str, fates: NDArray[np.uint8]) -> None:
    source = f"leads/{language}"
    out.ledger.read(len(fates), source=source)
    for fate in LeadFate:
        n = int((fates == fate).sum())
        if fate is LeadFate.KEPT:
            out.ledger.keep(n, source=source)
        elif n:
            out.ledger.drop(fate.name.lower(), n, source=source)


def _write_contexts(out: TaskOutput, notes: LanguageNotes, language: str, linked: LinkedContexts) -> None:
    source, rows = f"contexts/{language}", linked.rows
    out.ledger.read(linked.num_contexts, source=source)
    out.ledger.keep(rows.num_rows, source=source)
    out.ledger.drop("no_mention", linked.num_contexts - rows.num_rows, source=source)
    for split in SPLITS:
        chosen = rows.filter(pa.array(linked.splits == split, pa.bool_()))
        out.write(MENTIONS, chosen, partition=language, split=split)
        for name, n in mention_counts(chosen).items():
            notes.add(language, f"{split}_{name}", n)


def run_short_texts(config: LinkConfig, payload: dict[str, Any], out: TaskOutput) -> None:
    """Some shards of `entities`: Wikidata's short texts to `descriptions` where no lead serves."""
    shared, notes = shared_of(out), LanguageNotes(out.notes)
    languages = payload["languages"]
    texts = short_texts_of(config, languages)
    with_lead = {language: open_array(shared.with_lead(language)) for language in languages}
    wanted = {language: open_array(shared.with_short_text(language)) for language in languages}
    for path in payload["shards"]:
        first = FirstRows(open_array(shared.of_path(path, "repeated")))
        for batch in iter_shard(Path(config.wikidata, path), ENTITIES, short_texts.COLUMNS):
            rows = first.of_batch(batch)
            out.ledger.count("entities_repeated", batch.num_rows - rows.num_rows)
            found = list(texts.of_batch(rows))
            kept = _kept_short_texts(out, found, config.min_description_bytes, with_lead, wanted)
            for (language, step), n in Counter((row.language, row.step) for row in kept).items():
                notes.add(language, f"descriptions_wikidata_{step}", n)
            for language, described in short_descriptions(kept).items():
                out.write(DESCRIPTIONS, described, partition=language)
                notes.add(language, "descriptions_wikidata", described.num_rows)


def _kept_short_texts(
    out: TaskOutput,
    found: list[ShortText],
    min_bytes: int,
    with_lead: dict[str, NDArray[np.uint32]],
    wanted: dict[str, NDArray[np.uint32]],
) -> list[ShortText]:
    kept: list[ShortText] = []
    by_language: dict[str, list[ShortText]] = {}
    for row in found:
        by_language.setdefault(row.language, []).append(row)
    for language, rows in by_language.items():
        numbers = [row.number for row in rows]
        fates = np.where(contains(wanted[language], numbers), ShortTextFate.KEPT, ShortTextFate.DUPLICATE)
        fates[[not long_enough(row.text, min_bytes) for row in rows]] = ShortTextFate.TOO_SHORT
        fates[contains(with_lead[language], numbers)] = ShortTextFate.HAS_LEAD
        source = f"short_texts/{language}"
        out.ledger.read(len(rows), source=source)
        for fate, n in Counter(fates.tolist()).items():
            if fate == ShortTextFate.KEPT:
                out.ledger.keep(n, source=source)
            else:
                out.ledger.drop(ShortTextFate(fate).name.lower(), n, source=source)
        kept += [row for row, fate in zip(rows, fates, strict=True) if fate == ShortTextFate.KEPT]
    return kept


def run_triples(config: LinkConfig, payload: dict[str, Any], out: TaskOutput) -> None:
    """One shard of `triples`."""
    shared = shared_of(out)
    triples = read_shard(Path(config.wikidata, payload["shard"]), TRIPLES)
    # A task of the wikidata job writes the entities and the triples of a range under one number.
    entities = shared.of_path(payload["entities"], "repeated")
    repeated = open_array(entities) if entities.exists() else np.empty(0, np.uint32)
    fates = triple_fates(triples, open_array(shared.described), open_array(shared.relations), repeated)
    out.ledger.read(len(fates), source="triples")
    for fate in TripleFate:
        n = int((fates == fate).sum())
        if fate is TripleFate.KEPT:
            out.ledger.keep(n, source="triples")
        elif n:
            out.ledger.drop(fate.name.lower(), n, source="triples")
    for split, rows in kept_triples(triples, fates, config.validation_per_mille):
        out.write(TRIPLES, rows, split=split)


def run_relations(config: LinkConfig, payload: dict[str, Any], out: TaskOutput) -> None:
    """All shards of `relations`: one text for each chosen language."""
    relations = read_relations([Path(config.wikidata, path) for path in payload["shards"]])
    counts: Counter[str] = Counter()
    rows = relation_rows(relations, payload["languages"], counts)
    out.ledger.read(relations.num_rows, source="relations")
    out.ledger.keep(rows.num_rows, source="relations")
    for name, n in counts.items():
        if name.startswith("label_"):
            out.ledger.count(f"relation_{name}", n)
        else:
            out.ledger.drop(name, n, source="relations")
    out.write(RELATIONS, rows)


RUNNERS = {
    "pages": run_pages,
    "short_texts": run_short_texts,
    "triples": run_triples,
    "relations": run_relations,
}
"""What runs a task, by the `do` of its payload."""
