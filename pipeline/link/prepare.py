"""What the link job does once, before its tasks: reading pages to keys, the title index, the survey, and the decisions.

All of it lies below `_shared/` of the build folder, each piece written beside and renamed, so that a run that was stopped
finds what is done. The work on single shards runs in as many
processes as the machine has cores, and is a function of the shard and of files below `_shared/` alone.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.link import short_texts
from pipeline.link.config import LinkInputs, SharedPaths
from pipeline.link.fates import ShardCounts, frequent_entities
from pipeline.link.leads import LeadFate, decide_leads
from pipeline.link.short_texts import FirstRows, ShortTexts, decide_short_texts, repeated_in_shards, survey_short_texts
from pipeline.link.survey import (
    PAGE_ARRAYS,
    Kinds,
    ReadPages,
    read_pages,
    save_page_rows,
    survey_entities,
    survey_pages,
)
from pipeline.link.title_index import open_titles
from pipeline.link.triples import read_relations, relations_with_text
from pipeline.wikis.numbers import NumberBits, open_array, save_array, save_numbers
from schemas import ENTITIES, Shard, iter_shard
from schemas.errors import XlmkError

_INLINE_BYTES = 50_000_000
"""Below this much input, processes would cost more than they save."""


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say on stderr what is being done and, at the end, how long it took."""
    start = time.monotonic()
    print(f"link: {text} ...", file=sys.stderr, flush=True)
    yield
    print(f"link: {text}: {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)


def read_kinds(shared: SharedPaths) -> Kinds:
    """Return the entities that are no articles, memory-mapped."""
    return Kinds(namesakes=open_array(shared.namesakes), others=open_array(shared.others))


def in_processes(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], num_bytes: int) -> list[Any]:
    """Call a module-level function with each tuple of arguments; in parallel where the input is large."""
    workers = min(os.cpu_count() or 1, len(calls))
    if workers < 2 or num_bytes < _INLINE_BYTES:
        return [function(*call) for call in calls]
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            return [future.result() for future in [pool.submit(function, *call) for call in calls]]
    except BrokenProcessPool as error:
        raise XlmkError(
            "a process of the survey ended before its work did, most likely killed for want of memory. Run the same "
            "command again, it goes on where it was."
        ) from error


def survey_wikidata(inputs: LinkInputs, shared: SharedPaths, texts: ShortTexts, min_bytes: int) -> None:
    """Find entities that are no articles, those that come twice, and short texts that could serve."""
    shards, folder = inputs.entities, inputs.wikidata
    todo = [shard for shard in shards if not shared.of_shard(shard, "numbers").exists()]
    in_processes(_survey_entity_shard, [(folder / s.path, s, shared) for s in todo], sum(s.bytes for s in todo))
    for what, path in (("namesakes", shared.namesakes), ("others", shared.others)):
        pieces = [np.load(shared.of_shard(shard, what)) for shard in shards]
        save_numbers(path, np.concatenate(pieces) if pieces else [])
    numbers = (np.load(shared.of_shard(shard, "numbers")) for shard in shards)
    for shard, repeated in zip(shards, repeated_in_shards(numbers), strict=True):
        save_array(shared.of_shard(shard, "repeated"), repeated)
    todo = [shard for shard in shards if not shared.of_shard(shard, "done").exists()]
    calls = [(folder / shard.path, shard, shared, texts, min_bytes) for shard in todo]
    in_processes(_survey_short_texts, calls, sum(shard.bytes for shard in todo))


def _survey_entity_shard(path: Path, shard: Shard, shared: SharedPaths) -> None:
    pa.set_cpu_count(1)
    found = survey_entities(iter_shard(path, ENTITIES, ("entity", "page_kind")))
    for what in ("namesakes", "others", "numbers"):
        save_array(shared.of_shard(shard, what), getattr(found, what))


def _survey_short_texts(path: Path, shard: Shard, shared: SharedPaths, texts: ShortTexts, min_bytes: int) -> None:
    pa.set_cpu_count(1)
    first = FirstRows(open_array(shared.of_shard(shard, "repeated")))
    batches = (first.of_batch(batch) for batch in iter_shard(path, ENTITIES, short_texts.COLUMNS))
    for language, rows in survey_short_texts(batches, texts, min_bytes).items():
        save_array(shared.of_shard(shard, f"texts.{language}"), rows)
    save_array(shared.of_shard(shard, "done"), np.empty(0))


def read_wikis(inputs: LinkInputs, shared: SharedPaths, *, min_bytes: int, max_characters: int) -> None:
    """Read every shard of pages, but for the texts of its contexts, to what decides and to what its rows say of a page."""
    todo = [(wiki, shard) for wiki, shard in _wiki_shards(inputs) if not shared.page_rows(shard.path).exists()]
    calls = [(inputs.wikipedia / shard.path, shard, wiki, shared, min_bytes, max_characters) for wiki, shard in todo]
    in_processes(_read_page_shard, calls, sum(shard.bytes for _, shard in todo))


def _wiki_shards(inputs: LinkInputs) -> list[tuple[str, Shard]]:
    return [(wiki, shard) for wiki, shards in inputs.pages.items() for shard in shards]


def _read_page_shard(
    path: Path, shard: Shard, wiki: str, shared: SharedPaths, min_bytes: int, max_characters: int
) -> None:
    pa.set_cpu_count(1)
    found, rows = read_pages(path, wiki, min_bytes=min_bytes, max_characters=max_characters)
    for what in PAGE_ARRAYS:
        save_array(shared.of_shard(shard, what), getattr(found, what))
    save_page_rows(shared.page_rows(shard.path), rows)  # last: a shard that has it needs no second reading


def survey_wikis(inputs: LinkInputs, shared: SharedPaths, *, keep_section_links: bool) -> None:
    """Resolve every link, and find leads that could serve; from what `read_wikis` left, with the title index."""
    todo = [(wiki, shard) for wiki, shard in _wiki_shards(inputs) if not shared.of_shard(shard, "done").exists()]
    calls = [(shard, wiki, shared, keep_section_links) for wiki, shard in todo]
    in_processes(_survey_page_shard, calls, sum(shard.bytes for _, shard in todo))


def _survey_page_shard(shard: Shard, wiki: str, shared: SharedPaths, keep_section_links: bool) -> None:
    pages = ReadPages(**{what: np.load(shared.of_shard(shard, what)) for what in PAGE_ARRAYS})
    repeated = open_array(shared.of_shard(shard, "repeated_pages"))
    titles, kinds = open_titles(shared.titles, wiki), read_kinds(shared)
    found = survey_pages(pages, titles, kinds, repeated, keep_section_links=keep_section_links)
    pieces: dict[str, NDArray[Any]] = {
        "page_values": found.page_values,
        "link_values": found.link_values,
        "link_fates": found.link_fates,
        "survey_lead_fates": found.lead_fates,
        "candidates": found.candidates,
        "mentioned": found.counts.numbers,
        "mention_counts": found.counts.counts,
        "done": np.empty(0),
    }
    for what, array in pieces.items():
        save_array(shared.of_shard(shard, what), array)


def decide(inputs: LinkInputs, shared: SharedPaths, *, max_same_skeleton: int, cap: int) -> None:
    """Decide which texts become descriptions and which entities are capped."""
    if shared.described.exists():
        return
    described = NumberBits()
    for wiki, shards in inputs.pages.items():
        language = inputs.languages[wiki]
        described.add(_decide_leads(shards, shared, language, max_same_skeleton))
        described.add(_decide_short_texts(inputs.entities, shared, language))
        _decide_caps(shards, shared, cap)
    paths = [inputs.wikidata / shard.path for shard in inputs.relations]
    save_numbers(shared.relations, relations_with_text(read_relations(paths)))
    save_array(shared.described, described.numbers())


def _decide_leads(shards: list[Shard], shared: SharedPaths, language: str, max_same_skeleton: int) -> np.ndarray:
    candidates = [np.load(shared.of_shard(shard, "candidates")) for shard in shards]
    kept = [np.empty(0, np.uint32)]
    for shard, rows, fates in zip(shards, candidates, decide_leads(candidates, max_same_skeleton), strict=True):
        of_pages = np.load(shared.of_shard(shard, "survey_lead_fates"))
        of_pages[rows["row"]] = fates
        save_array(shared.of_shard(shard, "final_lead_fates"), of_pages)
        kept.append(rows["number"][fates == LeadFate.KEPT])
    numbers = np.unique(np.concatenate(kept))
    save_numbers(shared.with_lead(language), numbers)
    return numbers


def _decide_short_texts(entities: list[Shard], shared: SharedPaths, language: str) -> np.ndarray:
    paths = [shared.of_shard(shard, f"texts.{language}") for shard in entities]
    pieces = [np.load(path) for path in paths if path.exists()]
    candidates = np.concatenate(pieces) if pieces else np.empty(0, short_texts.CANDIDATE)
    numbers = decide_short_texts(candidates, open_array(shared.with_lead(language)))
    save_numbers(shared.with_short_text(language), numbers)
    return numbers


def _decide_caps(shards: list[Shard], shared: SharedPaths, cap: int) -> None:
    if not cap:
        return
    counts = [
        ShardCounts(
            numbers=np.load(shared.of_shard(shard, "mentioned")),
            counts=np.load(shared.of_shard(shard, "mention_counts")),
        )
        for shard in shards
    ]
    for shard, rows in zip(shards, frequent_entities(counts, cap), strict=True):
        save_array(shared.of_shard(shard, "frequent"), rows)
