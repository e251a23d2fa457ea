"""Entities that come twice: the first row counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.link.config import LinkConfig
from pipeline.link.job import JOB
from pipeline.link.short_texts import FirstRows, repeated_in_shards
from pipeline.run.job import run_job
from schemas import DESCRIPTIONS, ENTITIES, MENTIONS, PAGES, RELATIONS, SITELINKS, TRIPLES, Relation, Triple, read_shard
from tests.pipeline.link.datasets import (
    context,
    entity,
    page,
    relation_text,
    small_wikidata,
    small_wikipedia,
    text,
    write_dataset,
)


@given(st.lists(st.lists(st.integers(1, 40), max_size=20), max_size=5))
def test_what_an_earlier_shard_had(shards: list[list[int]]) -> None:
    found = list(repeated_in_shards(np.array(shard, np.uint32) for shard in shards))
    seen: set[int] = set()
    for shard, repeated in zip(shards, found, strict=True):
        assert repeated.tolist() == sorted(set(shard) & seen)
        seen |= set(shard)


def test_repeats_within_a_shard_are_passed_over() -> None:
    rows = FirstRows(np.array([5], np.uint32))
    first = rows.of_batch(ENTITIES.batch([entity(3), entity(5), entity(3)]))
    second = rows.of_batch(ENTITIES.batch([entity(3), entity(4)]))
    assert first.column("entity").to_pylist() == ["Q3"] and second.column("entity").to_pylist() == ["Q4"]


def test_two_dumps_of_the_same_items_count_once(tmp_path: Path) -> None:
    cities = [
        entity(64, text("de", "Berlin", "Hauptstadt von Deutschland")),
        entity(183, text("de", "BRD", "Staat in Europa")),
    ]
    triple = Triple(subject="Q64", relation="P17", object="Q183", rank="normal")
    relation = Relation(relation="P17", datatype="wikibase-item", texts=[relation_text("de", "Staat")])
    write_dataset(tmp_path / "wikidata", "wikidata", {
        (ENTITIES, ""): [cities, cities[:1]], (TRIPLES, ""): [[triple], [triple]],
        (RELATIONS, ""): [[relation], [relation]], (SITELINKS, ""): [],
    })  # fmt: skip
    small_wikipedia(tmp_path / "wikipedia")
    folder = tmp_path / "link"
    config = LinkConfig(wikidata=str(tmp_path / "wikidata"), wikipedia=str(tmp_path / "wikipedia"), output=str(folder))
    manifest = run_job(JOB, config, ["--direct_num_workers=1"])
    keys = [
        (row["entity"], row["language"])
        for shard in manifest.of(DESCRIPTIONS)
        for row in read_shard(folder / shard.path, DESCRIPTIONS).to_pylist()
    ]
    assert sorted(keys) == [("Q183", "de"), ("Q64", "de")]
    assert manifest.rows["triples"] == manifest.rows["relations"] == 1
    assert manifest.counters["entities_repeated"] == 1


def test_two_dumps_of_one_wiki_give_each_page_once(tmp_path: Path) -> None:
    small_wikidata(tmp_path / "wikidata")
    berlin = page(
        "swwiki", "sw", "Berlin", 5, "Berlin ni mji mkuu wa Ujerumani.", context(["Si ", ("Paris", "Paris"), "."])
    )
    write_dataset(tmp_path / "wikipedia", "wikipedia", {(PAGES, "swwiki"): [[berlin], [berlin]]})
    inputs = {"wikidata": str(tmp_path / "wikidata"), "wikipedia": str(tmp_path / "wikipedia")}
    manifest = run_job(JOB, LinkConfig(output=str(tmp_path / "link"), **inputs), ["--direct_num_workers=1"])
    counts = manifest.properties["languages"]["sw"]
    assert counts["links_resolved"] == counts["links_repeated_page"] == manifest.rows["mentions"] == 1
    assert sum(shard.rows for shard in manifest.of(MENTIONS, partition="sw")) == 1
