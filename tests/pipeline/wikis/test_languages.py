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
    assert len(found) == len(set(found)) == 365


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


@pytest.mark.parametrize(
    ("name", "wiki"),
    [
        ("Swahili", "swwiki"),
        ("greek", "elwiki"),
        ("el_GR", "elwiki"),
        ("iw", "hewiki"),
        ("in", "idwiki"),
        ("zh-tw", "zhwiki"),
        ("pt-BR", "ptwiki"),
        ("sr-Latn", "srwiki"),
        ("swh", "swwiki"),
        ("arb", "arwiki"),
        ("cmn", "zhwiki"),
        ("fil", "tlwiki"),
        # Codes of wikis that libraries know as another language's, or not at all.
        ("als", "alswiki"),
        ("simple", "simplewiki"),
        ("zh-classical", "zh_classicalwiki"),
        ("roa-tara", "roa_tarawiki"),
    ],
)
def test_languages_are_known_by_names_regions_and_the_codes_of_others(name: str, wiki: str) -> None:
    assert languages.find_wiki(name).wiki == wiki


def test_every_wiki_is_still_found_by_its_own_codes() -> None:
    for wiki in languages.wikis().values():
        assert languages.find_wiki(wiki.wiki) is languages.find_wiki(wiki.language) is wiki


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
    assert languages.label_languages("en") == ("en", "en-ca", "en-gb", "en-us", "mul")
    assert languages.label_languages("zh")[1] == "zh-hans"
    assert "mul" not in languages.own_label_languages("zh")


OWN = {
    "ady": ("ady", "ady-cyrl"),
    "bbc": ("bbc", "bbc-latn"),
    "be": ("be",),
    "be-tarask": ("be-tarask", "be-x-old", "be"),
    "bho": ("bho", "bh"),
    "crh": ("crh", "crh-latn", "crh-cyrl", "crh-ro"),
    "de": ("de", "de-at", "de-ch", "de-formal"),
    "en-simple": ("en-simple", "simple", "en", "en-ca", "en-gb", "en-us"),
    "gom": ("gom", "gom-deva", "gom-latn"),
    "gsw": ("gsw", "als"),
    "hif": ("hif", "hif-latn"),
    "iu": ("iu", "ike-cans", "ike-latn"),
    "ku": ("ku", "ku-latn", "ku-arab"),
    "lzh": ("lzh", "zh-classical"),
    "nap": ("nap",),
    "nds": ("nds",),
    "nn": ("nn",),
    "pt": ("pt", "pt-br"),
    "sh": ("sh", "sh-latn", "sh-cyrl"),
    "shi": ("shi", "shi-latn", "shi-tfng"),
    "tg": ("tg", "tg-cyrl", "tg-latn"),
    "tt": ("tt", "tt-cyrl", "tt-latn"),
    "ug": ("ug", "ug-arab", "ug-latn"),
    "vro": ("vro", "fiu-vro"),
    "yue": ("yue", "zh-yue", "yue-hant", "yue-hans"),
}
"""Read by eye: what is a language's own, and what is not (Neapolitan has no texts in Tarantino's, nor Nynorsk in Bokmål's)."""


@pytest.mark.parametrize(("language", "codes"), OWN.items())
def test_a_language_is_read_under_all_of_its_own_codes(language: str, codes: tuple[str, ...]) -> None:
    assert languages.own_label_languages(language) == codes


def test_no_code_of_another_language_is_its_own_unless_one_is_the_other_in_another_spelling() -> None:
    written = {wiki.language for wiki in languages.wikis().values()}
    shared = {
        (language, code)
        for language in written
        for code in languages.own_label_languages(language)
        if code != language and code in written
    }
    assert shared == {("be-tarask", "be"), ("en-simple", "en"), ("mo", "ro")}


def test_other_languages_are_told_apart_from_its_own() -> None:
    assert languages.fallback_languages("ab") == ("ru", "en")
    assert languages.fallback_languages("nb") == ("nn", "en")
    assert languages.fallback_languages("tt") == ("ru", "en")
    assert languages.fallback_languages("en") == ()
    assert languages.fallback_languages("swiss") == ("en",)


def test_every_wikipedia_that_items_link_to_is_known_with_its_state() -> None:
    assert not languages.find_wiki("nawiki").is_open and languages.find_wiki("isvwiki").is_open
    assert languages.is_wikipedia("bolwiki") and languages.is_wikipedia("newestwiki")
    others = ["commonswiki", "wikidatawiki", "wikimania2018wiki", "testwiki", "tenwiki", "dewiktionary", "sourceswiki"]
    assert not any(map(languages.is_wikipedia, others))


def test_the_tables_agree_with_what_mediawiki_itself_computes(real_data: Path) -> None:
    """Chains, states and letter case beside those that its PHP gave when it was run."""

    def rows(name: str) -> list[list[str]]:
        lines = (real_data / "wikipedia/mediawiki" / name).read_text("utf-8").splitlines()
        return [line.split("\t") for line in lines if not line.startswith("#")]

    chains = {row[0]: tuple(row[1].split(",")) for row in rows("fallbacks.tsv")}
    compared = [language for language in (wiki.language for wiki in languages.wikis().values()) if language in chains]
    assert len(compared) > 350
    for language in compared:
        own, declared = languages.own_label_languages(language), languages.fallback_languages(language)
        assert declared == tuple(dict.fromkeys(code for code in chains[language] if code and code not in own)), language
    found = {row[0]: row for row in rows("wikis.tsv") if row[1] == "wikipedia"}
    for name, wiki in languages.wikis().items():
        if name in found:
            assert wiki.is_open == (found[name][7] == "0"), name
            assert (wiki.case != "case-sensitive") == (found[name][3] == "true"), name
    assert set(found) - set(languages.wikis()) == {"testwiki", "test2wiki", "tenwiki"}


def test_title_case_by_wiki() -> None:
    assert languages.title_case("jbowiki") == "case-sensitive"
    assert languages.title_case("trwiki") == "first-letter-dotted-i"
    assert languages.title_case("enwiki") == "first-letter"
    assert languages.title_case("kaawiki") == "first-letter-acute-i"


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
        assert wiki.case.removesuffix("-dotted-i").removesuffix("-acute-i") == row["case_setting"], row["dbname"]
        assert wiki.bcp47 == row["language"], row["dbname"]
        checked += 1
    assert checked > 300
