"""How the entities of a file are laid out, and the reader of files whose lines are not entities.

A dump has one entity a line between `[` and `]`. Answers of Wikidata's API, `Special:EntityData` and `jq` have other line
breaks: `{"entities": {"Q1": {…}}}`, arrays on one line, objects indented over many. What a file is, is told by reading its head
both ways: the way that finds more entities is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import msgspec

from pipeline.dumps.ranges import ByteRange
from pipeline.dumps.ranges.chunk import Chunk
from pipeline.dumps.ranges.chunks import read_head
from pipeline.run.storage import open_read
from pipeline.wikidata.truthy import is_triple
from schemas.errors import InputCorrupt

Layout = Literal["array", "lines", "structure", "triples"]
"""`array`: one entity a line, brackets around; `lines`: the same without brackets; `structure`: any other line breaks;
`triples`: N-Triples (`truthy`)."""

HEAD_BYTES = 512 * 1024
"""Decoded bytes of a file that tell its layout, unless its first entity is longer."""
_LONGEST_HEAD = 8 * HEAD_BYTES
"""Of a file whose first entity is longer still, its first line decides."""
FINAL_MARK: dict[str, bytes] = {"array": b"]", "lines": b"", "triples": b"."}
"""What a file of lines must end in."""
_EXCERPT_BYTES = 1000

BLANK = b" \t\r\n\0"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["{}\[\]]', re.DOTALL)
"""A string, a bracket, or the quote of a string whose end has not come yet."""


def entity_text(line: bytes) -> bytes:
    """Return the JSON of the entity in a line; empty for brackets, blank lines and padding."""
    if line[:1] == b"{" and line[-2:] == b"},":
        return line[:-1]
    text = line.strip(BLANK).removeprefix(_BYTE_ORDER_MARK)
    text = text.removeprefix(b"[").removesuffix(b"]").strip(BLANK)
    return text.removeprefix(b",").removesuffix(b",").strip(BLANK)


def find_layout(path: str) -> Layout:
    """Tell a file's layout by its first decoded bytes.

    Raises:
        InputMissing, InputCorrupt: it is not there, or no JSON of Wikidata.
    """
    num_bytes = HEAD_BYTES
    while True:
        head = read_head(path, num_bytes, open_read)
        layout = _layout_of(head, path, is_whole=len(head) < num_bytes)
        if layout is not None:
            return layout
        if num_bytes >= _LONGEST_HEAD:
            before, _, first = head.partition(b"{")
            return "structure" if b"\n" in first else "array" if b"[" in before else "lines"
        num_bytes *= 8


def _layout_of(head: bytes, path: str, *, is_whole: bool) -> Layout | None:
    """Return the layout; None where the head does not hold the first entity's end."""
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip(BLANK)
    if is_triple(text.partition(b"\n")[0]):
        return "triples"
    if text[:1] not in (b"[", b"{"):
        found = text[:40].decode("utf-8", "replace")
        raise InputCorrupt(
            f"{path}, byte 0: the file begins with {found!r}, expected '[', an entity's '{{', or a triple. "
            "It is no dump of Wikidata in JSON or N-Triples; name one like latest-all.json.gz or latest-truthy.nt.gz."
        )
    by_line = sum(_is_entity(entity_text(line)) for line in text.split(b"\n"))
    splitter = EntitySplitter(_LONGEST_HEAD)
    by_structure = sum(_is_entity(found.text) for found in splitter.split(Chunk(text, 0, 0, True)))
    if by_structure > by_line:
        return "structure"
    if not by_line and not splitter.is_between:
        return "structure" if is_whole else None
    return "array" if text[:1] == b"[" else "lines"


def _is_entity(text: bytes) -> bool:
    """Whether an object is an entity, not a part of one: statements have ids and types too."""
    try:
        fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return "id" in fields and "mainsnak" not in fields and bool(fields.keys() & {"type", "labels", "missing"})


class Found(NamedTuple):
    """One object that is to be read as an entity."""

    text: bytes
    """Its JSON; the first bytes of it where it is too large."""
    unit: int
    """Where in the file the gzip member, bzip2 block or zstd frame begins in which it begins; 0 if plain."""
    offset: int
    """Where it begins, in decoded bytes from the beginning of that unit."""
    size: int
    """How many bytes it has."""


class EntitySplitter:
    """Finds the outermost objects of JSON, and those inside of `"entities"`, whatever the line breaks."""

    def __init__(self, max_bytes: int) -> None:
        """`max_bytes` is the longest object that is kept whole."""
        self._max_bytes = max_bytes
        self._around: list[str] = []
        """What is open around objects: `list`, `answer`, `entities`, or `other` for parts of an answer that are none."""
        self._depth = 0
        """Brackets open inside the object that is being read; 0 outside of objects."""
        self._rest = b""
        """Bytes of the object so far, or of a string whose end has not come."""
        self._behind = 0
        """How many bytes of `_rest` have been looked at."""
        self._cut = 0
        """How many bytes of an object that is too large are not in `_rest` any more."""
        self._excerpt = b""
        self._place = (0, 0)
        self._names_entities = False

    @property
    def is_between(self) -> bool:
        """Whether all brackets that were opened are closed, and no string is open."""
        return not self._around and not self._depth and not self._rest

    def split(self, chunk: Chunk) -> Iterator[Found]:
        """Yield the objects that end in this piece of the file."""
        data, known = self._rest + chunk.data, len(self._rest)
        start = 0
        for match in _TOKEN.finditer(data, self._behind):
            token = match[0]
            if token == b'"':
                self._behind = match.start()
                break
            if self._depth:
                if self._inside(token):
                    yield self._found(data[start : match.end()])
                elif not self._depth:
                    self._cut = 0  # an answer: its entities are objects of their own
            elif token == b"{" and self._around[-1:] not in (["answer"], ["other"]):
                start, self._depth, self._names_entities = match.start(), 1, False
                self._place = (chunk.unit, chunk.offset + start - known)
            else:
                self._outside(token)
        else:
            self._behind = len(data)
        self._keep(data, start if self._depth else self._behind)

    def _inside(self, token: bytes) -> bool:
        """Take a token of an object; returns whether the object ends with it."""
        is_value_of_entities, self._names_entities = self._names_entities, self._depth == 1 and token == b'"entities"'
        if token in (b"{", b"["):
            if is_value_of_entities:
                self._depth = 0
                self._around += ["answer", "entities"]
                return False
            self._depth += 1
        elif token in (b"}", b"]"):
            self._depth -= 1
            return self._depth == 0
        return False

    def _outside(self, token: bytes) -> None:
        """Take a token between objects."""
        if token in (b"[", b"{"):
            inside = self._around[-1:] in (["answer"], ["other"])
            self._around.append("other" if inside else "list")
        elif token in (b"]", b"}") and self._around:
            self._around.pop()

    def _found(self, text: bytes) -> Found:
        size = self._cut + len(text)
        kept = text if size <= self._max_bytes else (self._excerpt or text)[:_EXCERPT_BYTES]
        self._cut, self._excerpt = 0, b""
        return Found(kept, *self._place, size)

    def _keep(self, data: bytes, start: int) -> None:
        """Keep what the next piece goes on with.

        Raises:
            InputCorrupt: a string that does not end.
        """
        if len(data) - self._behind > self._max_bytes:
            found = data[self._behind : self._behind + 40].decode("utf-8", "replace")
            raise InputCorrupt(f"a string of over {self._max_bytes:,} bytes begins with {found!r}: the JSON is damaged")
        if self._depth and self._cut + self._behind - start > self._max_bytes:
            self._excerpt = self._excerpt or data[start : start + _EXCERPT_BYTES]
            self._cut += self._behind - start
            start = self._behind
        self._rest, self._behind = data[start:], self._behind - start


def split_entities(chunks: Iterable[Chunk], span: ByteRange, max_bytes: int) -> Iterator[Found]:
    """Yield the entities of a whole file.

    Raises:
        InputCorrupt: it ends before its brackets are closed.
    """
    splitter = EntitySplitter(max_bytes)
    for chunk in chunks:
        yield from splitter.split(chunk)
    if not splitter.is_between:
        raise InputCorrupt(
            f"{span.path}, byte {span.size}: the file ends before its last bracket is closed. If it was cut off, download it "
            "again; if you took its beginning on purpose, say so with --max-entities."
        )
