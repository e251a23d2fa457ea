"""Configuration of the job `wikidata`: which dumps are read and what is kept of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.wikidata.columns import ItemOptions, Ranks
from pipeline.wikidata.filters import RowFilter
from pipeline.wikis.languages import find_wiki, label_languages, parse_languages
from pipeline.wikis.numbers import Numbers
from schemas.errors import UsageError
from schemas.names import Names, split_names


@dataclass(frozen=True, kw_only=True)
class WikidataConfig:
    """Which dumps are read and what is kept of them."""

    dumps: tuple[str, ...]
    """Dumps in JSON, or truthy N-Triples: paths, glob patterns or URLs (`gs://`, `s3://`), packed as gz, bz2, zst, xz or not at
    all. Prefer `latest-all.json.gz`."""
    output: str
    """Folder of the dataset."""
    languages: Names = ("all",)
    """Languages of labels, short descriptions and aliases; `all` keeps every code there is.
    With each language its written variants are kept, then `mul` (names that hold in all languages) and `en`: a label is
    looked for in that order, and rows say in which language it was found."""
    wikis: Names = ("all",)
    """Wikis whose sitelinks are kept, as `enwiki`, `de` or `zh-yue`; `all` keeps every Wikipedia."""
    only_linked: bool = False
    """Keep only items that one of the chosen wikis has a page on, with their statements."""
    instance_of: Names = ()
    """Keep only items that are instances of these classes, as `Q5,Q515`; with `subclasses`, of what is below them too."""
    subclasses: str = ""
    """Dataset of this job, made with `--relations P279` or without it, that says which class is a subclass of which: then
    `instance_of` and `page_kind` take subclasses in, through all steps."""
    relations: Names = ()
    """Keep only statements of these properties, as `P31,P279,P17`; empty keeps all."""
    merged: Names = ()
    """Wikidata's SQL dumps `redirect` and `page`, as `wikidatawiki-latest-redirect.sql.gz,wikidatawiki-latest-page.sql.gz`:
    items that were merged into others are written to `merged`, and statements that name them name the others."""
    ranks: Ranks = "best"
    """`best` keeps of each property's statements the preferred ones, or the normal ones where none is preferred; `all`
    keeps every statement, deprecated ones included, with its rank."""
    literals: bool = False
    """Also write `literals`: statements whose value is a string, text, quantity, time or coordinate."""
    qualifiers: bool = False
    """Also write `qualifiers`: what is said about the statements that are kept."""
    max_line_bytes: int = 64 * 1024 * 1024
    """Longest entity, in bytes of JSON; a longer one is rejected. The longest seen in a dump had 1.1 MB."""
    range_bytes: int = 64 * 1024 * 1024
    """Compressed bytes one task reads, and so the size of shards. 16 MB or more each, four a worker or more."""
    check_keys_every: int = 1_000
    """Of so many entities of a task one is looked through for keys that stand twice in one object, of which the last
    holds; 1 for all of them, which takes several times as long, 0 for none."""
    max_entities: int = 0
    """Read only the first so many entities of each dump, by one worker, and do not ask whether the dump has an end: for a
    first look, and for what `head` cut from one. 0 reads all."""
    max_reject_share: float = 0.001
    """Largest share of records that may be rejected, 0 to 1."""


def item_options(config: WikidataConfig) -> ItemOptions:
    """Say what is kept of each entity.

    Raises:
        UsageError: a language or wiki nobody knows, or an id that is none.
    """
    languages = wikis = None
    if not _is_all(config.languages):
        chosen = parse_languages(config.languages)
        languages = tuple(sorted({code for language in chosen for code in label_languages(language)}))
    if not _is_all(config.wikis):
        wikis = tuple(find_wiki(name).wiki for name in split_names(config.wikis))
        if not wikis:
            raise UsageError("no wiki given; write names as enwiki de zh-yue, or all")
    return ItemOptions(
        languages=languages,
        wikis=wikis,
        ranks=config.ranks,
        literals=config.literals,
        qualifiers=config.qualifiers,
        rows=RowFilter(
            only_linked=config.only_linked,
            classes=_numbers(_ids(config.instance_of, "Q")),
            relations=_ids(config.relations, "P") or None,
        ),
    )


def _is_all(names: str | Iterable[str]) -> bool:
    return [name.lower() for name in split_names(names)] == ["all"]


def _ids(given: str | Iterable[str], letter: str) -> frozenset[str]:
    ids = split_names(given)
    for name in ids:
        if name[:1] != letter or not name[1:].isdigit():
            kind = {"Q": "an item, as Q5", "P": "a property, as P31"}[letter]
            raise UsageError(f"expected {kind}, found {name!r}")
    return frozenset(ids)


def _numbers(ids: frozenset[str]) -> Numbers | None:
    return np.array(sorted(int(name[1:]) for name in ids), np.uint32) if ids else None


def merged_dumps(config: WikidataConfig) -> tuple[Path, Path]:
    """List the dumps of redirects and of pages.

    Raises:
        UsageError: there are not two.
    """
    paths = [Path(part) for part in split_names(config.merged)]
    if len(paths) != 2:
        raise UsageError(f"merged takes two SQL dumps, redirect and page, separated by a comma; found {len(paths)}")
    return paths[0], paths[1]
