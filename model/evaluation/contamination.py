"""What of a test set a model has read: pages and facts that stand in the build it was trained on.

Both are looked for in the tables of the `link` job: titles of pages by language, and triples. A page counts as read where one
of its contexts or its lead was; a fact where the triple is in the training split.
"""

import unicodedata
from pathlib import Path
from urllib.parse import unquote

import pyarrow.compute as pc

from schemas import DESCRIPTIONS, MENTIONS, TRIPLES, VALIDATION, iter_shard, read_manifest

Triple = tuple[str, str, str]


def titles_read(build: Path, language: str) -> set[str]:
    """Titles of the pages in one language whose contexts or leads a build holds.

    Raises: InputMissing where `build` is no finished dataset of the `link` job.
    """
    manifest, found = read_manifest(build), set[str]()
    for table in (DESCRIPTIONS, MENTIONS):
        for shard in manifest.of(table):
            for batch in iter_shard(build / shard.path, table, ["title", "language"]):
                own = batch.filter(pc.equal(batch["language"], language))
                found.update(plain_title(title) for title in own["title"].to_pylist() if title)
    return found


def plain_title(title: str) -> str:
    """Give a title as it is compared: sets write it with underscores or escapes, as in addresses.

    >>> plain_title("New_York%20City")
    'New York City'
    """
    return unicodedata.normalize("NFC", unquote(title)).replace("_", " ").strip()


def triples_read(build: Path, wanted: set[Triple]) -> set[Triple]:
    """Those of some triples that stand in the training split of a build's `triples`.

    Raises: InputMissing where `build` is no finished dataset with triples.
    """
    manifest, found = read_manifest(build), set[Triple]()
    for shard in manifest.of(TRIPLES):
        if shard.split == VALIDATION:
            continue
        for batch in iter_shard(build / shard.path, TRIPLES, ["subject", "relation", "object"]):
            columns = (batch[name].to_pylist() for name in ("subject", "relation", "object"))
            found.update(triple for triple in zip(*columns, strict=True) if triple in wanted)
    return found
