"""Wikimedia's SQL dumps as streams of rows: which page belongs to which item, without Wikidata's 156 GB JSON dump.

Two of them say it: `wikidatawiki-…-wb_items_per_site.sql.gz` (item, site, title; one file for all wikis) and each wiki's
`<wiki>-…-page_props.sql.gz` (page id, property `wikibase_item`, value).

Source: the files are mysqldump's: a `CREATE TABLE` with one column a line, then lines
`INSERT INTO `name` VALUES (1,'a'),(2,'b');`, strings in single quotes with backslash escapes.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from schemas.errors import InputCorrupt, InputMissing
from schemas.ids import database_id, entity_number

_READ_BYTES = 1 << 20
_MAX_LINE = 1 << 28
_COLUMN = re.compile(rb"^\s+`([^`]+)` ")
_STRING = rb"'[^'\\]*+(?:\\.[^'\\]*+)*+'"
_NUMBER = rb"-?[0-9][0-9.eE+-]*|NULL"
_ESCAPES = {b"0": b"\0", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a", b"b": b"\b"}
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_BATCH = 50_000


def read_items_per_site(path: Path, wikis: set[str]) -> Iterator[tuple[str, list[str], list[int]]]:
    """Yield (wiki, titles, entity numbers) in batches, for the wanted wikis, from `wb_items_per_site.sql.gz`.

    Rows whose item no table can hold are passed over.

    Raises: InputMissing, InputCorrupt, as `read_rows`.
    """
    batches: dict[str, tuple[list[str], list[int]]] = {}
    wanted = {wiki.encode(): wiki for wiki in wikis}
    for item, site, title in read_rows(path, "wb_items_per_site", ("ips_item_id", "ips_site_id", "ips_site_page")):
        wiki = wanted.get(site)
        if wiki is None:
            continue
        number = entity_number(item)
        if number is None:
            continue
        titles, numbers = batches.setdefault(wiki, ([], []))
        titles.append(title.decode("utf-8", "replace").replace("_", " "))
        numbers.append(number)
        if len(titles) >= _BATCH:
            yield wiki, *batches.pop(wiki)
    for wiki in sorted(batches):
        yield wiki, *batches[wiki]


def read_page_props(path: Path) -> dict[int, int]:
    """Entity number by page id from a wiki's `page_props.sql.gz`; ids that no table can hold are passed over.

    Raises: InputMissing, InputCorrupt, as `read_rows`.
    """
    items: dict[int, int] = {}
    for page, name, value in read_rows(path, "page_props", ("pp_page", "pp_propname", "pp_value")):
        if name != b"wikibase_item" or value[:1] not in (b"Q", b"q"):
            continue
        page_id, number = database_id(page), entity_number(value[1:])
        if page_id is not None and number is not None:
            items[page_id] = number
    return items


def read_rows(path: Path, table: str, columns: Sequence[str]) -> Iterator[tuple[bytes, ...]]:
    """Yield the wanted columns of a table's rows, as bytes, strings unquoted.

    Raises:
        InputMissing: the file is not there.
        InputCorrupt: it is not this table's dump, lacks a column, is cut off, or a row cannot be read.
    """
    names: list[str] = []
    places: list[int] = []
    pattern: re.Pattern[bytes] | None = None
    insert = f"INSERT INTO `{table}` VALUES ".encode()
    complete = False
    for offset, line in _lines(path):
        if line.startswith(insert):
            places = places or _places(path, table, names, columns)
            pattern = pattern or _row_pattern(len(names), places)
            yield from _rows_of_line(path, offset + len(insert), line[len(insert) :], pattern, places)
        elif (match := _COLUMN.match(line)) and not places:
            names.append(match[1].decode())
        elif line.startswith(b"-- Dump completed"):
            complete = True
    if not complete:
        raise InputCorrupt(f"{path} does not end in '-- Dump completed': it is cut off. Download it again.")
    if not names:
        raise InputCorrupt(f"{path} holds no CREATE TABLE of {table}: it is another file. Name a dump of {table}.")


def _places(path: Path, table: str, names: list[str], columns: Sequence[str]) -> list[int]:
    missing = [column for column in columns if column not in names]
    if missing:
        raise InputCorrupt(f"{path}: {table} has columns {', '.join(names) or 'none'}, but not {', '.join(missing)}")
    return [names.index(column) for column in columns]


def _row_pattern(num_columns: int, places: Sequence[int]) -> re.Pattern[bytes]:
    """Match one row; a group for each wanted column, in the order of the table."""
    value = _STRING + rb"|" + _NUMBER
    columns = [(rb"(" if place in places else rb"(?:") + value + rb")" for place in range(num_columns)]
    return re.compile(rb"\(" + rb",".join(columns) + rb"\)[,;]", re.DOTALL)


def _rows_of_line(
    path: Path, offset: int, line: bytes, pattern: re.Pattern[bytes], places: Sequence[int]
) -> Iterator[tuple[bytes, ...]]:
    order = [sorted(places).index(place) for place in places]
    position = 0
    for match in pattern.finditer(line):
        if match.start() != position:
            break
        found = match.groups()
        yield tuple([_unquoted(found[place]) for place in order])
        position = match.end()
    if position < len(line):
        excerpt = line[position : position + 60]
        raise InputCorrupt(f"{path}: at byte {offset + position:,} of the text a row was expected, found {excerpt!r}")


def _unquoted(value: bytes) -> bytes:
    if value[:1] != b"'":
        return value
    value = value[1:-1]
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), value) if b"\\" in value else value


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, line without its end) of a plain or gzipped file."""
    rest, offset = b"", 0
    for piece in _pieces(path):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield offset, line
            offset += len(line) + 1
        if len(rest) > _MAX_LINE:
            raise InputCorrupt(f"{path}: a line of over {_MAX_LINE >> 20} MB at byte {offset:,}: this is no SQL dump")
    if rest:
        yield offset, rest


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise InputMissing(f"{path} does not exist. Check the path, or download the dump first.") from error
    with file:
        if file.peek(2)[:2] == b"\x1f\x8b":
            yield from _inflated(path, file)
        else:
            while piece := file.read(_READ_BYTES):
                yield piece


def _inflated(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """Inflate all gzip members a bounded piece at a time, and refuse a file that ends within one."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        while data := file.read(_READ_BYTES):
            while data:
                yield inflater.decompress(data, _READ_BYTES)
                data = inflater.unconsumed_tail
                if inflater.eof and inflater.unused_data:
                    data, inflater = inflater.unused_data, zlib.decompressobj(wbits=31)
    except zlib.error as error:
        raise InputCorrupt(f"{path}: near byte {file.tell():,} of the file: {error}. Download it again.") from error
    if not inflater.eof:
        raise InputCorrupt(f"{path} ends in the middle of its gzip stream: it is cut off. Download it again.")
