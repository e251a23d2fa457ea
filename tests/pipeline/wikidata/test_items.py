"""Entities of every irregular form become rows, are left out by name, or are refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.wikidata.columns import EntityColumns, ItemOptions
from pipeline.wikidata.decoding import EntityRefused
from tests.pipeline.wikidata.entity_lines import line_of, real_lines, rows_of, statement, triples_of


def refusal(line: bytes) -> EntityRefused:
    with pytest.raises(EntityRefused) as caught:
        EntityColumns(ItemOptions()).add(line)
    return caught.value


def text(value: str) -> dict[str, str]:
    return {"language": "xx", "value": value}


def test_an_item_in_all_tables() -> None:
    line = line_of(
        id="Q64",
        labels={"de": text("Berlin"), "mul": text("Berlin")},
        descriptions={"de": text("Hauptstadt Deutschlands")},
        aliases={"de": [text("Spree-Athen"), text("Berlin, Deutschland")], "en": [text("Berlin, Germany")]},
        claims={"P31": [statement("Q515")], "P17": [statement("Q183", "preferred"), statement("Q7318")]},
        sitelinks={"enwiki": {"title": "Berlin"}, "commonswiki": {"title": "Berlin"}, "dewiki": {"title": "Berlin"}},
    )
    rows = rows_of(line)
    assert rows["entities"] == [
        {
            "entity": "Q64",
            "instance_of": ["Q515"],
            "page_kind": None,
            "num_sitelinks": 3,
            "texts": [
                {
                    "language": "de",
                    "label": "Berlin",
                    "short_description": "Hauptstadt Deutschlands",
                    "aliases": ["Spree-Athen", "Berlin, Deutschland"],
                },
                {"language": "en", "label": None, "short_description": None, "aliases": ["Berlin, Germany"]},
                {"language": "mul", "label": "Berlin", "short_description": None, "aliases": []},
            ],
        }
    ]
    assert rows["triples"] == [
        {"subject": "Q64", "relation": "P31", "object": "Q515", "rank": "normal"},
        {"subject": "Q64", "relation": "P17", "object": "Q183", "rank": "preferred"},
    ]
    assert rows["sitelinks"] == [
        {"wiki": "dewiki", "title": "Berlin", "entity": "Q64"},
        {"wiki": "enwiki", "title": "Berlin", "entity": "Q64"},
    ]


def test_chosen_languages_and_wikis() -> None:
    languages = tuple(f"l{number:02}" for number in range(60))
    line = line_of(
        labels={language: text(f"label {language}") for language in languages},
        descriptions={"l03": text("about")},
        aliases={"l07": [text("other")]},
        sitelinks={"aawiki": {"title": "A"}, "dewiki": {"title": "B"}},
    )
    for chosen in (("l03",), ("l07", "l03"), languages[:50]):
        (row,) = rows_of(line, languages=chosen)["entities"]
        assert [entry["language"] for entry in row["texts"]] == sorted(chosen)
        assert row["texts"] == [entry for entry in rows_of(line)["entities"][0]["texts"] if entry["language"] in chosen]
    assert rows_of(line, wikis=("aawiki",))["sitelinks"] == [{"wiki": "aawiki", "title": "A", "entity": "Q1"}]
    assert rows_of(line, wikis=("aawiki",))["entities"][0]["num_sitelinks"] == 2


def test_only_wikipedias_by_default() -> None:
    wikis = [
        "enwiki",
        "enwikisource",
        "commonswiki",
        "metawiki",
        "zh_yuewiki",
        "brandnewwiki",
        "dewikivoyage",
        "specieswiki",
    ]
    rows = rows_of(line_of(sitelinks={wiki: {"title": "T"} for wiki in wikis}))
    assert [row["wiki"] for row in rows["sitelinks"]] == ["brandnewwiki", "enwiki", "zh_yuewiki"]
    assert rows["entities"][0]["num_sitelinks"] == len(wikis)


@pytest.mark.parametrize("field", ["labels", "descriptions", "aliases", "claims", "sitelinks"])
@pytest.mark.parametrize("value", [[], {}, None, "absent"])
@pytest.mark.parametrize("languages", [None, ("de", "en")])
def test_empty_objects_in_every_form(field: str, value: Any, languages: tuple[str, ...] | None) -> None:
    fields: dict[str, Any] = {
        "labels": {"de": text("a")},
        "descriptions": {"de": text("b")},
        "aliases": {"de": [text("c")]},
        "claims": {"P31": [statement("Q5")]},
        "sitelinks": {"dewiki": {"title": "d"}},
    }
    full = rows_of(line_of(**fields), languages=languages)
    fields[field] = value
    if value == "absent":
        del fields[field]
    rows = rows_of(line_of(**fields), languages=languages)
    changed = {"labels": "label", "descriptions": "short_description", "aliases": "aliases"}.get(field)
    if changed:
        full["entities"][0]["texts"][0][changed] = [] if changed == "aliases" else None
    elif field == "claims":
        full["triples"], full["entities"][0]["instance_of"] = [], []
    else:
        full["sitelinks"], full["entities"][0]["num_sitelinks"] = [], 0
    assert rows == full


def test_lists_written_as_objects() -> None:
    line = line_of(
        aliases={"de": {"0": text("c"), "1": text("d")}, "en": {}},
        claims={"P31": {"0": statement("Q5", qualifiers={"P580": {}})}, "P17": {}},
    )
    rows = rows_of(line, qualifiers=True)
    assert rows["entities"][0]["texts"][0]["aliases"] == ["c", "d"]
    assert rows["triples"] == [{"subject": "Q1", "relation": "P31", "object": "Q5", "rank": "normal"}]
    columns = EntityColumns(ItemOptions())
    for whole in (line, line_of(id="Q2")):
        columns.add(whole)
    assert columns.counts()["entities_mended"] == 1


def test_best_rank() -> None:
    unknown = {"mainsnak": {"snaktype": "somevalue", "property": "P3"}, "rank": "preferred"}
    claims = {
        "P1": [
            statement("Q11"),
            statement("Q12", "preferred"),
            statement("Q13", "deprecated"),
            statement("Q14", "preferred"),
        ],
        "P2": [statement("Q21", "deprecated")],
        "P3": [statement("Q31"), unknown],
        "P4": [statement("Q41"), statement("Q42")],
    }
    assert triples_of(line_of(claims=claims)) == [
        ("Q1", "P1", "Q12", "preferred"),
        ("Q1", "P1", "Q14", "preferred"),
        ("Q1", "P4", "Q41", "normal"),
        ("Q1", "P4", "Q42", "normal"),
    ]
    assert [row[2:] for row in triples_of(line_of(claims=claims), ranks="all")] == [
        ("Q11", "normal"), ("Q12", "preferred"), ("Q13", "deprecated"), ("Q14", "preferred"),
        ("Q21", "deprecated"), ("Q31", "normal"), ("Q41", "normal"), ("Q42", "normal"),
    ]  # fmt: skip


def test_statements_that_are_no_triples_are_counted() -> None:
    def entity(kind: str | None, name: str) -> dict[str, Any]:
        return statement({"entity-type": kind, "id": name} if kind else {"id": name})

    columns = EntityColumns(ItemOptions())
    columns.add(
        line_of(
            claims={
                "P1": [entity("item", "Q5"), entity(None, "Q6"), statement({"entity-type": "item", "numeric-id": 7})],
                "P2": [
                    entity("property", "P31"),
                    entity("lexeme", "L1"),
                    entity("form", "L1-F1"),
                    entity("sense", "L1-S1"),
                ],
                "P3": [statement("a string"), statement({"amount": "+1", "unit": "1"}), statement(5), statement([1])],
                "P4": [
                    {"mainsnak": {"snaktype": "novalue"}},
                    {"mainsnak": {"snaktype": "somevalue"}},
                    {"mainsnak": {}},
                ],
                "P5": [statement("Q9", "deprecated")],
                "P6": [entity("entity-schema", "E10"), statement({"entity-type": "item"})],
            }
        )
    )
    triples = next(batch for table, batch in columns.take().items() if table.name == "triples").to_pylist()
    assert [row["object"] for row in triples] == ["Q5", "Q6", "Q7"]
    counts = columns.counts()
    assert counts == {
        "statements_seen": 17,
        "statements_item_value": 3,
        "statements_property_value": 1,
        "statements_lexeme_value": 1,
        "statements_form_value": 1,
        "statements_sense_value": 1,
        "statements_entity-schema_value": 1,
        "statements_unreadable_item_value": 1,
        "statements_literal_value": 4,
        "statements_novalue": 1,
        "statements_somevalue": 1,
        "statements_without_value": 1,
        "statements_not_of_best_rank": 1,
    }
    assert sum(counts.values()) == 2 * counts["statements_seen"]


def test_properties_become_relations() -> None:
    line = line_of(
        type="property", id="P17", datatype="wikibase-item", labels={"en": text("country")}, claims={"P31": []}
    )
    rows = rows_of(line, line_of(type="property", id="P18"))
    assert rows["relations"] == [
        {
            "relation": "P17",
            "datatype": "wikibase-item",
            "texts": [{"language": "en", "label": "country", "short_description": None, "aliases": [], "code": "en"}],
        },
        {"relation": "P18", "datatype": None, "texts": []},
    ]
    assert rows["entities"] == rows["triples"] == []


def test_kind_is_told_by_the_id_where_type_is_missing() -> None:
    rows = rows_of(b'{"id":"Q1"}', b'{"id":"P1"}')
    assert (len(rows["entities"]), len(rows["relations"])) == (1, 1)


@pytest.mark.parametrize(
    ("classes", "kind"),
    [
        (["Q4167410"], "disambiguation"),
        (["Q5", "Q22808320"], "disambiguation"),
        (["Q4167836"], "category"),
        (["Q11266439"], "template"),
        (["Q13406463"], "list"),
        (["Q17633526"], "news"),
        (["Q15184295"], "module"),
        (["Q14204246"], "project"),
        (["Q17362920"], "duplicate"),
        (["Q13406463", "Q4167410"], "disambiguation"),
        (["Q5"], None),
        ([], None),
    ],
)
def test_pages_that_are_no_articles(classes: list[str], kind: str | None) -> None:
    (row,) = rows_of(line_of(claims={"P31": [statement(name) for name in classes]}))["entities"]
    assert (row["page_kind"], row["instance_of"]) == (kind, classes)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"type":"lexeme","id":"L1","claims":[]}', "lexeme"),
        (b'{"id":"L7","lemmas":{}}', "lexeme"),
        (b'{"type":"mediainfo","id":"M1"}', "mediainfo"),
        (b'{"entity":"Q1","redirect":"Q2"}', "redirect"),
        (b'{"type":"item","id":"Q1","redirect":"Q2"}', "redirect"),
    ],
)
def test_left_out_on_purpose(line: bytes, reason: str) -> None:
    columns = EntityColumns(ItemOptions())
    assert columns.add(line) == reason
    assert len(columns) == 0


def test_a_real_lexeme(real_data: Path) -> None:
    lexeme = json.loads((real_data / "wikidata" / "lexeme-L3354.json").read_text())
    assert lexeme["claims"] == []
    assert EntityColumns(ItemOptions()).add(json.dumps(lexeme).encode()) == "lexeme"


SURROGATE = b'{"type":"item","id":"Q1","labels":{"en":{"language":"en","value":"\\ud800"}}}'


@pytest.mark.parametrize(
    ("line", "reason", "record"),
    [
        (b'{"type":"item","id":"Q1","labels":{"en":', "json_syntax", "Q1"),
        (b'{"type":"item","id":"Q1"} trailing', "json_syntax", "Q1"),
        (b'{"type":"item","id":"Q1","x":NaN}', "json_syntax", "Q1"),
        (b"not json", "json_syntax", None),
        (SURROGATE, "json_syntax", "Q1"),
        (b'{"type":"item","id":"Q1","labels":{"en":{"value":"\xff\xfe"}}}', "not_utf8", "Q1"),
        (b'{"type":"item","id":"Q1","skipped":"\xc3"}', "not_utf8", "Q1"),
        (b'{"type":"item","id":"Q1","labels":{"en":"Berlin"}}', "json_shape", "Q1"),
        (b'{"type":"item","id":"Q1","claims":{"P1":[{"rank":"odd","mainsnak":{}}]}}', "json_shape", "Q1"),
        (b'{"type":"item","id":"Q1","claims":[{"m":["value",31]}]}', "json_shape", "Q1"),
        (b'{"type":"item","id":"Q1","claims":{"P1":[{"mainsnak":{"datavalue":{"value":{"numeric-id":1' + b"0" * 5000 + b"}}}}]}}",
         "json_shape", "Q1"),
        (b'{"type":"item","id":5}', "json_shape", None),
        (b'[{"type":"item","id":"Q1"}]', "json_shape", "Q1"),
        (b'"Q1"', "json_shape", None),
        (b'{"type":"item"}', "bad_id", None),
        (b'{"type":"item","id":"P1"}', "bad_id", "P1"),
        (b'{"type":"item","id":"Q01"}', "bad_id", "Q01"),
        (b'{"type":"property","id":"Q1"}', "bad_id", "Q1"),
        (b'{"type":"wombat","id":"W1"}', "unknown_type", "W1"),
        (b"{}", "unknown_type", None),
        (b'{"type":"item","id":"Q1","deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep", "Q1"),
    ],
)  # fmt: skip
def test_refused(line: bytes, reason: str, record: str | None) -> None:
    refused = refusal(line)
    assert (refused.reason, refused.record) == (reason, record)
    assert refused.detail


def test_a_refused_line_leaves_nothing_behind() -> None:
    columns = EntityColumns(ItemOptions())
    columns.add(line_of(id="Q1", labels={"en": text("one")}))
    for line in (b'{"type":"item","id":"Q2","labels":{"en":"x"}}', b'{"type":"item","id":"Q3","claims":[1]}', b"{"):
        with pytest.raises(EntityRefused):
            columns.add(line)
    columns.add(line_of(id="Q4", labels={"en": text("four")}))
    batches = {table.name: batch.to_pylist() for table, batch in columns.take().items()}
    assert [row["entity"] for row in batches["entities"]] == ["Q1", "Q4"]
    assert set(batches) == {"entities"}


def test_a_second_entity_of_one_id_is_refused() -> None:
    columns = EntityColumns(ItemOptions())
    columns.add(b'{"type":"item","id":"Q1"}')
    columns.take()
    columns.add(b'{"type":"property","id":"P1"}')
    with pytest.raises(EntityRefused, match="duplicate_id"):
        columns.add(b'{"type":"item","id":"Q1"}')


def test_the_last_of_doubled_keys_wins() -> None:
    line = b'{"type":"item","id":"Q1","labels":{"en":{"value":"a"}},"labels":{"en":{"value":"b"}}}'
    assert rows_of(line)["entities"][0]["texts"][0]["label"] == "b"


def test_texts_are_nfc_without_control_characters() -> None:
    line = line_of(
        labels={"en": text("a\x00b\x1f c\x85d\n"), "de": text("Zu\u0308rich"), "fr": text("\u00e9t\u00e9")},
        aliases={"en": [text("tab\there"), text("plain")]},
        sitelinks={"dewiki": {"title": "Zu\u0308rich"}},
    )
    columns = EntityColumns(ItemOptions())
    columns.add(line)
    batches = {table.name: batch.to_pylist() for table, batch in columns.take().items()}
    texts = {entry["language"]: entry for entry in batches["entities"][0]["texts"]}
    assert texts["en"]["label"] == "a b c d"
    assert texts["en"]["aliases"] == ["tab here", "plain"]
    assert texts["de"]["label"] == "Z\u00fcrich"
    assert texts["fr"]["label"] == "\u00e9t\u00e9"
    assert columns.sitelinks.take().to_pylist()[0]["title"] == "Z\u00fcrich"
    assert columns.counts()["texts_cleaned"] == 4


def test_a_fifty_megabyte_entity() -> None:
    aliases = [text("x" * 900) for _ in range(55_000)]
    line = line_of(aliases={"en": aliases}, claims={"P31": [statement("Q5")]})
    assert len(line) > 50_000_000
    rows = rows_of(line, languages=("en",))
    assert len(rows["entities"][0]["texts"][0]["aliases"]) == 55_000
    assert len(rows["triples"]) == 1


def test_planted_faults_of_another_project(real_data: Path) -> None:
    """Wikidata Toolkit's mock dump: `[]` for objects, values with only a number, an entity without `sitelinks`."""
    lines = real_lines(real_data, "mock-dump-with-bugs.json")
    rows = rows_of(*lines)
    plain = [json.loads(line) for line in lines]
    assert any(entity["labels"] == [] for entity in plain)
    assert any(entity["claims"] == [] for entity in plain)
    assert len(rows["entities"]) == sum(entity["type"] == "item" for entity in plain)
    assert len(rows["relations"]) == sum(entity["type"] == "property" for entity in plain)
    assert {row["object"] for row in rows["triples"] if row["subject"] == "Q1"} == {"Q1454986"}


def test_literals_and_qualifiers_keep_what_gives_a_value_its_meaning() -> None:
    """A date of the Julian calendar is no Gregorian one, a place on the Moon none on the Earth, a bound no exact amount."""
    address = "http://www.wikidata.org/entity/"
    birth = {"time": "+1452-04-15T00:00:00Z", "timezone": 0, "before": 0, "after": 2, "precision": 11}
    landing = {"latitude": 0.67416, "longitude": 23.47314, "altitude": None, "precision": 0.0001}
    height = {"amount": "+3.5", "unit": address + "Q11573", "lowerBound": "+3.4", "upperBound": "+3.7"}
    times = [statement(birth | {"calendarmodel": address + f"Q{n}"}) for n in (1985786, 1985727)]
    places = [statement(landing | {"globe": address + name}) for name in ("Q405", "Q2")]
    exact = statement({"amount": "+7", "unit": "1"}, qualifiers={"P2048": [statement(height)["mainsnak"]]})
    claims = {"P569": times, "P625": places, "P1082": [exact, statement(height)]}
    rows = rows_of(line_of(claims=claims), literals=True, qualifiers=True)
    meaning = ("kind", "value", "language", "unit", "precision", "calendar", "globe", "lower", "upper")
    assert [tuple(row[name] for name in meaning) for row in rows["literals"]] == [
        ("time", "+1452-04-15T00:00:00Z", None, None, 11.0, "Q1985786", None, "0", "2"),
        ("time", "+1452-04-15T00:00:00Z", None, None, 11.0, "Q1985727", None, "0", "2"),
        ("coordinate", "0.67416,23.47314", None, None, 0.0001, None, "Q405", None, None),
        ("coordinate", "0.67416,23.47314", None, None, 0.0001, None, "Q2", None, None),
        ("quantity", "+7", None, None, None, None, None, None, None),
        ("quantity", "+3.5", None, "Q11573", None, None, None, "+3.4", "+3.7"),
    ]
    (qualifier,) = rows["qualifiers"]
    assert tuple(qualifier[name] for name in meaning) == (
        "quantity", "+3.5", None, "Q11573", None, None, None, "+3.4", "+3.7",
    )  # fmt: skip
