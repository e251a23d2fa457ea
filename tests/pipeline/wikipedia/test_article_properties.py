"""What holds for any text: reading never raises, spans are valid, tidy text has no marks, and time is linear."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.wikipedia.articles import Article, ArticleOptions, read_article
from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from pipeline.wikipedia.wikitext.marks import LINK_END, LINK_START, SECTION_MARK
from pipeline.wikipedia.wikitext.templates import SOUND_MARK

WIKIS = ("enwiki", "zhwiki", "arwiki", "hywiki", "bnwiki", "srwiki")
MARKUP = (
    "[[ ]] [[File: [[a|b]] [[Category:x]] | {{ }} {{{ }}} {{lang|de| {{convert|5|km}} {{IPA|x}} {{unknown| {| |} |- |} || !! "
    "<ref> </ref> <ref/> <!-- --> <nowiki> </nowiki> <math> </math> <table> <tr> <td> </table> <br> <div> </div> '' ''' "
    "'''''' == === -{ }- -{zh-cn: ; zh-tw: ( ) （ ） , ; : . ، 、 。 [http://x ] // __NOTOC__ &nbsp; &lt; &#91; * # : ; ---- "
    "word Wort слово كلمة 字 e\u0301 \u0301 🏳️\u200d🌈 \u200c \u200f \u00ad A1 1,5 [ ] { } < > = & ' \" \\ #REDIRECT"
).split(" ")
WIKITEXT = st.lists(st.sampled_from([*MARKUP, " ", "\n", "\n\n", "\n* ", "\n=="]) | st.text(max_size=4), max_size=60)

LARGE = 64 * 1024
GENERATORS = {
    "templates with a pipe": "{{a|",
    "mixed openings": "[[{{a|<ref>",
    "file links": "[[File:a|''<b>{{",
    "open references": 'a<ref name="x">b ',
    "external links": "[http://a ",
    "external links with a link": "[http://a [[b]] ",
    "links": "[[a|",
    "tables": "{|\n",
    "divisions": "<div>",
    "comments": "<!--",
    "literals": "<nowiki>",
    "braces": "{{",
    "brackets": "[[",
    "quotes": "'",
    "equals signs": "=",
    "headings": "\n==",
    "entities": "&",
    "converter": "-{",
    "converter rules": "-{zh-cn:a;",
    "parentheses": "(",
    "parentheses closed": " )",
    "commas": " ,",
    "rendered templates": "{{nowrap|",
    "links with points": "[[a]]. ",
    "attributes": "\n|a=b c=d",
    "underscores": "__A_",
    "sentences without blanks": "a.",
    "cells": "\n{|\n| x || y",
}


def read(text: str, wiki: str = "enwiki", table_cells: bool = False) -> Article:
    options = ArticleOptions(context_characters=200, table_cells=table_cells)
    return read_article(text, "Title", wiki_dialect(wiki), options)


def check(article: Article) -> None:
    for text, links in article.contexts:
        assert text == text.strip() != ""
        assert unicodedata.is_normalized("NFC", text)
        assert not {LINK_START, LINK_END, SECTION_MARK, SOUND_MARK} & set(text)
        end_before = 0
        for start, end, title, _ in links:
            assert end_before <= start < end <= len(text)
            assert title == title.strip() != ""
            assert text[start:end].strip() == text[start:end]
            end_before = end
        assert len(text) <= 200 or any(end - start > 1 for start, end, *_ in links)
    assert (article.lead is None) == (article.lead_missing is not None)
    assert article.lead is None or "\n" not in article.lead


@settings(max_examples=400, deadline=None)
@given(pieces=WIKITEXT, wiki=st.sampled_from(WIKIS), cells=st.booleans())
@example(pieces=["[[a|", "e", "]]", "\u0301"], wiki="enwiki", cells=False)
@example(pieces=["[[a|(]]", ")", "{{IPA|x}}"], wiki="enwiki", cells=False)
def test_any_text_gives_valid_spans(pieces: list[str], wiki: str, cells: bool) -> None:
    check(read("".join(pieces), wiki, cells))


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=200), wiki=st.sampled_from(WIKIS))
def test_any_characters_give_valid_spans(text: str, wiki: str) -> None:
    check(read(text, wiki))


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(pieces=WIKITEXT, wiki=st.sampled_from(WIKIS), cells=st.booleans())
def test_ten_thousand_texts_give_valid_spans(pieces: list[str], wiki: str, cells: bool) -> None:
    check(read("".join(pieces), wiki, cells))


def seconds(text: str) -> float:
    start = time.process_time()
    read(text)
    read(text, "zhwiki", table_cells=True)
    return time.process_time() - start


@pytest.mark.parametrize("name", GENERATORS)
def test_hostile_text_takes_linear_time(name: str) -> None:
    """64 kB of what makes other parsers quadratic: under a second a reading, and no worse than linear at twice the size."""
    unit = GENERATORS[name]
    text = unit * (LARGE // len(unit))
    whole = seconds(text)
    if whole > 0.5:  # a busy machine can slow one reading down: the better of two counts
        whole = min(whole, seconds(text))
        assert whole < 3 * seconds(text[: LARGE // 2])
    assert whole < 2.0


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("{{nowrap|", "}}"), ("[[a|", "]]"), ("{|\n|", "\n|}"), ("(", ")"), ("-{", "}-"), ("<div>", "</div>")],
)
def test_deep_nests_take_linear_time(opening: str, closing: str) -> None:
    depth = LARGE // (len(opening) + len(closing))
    assert seconds(opening * depth + "x" + closing * depth) < 2.0
