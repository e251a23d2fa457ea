"""The tables beside the wikitext reader: well formed, and of wikis that exist."""

from __future__ import annotations

import re

import pytest

from pipeline.wikipedia.wikitext.data_table import by_key
from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from pipeline.wikipedia.wikitext.disambiguation import is_disambiguation
from pipeline.wikipedia.wikitext.link_trails import _DATA as TRAILS
from pipeline.wikipedia.wikitext.link_trails import link_trail
from pipeline.wikipedia.wikitext.namespaces import _DATA, fold, read_rows, wiki_namespaces
from pipeline.wikipedia.wikitext.templates import _RULES, compile_rule, fold_name, wiki_template_rules
from pipeline.wikis.languages import wikis


def test_every_wiki_has_a_dialect() -> None:
    for wiki in wikis():
        dialect = wiki_dialect(wiki)
        assert dialect.namespaces.fates["file"] == "file" and dialect.namespaces.fates["category"] == "category"
        assert dialect.trail.match("")
        assert dialect.rules.find("lang") is not None and dialect.rules.find("No such template") is None


def test_tables_name_wikis_that_exist() -> None:
    codes = {wiki.removesuffix("wiki") for wiki in wikis()}
    for names, _ in read_rows(TRAILS):
        assert set(names.split(",")) <= codes, names
    assert {wiki for wiki, _ in read_rows(_DATA / "namespaces.tsv")} - {"canonical"} <= set(wikis())
    for names, _ in read_rows(_RULES):
        assert names == "*" or set(names.split(",")) <= set(wikis()), names


def test_every_rule_compiles_and_stands_once_for_a_wiki() -> None:
    for names, cells in read_rows(_RULES):
        assert len(cells) == 2, (names, cells)
        compile_rule(cells[1])
        for template in cells[0].split(","):
            assert template == fold_name(template) != "", template


def test_a_key_that_stands_twice_in_a_table_is_refused() -> None:
    assert by_key(_RULES, [("a", 1), ("b", 1)]) == {"a": 1, "b": 1}
    with pytest.raises(ValueError, match=r"template_rules\.tsv: 'a' stands twice, as 1 and 2"):
        by_key(_RULES, [("a", 1), ("a", 2)])


def test_every_table_has_each_key_once() -> None:
    by_key(
        _RULES, ((f"{w}\t{n}", s) for ws, (ns, s) in read_rows(_RULES) for w in ws.split(",") for n in ns.split(","))
    )
    by_key(TRAILS, ((code, letters) for codes, letters in read_rows(TRAILS) for code in codes.split(",")))
    for path in (_DATA / "namespaces.tsv", _DATA / "disambiguation.tsv"):
        by_key(path, read_rows(path))


@pytest.mark.parametrize("said", ["{1}<? ({2})", "{1} ?>", "=nothing"])
def test_a_rule_that_is_misspelt_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        compile_rule(said)


@pytest.mark.parametrize(
    ("said", "arguments", "expected"),
    [
        ("{1}", {"1": "a"}, "a"),
        ("{2/1}", {"1": "a"}, "a"),
        ("{-1}", {"1": "a", "2": "b", "x": "c"}, "b"),
        ("{1}<? ({2}<?, {3}?>)?>", {"1": "a"}, "a"),
        ("{1}<? ({2}<?, {3}?>)?>", {"1": "a", "2": "b"}, "a (b)"),
        ("{1}<? ({2}<?, {3}?>)?>", {"1": "a", "2": "b", "3": "c"}, "a (b, c)"),
        ("[[{1}|{lt/1}]]", {}, ""),
        ("–", {}, "–"),
        ("-", {"1": "a"}, ""),
    ],
)
def test_patterns(said: str, arguments: dict[str, str], expected: str) -> None:
    assert compile_rule(said)(arguments, "enwiki") == expected


def test_a_wikis_own_rule_overrules_the_common_one() -> None:
    arguments = {"1": "XIX"}
    assert wiki_template_rules("enwiki").find("s")(arguments, "enwiki") == "XIX"  # type: ignore[misc]
    assert wiki_template_rules("frwiki").find("S")(arguments, "frwiki") == "XIXe siècle"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("wiki", "target", "fate", "title", "fragment"),
    [
        ("enwiki", "Berlin", "article", "Berlin", ""),
        ("enwiki", " Berlin_ # History ", "article", "Berlin", " History "),
        ("enwiki", "#History", "section", "", "History"),
        ("enwiki", "", "empty", "", ""),
        ("enwiki", "File:", "empty", "", ""),
        ("dewiki", "Datei:X.jpg", "file", "Datei:X.jpg", ""),
        ("dewiki", "bild:X.jpg", "file", "bild:X.jpg", ""),
        ("jawiki", "画像:X.jpg", "file", "画像:X.jpg", ""),
        ("viwiki", "Hình:X.jpg", "file", "Hình:X.jpg", ""),
        ("ruwiki", "Категория:Города", "category", "Категория:Города", ""),
        ("ruwiki", ":Категория:Города", "namespace", "Категория:Города", ""),
        ("swwiki", "Mtumiaji:A", "namespace", "Mtumiaji:A", ""),
        ("enwiki", "de:Berlin", "language", "de:Berlin", ""),
        ("enwiki", ":de:Berlin", "interwiki", "de:Berlin", ""),
        ("enwiki", "wikt:dog", "interwiki", "wikt:dog", ""),
        ("enwiki", "Mission: Impossible", "article", "Mission: Impossible", ""),
    ],
)
def test_links_have_their_fates(wiki: str, target: str, fate: str, title: str, fragment: str) -> None:
    assert wiki_namespaces(wiki).classify(target) == (fate, title, fragment)


def test_the_header_overrules_the_tables() -> None:
    names = wiki_namespaces("swwiki", {6: "Faili Jipya", 100: "Lango Jipya"})
    assert names.classify("Faili Jipya:X")[0] == "file" and names.classify("Lango_jipya:X")[0] == "namespace"
    assert names.classify("Picha:X")[0] == "file" and fold(" Faili_Jipya ") == "faili jipya"


def test_trails_of_scripts() -> None:
    def trail(wiki: str, text: str) -> str:
        found = link_trail(wiki).match(text)
        assert found is not None
        return found[0]

    assert trail("enwiki", "s and") == "s" and trail("enwiki", "ß") == ""
    assert trail("dewiki", "straße!") == "straße" and trail("frwiki", "'amour") == ""
    assert trail("zhwiki", "abc") == "" and trail("tlywiki", "abc") == "abc"


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("Berlin", "text", False),
        ("Berlin (disambiguation)", "text", True),
        ("Berlin (Begriffsklärung)", "text", True),
        ("Berlin (band)", "text", False),
        ("Berlin", "x {{ Disambig|geo}}", True),
        ("Berlin", "x {{disambig-geo}}", True),
        ("Berlin", "x {{other uses}} {{lang|de|disambig}}", False),
        ("Asteroid", "of {{dp|3.5}} km", False),
        ("Asteroide", "x {{dp}}", True),
        ("Berlin", "x __DISAMBIG__", True),
        ("柏林", "{{消歧义}}", True),
        ("Берлин", "{{Неоднозначность}}", True),
    ],
)
def test_disambiguation(title: str, text: str, expected: bool) -> None:
    assert is_disambiguation(title, text) is expected
