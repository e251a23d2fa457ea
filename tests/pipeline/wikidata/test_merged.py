"""Merged items, from Wikidata's SQL dumps to the rows that named them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pipeline.run.job import run_job
from pipeline.wikidata.config import WikidataConfig
from pipeline.wikidata.job import JOB
from pipeline.wikidata.merged import read_merged
from schemas import ENTITIES, MERGED, TRIPLES, read_shard
from schemas.errors import UsageError
from tests.pipeline.wikidata.entity_lines import line_of, statement

ONE_PROCESS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]

REDIRECT = """CREATE TABLE `redirect` (
  `rd_from` int(8) unsigned NOT NULL DEFAULT 0,
  `rd_namespace` int(11) NOT NULL DEFAULT 0,
  `rd_title` varbinary(255) NOT NULL DEFAULT '',
  `rd_interwiki` varbinary(32) DEFAULT NULL,
  `rd_fragment` varbinary(255) DEFAULT NULL,
) ENGINE=InnoDB;
INSERT INTO `redirect` VALUES (1001,0,'Q20','',''),(1002,0,'Q30','',NULL),(1003,0,'Q40',NULL,NULL),(1004,0,'Q10',NULL,NULL),
"""
PAGE = """CREATE TABLE `page` (
  `page_id` int(8) unsigned NOT NULL AUTO_INCREMENT,
  `page_namespace` int(11) NOT NULL DEFAULT 0,
  `page_title` varbinary(255) NOT NULL DEFAULT '',
  `page_is_redirect` tinyint(1) unsigned NOT NULL DEFAULT 0,
  `page_random` double unsigned NOT NULL DEFAULT 0,
) ENGINE=InnoDB;
"""
PAGES = [
    (1001, 0, "Q10", 1), (1002, 0, "Q20", 1), (1003, 0, "Q5000", 1), (1004, 0, "Q7", 1), (1005, 0, "Q30", 0),
    (1006, 4, "Project_chat", 1), (1007, 120, "P31", 0), (1008, 0, "Q60", 1), (1009, 0, "Q61", 1), (1010, 0, "Q40", 0),
]  # fmt: skip
END = "-- Dump completed on 2026-11-01\n"


@pytest.fixture
def dumps(tmp_path: Path) -> tuple[Path, Path]:
    """Q7 to Q10 to Q20 to Q30, Q5000 to Q40; Q60 and Q61 lead to each other; a page that is no item."""
    redirects = REDIRECT.strip().removesuffix(",")
    redirects += ",(1006,4,'Administrators',NULL,NULL),(1008,0,'Q61','',''),(1009,0,'Q60','','');\n"
    pages = ",".join(f"({page},{space},'{title}',{led},0.{page})" for page, space, title, led in PAGES)
    paths = tmp_path / "wikidatawiki-latest-redirect.sql.gz", tmp_path / "wikidatawiki-latest-page.sql.gz"
    for path, text in zip(paths, (redirects, f"{PAGE}INSERT INTO `page` VALUES {pages};\n"), strict=True):
        path.write_bytes(gzip.compress((text + END).encode()))
    return paths


def test_mergers_are_followed_to_their_end(dumps: tuple[Path, Path]) -> None:
    found = read_merged(*dumps)
    assert dict(zip(found.merged.tolist(), found.entity.tolist(), strict=True)) == {7: 30, 10: 30, 20: 30, 5000: 40}


@pytest.mark.parametrize("scan_from", [0, 1 << 60], ids=["scanned", "decoded"])
def test_statements_name_the_item_that_is_meant(
    tmp_path: Path, dumps: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, scan_from: int
) -> None:
    monkeypatch.setattr("pipeline.wikidata.job.LEAST_SCANNED_BYTES", scan_from)
    monkeypatch.setattr("pipeline.wikidata.job.LEAST_COMPILED_BYTES", 0)
    claims = {"P31": [statement("Q10"), statement("Q30")], "P17": [statement("Q5000"), statement("Q6")]}
    dump = tmp_path / "dump.json"
    dump.write_bytes(b"[\n" + line_of(id="Q1", claims=claims) + b",\n" + line_of(id="Q2") + b"\n]\n")
    settings = WikidataConfig(
        dumps=(str(dump),), output=str(tmp_path / "out"), merged=",".join(map(str, dumps)), instance_of="Q30"
    )
    manifest = run_job(JOB, settings, ONE_PROCESS)

    def rows(table: object) -> list[dict[str, object]]:
        return [
            row for shard in manifest.of(table) for row in read_shard(tmp_path / "out" / shard.path, table).to_pylist()
        ]

    assert [(row["relation"], row["object"]) for row in rows(TRIPLES)] == [
        ("P31", "Q30"), ("P31", "Q30"), ("P17", "Q40"), ("P17", "Q6"),
    ]  # fmt: skip
    assert [(row["entity"], row["instance_of"]) for row in rows(ENTITIES)] == [("Q1", ["Q30", "Q30"])]
    assert {row["merged"]: row["entity"] for row in rows(MERGED)} == {
        "Q7": "Q30",
        "Q10": "Q30",
        "Q20": "Q30",
        "Q5000": "Q40",
    }
    assert manifest.counters["triples_of_merged_objects"] == 2
    assert {account.source: account.kept for account in manifest.accounts} == {
        "dump.json": 1, "wikidatawiki-latest-redirect.sql.gz, wikidatawiki-latest-page.sql.gz": 4,
    }  # fmt: skip
    assert sorted(manifest.inputs) == ["dump.json", *sorted(path.name for path in dumps)]


def test_both_dumps_must_be_named(tmp_path: Path) -> None:
    dump = tmp_path / "dump.json"
    dump.write_bytes(b"[\n" + line_of(id="Q1") + b"\n]\n")
    with pytest.raises(UsageError, match="two SQL dumps, redirect and page"):
        run_job(
            JOB, WikidataConfig(dumps=(str(dump),), output=str(tmp_path / "out"), merged="redirect.sql.gz"), ONE_PROCESS
        )
