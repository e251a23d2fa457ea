"""Which file of a folder is of what."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.dumps.folder import check_dates, read_dump_folder, wiki_of_name
from schemas.errors import InputMissing, UsageError

NAMES = {
    "wikidata-20261101-all.json.gz": "wikidata",
    "wikidata-20261101-all.json.bz2": None,
    "swwiki-20261101-pages-articles-multistream.xml.bz2": "swwiki",
    "swwiki-20261101-pages-articles-multistream-index.txt.bz2": None,
    "zh_yuewiki-20261020-pages-articles-multistream1.xml-p1p99.bz2": "zh_yuewiki",
    "nowiki-2026-11-01-p10p99.xml.bz2": "nowiki",
    "als_wiki.xml.bz2": "alswiki",
    "dumps.json": None,
    "README.md": None,
}


def test_dumps_are_told_apart_by_name(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "wikipedia").mkdir()
    (tmp_path / "wikipedia" / "yowiki-latest-pages-articles.xml.bz2").write_bytes(b"x")
    (tmp_path / "commonswiki-20261101-pages.xml.bz2").write_bytes(b"x")
    found = read_dump_folder(str(tmp_path))
    assert [Path(path).name for path in found.wikidata] == ["wikidata-20261101-all.json.gz"]
    assert {Path(path).name: wiki for wiki, paths in found.wikis.items() for path in paths} == {
        name: wiki for name, wiki in NAMES.items() if wiki not in (None, "wikidata")
    } | {"yowiki-latest-pages-articles.xml.bz2": "yowiki"}
    assert [Path(path).name for path in found.passed_over] == ["commonswiki-20261101-pages.xml.bz2"]
    assert found.dates == {
        "wikidata": "20261101", "swwiki": "20261101", "zh_yuewiki": "20261020", "nowiki": "20261101"
    }  # fmt: skip


def test_a_folder_without_dumps_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="holds no dumps"):
        read_dump_folder(str(tmp_path))
    with pytest.raises(InputMissing, match="no folder"):
        read_dump_folder(str(tmp_path / "none"))


def test_dumps_far_apart_are_refused() -> None:
    check_dates({"wikidata": "20261101", "swwiki": "20260920"}, 45)
    check_dates({"swwiki": "20100101"}, 45)
    with pytest.raises(UsageError, match=r"yowiki \(20260801, 92 days\)"):
        check_dates({"wikidata": "20261101", "swwiki": "20261101", "yowiki": "20260801"}, 45)


def test_the_wiki_of_a_name() -> None:
    assert wiki_of_name("be_x_oldwiki-20261101-pages.xml.bz2") == "be_x_oldwiki"
    assert wiki_of_name("commonswiki-20261101-pages.xml.bz2") is None and wiki_of_name("x.txt") is None
