"""Small datasets as the wikidata and wikipedia jobs leave them, written through `schemas`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from schemas import (
    ENTITIES,
    PAGES,
    REDIRECTS,
    RELATIONS,
    SITELINKS,
    TRIPLES,
    Entity,
    Link,
    Manifest,
    Page,
    PageContext,
    Redirect,
    Relation,
    RelationText,
    Shard,
    ShardWriter,
    Sitelink,
    Table,
    Text,
    Triple,
    shard_path,
    write_manifest,
)


def write_dataset(
    folder: Path,
    job: str,
    rows: dict[tuple[Table, str], Sequence[Sequence[Any]]],
    validation: Sequence[Table] = (),
) -> Manifest:
    """Write a dataset; `rows[table, partition]` is a list of shards, each a list of row dataclasses.

    Rows of the tables in `validation` are of that split, all others of none.
    """
    written: list[Shard] = []
    for (table, partition), shards in rows.items():
        for index, of_shard in enumerate(shards):
            split = "validation" if table in validation else "part"
            path = shard_path(table, partition, split, index, len(shards))
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with (folder / path).open("wb") as sink:
                writer = ShardWriter(sink, table)
                writer.write(table.batch(of_shard))
                num_rows, num_bytes, checksum = writer.close()
            written.append(
                Shard(path=path, table=table.name, partition=partition, split=split, rows=num_rows, bytes=num_bytes,
                      sha256=checksum)
            )  # fmt: skip
    manifest = Manifest(
        job=job,
        tables={table.name: table.version for table, _ in rows},
        shards=sorted(written, key=lambda shard: shard.path),
        accounts=[],
        counters={},
        inputs={},
        config={},
        code_version="0",
    )
    write_manifest(folder, manifest)
    return manifest


def text(language: str, label: str | None, gloss: str | None = None) -> Text:
    return Text(language=language, label=label, short_description=gloss, aliases=[])


def relation_text(language: str, label: str) -> RelationText:
    return RelationText(language=language, label=label, short_description=None, aliases=[], code=language)


def entity(number: int, *texts: Text, kind: str | None = None, sitelinks: int = 3) -> Entity:
    return Entity(entity=f"Q{number}", instance_of=[], page_kind=kind, num_sitelinks=sitelinks, texts=list(texts))


def context(pieces: Iterable[str | tuple[str, str] | tuple[str, str, str]]) -> PageContext:
    """A context from plain pieces and links, (surface, target) or (surface, target, fragment)."""
    written, links, length = [], [], 0
    for piece in pieces:
        surface = piece if isinstance(piece, str) else piece[0]
        if not isinstance(piece, str):
            fragment = piece[2] if len(piece) > 2 else None
            links.append(Link(start=length, end=length + len(surface), target=piece[1], fragment=fragment))
        written.append(surface)
        length += len(surface)
    return PageContext(text="".join(written), links=links)


def page(wiki: str, language: str, title: str, page_id: int, lead: str | None, *contexts: PageContext,
         disambiguation: bool = False) -> Page:  # fmt: skip
    return Page(
        wiki=wiki,
        language=language,
        title=title,
        page_id=page_id,
        revision_id=page_id + 1000,
        is_disambiguation=disambiguation,
        lead=lead,
        lead_missing=None if lead else "no_prose",
        contexts=list(contexts),
    )


def small_wikidata(folder: Path) -> Manifest:
    """A Wikidata of a few cities and countries, with namesakes, a category and a list."""
    entities = [
        [
            entity(64, text("de", "Berlin", "Hauptstadt von Deutschland"), text("en", "Berlin", "capital of Germany")),
            entity(183, text("de", "Deutschland", "Staat in Mitteleuropa"), text("en", "Germany", "country in Europe")),
            entity(
                90,
                text("en", "Paris", "capital of France"),
                text("mul", "Paris"),
                text("sw", None, "mji mkuu wa Ufaransa"),
            ),
            entity(142, text("en", "France", "country in Western Europe"), text("sw", "Ufaransa")),
        ],
        [
            entity(99, text("de", "Merkur"), kind="disambiguation"),
            entity(77, text("de", "Kategorie:Berlin", "Wikimedia-Kategorie fuer Berlin"), kind="category"),
            entity(500, text("en", "Mwanza", "city in Tanzania by the lake"), sitelinks=0),
            entity(600, text("sw", "Kisumu", "mji wa Kenya magharibi"), text("en", "Kisumu", "city of western Kenya")),
        ],
    ]
    triples = [
        Triple(subject="Q64", relation="P17", object="Q183", rank="normal"),
        Triple(subject="Q64", relation="P17", object="Q183", rank="normal"),
        Triple(subject="Q90", relation="P17", object="Q142", rank="preferred"),
        Triple(subject="Q90", relation="P17", object="Q183", rank="normal"),
        Triple(subject="Q142", relation="P36", object="Q90", rank="normal"),
        Triple(subject="Q142", relation="P36", object="Q64", rank="deprecated"),
        Triple(subject="Q142", relation="P36", object="Q9999", rank="normal"),
        Triple(subject="Q500", relation="P17", object="Q142", rank="normal"),
        Triple(subject="Q64", relation="P999", object="Q183", rank="normal"),
    ]
    relations = [
        Relation(
            relation="P17",
            datatype="wikibase-item",
            texts=[relation_text("en", "country"), relation_text("sw", "nchi")],
        ),
        Relation(
            relation="P36", datatype=None, texts=[relation_text("mul", "capital*"), relation_text("en", "capital")]
        ),
        Relation(relation="P214", datatype="external-id", texts=[relation_text("en", "VIAF ID")]),
        Relation(relation="P999", datatype="wikibase-item", texts=[]),
    ]
    sitelinks = [
        Sitelink(wiki=wiki, title=title, entity=f"Q{number}")
        for wiki, title, number in [
            ("dewiki", "Berlin", 64), ("dewiki", "Deutschland", 183), ("dewiki", "Merkur", 99),
            ("dewiki", "Kategorie:Berlin", 77), ("enwiki", "Berlin", 64), ("swwiki", "Berlin", 64),
            ("swwiki", "Paris", 90), ("swwiki", "Ufaransa", 142), ("swwiki", "Kisumu", 600), ("swwiki", "Mwanza", 500),
        ]
    ]  # fmt: skip
    rows = {
        (ENTITIES, ""): entities,
        (TRIPLES, ""): [triples],
        (RELATIONS, ""): [relations],
        (SITELINKS, ""): [sitelinks],
    }
    return write_dataset(folder, "wikidata", rows)


def small_wikipedia(folder: Path) -> Manifest:
    """Two wikis whose links meet every fate."""
    de = [
        page("dewiki", "de", "Berlin", 1, "Berlin ist die Hauptstadt der Bundesrepublik Deutschland.",
             context(["Berlin liegt in ", ("Deutschland", "Deutschland"), " an der ", ("Spree", "Spree"), "."]),
             context(["Siehe ", ("Merkur", "merkur"), ", ", ("Mitte", "Berlin", "Mitte"), "."])),
        page("dewiki", "de", "Deutschland", 2, "Deutschland ist ein Staat in Mitteleuropa mit 84 Millionen.",
             context(["Die Hauptstadt ist ", ("Bärlin", "Bärlin"), " und ", ("Kat", ":Kategorie:Berlin"), "."]),
             context(["Kein Link hier."])),
        page("dewiki", "de", "Merkur", 3, "Merkur steht fuer verschiedene Dinge der Welt.",
             context(["der Planet, siehe ", ("Berlin", "Berlin")]), disambiguation=True),
        page("dewiki", "de", "Ohne Item", 4, "Diese Seite hat keinen Eintrag bei Wikidata.",
             context([("Ohne", "Ohne Item"), " und ", ("Berlin", "Berlin"), "."])),
    ]  # fmt: skip
    sw = [
        page("swwiki", "sw", "Paris", 11, None, context([("Ufaransa", "Ufaransa"), " na ", ("Mwanza", "Mwanza")])),
        page("swwiki", "sw", "Ufaransa", 12, "Ufaransa ni nchi ya Ulaya ya Magharibi.",
             context(["Mji mkuu ni ", ("Paris", "Paris"), ", mji wa ", ("Paris", "Paris"), ", ", ("Kisumu", "Kisumu")])),
    ]  # fmt: skip
    redirects = [
        Redirect(wiki="dewiki", title="Bärlin", target="Spreeathen"),
        Redirect(wiki="dewiki", title="Spreeathen", target="Berlin"),
    ]
    rows = {
        (PAGES, "dewiki"): [de[:2], de[2:]],
        (PAGES, "swwiki"): [sw],
        (REDIRECTS, "dewiki"): [redirects],
    }
    return write_dataset(folder, "wikipedia", rows)
