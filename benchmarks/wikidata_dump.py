"""Builds a Wikidata dump for benchmarks: real items, replicated with distinct ids, packed as Wikidata packs its own.

    python benchmarks/wikidata_dump.py --data ../shared/data/wikidata --out /tmp/dump --megabytes 300

writes `dump.json`, `dump.json.gz` (many gzip members of whole lines, with tiny members for `[`, `,` and `]` between them) and
`dump.json.bz2` (one stream: by lbzip2 where it is installed, which is what Wikimedia uses, else by Python's bz2).

The items at hand are famous ones, with sixty labels and as many sitelinks, which are a third of their bytes; in the real dump
an item has 6 labels (725 million of 117 million entities, August 2025) and 27 % of the items have a link to a Wikipedia
(September 2024). So three of four items lose their sitelinks and keep labels and aliases of three languages, and the quarter that
keeps all is the one with the fewest links; descriptions, which programs write in many languages for most items, stay. What
remains is still above the real dump in labels, links and statements (25 an item, against some 14), and near it in bytes a
line (13.6 kB). `--as-found True` leaves the items as they are.

An item comes again only after several megabytes, outside the windows of gzip (32 kB) and bzip2 (900 kB), so the ratios of
compression are honest. What repeats makes the Parquet files smaller than real ones; the time to write them is therefore a
little optimistic.
"""

from __future__ import annotations

import bz2
import gzip
import itertools
import json
import random
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

SOURCES = ("1000-entities.json.bz2", "twenty_entities.json.bz2", "100lines.json.gz")
"""Files of real items."""
LONGEST = {True: 26_000, False: 60_000}
"""The longest line taken, in bytes, by whether items stay as found: so the mean line comes near the real dump's."""
LINKED_SHARE = 0.267
"""Share of items with a link to a Wikipedia (30,072,707 of 112,467,802 in September 2024)."""
LANGUAGES_OF_UNLINKED = ("en", "nl", "de")
"""Languages whose labels and aliases an item without links keeps."""
COPIES = {"twenty_entities.json.bz2": 3}
"""How often the lines of a file come in one round, where it is not once: those in today's layout weigh more."""
PROPERTIES = 5
"""How many properties come in one round; the real dump has one in 9,000 entities."""


@dataclass(frozen=True, kw_only=True)
class DumpConfig:
    """What is built."""

    data: Path
    """Folder of real dumps."""
    out: Path
    """Folder for the files."""
    megabytes: int = 300
    """Size of the JSON, in 10**6 bytes."""
    member_megabytes: int = 30
    """JSON in one gzip member, in 10**6 bytes. Wikidata's have some 700."""
    as_found: bool = False
    """Whether items keep all their texts and links."""
    bz2: bool = True
    """Whether to write the bz2 as well, which takes longest."""


def templates(folder: Path, *, as_found: bool) -> list[tuple[bytes, bytes, bytes]]:
    """Real lines, each cut into what stands before the number in its id, the letter of the id, and what stands behind."""
    found: list[dict[str, Any]] = []
    for name in SOURCES:
        opened = bz2.open if name.endswith("bz2") else gzip.open
        with opened(folder / name) as file:
            for line in file:
                if line.startswith(b"{") and len(line) <= LONGEST[as_found]:
                    found += [with_entity_ids(json.loads(line.strip().rstrip(b",")))] * COPIES.get(name, 1)
    items = [entity for entity in found if entity["type"] == "item"]
    if not as_found:
        items = as_in_the_dump(items)
    lines = items + [entity for entity in found if entity["type"] == "property"][:PROPERTIES]
    random.Random(20261123).shuffle(lines)
    return [_cut(as_php_writes(entity)) for entity in lines]


def as_in_the_dump(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items with links and texts as common as in the real dump."""
    by_links = sorted(items, key=lambda item: (not item["sitelinks"], len(item["sitelinks"])))
    num_linked = round(LINKED_SHARE * len(items))
    return by_links[:num_linked] + [_unlinked(item) for item in by_links[num_linked:]]


def _unlinked(item: dict[str, Any]) -> dict[str, Any]:
    """The item without sitelinks and with the names of few languages."""
    fewer: dict[str, Any] = {"sitelinks": {}}
    for field in ("labels", "aliases"):
        texts = item[field] or {}
        fewer[field] = {language: texts[language] for language in LANGUAGES_OF_UNLINKED if language in texts}
    return item | fewer


def as_php_writes(entity: dict[str, Any]) -> bytes:
    """JSON as in the dumps: ASCII alone, and slashes escaped."""
    return json.dumps(entity, separators=(",", ":")).replace("/", "\\/").encode()


def _cut(line: bytes) -> tuple[bytes, bytes, bytes]:
    head, mark, rest = line.partition(b'"id":"')
    return head + mark, rest[:1], rest[rest.index(b'"') :]


def with_entity_ids(entity: dict[str, Any]) -> dict[str, Any]:
    """The entity with `id` beside `numeric-id` in entity values, as all dumps have it since 2016; peers need it."""
    for value in _entity_values(entity):
        letter = {"item": "Q", "property": "P"}.get(value["entity-type"])
        if letter and "numeric-id" in value:
            value.setdefault("id", f"{letter}{value['numeric-id']}")
    return entity


def _entity_values(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "entity-type" in node:
            yield node
        for child in node.values():
            yield from _entity_values(child)
    elif isinstance(node, list):
        for child in node:
            yield from _entity_values(child)


def entities(config: DumpConfig) -> Iterator[bytes]:
    """Yield entities without end, no two with one id."""
    lines = templates(config.data, as_found=config.as_found)
    for number, (head, letter, behind) in enumerate(itertools.cycle(lines), start=1_000_000):
        yield b"%b%b%d%b" % (head, letter, number, behind)


def batches(config: DumpConfig) -> Iterator[bytes]:
    """Yield the text of one member after the other: lines joined by comma and newline, none at the end."""
    lines = entities(config)
    left = config.megabytes * 10**6
    while left > 0:
        batch: list[bytes] = []
        wanted = min(left, config.member_megabytes * 10**6)
        while wanted > 0:
            batch.append(next(lines))
            wanted -= len(batch[-1]) + 2
            left -= len(batch[-1]) + 2
        yield b",\n".join(batch)


def member(text: bytes) -> bytes:
    """A gzip member as `gzip -9` writes it from a pipe."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(text) + packer.flush()
    tail = zlib.crc32(text).to_bytes(4, "little") + (len(text) & 0xFFFFFFFF).to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\x02\x03" + body + tail


def build(config: DumpConfig) -> None:
    """Write the three files."""
    config.out.mkdir(parents=True, exist_ok=True)
    plain, packed = config.out / "dump.json", config.out / "dump.json.gz"
    with plain.open("wb") as json_file, packed.open("wb") as gz_file:
        for index, batch in enumerate(batches(config)):
            separator = b",\n" if index else b"[\n"
            json_file.write(separator + batch)
            gz_file.write(member(separator) + member(batch))
        json_file.write(b"\n]\n")
        gz_file.write(member(b"\n]\n"))
    if config.bz2:
        pack_bz2(plain, config.out / "dump.json.bz2")


def pack_bz2(plain: Path, packed: Path) -> None:
    """Write one bzip2 stream of many blocks."""
    lbzip2 = shutil.which("lbzip2")
    if lbzip2:
        with plain.open("rb") as source, packed.open("wb") as target:
            subprocess.run([lbzip2, "-n", "2"], stdin=source, stdout=target, check=True)
        return
    packer = bz2.BZ2Compressor(9)
    with plain.open("rb") as source, packed.open("wb") as target:
        while data := source.read(10**6):
            target.write(packer.compress(data))
        target.write(packer.flush())


if __name__ == "__main__":
    build(tyro.cli(DumpConfig))
