"""The Wikidata dump of the sample world: one entity a line between `[` and `]`, as Wikimedia writes it.

Statements carry the data types, ranks, qualifiers and references of real ones. Empty maps are written as `[]`, as PHP
does. Objects that have no article (classes, sexes, former capitals) are items without sitelinks, or are missing
altogether: in real dumps the objects of statements dangle too.

Source: Wikibase's JSON data model, in the layout of the dumps of 2023 and later.
"""

from __future__ import annotations

import bz2
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from pipeline.sample_world.facts import DATA, NO_VALUE, SOME_VALUE, Fact, World, read_tsv
from pipeline.sample_world.phrases import phrases
from pipeline.sample_world.wikis import WikiProfile

_CALENDAR = "http://www.wikidata.org/entity/Q1985727"
_CLASSES = {
    "Q6256": "kind.country",
    "Q5119": "P36",
    "Q5107": "kind.continent",
    "Q34770": "kind.language",
    "Q11862829": "kind.science",
    "Q11344": "kind.element",
    "Q11173": "kind.compound",
    "Q4830453": "kind.company",
    "Q7397": "kind.software",
    "Q3966": "kind.device",
    "Q484652": "kind.organization",
}
"""Items that entities are instances of, and the phrase that is their label. Humans (Q5) stay dangling."""
_GLOSS = ("P36", "P17", "P37", "P101", "P246", "P274", "P178", "P577", "P571", "P361", "P218", "P30")


def write_wikidata_dump(
    folder: pathlib.Path,
    date: str,
    world: World,
    titles: Mapping[str, Mapping[str, str]],
    profiles: Sequence[WikiProfile],
) -> pathlib.Path:
    """Write the dump; returns its path.

    Args:
        folder: where to; exists.
        date: date of the dump, `20261101`.
        world: entities and statements.
        titles: article title by wiki and entity.
        profiles: the wikis, whose languages the labels are in.
    """
    path = folder / f"wikidata-{date}-all.json.bz2"
    records = list(_records(world, titles, profiles))
    lines = (json.dumps(record, separators=(",", ":")) for record in records)
    path.write_bytes(bz2.compress(("[\n" + ",\n".join(lines) + "\n]\n").encode()))
    return path


def _records(
    world: World, titles: Mapping[str, Mapping[str, str]], profiles: Sequence[WikiProfile]
) -> Iterator[dict[str, Any]]:
    """Items and properties mixed, as in the dump."""
    properties = list(read_tsv(DATA / "properties.tsv"))
    datatypes = {row["property"]: row["datatype"] for row in properties}
    languages = [profile.language for profile in profiles]
    waiting = [_property(row, languages) for row in properties] + [
        _class(item, key, languages) for item, key in _CLASSES.items()
    ]
    for number, entity in enumerate(world.entities):
        yield _item(world, entity, titles, languages, datatypes)
        if number % 5 == 4 and waiting:
            yield waiting.pop(0)
    yield from waiting


def _item(
    world: World,
    entity: str,
    titles: Mapping[str, Mapping[str, str]],
    languages: Sequence[str],
    datatypes: Mapping[str, str],
) -> dict[str, Any]:
    labels = dict(world.entities[entity].labels)
    if "zh" in languages:
        labels["zh"] = labels["zh-hans"]
    kept = {code: text for code, text in labels.items() if code in languages or code.startswith("zh-")}
    if world.kind(entity) == "software":
        kept["mul"] = labels["en"]
    links = {wiki: {"site": wiki, "title": of_wiki[entity], "badges": []} for wiki, of_wiki in titles.items()}
    if world.kind(entity) == "country":
        links["commonswiki"] = {"site": "commonswiki", "title": labels["en"], "badges": []}
    return {
        "type": "item",
        "id": entity,
        "labels": _texts(kept),
        "descriptions": _texts({code: _gloss(world, entity, code) for code in languages}),
        "aliases": _aliases(labels, languages),
        "claims": _claims(world.facts[entity], datatypes) or [],
        "sitelinks": links or [],
        "lastrevid": 2_000_000_000 + int(entity[1:]),
    }


def _texts(texts: Mapping[str, str]) -> Any:
    return {code: {"language": code, "value": text} for code, text in texts.items()} or []


def _gloss(world: World, entity: str, language: str) -> str:
    """Return the short description: what it is, and one thing about it."""
    said = phrases(language)
    kind = said[f"kind.{world.kind(entity)}"]
    for name in _GLOSS:
        for value in world.values(entity, name)[:1]:
            code = "zh-hans" if language == "zh" else language
            text = world.entities[value].labels[code] if value in world.entities else value
            return kind + said["space"] + said["gloss"].format(said["gloss_item"].format(said[name], text))
    return kind


def _aliases(labels: Mapping[str, str], languages: Sequence[str]) -> Any:
    """Other names: the English one where it differs, now and then."""
    other = {
        code: labels["en"]
        for code in languages
        if labels.get(code, labels["en"]) != labels["en"] and code in ("de", "es")
    }
    return {code: [{"language": code, "value": text}] for code, text in other.items()} or []


def _property(row: Mapping[str, str], languages: Sequence[str]) -> dict[str, Any]:
    labels = {code: phrases(code)[row["property"]] for code in languages if row["property"] in phrases(code)}
    return {
        "type": "property",
        "datatype": row["datatype"],
        "id": row["property"],
        "labels": _texts(labels or {"en": row["label"]}),
        "descriptions": [],
        "aliases": _texts_list("en", row["aliases"]),
        "claims": [],
        "lastrevid": 1_900_000_000 + int(row["property"][1:]),
    }


def _texts_list(language: str, names: str) -> Any:
    values = [{"language": language, "value": name} for name in names.split("|") if name]
    return {language: values} if values else []


def _class(item: str, key: str, languages: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "item",
        "id": item,
        "labels": _texts({code: phrases(code)[key] for code in languages}),
        "descriptions": [],
        "aliases": [],
        "claims": [],
        "sitelinks": [],
        "lastrevid": 1_800_000_000 + int(item[1:]),
    }


def _claims(facts: Sequence[Fact], datatypes: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    claims: dict[str, list[dict[str, Any]]] = {}
    for fact in facts:
        claims.setdefault(fact.relation, []).append(_statement(fact, datatypes))
    return claims


def _statement(fact: Fact, datatypes: Mapping[str, str]) -> dict[str, Any]:
    key = "\x1f".join((fact.subject, fact.relation, fact.value, fact.rank))
    digest = blake2b(key.encode(), digest_size=16, person=b"xlmk-statement").hexdigest()
    guid = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))
    statement: dict[str, Any] = {
        "mainsnak": _snak(fact.relation, fact.value, datatypes),
        "type": "statement",
        "id": f"{fact.subject}${guid}",
        "rank": fact.rank,
    }
    if fact.qualifiers:
        names = list(dict.fromkeys(name for name, _ in fact.qualifiers))
        statement["qualifiers"] = {
            name: [
                {**_snak(name, value, datatypes), "hash": digest} for other, value in fact.qualifiers if other == name
            ]
            for name in names
        }
        statement["qualifiers-order"] = names
    return statement


def _snak(property_: str, value: str, datatypes: Mapping[str, str]) -> dict[str, Any]:
    datatype = datatypes[property_]
    if value in (NO_VALUE, SOME_VALUE):
        return {"snaktype": value, "property": property_, "datatype": datatype}
    return {
        "snaktype": "value",
        "property": property_,
        "datavalue": _datavalue(value, datatype),
        "datatype": datatype,
    }


def _datavalue(value: str, datatype: str) -> dict[str, Any]:
    if datatype == "wikibase-item":
        return {
            "value": {"entity-type": "item", "numeric-id": int(value[1:]), "id": value},
            "type": "wikibase-entityid",
        }
    if datatype == "time":
        year = f"+{int(value):04d}-00-00T00:00:00Z"
        fields = {"time": year, "timezone": 0, "before": 0, "after": 0, "precision": 9, "calendarmodel": _CALENDAR}
        return {"value": fields, "type": "time"}
    if datatype == "quantity":
        return {"value": {"amount": f"+{value}", "unit": "1"}, "type": "quantity"}
    if datatype == "globe-coordinate":
        latitude, longitude = map(float, value.split(","))
        earth = "http://www.wikidata.org/entity/Q2"
        fields = {"latitude": latitude, "longitude": longitude, "altitude": None, "precision": 0.0001, "globe": earth}
        return {"value": fields, "type": "globecoordinate"}
    return {"value": value, "type": "string"}
