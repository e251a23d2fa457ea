"""The tables beside the wikitext reader: well formed, and of wikis that exist."""

from __future__ import annotations

import re

import pytest

from pipeline.wikipedia.articles import ArticleOptions, read_article
from pipeline.wikipedia.wikitext.data_table import by_key
from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from pipeline.wikipedia.wikitext.disambiguation import is_disambiguation
from pipeline.wikipedia.wikitext.link_trails import _DATA as TRAILS
from pipeline.wikipedia.wikitext.namespaces import _DATA, fold, read_rows, wiki_namespaces
from pipeline.wikipedia.wikitext.sections import section_kind
from pipeline.wikipedia.wikitext.templates import _RULES, compile_rule, fold_name, rule_names, wiki_template_rules
from pipeline.wikis.languages import wikis


def test_every_wiki_has_a_dialect() -> None:
    for wiki in wikis():
        dialect = wiki_dialect(wiki)
        assert dialect.namespaces.fates["file"] == "file" and dialect.namespaces.fates["category"] == "category"
        assert dialect.trail.match("")
        assert dialect.rules.find("lang") is not None and dialect.rules.find("No such template") is None


def test_tables_name_wikis_that_exist() -> None:
    of_trails = {wiki for names, _ in read_rows(TRAILS) for wiki in names.split(",")}
    assert set(wikis()) - of_trails <= {"mowiki"}  # closed, and gone from Wikimedia's configuration; read as English
    assert of_trails == {wiki for wiki, _ in read_rows(_DATA / "namespaces.tsv") if wiki in of_trails}
    for names, _ in read_rows(_RULES):
        assert names == "*" or set(names.split(",")) <= set(wikis()), names


def test_every_rule_compiles_and_stands_once_for_a_wiki() -> None:
    for names, cells in read_rows(_RULES):
        assert len(cells) == 2, (names, cells)
        compile_rule(cells[1])
        for template in rule_names(cells[0]):
            assert template == fold_name(template) != "", template


def test_a_key_that_stands_twice_in_a_table_is_refused() -> None:
    assert by_key(_RULES, [("a", 1), ("b", 1)]) == {"a": 1, "b": 1}
    with pytest.raises(ValueError, match=r"template_rules\.tsv: 'a' stands twice, as 1 and 2"):
        by_key(_RULES, [("a", 1), ("a", 2)])


def test_every_table_has_each_key_once() -> None:
    by_key(
        _RULES, ((f"{w}\t{n}", s) for ws, (ns, s) in read_rows(_RULES) for w in ws.split(",") for n in rule_names(ns))
    )
    by_key(TRAILS, ((code, letters) for codes, letters in read_rows(TRAILS) for code in codes.split(",")))
    by_key(_DATA / "namespaces.tsv", read_rows(_DATA / "namespaces.tsv"))
    for path in (_DATA / "interwiki.tsv", _DATA / "disambiguation.tsv"):
        by_key(path, ((f"{kind}\t{w}", cells) for kind, (ws, *cells) in read_rows(path) for w in ws.split(",")))


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
    assert wiki_template_rules("frwiki").find("S")(arguments, "frwiki") == "[[XIXe siècle|XIXe siècle]]"  # type: ignore[misc]


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


@pytest.mark.parametrize(
    ("wiki", "title", "text", "expected"),
    [
        ("enwiki", "Berlin", "text", False),
        ("enwiki", "Berlin (disambiguation)", "text", True),
        ("dewiki", "Berlin (Begriffsklärung)", "text", True),
        ("enwiki", "Berlin (band)", "text", False),
        ("enwiki", "Berlin", "x {{ Disambig|geo}}", True),
        ("enwiki", "Berlin", "x {{disambig-geo}}", True),
        ("enwiki", "Berlin", "x {{other uses}} {{lang|de|disambig}}", False),
        ("enwiki", "Asteroid", "of {{dp|3.5}} km", False),
        ("enwiki", "Asteroid", "of {{dp}} km", False),
        ("nlwiki", "Asteroide", "x {{dp}}", True),
        ("enwiki", "Peker", "{{peker}}", False),
        ("nowiki", "Peker", "{{peker}}", True),
        ("enwiki", "Berlin", "x __DISAMBIG__", True),
        ("eswiki", "Berlín", "x __DISAMBIGUACIÓN__", True),
        ("eswiki", "Berlín", "x __DISAMBIGUACION__", True),
        ("enwiki", "Berlin", "x __DISAMBIGUACIÓN__", False),
        ("zhwiki", "柏林", "__消歧义__", True),
        ("zhwiki", "柏林", "{{消歧义}}", True),
        ("ruwiki", "Берлин", "{{Неоднозначность}}", True),
        ("alswiki", "Berlin", "{{Begriffsklärig}}", True),
    ],
)
def test_disambiguation(wiki: str, title: str, text: str, expected: bool) -> None:
    assert is_disambiguation(title, text, wiki) is expected


@pytest.mark.parametrize(
    "text", ["<!-- {{disambig}} -->", "<nowiki>{{disambig}}</nowiki>", "<nowiki>__DISAMBIG__</nowiki>"]
)
def test_what_no_reader_sees_makes_no_disambiguation(text: str) -> None:
    prose = f"Berlin is the capital and largest city of Germany. {text}"
    assert not read_article(prose, "Berlin", wiki_dialect("enwiki"), ArticleOptions()).is_disambiguation


def test_marks_of_disambiguation_are_of_wikis_that_exist() -> None:
    known = {wiki for names, _ in read_rows(TRAILS) for wiki in names.split(",")} | {"*"}
    rows = [cells[0] for _, cells in read_rows(_DATA / "disambiguation.tsv")]
    rows += [wikis for wikis, _ in read_rows(_DATA / "disambiguation_words.tsv")]
    assert {wiki for wikis in rows for wiki in wikis.split(",")} <= known


@pytest.mark.parametrize(
    ("language", "headings", "kind"),
    [
        ("en", ("External links",), "external_links"),
        ("de", ("Werke", "Romane"), "works"),
        ("de", ("Leben", "Literatur"), "bibliography"),
        ("de", ("References",), "references"),
        ("ru", ("Примечания",), "references"),
        ("zh", ("外部連結",), "external_links"),
        ("en", ("History",), None),
        ("en", ("Literatur",), None),
        ("en", (), None),
    ],
)
def test_kinds_of_sections(language: str, headings: tuple[str, ...], kind: str | None) -> None:
    assert section_kind(headings, language) == kind


def test_titles_of_sections_say_one_thing_in_a_language() -> None:
    for language in {cells[0] for _, cells in read_rows(_DATA / "section_kinds.tsv")}:
        assert section_kind(("History",), language) is None


def test_contexts_know_their_section_and_can_be_left_out_by_it() -> None:
    life = "== [[Life|His life]] ==\nHe lived.\n=== ''Youth'' ===\nHe was young.\n"
    text = f"Lead of the page.\n{life}== See also ==\n* [[Youth]]\n"
    read = read_article(text, "X", wiki_dialect("enwiki"), ArticleOptions())
    assert [(s.title, s.kind) for s in read.sections] == [
        *((None, None), ("His life", None), ("Youth", None), ("See also", "see_also")),
    ]
    options = ArticleOptions(without_sections=frozenset(["see_also"]), min_context_characters=10)
    less = read_article(text, "X", wiki_dialect("enwiki"), options)
    assert [text for text, _ in less.contexts] == ["Lead of the page.", "He was young."]
    assert less.contexts_left_out == {"in_see_also": 1, "short": 1} and len(less.sections) == 2
