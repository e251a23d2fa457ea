"""Rows of SQL dumps, and what a damaged one is answered with."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pipeline.dumps.sql import read_items_per_site, read_page_props, read_rows
from schemas.errors import InputCorrupt, InputMissing

HEAD = """-- MySQL dump
/*M!999999\\- enable the sandbox mode */
DROP TABLE IF EXISTS `wb_items_per_site`;
CREATE TABLE `wb_items_per_site` (
  `ips_row_id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `ips_item_id` int(10) unsigned NOT NULL,
  `ips_site_id` varbinary(32) NOT NULL,
  `ips_site_page` varbinary(310) NOT NULL,
  PRIMARY KEY (`ips_row_id`),
  UNIQUE KEY `wb_ips_item_site_page` (`ips_site_id`,`ips_site_page`)
) ENGINE=InnoDB;
"""
INSERTS = (
    r"INSERT INTO `wb_items_per_site` VALUES (1,64,'dewiki','Berlin'),(2,1,'enwiki','Universe'),(3,7,'dewiki','O\'Hara');"
    "\n"
    r"INSERT INTO `wb_items_per_site` VALUES (4,8,'dewiki','A \\ (b),(c)'),(5,9,'swwiki','Bahari_ya Hindi');"
    "\n"
)
END = "-- Dump completed on 2026-11-01\n"


def dump(path: Path, text: str, packed: bool = True) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return path


@pytest.mark.parametrize("packed", [True, False])
def test_items_by_site(tmp_path: Path, packed: bool) -> None:
    path = dump(tmp_path / "items.sql.gz", HEAD + INSERTS + END, packed)
    found = {
        wiki: list(zip(titles, numbers, strict=True))
        for wiki, titles, numbers in read_items_per_site(path, {"dewiki", "swwiki"})
    }
    assert found == {
        "dewiki": [("Berlin", 64), ("O'Hara", 7), ("A \\ (b),(c)", 8)],
        "swwiki": [("Bahari ya Hindi", 9)],
    }


def test_page_props(tmp_path: Path) -> None:
    text = (
        "CREATE TABLE `page_props` (\n  `pp_page` int(10),\n  `pp_propname` varbinary(60),\n  `pp_value` blob,\n"
        "  `pp_sortkey` float DEFAULT NULL,\n) ENGINE=InnoDB;\n"
        "INSERT INTO `page_props` VALUES (5,'wikibase_item','Q64',NULL),(6,'defaultsort','Q1',-1.5e3),"
        "(7,'wikibase_item','q9',NULL);\n" + END
    )
    assert read_page_props(dump(tmp_path / "p.sql.gz", text)) == {5: 64, 7: 9}


def test_members_and_small_pieces_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (HEAD + INSERTS + END).encode()
    path = tmp_path / "many.sql.gz"
    path.write_bytes(b"".join(gzip.compress(text[start : start + 100]) for start in range(0, len(text), 100)))
    whole = list(read_rows(path, "wb_items_per_site", ("ips_row_id",)))
    monkeypatch.setattr("pipeline.dumps.sql._READ_BYTES", 37)
    assert list(read_rows(path, "wb_items_per_site", ("ips_row_id",))) == whole == [(b"%d" % n,) for n in range(1, 6)]


def test_damage_is_named(tmp_path: Path) -> None:
    whole = gzip.compress((HEAD + INSERTS * 50 + END).encode())
    cut = tmp_path / "cut.sql.gz"
    cut.write_bytes(whole[:-20])
    columns = ("ips_item_id",)
    with pytest.raises(InputCorrupt, match="cut off"):
        list(read_rows(cut, "wb_items_per_site", columns))
    with pytest.raises(InputCorrupt, match="Dump completed"):
        list(read_rows(dump(tmp_path / "a.gz", HEAD + INSERTS), "wb_items_per_site", columns))
    with pytest.raises(InputCorrupt, match="Dump completed"):
        list(read_rows(dump(tmp_path / "empty.gz", ""), "wb_items_per_site", columns))
    with pytest.raises(InputCorrupt, match="but not nonsense"):
        list(read_rows(dump(tmp_path / "b.gz", HEAD + INSERTS + END), "wb_items_per_site", ("nonsense",)))
    with pytest.raises(InputCorrupt, match="a row was expected"):
        list(
            read_rows(
                dump(tmp_path / "c.gz", HEAD + INSERTS.replace("(5,9", "(5;9") + END), "wb_items_per_site", columns
            )
        )
    with pytest.raises(InputMissing, match="does not exist"):
        list(read_rows(tmp_path / "none.gz", "page", columns))
