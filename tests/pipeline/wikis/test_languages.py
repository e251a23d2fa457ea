"""The wiki table: its traps, its lists, and what unknown names are answered."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pipeline.wikis import languages
from schemas.errors import UsageError

TRAPS = {
    "nowiki": "nb",
    "nnwiki": "nn",
    "zh_yuewiki": "yue",
    "be_x_oldwiki": "be-tarask",
    "bewiki": "be",
    "bat_smgwiki": "sgs",
    "zh_min_nanwiki": "nan",
    "zh_classicalwiki": "lzh",
    "alswiki": "gsw",
    "roa_rupwiki": "rup",
    "fiu_vrowiki": "vro",
    "bhwiki": "bho",
    "simplewiki": "en-simple",
    "cbk_zamwiki": "cbk-zam",
    "map_bmswiki": "map-bms",
    "nds_nlwiki": "nds-nl",
}


@pytest.mark.parametrize(("wiki", "language"), TRAPS.items())
def test_wikis_whose_name_is_not_their_language(wiki: str, language: str) -> None:
    assert languages.wiki_language(wiki) == language
    assert languages.language_wiki(language) == wiki


def test_no_language_has_two_wikis() -> None:
    found = [wiki.language for wiki in languages.wikis().values()]
    assert len(found) == len(set(found)) == 358


@pytest.mark.parametrize("name", ["no", "nb", "nowiki", "NOWIKI", " no "])
def test_a_wiki_is_found_by_each_of_its_names(name: str) -> None:
    assert languages.find_wiki(name).wiki == "nowiki"


@pytest.mark.parametrize(
    ("name", "wiki"),
    [("zh-yue", "zh_yuewiki"), ("zh_yue", "zh_yuewiki"), ("be-x-old", "be_x_oldwiki"), ("simple", "simplewiki"),
     ("als", "alswiki"), ("nrf", "nrmwiki"), ("jv-x-bms", "map_bmswiki")],
)  # fmt: skip
def test_old_and_standard_codes_are_understood(name: str, wiki: str) -> None:
    assert languages.find_wiki(name).wiki == wiki


def test_unknown_names_are_answered_with_near_ones() -> None:
    with pytest.raises(UsageError, match=r"'swwikki'.*swwiki"):
        languages.find_wiki("swwikki")
    with pytest.raises(UsageError, match=r"languages\.tsv"):
        languages.find_wiki("!!!!")


def test_the_bare_no_of_yaml_is_explained() -> None:
    with pytest.raises(UsageError, match="YAML"):
        languages.parse_languages([False, "en"])  # type: ignore[list-item]


def test_lists_keep_their_order_and_drop_repeats() -> None:
    assert languages.parse_languages("sw,yo tr,swwiki") == ("sw", "yo", "tr")
    assert languages.parse_languages(["no", "zh-yue"]) == ("nb", "yue")
    with pytest.raises(UsageError, match="no language given"):
        languages.parse_languages(" , ")


def test_top_is_by_articles_and_counts_english_once() -> None:
    top = languages.parse_languages("top100")
    assert top[:4] == ("en", "ceb", "de", "fr") and len(set(top)) == 100
    assert "nan" in top and "yue" in top and "en-simple" not in top
    assert languages.parse_languages("top3,sw") == ("en", "ceb", "de", "sw")


def test_languages_named_one_by_one_are_told_from_groups() -> None:
    assert languages.named_languages("top3,sw all no") == ("sw", "nb")
    assert languages.named_languages(["top100"]) == ()


def test_all_means_every_open_wiki() -> None:
    everything = languages.parse_languages("all")
    assert len(everything) > 340 and "en-simple" in everything and "aa" not in everything


def test_label_chains_end_in_mul_and_english() -> None:
    assert languages.label_languages("sw") == ("sw", "mul", "en")
    assert languages.label_languages("nb") == ("nb", "no", "mul", "en")
    assert languages.label_languages("en") == ("en", "mul")
    assert languages.label_languages("zh")[1] == "zh-hans"
    assert "mul" not in languages.own_label_languages("zh")


def test_title_case_by_wiki() -> None:
    assert languages.title_case("jbowiki") == "case-sensitive"
    assert languages.title_case("trwiki") == "first-letter-dotted-i"
    assert languages.title_case("enwiki") == "first-letter"


def test_the_table_agrees_with_the_wikis_own_siteinfo(real_data: Path) -> None:
    """Every Wikipedia of the two surveys is in the table, with its own case rule and HTML language."""
    survey = json.load(gzip.open(real_data / "wikipedia/namespaces/language_metadata.json.gz"))["languages"]
    assert {found["dbname"] for found in survey.values()} <= set(languages.wikis())
    rows = map(json.loads, gzip.open(real_data / "wikipedia/namespaces/namespace_map_841_wikis.json.gz"))
    checked = 0
    for row in rows:
        wiki = languages.wikis().get(row["dbname"])
        if wiki is None or row["namespace"] != 0 or wiki.wiki == "simplewiki":
            continue
        assert wiki.case.removesuffix("-dotted-i") == row["case_setting"], row["dbname"]
        assert wiki.bcp47 == row["language"], row["dbname"]
        checked += 1
    assert checked > 300
