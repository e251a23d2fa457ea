"""Truthy dumps (`latest-truthy.nt`): entities from N-Triples to the form that JSON dumps give them.

Wikidata writes an entity's triples one behind the other: about its document (`Special:EntityData/Q1`), then about itself, and
behind a property's those of the names it has in RDF, whose subjects are no entities. So a block is what follows a line about
another entity than before, and a block becomes one line of JSON:

    <…/entity/Q1> <…rdf-schema#label> "universe"@en .          {"type": "item", "id": "Q1",
    <…/entity/Q1> <…/prop/direct/P31> <…/entity/Q36906466> .     "labels": {"en": …}, "claims": {"P31": [{"mainsnak": …}]}}

Of a property's statements such a dump has the best-ranked, and says neither ranks, qualifiers nor sitelinks.

Source: https://www.w3.org/TR/n-triples/; https://www.mediawiki.org/wiki/Wikibase/Indexing/RDF_Dump_Format; Wikibase's
`RdfDumpGenerator`, `TermsRdfBuilder`, `TruthyStatementRdfBuilder`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipeline.dumps.ranges import ByteRange, Lines, read_lines
from pipeline.run.storage import open_read

_CODE = rb"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}"
_OF_IRI, _OF_TEXT = rb"""[^<>"{}|^`\\\x00-\x20]*""", rb'[^"\\\r\n]*'
_IRI = rb"<%b(?:(?:%b)%b)*>" % (_OF_IRI, _CODE, _OF_IRI)
_TEXT = rb'"(%b(?:(?:\\[tbnrf"\'\\]|%b)%b)*)"' % (_OF_TEXT, _CODE, _OF_TEXT)
_TAG = rb"@([A-Za-z]+(?:-[A-Za-z0-9]+)*)"
_TRIPLE = re.compile(
    rb"[ \t]*(%b|_:[^\s<>\"]+)[ \t]*(%b)[ \t]*(?:(%b|_:[^\s<>\"]+)|%b(?:%b|\^\^%b)?)[ \t]*\.[ \t]*(?:#.*)?\r?"
    % (_IRI, _IRI, _IRI, _TEXT, _TAG, _IRI),
)
_BLANK = re.compile(rb"[ \t\r\0]*(?:#.*)?")
_SUBJECT = re.compile(rb"[ \t]*<https?://www\.wikidata\.org/(?:entity/|wiki/Special:EntityData/)([A-Z][0-9]+)>")

_ENTITY, _DIRECT = b"<http://www.wikidata.org/entity/", b"<http://www.wikidata.org/prop/direct/"
_NO_VALUE, _TYPE = b"<http://www.wikidata.org/prop/novalue/", b"<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
_UNKNOWN = (b"_:", b"<http://www.wikidata.org/.well-known/genid/")
"""How a value that nobody knows is written."""
_ONE_TEXT = {
    b"<http://www.w3.org/2000/01/rdf-schema#label>": "labels",
    b"<http://schema.org/description>": "descriptions",
}
_ALIAS = b"<http://www.w3.org/2004/02/skos/core#altLabel>"
_SAME_AS = b"<http://www.w3.org/2002/07/owl#sameAs>"
_DATATYPE, _ONTOLOGY = b"<http://wikiba.se/ontology#propertyType>", "<http://wikiba.se/ontology#"
_TYPES = {"Q": "item", "P": "property", "L": "lexeme", "M": "mediainfo", "E": "entity-schema"}
"""Type of an entity by the letter of its id."""
_PARTS = {"F": "form", "S": "sense"}
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_SHORT = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}


class NotTriples(Exception):
    """A line that is no triple, or longer than lines may be."""

    def __init__(self, reason: str, detail: str, line: bytes) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.line = reason, detail, line


class NoText(Exception):
    """The inside of a literal that stands for no text."""


@dataclass
class Block:
    """Lines about one entity."""

    entity: str | None = None
    """Its id; None where no line names one."""
    unit: int = 0
    """Where in the file the unit begins that holds the first line; 0 if plain."""
    offset: int = 0
    """Where the first line begins, in decoded bytes from the beginning of that unit."""
    lines: list[bytes] = field(default_factory=list)
    oversize: int = 0
    """Length of a line that is over the limit, of which only the beginning is here; 0 where there is none."""


def is_triple(line: bytes) -> bool:
    """Whether a line is a triple."""
    return _TRIPLE.fullmatch(line) is not None


def read_blocks(span: ByteRange, max_line_bytes: int, final_mark: bytes, advice: str = "") -> Iterator[Block]:
    """Yield the blocks of a range: each belongs to the range that holds the line before its first one.

    A cut may fall into a block. So each range but the first passes over its first block, and reads on to the end of the block
    with which the next range begins: `Q1 Q1 | Q1 Q2 Q2 | Q3` are Q1 for the first, Q2 and Q3 for the second, none for the third.

    Raises:
        InputCorrupt: as `read_lines`.
    """
    last, skipped = (Block() if span.is_first else None), not span.is_first
    lines = read_lines(span, max_line_bytes=max_line_bytes, final_mark=final_mark, open_file=open_read, advice=advice)
    with closing(lines):
        for number, block in enumerate(_blocks(lines)):
            if last is not None and not skipped:
                yield last
            last, skipped = block, number == 0 and not span.is_first
    if last is None:
        return
    behind = dataclasses.replace(span, start=span.end, end=span.size)
    following: Block | None = None
    if span.end < span.size:
        lines = read_lines(behind, max_line_bytes=max_line_bytes, open_file=open_read)
        with closing(lines):
            following = next(_blocks(lines), None)
    if following is not None and following.entity in (None, last.entity):
        last.lines += following.lines
        last.oversize = last.oversize or following.oversize
        following = None
    if skipped and last.entity is None:
        return
    if not skipped:
        yield last
    if following is not None:
        yield following


def _blocks(batches: Iterable[Lines]) -> Iterator[Block]:
    """Yield lines by the entity they are about; lines before the first one that names an entity go with it."""
    block: Block | None = None
    for batch in batches:
        offset = batch.offset
        for line in batch.lines:
            found = _SUBJECT.match(line)
            entity = found[1].decode() if found else None
            if block is None:
                block = Block(entity, batch.unit, offset)
            elif entity is not None and entity != block.entity:
                if block.entity is not None:
                    yield block
                    block = Block(entity, batch.unit, offset)
                block.entity = entity
            block.lines.append(line)
            block.oversize = block.oversize or batch.oversize
            offset += len(line) + 1
    if block is not None:
        yield block


def json_of_block(block: Block, max_line_bytes: int) -> bytes:
    """Return the entity as a line of JSON; empty where the block names none, as the head of a dump does not.

    Raises:
        NotTriples: a line is none, or is too long.
    """
    if block.oversize:
        detail = f"a line of the entity has {block.oversize:,} bytes, the limit is {max_line_bytes:,}"
        raise NotTriples("too_large", detail, block.lines[0])
    entity: dict[str, Any] = {"type": _TYPES.get(block.entity[0]), "id": block.entity} if block.entity else {}
    own = _ENTITY + block.entity.encode() + b">" if block.entity else b""
    for line in block.lines:
        triple = _TRIPLE.fullmatch(line)
        if triple is None:
            if _BLANK.fullmatch(line):
                continue
            raise NotTriples("nt_syntax", "a line of the entity is no triple of N-Triples", line)
        if triple[1] == own:
            try:
                _add(entity, triple)
            except NoText as error:
                raise NotTriples("nt_syntax", f"a text of the entity is none: {error}", line) from None
    return msgspec.json.encode(entity) if entity else b""


def _add(entity: dict[str, Any], triple: re.Match[bytes]) -> None:
    """Add what one triple says of an entity."""
    _, predicate, node, text, tag = triple.groups()
    if predicate.startswith(_DIRECT):
        _add_statement(entity, predicate[len(_DIRECT) : -1], node)
    elif predicate in _ONE_TEXT and tag:
        entity.setdefault(_ONE_TEXT[predicate], {})[tag.decode()] = {"value": _plain(text)}
    elif predicate == _ALIAS and tag:
        entity.setdefault("aliases", {}).setdefault(tag.decode(), []).append({"value": _plain(text)})
    elif predicate == _TYPE and node and node.startswith(_NO_VALUE):
        snak = {"mainsnak": {"snaktype": "novalue"}, "rank": "normal"}
        entity.setdefault("claims", {}).setdefault(node[len(_NO_VALUE) : -1].decode(), []).append(snak)
    elif predicate == _DATATYPE and node:
        entity["datatype"] = _datatype(node.decode())
    elif predicate == _SAME_AS and node:
        entity["redirects"] = {"to": node[len(_ENTITY) : -1].decode()}


def _add_statement(entity: dict[str, Any], relation: bytes, node: bytes | None) -> None:
    mainsnak: dict[str, Any] = {"snaktype": "value"}
    if node is not None and node.startswith(_UNKNOWN):
        mainsnak["snaktype"] = "somevalue"
    else:
        mainsnak["datavalue"] = {"value": _value(node)}
    statements = entity.setdefault("claims", {}).setdefault(relation.decode(), [])
    statements.append({"mainsnak": mainsnak, "rank": "normal"})


def _value(node: bytes | None) -> dict[str, Any] | str:
    """Return a value as JSON dumps have it; for a literal a string, whatever it was."""
    if node is None or not node.startswith(_ENTITY):
        return ""
    name = node[len(_ENTITY) : -1].decode()
    part = name.partition("-")[2][:1]
    kind = _PARTS.get(part, "") if part else _TYPES.get(name[:1], "")
    return {"entity-type": kind, "id": name} if kind else ""


def _datatype(node: str) -> str:
    """Return the name that JSON has for a datatype: `WikibaseItem` is `wikibase-item`, `CommonsMedia` alone keeps its letter."""
    name = node.removeprefix(_ONTOLOGY).removesuffix(">")
    return "commonsMedia" if name == "CommonsMedia" else re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def _plain(text: bytes) -> str:
    """Return a text without escapes.

    Raises:
        NoText: it is not UTF-8, or has an escape that is no character.
    """
    try:
        plain = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoText(str(error)) from None
    return _ESCAPE.sub(_unescaped, plain) if "\\" in plain else plain


def _unescaped(escape: re.Match[str]) -> str:
    code = int(escape[1] or escape[2] or "0", 16)
    if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
        raise NoText(f"{escape[0]} is no character")
    return _SHORT.get(escape[3], escape[3]) if escape[3] else chr(code)
