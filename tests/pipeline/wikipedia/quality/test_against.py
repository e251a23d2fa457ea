"""Our reading of pages against their rendered form, on pages whose figures are known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.wikipedia.quality.against import PageFigures, compare
from pipeline.wikipedia.quality.job import QualityConfig, run
from pipeline.wikipedia.quality.rendered_pages import RenderedPage, read_pages
from schemas.errors import InputMissing, UsageError

WIKITEXT = """'''Berlin''' is the capital of [[Germany]] and a [[big]] city.

It has {{unknown|many}} people in it. The river is {{convert|5|km|mi|abbr=on}} long and [[blue]].

We wrote a sentence that nobody can see here."""
HTML = """<html><body><section><p><b>Berlin</b> is the capital of <a rel="mw:WikiLink" href="./Germany">Germany</a> and
a <a rel="mw:WikiLink" href="./Big">big</a> city.</p><p>It has <span about="#mwt1" typeof="mw:Transclusion"
data-mw='{"parts":[{"template":{"target":{"wt":"unknown"},"params":{"1":{"wt":"many"}}}}]}'>many</span> people in it.
The river is <span about="#mwt2" typeof="mw:Transclusion" data-mw='{"parts":[{"template":{"target":{"wt":"convert"},"params":
{"1":{"wt":"5"},"2":{"wt":"km"},"3":{"wt":"mi"},"abbr":{"wt":"on"}}}}]}'>5 km (3.1 mi)</span> long and
<a rel="mw:WikiLink" href="./Blue">blue</a>.</p></section></body></html>"""


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages" / "enwiki"
    folder.mkdir(parents=True)
    (folder / "Berlin.parsoid.html").write_text(HTML)
    (folder / "Berlin.wikitext").write_text(WIKITEXT)
    (folder / "Alone.html").write_text(HTML)
    record = {"name": "Berlin", "article_body": {"html": HTML, "wikitext": WIKITEXT}}
    (folder / "snapshot.ndjson").write_text(json.dumps(record) + "\n" + json.dumps({"name": "No body"}) + "\n")
    return tmp_path / "pages"


def test_sentences_links_and_calls_of_known_pages(pages: Path) -> None:
    figures = compare(read_pages(pages))["enwiki"]
    assert figures.pages == 2
    assert (figures.sentences, figures.kept, figures.left_out) == (6, 4, 2)
    assert (figures.ours, figures.seen) == (6, 4)
    assert figures.lost == ["It has many people in it."] * 2
    assert figures.blamed == {"unknown": 2}
    assert (figures.links, figures.links_found, figures.our_links, figures.our_links_seen) == (6, 6, 6, 6)
    assert figures.calls.outcomes == {"equal": 2, "silent": 2}


def test_the_command_prints_a_table_with_the_worst_templates(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(QualityConfig(against=str(pages), examples=True))
    printed = capsys.readouterr().out
    assert "| of these kept as they are | 66.7 % | 66.7 % |" in printed
    assert "| 2 | enwiki | `{{unknown|many}} → 'many', ours ''` |" in printed
    assert "- We wrote a sentence that nobody can see here." in printed


def page(html: str, wikitext: str) -> PageFigures:
    return compare([RenderedPage("frwiki", "Bourges", f"<body><p>{html}</p></body>", wikitext)])["frwiki"]


def test_only_blanks_inside_of_text_tell_that_a_page_was_indented_anew() -> None:
    sentence = "Bourges est une ville du centre de la France."
    boxes = "</p><div>\n     <table>\n     <tr>\n      <td>1</td></tr></table></div><p>" * 40
    assert page(sentence + boxes, sentence).pages == 1
    assert page("Bourges est\n     <b>une</b>\n     ville du centre de la France.", sentence).pages == 0


def test_pages_whose_wikitext_was_made_from_html_are_left_out() -> None:
    sentence = "Bourges est une ville."
    assert page(sentence, sentence + " [/wiki/Ville ville]" * 4).pages == 0


def test_a_reader_sees_what_stands_in_tables_but_is_not_asked_for_it() -> None:
    cell = "<table><tr><td><ul><li>Collège Jules-Verne de Bourges</li></ul></td></tr></table>"
    figures = page(cell, "* Collège Jules-Verne de Bourges")
    assert (figures.sentences, figures.ours, figures.seen) == (0, 1, 1)


def test_sentences_with_formulas_are_compared_with_nothing() -> None:
    figures = page("On note <math>K_n</math> le graphe complet.", "On note <math>K_n</math> le graphe complet.")
    assert (figures.sentences, figures.ours, figures.seen) == (0, 0, 0)


def test_what_cannot_be_measured_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name one"):
        run(QualityConfig())
    with pytest.raises(InputMissing, match="holds no rendered page"):
        list(read_pages(tmp_path))
