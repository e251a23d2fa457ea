"""Writes entities as Wikibase's truthy dumps have them, from their JSON: for tests.

What is written for which value is read from Wikibase's `TermsRdfBuilder`, `TruthyStatementRdfBuilder`, `PropertyRdfBuilder`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

ENTITY, ABOUT = "http://www.wikidata.org/entity/", "https://www.wikidata.org/wiki/Special:EntityData/"
DIRECT, NO_VALUE = "http://www.wikidata.org/prop/direct/", "http://www.wikidata.org/prop/novalue/"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
LABELS = (
    "http://www.w3.org/2000/01/rdf-schema#label",
    "http://www.w3.org/2004/02/skos/core#prefLabel",
    "http://schema.org/name",
)
HEAD = "".join(
    f"<http://wikiba.se/ontology#Dump> <{predicate}> {value} .\n"
    for predicate, value in [
        (TYPE, "<http://schema.org/Dataset>"),
        ("http://schema.org/softwareVersion", '"1.0.0"'),
        ("http://schema.org/dateModified", '"2026-01-01T00:00:00Z"^^<http://www.w3.org/2001/XMLSchema#dateTime>'),
    ]
).encode()


def truthy_dump(entities: list[dict[str, Any]]) -> bytes:
    """The entities as a dump."""
    lines = [line for entity in entities for line in _lines(entity)]
    return HEAD + "".join(f"{line} .\n" for line in lines).encode()


def _lines(entity: dict[str, Any]) -> Iterator[str]:
    name, me = entity["id"], f"<{ENTITY}{entity['id']}>"
    yield f"<{ABOUT}{name}> <{TYPE}> <http://schema.org/Dataset>"
    yield f"<{ABOUT}{name}> <http://schema.org/about> {me}"
    yield f"{me} <{TYPE}> <http://wikiba.se/ontology#{entity['type'].title()}>"
    for field, predicates in (("labels", LABELS), ("descriptions", ("http://schema.org/description",))):
        for code, text in dict(entity.get(field) or {}).items():
            for predicate in predicates:
                yield f"{me} <{predicate}> {_text(text['value'])}@{code}"
    for code, texts in dict(entity.get("aliases") or {}).items():
        for text in texts:
            yield f"{me} <http://www.w3.org/2004/02/skos/core#altLabel> {_text(text['value'])}@{code}"
    for relation, statements in dict(entity.get("claims") or {}).items():
        best = {"preferred"} if any(s["rank"] == "preferred" for s in statements) else {"normal"}
        for statement in statements:
            if statement["rank"] in best:
                yield f"{me} {_snak(relation, statement['mainsnak'])}"
    if entity["type"] == "property":
        kind = "".join(part[:1].upper() + part[1:] for part in entity["datatype"].split("-"))
        yield f"{me} <http://wikiba.se/ontology#propertyType> <http://wikiba.se/ontology#{kind}>"
        yield f"{me} <http://wikiba.se/ontology#directClaim> <{DIRECT}{name}>"
        yield f"<{DIRECT}{name}> <{TYPE}> <http://www.w3.org/2002/07/owl#ObjectProperty>"
        yield f"<{NO_VALUE}{name}> <http://www.w3.org/2002/07/owl#complementOf> _:b{name}"


def _snak(relation: str, snak: dict[str, Any]) -> str:
    if snak["snaktype"] == "novalue":
        return f"<{TYPE}> <{NO_VALUE}{relation}>"
    if snak["snaktype"] == "somevalue":
        return f"<{DIRECT}{relation}> _:b0123456789abcdef"
    value = snak["datavalue"]["value"]
    if isinstance(value, dict) and "entity-type" in value:
        letter = {"item": "Q", "property": "P"}.get(value["entity-type"], "")
        return f"<{DIRECT}{relation}> <{ENTITY}{value.get('id') or letter + str(value['numeric-id'])}>"
    if isinstance(value, dict) and "time" in value:
        return f'<{DIRECT}{relation}> "{value["time"]}"^^<http://www.w3.org/2001/XMLSchema#dateTime>'
    if isinstance(value, dict) and "text" in value:
        return f"<{DIRECT}{relation}> {_text(value['text'])}@{value['language']}"
    if isinstance(value, dict):
        return f'<{DIRECT}{relation}> "+1"^^<http://www.w3.org/2001/XMLSchema#decimal>'
    if value.startswith("http") and not set(value) & set(' <>"{}|^`\\'):
        return f"<{DIRECT}{relation}> <{value}>"
    return f"<{DIRECT}{relation}> {_text(value)}"


def _text(text: str) -> str:
    r"""A literal as Wikibase writes it: what is not ASCII as \u00E9 or \U0001D11E."""
    return "".join(
        letter
        if letter.isascii() and letter not in '"\\\n\r\t'
        else json.dumps(letter)[1:-1]
        if letter.isascii()
        else f"\\u{ord(letter):04X}"
        if ord(letter) < 0x10000
        else f"\\U{ord(letter):08X}"
        for letter in text
    ).join('""')
