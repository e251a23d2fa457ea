"""Wikidata's short texts: which label goes with which short description."""

from __future__ import annotations

import numpy as np

from pipeline.link.short_texts import CANDIDATE, ShortText, ShortTexts, decide_short_texts, survey_short_texts
from schemas import ENTITIES, Entity
from tests.pipeline.link.datasets import entity, text


def texts_of(*entities: Entity, languages: tuple[str, ...] = ("de", "sw", "zh")) -> list[tuple[int, str, str]]:
    return [(row.number, row.language, row.text) for row in short_texts_of(*entities, languages=languages)]


def short_texts_of(*entities: Entity, languages: tuple[str, ...]) -> list[ShortText]:
    return list(ShortTexts(languages, min_sitelinks=1, max_characters=40).of_batch(ENTITIES.batch(entities)))


def test_label_and_short_description_of_one_language() -> None:
    berlin = entity(64, text("de", "Berlin", "Hauptstadt"), text("en", "Berlin", "capital"), text("sw", "Berlin"))
    assert texts_of(berlin) == [(64, "de", "Berlin: Hauptstadt")]


def test_a_name_for_all_languages_serves_where_there_is_no_label() -> None:
    person = entity(5, text("mul", "Ada"), text("sw", None, "mwanahisabati"), text("de", "Gräfin Ada", "Frau"))
    assert texts_of(person) == [(5, "de", "Gräfin Ada: Frau"), (5, "sw", "Ada: mwanahisabati")]


def test_written_variants_serve_in_order() -> None:
    city = entity(
        7, text("zh-hans", "上海", "中国城市"), text("zh-hant", "上海", "中國城市"), text("zh", "上海市", None)
    )
    assert texts_of(city) == [(7, "zh", "上海市: 中国城市")]


def test_each_text_says_where_in_the_chain_it_was_found() -> None:
    lake = entity(
        8,
        text("bbc-latn", "Tao Toba", "tao di Sumatera"),
        text("pt", "Lago Toba"), text("pt-br", "lago Toba", "lago da Indonésia"),
        text("mul", "Toba"), text("als", None, "e See"), text("gsw", None, "en See"),
        text("sr-el", "Toba", "jezero"), text("id", "Danau Toba", "danau di Sumatera"),
        text("nn", "Tobasjøen", "innsjø"),
    )  # fmt: skip
    found = short_texts_of(lake, languages=("bbc", "gsw", "nb", "pt", "sr"))
    assert [(row.language, row.text, row.code, row.step) for row in found] == [
        ("bbc", "Tao Toba: tao di Sumatera", "bbc-latn", "variant"),
        ("gsw", "Toba: en See", "gsw", "mul"),
        ("pt", "Lago Toba: lago da Indonésia", "pt-br", "variant"),
        ("sr", "Toba: jezero", "sr-el", "variant"),
    ]


def test_only_articles_that_wikis_care_for() -> None:
    category = entity(8, text("de", "Kategorie:X", "Wikimedia-Kategorie"), kind="category")
    paper = entity(9, text("de", "Ein Aufsatz", "Aufsatz"), sitelinks=0)
    assert texts_of(category, paper) == []


def test_long_texts_are_cut() -> None:
    (found,) = texts_of(entity(3, text("de", "Name", "sehr lange Beschreibung " * 9)))
    assert len(found[2]) <= 40


def test_survey_and_decision() -> None:
    batch = ENTITIES.batch(
        [entity(9, text("de", "A", "ein Fluss in Asien")), entity(4, text("de", "A", "ein Fluss in Asien")),
         entity(2, text("de", "B", "x")), entity(6, text("de", "C", "ein Berg in Afrika"))]
    )  # fmt: skip
    texts = ShortTexts(["de"], min_sitelinks=1, max_characters=100)
    found = survey_short_texts(iter([batch]), texts, min_bytes=10)
    assert found["de"]["number"].tolist() == [9, 4, 6]
    assert decide_short_texts(found["de"], np.array([6], np.uint32)).tolist() == [4]
    assert decide_short_texts(np.empty(0, CANDIDATE), np.empty(0, np.uint32)).tolist() == []
