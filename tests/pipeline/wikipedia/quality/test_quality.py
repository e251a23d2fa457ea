"""The measure of text quality, on pages whose figures are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.wikipedia.quality.job import QualityConfig, measure
from pipeline.wikipedia.quality.leftovers import LEAD_DEFECT, is_hard, leftovers
from pipeline.wikipedia.quality.reference import reference_links
from pipeline.wikipedia.quality.report import render
from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from tests.pipeline.wikipedia.wiki_dump import document, page, write_packed


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    table = "\n\n{|\n| [[Jedwali]]\n|}\n[[Picha:x.jpg]]"
    pages = [
        page(1, "Berlin", "'''Berlin''' ni mji mkuu wa [[Ujerumani]] na [[mji]] mkubwa." + table),
        page(2, "Lugha", "'''Lugha''' huandikwa <nowiki>{{hivi}}</nowiki> na [[Watu|watu]] wengi sana."),
        page(3, "Orodha", "* [[Moja]]\n* [[Mbili]]"),
        page(6, "Shimo", "'''Shimo''' ni {{jambo|kubwa}} sana hapa. Lakini mji ni mkubwa kweli na watu wengi."),
        page(7, "Mstari", "'''Mstari''' ni mji mkubwa wa pwani ya mashariki na wa zamani —"),
        page(4, "Zamani", "#REDIRECT [[Berlin]]", redirect="Berlin"),
        page(5, "Majadiliano:X", "x", ns=1),
    ]
    return write_packed(tmp_path, document(pages), "bz2")


def test_figures_of_known_pages(dump: Path) -> None:
    (quality,) = measure(QualityConfig(dumps=(str(dump),))).values()
    assert quality.pages == 5
    assert quality.failing == {"templates": 1, "any": 1, "any but parentheses": 1}
    assert quality.examples["templates"][0].startswith("Lugha: ")
    assert (quality.leads, quality.lead_defects, quality.title_in_lead) == (3, 0, 3)
    assert quality.missing == {"list": 1, "hole": 1}
    assert quality.lead_shapes == {"hanging dash": 1}
    assert (quality.left_out, quality.sentences) == ({"jambo": 1}, 6)
    assert (quality.links, quality.spans_wrong, quality.reference_links, quality.links_found) == (5, 0, 5, 5)
    assert quality.fates == {"article": 5, "file": 1}
    assert 0.5 < quality.characters / quality.characters_possible < 1


def test_the_report_is_a_table_with_a_column_a_wiki(dump: Path) -> None:
    text = render(measure(QualityConfig(dumps=(str(dump),))), examples=True)
    assert "| pages | 5 | 5 |" in text and "| **any** | 200 | 200 |" in text
    assert "| of these found (recall) | 100.00 % | 100.00 % |" in text
    assert "| no lead: list | 20.00 % | 20.00 % |" in text
    assert "| left out for a hole, per 1,000 | 142.9 | 142.9 |" in text and "- swwiki: `jambo` 1" in text
    assert "- templates: `Lugha: " in text


def test_links_need_not_be_compared(dump: Path) -> None:
    (quality,) = measure(QualityConfig(dumps=(str(dump),), compare_links=False, max_pages=2)).values()
    assert (quality.pages, quality.links, quality.reference_links) == (2, 0, 0)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a {{b", "templates"),
        ("a\n{| b", "tables"),
        ('a style="b" c', "attributes"),
        ("a ]] b", "brackets"),
        ("thumb|200px|a", "file parameters"),
        ("see Berlin.jpg here", "file names"),
        ("a <br/> b", "tags"),
        ("a <!-- b", "comments"),
        ("a ''b", "quotes"),
        ("a\n== b ==\n", "headings"),
        ("a __NOTOC__", "magic words"),
        ("a&nbsp;b", "entities"),
        ("a\nCategory:B", "category lines"),
        ("a [http://b c]", "external links"),
        ("a -{b}-", "converter"),
        ("a () b", "parentheses"),
        ("a ( , b)", "parentheses"),
        ("a （、b）", "parentheses"),
    ],
)
def test_each_class_is_found(text: str, kind: str) -> None:
    assert kind in leftovers(text) and is_hard(kind)


@pytest.mark.parametrize(
    "text", ["A plain (1) text, e.g. 1,234.", "x < y and y > z", "C# and F* [sic] a|b", "柏林（德国）。"]
)
def test_plain_text_has_no_leftovers(text: str) -> None:
    assert not any(map(is_hard, leftovers(text))) and not LEAD_DEFECT.search(text)


def test_the_whole_trail_of_a_link_is_compared() -> None:
    wikitext = "The [[dog]]s of [[Paris|the city]]'s ''[[cat]]''s, [[bus]]es.2 and ([[red]])."
    links = reference_links(wikitext, wiki_dialect("enwiki"))
    assert sorted(surface for _, surface in links) == ["buses", "cat", "dogs", "red", "thecity"]
    assert sorted(surface for _, surface in reference_links("في ال[[قاهرة]] اليوم", wiki_dialect("arwiki"))) == [
        "القاهرة"
    ]
