"""The link job on small tables: every link has one fate, and every rule of the description of the tables holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.link import mentions, survey
from pipeline.link.config import LinkConfig
from pipeline.link.job import JOB, prepare
from pipeline.link.mentions import CONTEXT_COLUMNS
from pipeline.link.survey import PAGE_COLUMNS
from pipeline.run.job import run_job
from pipeline.run.task_output import TaskOutput
from pipeline.wikis.numbers import open_array
from schemas import (
    DESCRIPTIONS,
    MENTIONS,
    PAGES,
    RELATIONS,
    TRIPLES,
    Manifest,
    Table,
    read_manifest,
    read_shard,
    shards,
    split_of,
)
from schemas.errors import InputMissing, UsageError
from tests.pipeline.link.datasets import small_wikidata, small_wikipedia


def link(folder: Path, name: str = "linked", **settings: Any) -> Manifest:
    if not (folder / "wikidata").exists():
        small_wikidata(folder / "wikidata")
        small_wikipedia(folder / "wikipedia")
    config = LinkConfig(
        wikidata=str(folder / "wikidata"),
        wikipedia=str(folder / "wikipedia"),
        output=str(folder / name),
        min_description_bytes=10,
        **settings,
    )
    return run_job(JOB, config, ["--direct_num_workers=1"])


def rows(folder: Path, manifest: Manifest, table: Table, **where: str) -> list[dict[str, Any]]:
    return [row for shard in manifest.of(table, **where) for row in read_shard(folder / shard.path, table).to_pylist()]


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    folder = tmp_path_factory.mktemp("link")
    return folder / "linked", link(folder)


def test_every_link_has_one_fate(linked: tuple[Path, Manifest]) -> None:
    languages = linked[1].properties["languages"]
    fates = {name: n for name, n in languages["de"].items() if name.startswith("links_")}
    assert fates == {
        "links_resolved": 2,
        "links_via_redirect": 1,
        "links_red_link": 1,
        "links_no_item": 1,
        "links_disambiguation": 1,
        "links_not_an_article": 1,
        "links_section": 1,
        "links_from_disambiguation": 1,
    }
    # Mwanza has an item, but no pages elsewhere, so nothing describes it.
    assert languages["sw"]["links_resolved"] == 4 and languages["sw"]["links_undescribed"] == 1
    accounts = {account.source: account for account in linked[1].accounts}
    assert accounts["links/de"].read == 9 and accounts["links/de"].kept == 3 and accounts["links/de"].balance == 0


def test_mentions_point_at_their_surfaces(linked: tuple[Path, Manifest]) -> None:
    folder, manifest = linked
    found = [
        (row["language"], row["title"], row["text"][mention["start"] : mention["end"]], mention["entity"])
        for row in rows(folder, manifest, MENTIONS)
        for mention in row["mentions"]
    ]
    assert sorted(found) == [
        ("de", "Berlin", "Deutschland", "Q183"),
        ("de", "Deutschland", "Bärlin", "Q64"),
        ("de", "Ohne Item", "Berlin", "Q64"),
        ("sw", "Paris", "Ufaransa", "Q142"),
        ("sw", "Ufaransa", "Kisumu", "Q600"),
        ("sw", "Ufaransa", "Paris", "Q90"),
        ("sw", "Ufaransa", "Paris", "Q90"),
    ]


def test_contexts_know_their_page(linked: tuple[Path, Manifest]) -> None:
    folder, manifest = linked
    found = {row["title"]: row for row in rows(folder, manifest, MENTIONS, partition="de")}
    assert found["Berlin"]["page_entity"] == "Q64" and found["Berlin"]["context_index"] == 0
    assert found["Ohne Item"]["page_entity"] is None and found["Ohne Item"]["revision_id"] == 1004


def test_one_description_per_entity_and_language(linked: tuple[Path, Manifest]) -> None:
    folder, manifest = linked
    found = {(row["entity"], row["language"]): row for row in rows(folder, manifest, DESCRIPTIONS)}
    assert len(found) == sum(shard.rows for shard in manifest.of(DESCRIPTIONS))
    assert {key: row["origin"] for key, row in found.items()} == {
        ("Q64", "de"): "wikipedia",
        ("Q183", "de"): "wikipedia",
        ("Q142", "sw"): "wikipedia",
        ("Q90", "sw"): "wikidata",
        ("Q600", "sw"): "wikidata",
    }
    assert found["Q90", "sw"]["text"] == "Paris: mji mkuu wa Ufaransa" and found["Q90", "sw"]["title"] is None
    assert found["Q90", "sw"]["code"] == "sw" and found["Q64", "de"]["code"] is None
    assert found["Q64", "de"]["page_id"] == 1 and found["Q64", "de"]["wiki"] == "dewiki"


def test_triples_have_descriptions_at_both_ends(linked: tuple[Path, Manifest]) -> None:
    folder, manifest = linked
    found = [(row["subject"], row["relation"], row["object"]) for row in rows(folder, manifest, TRIPLES)]
    assert sorted(found) == [("Q142", "P36", "Q90"), ("Q64", "P17", "Q183"), ("Q90", "P17", "Q142")]
    dropped = next(account for account in manifest.accounts if account.source == "triples").dropped
    assert dropped == {
        "deprecated": 1, "no_object_description": 1, "no_relation_text": 1, "no_subject_description": 1,
        "repeated": 1, "worse_rank": 1,
    }  # fmt: skip


def test_relations_have_a_text_in_every_language(linked: tuple[Path, Manifest]) -> None:
    folder, manifest = linked
    found = {
        row["relation"]: {t["language"]: (t["label"], t["code"]) for t in row["texts"]}
        for row in rows(folder, manifest, RELATIONS)
    }
    assert found == {
        "P17": {"de": ("country", "en"), "sw": ("nchi", "sw")},
        "P36": {"de": ("capital*", "mul"), "sw": ("capital*", "mul")},
    }
    assert manifest.counters["relation_label_fallback"] == 1
    assert manifest.counters["relation_label_own"] == 1 and manifest.counters["relation_label_mul"] == 2


def test_splits_never_share_a_page_entity_or_a_triple(tmp_path: Path) -> None:
    manifest = link(tmp_path, validation_per_mille=400)
    folder = tmp_path / "linked"
    pages: dict[str, set[str]] = {}
    triples: dict[str, set[tuple[str, str, str]]] = {}
    for split in ("train", "validation"):
        pages[split] = {row["page_entity"] or row["title"] for row in rows(folder, manifest, MENTIONS, split=split)}
        triples[split] = {
            (row["subject"], row["relation"], row["object"]) for row in rows(folder, manifest, TRIPLES, split=split)
        }
    assert pages["train"] and pages["validation"] and not pages["train"] & pages["validation"]
    assert triples["train"] and triples["validation"] and not triples["train"] & triples["validation"]
    assert all(split_of(page, 400) == "validation" for page in pages["validation"] if page.startswith("Q"))


def test_a_second_run_gives_the_same_bytes(linked: tuple[Path, Manifest]) -> None:
    folder, manifest = linked
    again = link(folder.parent, "again")
    assert again.fingerprint == manifest.fingerprint
    assert read_manifest(folder.parent / "again").rows == manifest.rows
    assert not list((folder.parent / "again").glob("_*"))


def test_chosen_languages_alone_are_linked(linked: tuple[Path, Manifest]) -> None:
    folder = linked[0].parent
    manifest = link(folder, "swahili", languages="swwiki")
    assert manifest.partitions(MENTIONS) == ["sw"]
    with pytest.raises(UsageError, match="has no pages of frwiki"):
        link(folder, "french", languages="fr")


def test_capped_mentions_are_counted(tmp_path: Path) -> None:
    manifest = link(tmp_path, max_mentions=1)
    languages = manifest.properties["languages"]
    assert languages["sw"]["links_capped"] == 1 and languages["sw"]["links_resolved"] == 3
    assert languages["de"]["links_capped"] == 1


def test_sections_and_undescribed_entities_can_be_kept(tmp_path: Path) -> None:
    manifest = link(tmp_path, keep_section_links=True, keep_undescribed=True)
    languages = manifest.properties["languages"]
    assert "links_section" not in languages["de"] and "links_undescribed" not in languages["sw"]
    assert languages["de"]["links_resolved"] == 3 and languages["sw"]["links_resolved"] == 5


def test_an_unfinished_input_is_refused(tmp_path: Path) -> None:
    small_wikidata(tmp_path / "wikidata")
    small_wikipedia(tmp_path / "wikipedia")
    (tmp_path / "wikipedia" / "manifest.json").unlink()
    with pytest.raises(InputMissing, match=r"wikipedia has no manifest\.json"):
        link(tmp_path)


def test_preparation_for_other_settings_is_not_taken_over(tmp_path: Path) -> None:
    """A run that stopped before its first task may be followed by one with other rules in the same place."""
    inputs = {"wikidata": str(tmp_path / "wikidata"), "wikipedia": str(tmp_path / "wikipedia")}
    small_wikidata(tmp_path / "wikidata")
    small_wikipedia(tmp_path / "wikipedia")
    output = str(tmp_path / "linked")
    prepare(LinkConfig(output=output, min_description_bytes=500, **inputs), output + ".partial")
    shared = tmp_path / "linked.partial" / "_shared"
    assert len(open_array(shared / "described.npy")) == 0
    before = (shared / "titles" / "counts.json").stat().st_mtime_ns
    prepare(LinkConfig(output=output, min_description_bytes=500, **inputs), output + ".partial")
    assert (shared / "titles" / "counts.json").stat().st_mtime_ns == before
    manifest = link(tmp_path)
    assert manifest.rows["descriptions"] == 5


def test_a_stopped_survey_is_gone_on_with(tmp_path: Path) -> None:
    inputs = {"wikidata": str(tmp_path / "wikidata"), "wikipedia": str(tmp_path / "wikipedia")}
    whole = link(tmp_path)
    config = LinkConfig(output=str(tmp_path / "again"), min_description_bytes=10, **inputs)
    prepare(config, config.output + ".partial")
    shared = tmp_path / "again.partial" / "_shared"
    (shared / "described.npy").unlink()
    (shared / "survey" / "pages" / "dewiki" / "part-00001-of-00002.parquet.done.npy").unlink()
    (shared / "survey" / "pages" / "swwiki" / "part-00000-of-00001.parquet.rows.arrow").unlink()
    assert run_job(JOB, config, ["--direct_num_workers=1"]).fingerprint == whole.fingerprint


def test_each_shard_of_pages_is_read_once_before_the_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    true = shards.open_shard
    monkeypatch.setattr(shards, "open_shard", lambda path, table: (read.append(str(path)), true(path, table))[1])
    small_wikidata(tmp_path / "wikidata")
    wikipedia = small_wikipedia(tmp_path / "wikipedia")
    inputs = {"wikidata": str(tmp_path / "wikidata"), "wikipedia": str(tmp_path / "wikipedia")}
    prepare(LinkConfig(output=str(tmp_path / "linked"), **inputs), str(tmp_path / "linked.partial"))
    pages = [str(tmp_path / "wikipedia" / shard.path) for shard in wikipedia.of(PAGES)]
    assert sorted(path for path in read if "/pages/" in path) == sorted(pages)


def test_no_column_of_pages_is_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    true = shards.iter_shard

    def noted(
        path: Path, table: Table, columns: Sequence[str] | None = None, batch_rows: int = 16_384
    ) -> Iterator[pa.RecordBatch]:
        if table is PAGES and path.parent.name == "swwiki":
            read.extend(columns)
        return true(path, table, columns, batch_rows)

    monkeypatch.setattr(survey, "iter_shard", noted)
    monkeypatch.setattr(mentions, "iter_shard", noted)
    small_wikidata(tmp_path / "wikidata")
    small_wikipedia(tmp_path / "wikipedia")
    inputs = {"wikidata": str(tmp_path / "wikidata"), "wikipedia": str(tmp_path / "wikipedia")}
    config = LinkConfig(output=str(tmp_path / "linked"), **inputs)
    prepare(config, config.output + ".partial")
    tasks = JOB.plan(config)
    for task in tasks:
        built = config.output + ".partial"
        with TaskOutput(job="link", source=task.source, index=task.index, num_tasks=len(tasks), built=built) as out:
            JOB.run_task(config, task, out)
    assert sorted(read) == sorted({*PAGE_COLUMNS, *CONTEXT_COLUMNS})
