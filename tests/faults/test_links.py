"""Faults of links and triples, which show only where pages and Wikidata meet: the build from dumps to linked tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import schemas
from pipeline.build import job as build
from schemas import read_manifest, read_shard
from tests.faults import dumps
from tests.faults.dumps import article, entity, line, page, statement
from tests.faults.recorder import Recorder

NUM_THINGS = 12
"""Things with an item each; the page of number n links to n + 1, n - 1 and n + 2."""
ODD_LINKS = (
    "'''Kitu 20''' ni kitu chenye viungo vya kila aina, na hapa vinafuata kwa zamu: [[Kitu 1|cha kwanza]], "
    "[[Hakipo]], [[Njia 1|njia moja]], [[Njia 3|njia tatu]], [[Njia 5|njia tano]], [[Njia 6|njia sita]], "
    "[[Duara A|duara]], [[Kitu 2#Historia|historia yake]], [[Bila kipengee|ukurasa]].\n"
)
REDIRECTS = {f"Njia {n}": f"Njia {n - 1}" if n > 1 else "Kitu 3" for n in range(1, 7)}
REDIRECTS |= {"Duara A": "Duara B", "Duara B": "Duara A", "Njia potevu": "Hakipo"}


def write_dumps(folder: Path) -> None:
    """Writes a Wikidata with a merged item and a Swahili Wikipedia with redirects of every kind."""
    folder.mkdir()
    things = {number: entity(number) for number in range(1, NUM_THINGS + 1)}
    things[4]["claims"] = {"P31": [statement("P31", 30), statement("P31", 999), statement("P31", 5)]}
    kind = {"type": "property", "id": "P31", "datatype": "wikibase-item", "labels": things[1]["labels"]}
    merged = {"entity": "Q30", "redirect": "Q3"}
    lines = [*map(line, things.values()), line(entity(20)), line(kind), json.dumps(merged).encode()]
    (folder / "wikidata-20261101-all.json").write_bytes(dumps.wikidata(lines))
    pages = [article(number) for number in range(1, NUM_THINGS + 1)]
    pages += [page(20, "Kitu 20", ODD_LINKS), page(21, "Bila kipengee", "'''Ukurasa''' huu hauna kipengee popote.")]
    for number, (title, target) in enumerate(REDIRECTS.items(), 30):
        pages.append(page(number, title, f"#REDIRECT [[{target}]]", redirect=target))
    (folder / "swwiki-20261101-pages-articles-multistream.xml.bz2").write_bytes(dumps.multistream(pages))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dumps' build."""
    folder = tmp_path_factory.mktemp("links")
    write_dumps(folder / "dumps")
    build.run(config_of(folder), ["--direct_num_workers=1"])
    return folder


def config_of(folder: Path) -> build.BuildConfig:
    """How the dumps are built."""
    return build.BuildConfig(dumps=str(folder / "dumps"), output=str(folder), vocab_size=400)


def read_all(folder: Path, table: schemas.Table) -> list[dict[str, Any]]:
    """Returns all rows of a table."""
    shards = read_manifest(folder).of(table)
    return [row for shard in shards for row in read_shard(folder / shard.path, table).to_pylist()]


@pytest.mark.fault("B13")
def test_a_merged_and_an_absent_item_as_object(built: Path, recorder: Recorder) -> None:
    dropped = [account.dropped.get("redirect", 0) for account in read_manifest(built / "wikidata").accounts]
    assert sum(dropped) == 1
    stated = read_all(built / "wikidata", schemas.TRIPLES)
    assert [row["object"] for row in stated if row["subject"] == "Q4"] == ["Q30", "Q999", "Q5"]
    (account,) = (account for account in read_manifest(built / "link").accounts if account.source == "triples")
    assert account.dropped == {"no_object_description": 2} and account.kept == len(stated) - 2 == NUM_THINGS + 1
    described = {row["entity"] for row in read_all(built / "link", schemas.DESCRIPTIONS)}
    objects = {row["object"] for row in read_all(built / "link", schemas.TRIPLES)}
    assert objects <= described and not {"Q30", "Q999"} & described
    recorder.note("a merged and an absent object: left out by the link job as no_object_description, 2")


@pytest.mark.fault("C9")
def test_links_through_redirects_loops_and_into_nowhere(built: Path, recorder: Recorder) -> None:
    of_articles = sum(1 <= number + step <= NUM_THINGS for number in range(1, NUM_THINGS + 1) for step in (-1, 1, 2))
    of_articles += 1  # the first page has none before it, and links to itself instead
    properties = read_manifest(built / "link").properties
    links = properties["languages"]["sw"]
    assert {name: count for name, count in links.items() if name.startswith("links_")} == {
        "links_resolved": of_articles + 1,  # the first of the odd ones
        "links_via_redirect": 3,  # one, three and five steps
        "links_red_link": 3 * NUM_THINGS - of_articles + 3,  # nowhere, six steps, the circle
        "links_section": 1,
        "links_no_item": 1,
    }
    assert {name: count for name, count in properties["titles"].items() if name.startswith("redirects")} == {
        "redirects": len(REDIRECTS),
        "redirects_with_item": 0,
        "redirects_resolved": 1,
        "redirects_resolved_by_chain": 4,
        "redirects_to_missing_page": 1,
        "redirects_looping": 3,
    }
    recorder.note(
        "redirects: 1 direct, 4 by chain, 1 to no page, 3 in a circle or cut at step 5; links there are red links"
    )


@pytest.mark.fault("D11")
def test_the_share_of_links_tied_is_printed_by_language(
    built: Path, recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    build.run(config_of(built))
    printed = [row.replace("links tied", "links_tied").split() for row in capsys.readouterr().out.splitlines()]
    head = next(row for row in printed if row[:1] == ["language"])
    sw = next(row for row in printed if row[:1] == ["sw"])
    (account,) = (account for account in read_manifest(built / "link").accounts if account.source == "links/sw")
    assert account.read == 3 * NUM_THINGS + 9
    share = sw[head.index("links_tied")]
    assert share == f"{account.kept / account.read:.1%}"
    recorder.note(f"printed by language: sw, links tied {share}")
