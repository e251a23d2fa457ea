"""For every real entity that qwikidata accepts, our rows equal what its typed API gives, field by field."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from qwikidata.claim import WikidataClaim
from qwikidata.datavalue import (
    GlobeCoordinate,
    MonolingualText,
    Quantity,
    String,
    Time,
    WikibaseEntityId,
)
from qwikidata.entity import WikidataItem, WikidataProperty
from qwikidata.snak import WikidataSnak

from pipeline.wikidata.cleaning import clean_text
from pipeline.wikis.languages import is_wikipedia
from tests.pipeline.wikidata.entity_lines import DUMPS, expected_texts, real_lines, rows_of

QUALIFIER_KEYS = "required qualifier_dict keys"
REFERENCE_KEYS = "required reference_dict keys"
REJECTED_BY_QWIKIDATA = {
    "reserialised-humans.json.gz": {QUALIFIER_KEYS: 15},
    "mock-dump-with-bugs.json": {REFERENCE_KEYS: 8, QUALIFIER_KEYS: 4},
}
"""How many entities of a file qwikidata does not accept, by the reason it gives; none of the other files."""

Typed = WikidataItem | WikidataProperty


def typed(entity: dict[str, Any]) -> Typed:
    """The entity as qwikidata sees it, with every statement parsed.

    Raises:
        ValueError, KeyError, TypeError: qwikidata does not accept it.
    """
    view = WikidataItem(entity) if entity["type"] == "item" else WikidataProperty(entity)
    view.get_claim_groups()
    return view


def item_id(snak: WikidataSnak) -> str | None:
    value = snak.datavalue
    if not isinstance(value, WikibaseEntityId) or value.value["entity-type"] != "item":
        return None
    return value.value.get("id") or f"Q{value.value['numeric-id']}"


NO_MEANING = (None,) * 5
"""No precision, calendar, globe or bounds."""


def literal(snak: WikidataSnak) -> tuple[Any, ...] | None:
    """Kind, value, language, unit, precision, calendar, globe, lower and upper bound."""
    value = snak.datavalue
    if isinstance(value, String):
        return "string", clean_text(value.value), None, None, *NO_MEANING
    if isinstance(value, MonolingualText):
        return "text", clean_text(value.value["text"]), value.value["language"], None, *NO_MEANING
    if isinstance(value, Quantity):
        name = value.value["unit"]
        unit = None if name == "1" else name.split("/entity/")[1]
        bounds = value.value.get("lowerBound"), value.value.get("upperBound")
        return "quantity", value.value["amount"], None, unit, None, None, None, *bounds
    if isinstance(value, Time):
        time, calendar = value.value, value.value["calendarmodel"].split("/entity/")[1]
        return (
            "time",
            time["time"],
            None,
            None,
            time["precision"],
            calendar,
            None,
            str(time["before"]),
            str(time["after"]),
        )
    if isinstance(value, GlobeCoordinate):
        place, globe = f"{float(value.value['latitude'])},{float(value.value['longitude'])}", value.value["globe"]
        of_it = None if globe is None else globe.split("/entity/")[1]
        return "coordinate", place, None, None, value.value["precision"], None, of_it, None, None
    return None


def claims_of(view: Typed, *, truthy: bool) -> list[tuple[str, WikidataClaim]]:
    groups = view.get_truthy_claim_groups() if truthy else view.get_claim_groups()
    return [(relation, claim) for relation, group in groups.items() for claim in group]


Rows = dict[str, list[dict[str, Any]]]


def rows_by_entity(lines: list[bytes], **options: Any) -> dict[str, Rows]:
    """The rows of a file by the entity they are about, then by table."""
    tables = rows_of(*lines, **options)
    keys = {"entities": "entity", "relations": "relation", "sitelinks": "entity"}
    found: dict[str, Rows] = defaultdict(lambda: {table: [] for table in tables})
    for table, rows in tables.items():
        for row in rows:
            found[row[keys.get(table, "subject")]][table].append(row)
    return found


def check_item(view: WikidataItem, rows: Rows, *, truthy: bool) -> Counter[str]:
    """Compare one item in all tables; returns the rows compared by table."""
    claims = claims_of(view, truthy=truthy)
    triples = [(r, item, c.rank) for r, c in claims if (item := item_id(c.mainsnak))]
    assert [(row["relation"], row["object"], row["rank"]) for row in rows["triples"]] == triples
    literals = [(r, c.rank, *found) for r, c in claims if (found := literal(c.mainsnak))]
    found_literals = [tuple(row.values())[1:] for row in rows["literals"]]
    assert [(*row[:3], number(row), *row[4:]) for row in found_literals] == [
        (*row[:3], number(row), *row[4:]) for row in literals
    ]
    check_qualifiers(rows["qualifiers"], claims)
    (entity,) = rows["entities"]
    assert entity["entity"] == view.entity_id
    assert entity["instance_of"] == [
        item for claim in view.get_truthy_claim_group("P31") if (item := item_id(claim.mainsnak))
    ]
    links = view.get_sitelinks(prefix="")
    assert entity["num_sitelinks"] == len(links)
    assert {(row["wiki"], row["title"]) for row in rows["sitelinks"]} == {
        (wiki, link["title"]) for wiki, link in links.items() if is_wikipedia(wiki)
    }
    check_texts(view, entity["texts"])
    return Counter({table: len(found) for table, found in rows.items()})


def number(row: tuple[Any, ...]) -> Any:
    """The value of a literal, coordinates as numbers: JSON may write 12 for 12.0."""
    return tuple(float(part) for part in row[3].split(",")) if row[2] == "coordinate" else row[3]


def check_qualifiers(rows: list[dict[str, Any]], claims: list[tuple[str, WikidataClaim]]) -> None:
    expected = []
    for relation, claim in claims:
        # In the order of the JSON, which qwikidata changes to that of `qualifiers-order`.
        for qualifier in claim._claim_dict.get("qualifiers", {}):
            for entry in claim.qualifiers[qualifier]:
                snak = entry.snak
                found = literal(snak)
                if snak.snaktype != "value":
                    expected.append((relation, claim.claim_id, qualifier, snak.snaktype, None, None, None, *NO_MEANING))
                elif (item := item_id(snak)) is not None:
                    expected.append((relation, claim.claim_id, qualifier, "item", item, None, None, *NO_MEANING))
                elif found is not None and found[0] != "coordinate":
                    expected.append((relation, claim.claim_id, qualifier, *found))
    assert [tuple(row.values())[1:] for row in rows if row["kind"] != "coordinate"] == expected


def check_texts(view: Typed, texts: list[dict[str, Any]]) -> None:
    for entry in texts:
        language = entry["language"]
        assert (entry["label"] or "") == view.get_label(language)
        assert (entry["short_description"] or "") == view.get_description(language)
        assert entry["aliases"] == view.get_aliases(language)
    entity = view._entity_dict
    fields = [entity[field] for field in ("labels", "descriptions", "aliases") if isinstance(entity[field], dict)]
    assert [entry["language"] for entry in texts] == sorted({language for field in fields for language in field})


def check_property(view: WikidataProperty, rows: Rows) -> Counter[str]:
    (relation,) = rows["relations"]
    assert (relation["relation"], relation["datatype"]) == (view.entity_id, view._entity_dict["datatype"])
    check_texts(view, relation["texts"])
    return Counter(relations=1)


def with_keys_that_qwikidata_wants(entity: dict[str, Any]) -> dict[str, Any]:
    """A copy with the hashes and orders that other tools leave out and that no row depends on."""
    entity = json.loads(json.dumps(entity))
    for statements in entity["claims"].values() if entity["claims"] else ():
        for statement in statements:
            qualifiers = statement.get("qualifiers", {})
            statement.setdefault("qualifiers-order", list(qualifiers))
            for snak in [statement["mainsnak"], *(snak for snaks in qualifiers.values() for snak in snaks)]:
                snak.setdefault("hash", "")
                snak.setdefault("datatype", "")
            statement.pop("references", None)
    return entity


@pytest.mark.parametrize("name", DUMPS)
def test_rows_equal_the_typed_view(real_data: Path, name: str) -> None:
    lines = real_lines(real_data, name)
    best = rows_by_entity(lines, ranks="best", literals=True, qualifiers=True)
    every = rows_by_entity(lines, ranks="all", literals=True, qualifiers=True)
    rejected: Counter[str] = Counter()
    compared: Counter[str] = Counter()
    for line in lines:
        entity = json.loads(line)
        try:
            view = typed(entity)
        except ValueError as error:
            rejected[str(error).split(" are ")[0]] += 1
            view = typed(with_keys_that_qwikidata_wants(entity))
        rows = best[view.entity_id]
        if isinstance(view, WikidataProperty):
            compared += check_property(view, rows)
        else:
            compared += check_item(view, rows, truthy=True)
            check_item(view, every[view.entity_id], truthy=False)
    assert rejected == REJECTED_BY_QWIKIDATA.get(name, {})
    assert compared["entities"] + compared["relations"] == len(lines)


@pytest.mark.parametrize("name", DUMPS)
def test_rows_of_every_entity_equal_a_plain_reading(real_data: Path, name: str) -> None:
    """The ones qwikidata rejects included."""
    lines = real_lines(real_data, name)
    by_entity = rows_by_entity(lines, ranks="all")
    for line in lines:
        entity = json.loads(line)
        rows = by_entity[entity["id"]]
        if entity["type"] == "property":
            (relation,) = rows["relations"]
            assert relation["texts"] == [text | {"code": text["language"]} for text in expected_texts(entity)]
            continue
        (row,) = rows["entities"]
        assert row["texts"] == list(expected_texts(entity))
        assert rows["triples"] == [
            {
                "subject": entity["id"],
                "relation": relation,
                "object": f"Q{value['numeric-id']}",
                "rank": statement["rank"],
            }
            for relation, statements in (entity["claims"] or {}).items()
            for statement in statements
            if isinstance(value := statement["mainsnak"].get("datavalue", {}).get("value"), dict)
            and value.get("entity-type") == "item"
        ]
