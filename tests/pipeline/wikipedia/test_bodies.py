"""Templates whose own pages are read: what their bodies say, and what is left to the rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.wikipedia.articles import ArticleOptions, read_article
from pipeline.wikipedia.job import prepare
from pipeline.wikipedia.wikitext.bodies import gather, transcluded
from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from tests.pipeline.wikipedia.test_wikipedia import config_of, run_tasks
from tests.pipeline.wikipedia.wiki_dump import document, page, write_packed

PAGES = [
    ("Vol-en", "{{langWithName|en|anglīšu|''{{{1}}}''}}<noinclude>\n[[Kategoreja:Taisi]]\n</noinclude>", None),
    ("LangWithName", "{{ll|{{{2}}}}}: {{lang|{{{1}}}|{{{3}}}}}", None),
    ("Ll", "#REDIRECT [[Taiss:Language link]]", "Language link"),
    ("Language link", "[[{{{1}}} volūda|{{{1}}}]]", None),
    ("Grade", "{{#switch:{{{1|}}}|a=good|#default=poor}}{{#if:{{{2|}}}| ({{{2}}})}}", None),
    ("Percent", "{{#expr:100*{{{1}}}/{{{2}}} round 1}} %", None),
    ("Shout", "<includeonly>{{uc:{{{1|nothing}}}}}</includeonly> said elsewhere", None),
    ("Coord", "{{#invoke:Coordinates|coord}}", None),
    ("Crate", '<div class="box">{{{1}}}</div>', None),
    ("Hidden", '<span style="display:none">{{{1}}}</span>', None),
    ("Partly", "{{{1}}} and {{{missing}}}", None),
    ("Loop", "{{Loop|{{{1}}}}}", None),
    ("Sorted", "[[Kategoreja:Sorted]]", None),
]


def said(wikitext: str) -> str:
    dialect = replace(wiki_dialect("ltgwiki"), bodies=gather(PAGES))
    article = read_article(wikitext, "Page", dialect, ArticleOptions())
    return "\n".join(text for text, _ in article.contexts)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("{{vol-en|level}}", "anglīšu: level"),
        ("{{Grade|a}} {{grade|b|2nd}}", "good poor(2nd)"),
        ("{{Percent|1|3}}", "33.3 %"),
        ("{{shout|well}} {{shout}}", "WELL said elsewhere NOTHING said elsewhere"),
    ],
)
def test_plain_bodies_are_expanded(call: str, expected: str) -> None:
    assert said(f"It is {call} there.") == f"It is {expected} there."


def test_a_body_that_only_sorts_a_page_says_nothing() -> None:
    assert said("It is {{sorted}} there.") == "It is there."


@pytest.mark.parametrize("call", ["{{coord|1}}", "{{crate|1}}", "{{hidden|1}}", "{{partly|1}}", "{{loop|1}}"])
def test_what_a_line_cannot_hold_is_left_to_the_rules(call: str) -> None:
    assert said(f"It stays. It is {call} very big. It stays, too.") in (
        "It stays. It stays, too.",
        "It stays. It is very big. It stays, too.",
    )


def test_links_of_bodies_are_mentions() -> None:
    dialect = replace(wiki_dialect("ltgwiki"), bodies=gather(PAGES))
    ((text, links),) = read_article("Vuords ({{vol-en|level}}).", "Page", dialect, ArticleOptions()).contexts
    assert [(text[start:end], title) for start, end, title, _ in links] == [("anglīšu", "anglīšu volūda")]


def test_only_what_a_call_takes_counts() -> None:
    assert transcluded("a<noinclude>b</noinclude><includeonly>c</includeonly>") == "ac"
    assert transcluded("a<onlyinclude>b</onlyinclude>c<onlyinclude>d</onlyinclude>") == "bd"


def test_the_job_reads_them_where_it_is_asked_to(tmp_path: Path) -> None:
    pages = [
        page(1, "Nairobi", "'''Nairobi''' ni mji mkubwa {{Wa|Kenya}} na watu wengi sana."),
        page(2, "Kigezo:Wa nchi", "wa nchi ya [[{{{1}}}]]", ns=10),
        page(3, "Kigezo:Wa", "#REDIRECT [[Kigezo:Wa nchi]]", ns=10, redirect="Kigezo:Wa nchi"),
    ]
    dump = write_packed(tmp_path, document(pages), "bz2")
    for templates, expected in ((True, "Nairobi ni mji mkubwa wa nchi ya Kenya na watu wengi sana."), (False, None)):
        config = config_of(dump, templates=templates)
        prepare(config, str(tmp_path / str(templates)))
        (row,) = run_tasks(config, tmp_path / str(templates))[0]["pages"]
        assert row["lead"] == expected
