"""The title index is the same, whichever source ties titles to items."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from pipeline.link.config import LinkConfig, LinkInputs, SharedPaths, link_inputs
from pipeline.link.job import JOB
from pipeline.link.prepare import read_wikis
from pipeline.link.title_index import entity_numbers, open_titles
from pipeline.link.title_index_build import TitleIndexBuilder
from pipeline.link.title_sources import add_titles
from pipeline.run.job import run_job
from schemas import PAGES, REDIRECTS
from schemas.errors import InputMissing, UsageError
from schemas.pages import Redirect
from tests.pipeline.link.datasets import page, small_wikidata, small_wikipedia, write_dataset

ITEMS = [
    (64, "dewiki", "Berlin"), (183, "dewiki", "Deutschland"), (99, "dewiki", "Merkur"), (77, "dewiki", "Kategorie:Berlin"),
    (64, "enwiki", "Berlin"), (64, "swwiki", "Berlin"), (90, "swwiki", "Paris"), (142, "swwiki", "Ufaransa"),
    (600, "swwiki", "Kisumu"), (500, "swwiki", "Mwanza"),
]  # fmt: skip


@pytest.fixture
def found(tmp_path: Path) -> LinkInputs:
    small_wikidata(tmp_path / "wikidata")
    small_wikipedia(tmp_path / "wikipedia")
    config: dict[str, Any] = {"wikidata": str(tmp_path / "wikidata"), "wikipedia": str(tmp_path / "wikipedia")}
    return link_inputs(LinkConfig(output=str(tmp_path / "linked"), **config))


def index(folder: Path, inputs: LinkInputs, sql: str = "") -> dict[str, bytes]:
    builder, shared = TitleIndexBuilder(folder), SharedPaths(root=folder.parent / f"{folder.name}_shared")
    read_wikis(inputs, shared, min_bytes=16, max_characters=1_000)
    add_titles(builder, inputs, shared, sql)
    builder.finish()
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_sql_dump_of_all_sites_gives_the_same_index(tmp_path: Path, found: LinkInputs) -> None:
    values = ",".join(f"({n},{item},'{wiki}','{title}')" for n, (item, wiki, title) in enumerate(ITEMS))
    sql = tmp_path / "wb_items_per_site.sql"
    sql.write_text(
        "CREATE TABLE `wb_items_per_site` (\n  `ips_row_id` int,\n  `ips_item_id` int,\n  `ips_site_id` blob,\n"
        f"  `ips_site_page` blob,\n);\nINSERT INTO `wb_items_per_site` VALUES {values};\n-- Dump completed\n"
    )
    assert index(tmp_path / "a", found) == index(tmp_path / "b", found, str(sql))


def test_page_props_tie_the_pages_that_were_read(tmp_path: Path, found: LinkInputs) -> None:
    folder = tmp_path / "props"
    folder.mkdir()
    head = "CREATE TABLE `page_props` (\n  `pp_page` int,\n  `pp_propname` blob,\n  `pp_value` blob,\n);\n"
    insert = "INSERT INTO `page_props` VALUES "
    for wiki, rows in (
        ("dewiki", "(1,'wikibase_item','Q64'),(3,'wikibase_item','Q99')"),
        ("swwiki", "(11,'wikibase_item','Q90')"),
    ):
        (folder / f"{wiki}-20261101-page_props.sql").write_text(f"{head}{insert}{rows};\n-- Dump completed\n")
    index(tmp_path / "index", found, str(folder))
    values = open_titles(tmp_path / "index", "dewiki").look_up(["Berlin", "Bärlin", "Deutschland"])
    assert (values & ((1 << 30) - 1)).tolist() == [64, 64, (1 << 30) - 1]
    config = LinkConfig(wikipedia=str(found.wikipedia), output=str(tmp_path / "linked"), sitelinks_sql=str(folder))
    read = JOB.inputs(config)
    assert {"dewiki-20261101-page_props.sql", "swwiki-20261101-page_props.sql"} <= set(read)
    (folder / "wikipedia").mkdir()  # a folder of dumps holds other things, which come and go
    (folder / "dumps.json").write_text("{}")
    (folder / "yowiki-20261101-page_props.sql").write_text("")
    assert JOB.inputs(config) == read
    (folder / "dewiki-20261101-page_props.sql").unlink()
    with pytest.raises(InputMissing, match="dewiki"):
        index(tmp_path / "again", found, str(folder))


def test_pages_that_name_their_item_and_redirects_with_one_need_no_sitelink(tmp_path: Path) -> None:
    small_wikidata(tmp_path / "wikidata")
    named = dataclasses.replace(page("dewiki", "de", "Neue Seite", 21, None), entity="Q777")
    redirects = [
        Redirect(wiki="dewiki", title="Umleitung", target="Neue Seite", page_id=22),
        Redirect(wiki="dewiki", title="Abschnitt", target="Neue Seite", page_id=23, fragment="Ort"),
        Redirect(wiki="dewiki", title="Eigenes", target="Neue Seite", page_id=24),
    ]
    write_dataset(
        tmp_path / "wikipedia", "wikipedia", {(PAGES, "dewiki"): [[named]], (REDIRECTS, "dewiki"): [redirects]}
    )
    config: dict[str, Any] = {"wikidata": str(tmp_path / "wikidata"), "wikipedia": str(tmp_path / "wikipedia")}
    inputs = link_inputs(LinkConfig(output=str(tmp_path / "linked"), **config))
    titles = ["Neue Seite", "Umleitung", "Abschnitt", "Eigenes"]
    index(tmp_path / "a", inputs)
    assert entity_numbers(open_titles(tmp_path / "a", "dewiki").look_up(titles)).tolist() == [777, 777, 0, 777]
    folder = tmp_path / "props"
    folder.mkdir()
    head = "CREATE TABLE `page_props` (\n  `pp_page` int,\n  `pp_propname` blob,\n  `pp_value` blob,\n);\n"
    rows = "INSERT INTO `page_props` VALUES (24,'wikibase_item','Q31');\n-- Dump completed\n"
    (folder / "dewiki-20261101-page_props.sql").write_text(head + rows)
    index(tmp_path / "b", inputs, str(folder))
    assert entity_numbers(open_titles(tmp_path / "b", "dewiki").look_up(titles)).tolist() == [777, 777, 0, 31]


def test_links_are_tied_without_the_json_dump(tmp_path: Path) -> None:
    small_wikipedia(tmp_path / "wikipedia")
    sql = tmp_path / "wb_items_per_site.sql"
    values = ",".join(f"({n},{item},'{wiki}','{title}')" for n, (item, wiki, title) in enumerate(ITEMS))
    sql.write_text(
        "CREATE TABLE `wb_items_per_site` (\n  `ips_row_id` int,\n  `ips_item_id` int,\n  `ips_site_id` blob,\n"
        f"  `ips_site_page` blob,\n);\nINSERT INTO `wb_items_per_site` VALUES {values};\n-- Dump completed\n"
    )
    config = LinkConfig(wikipedia=str(tmp_path / "wikipedia"), output=str(tmp_path / "link"), sitelinks_sql=str(sql))
    manifest = run_job(JOB, config, ["--direct_num_workers=1"])
    assert manifest.properties["languages"]["de"]["links_resolved"] == 2
    assert manifest.properties["languages"]["sw"]["descriptions_wikipedia"] == 1
    assert manifest.rows["triples"] == 0 and "wikidata" not in manifest.inputs
    with pytest.raises(UsageError, match="--sitelinks-sql"):
        run_job(JOB, LinkConfig(wikipedia=str(tmp_path / "wikipedia"), output=str(tmp_path / "none")))
