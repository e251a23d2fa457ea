"""Reads TR2016: mentions in Wikipedia pages whose pages are given by title, and the titles' items from a build's sitelinks.

`xx/test/NAME.txt` holds a text, `NAME.mentions` a mention a line: start, end, a column that is not read, the page's title in the
Wikipedia of the language, and 1 where the mention is hard: the likeliest page of its surface is another one.

Source: Tsai and Roth (2016), as the preparation of mGENRE (De Cao et al., 2022) reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from model.entities.linked_text import LinkedText, number_of
from model.entities.mentions import Span
from model.evaluation.contamination import plain_title
from model.evaluation.sets.text import read_lines, read_text
from schemas import SITELINKS, iter_shard, read_manifest
from schemas.errors import InputCorrupt, InputMissing, UsageError

TR2016 = "TR2016"
COLUMNS = 5
HARDNESS = {"0": "easy", "1": "hard"}


def read_titled(paths: Sequence[Path], tables: Path | None) -> list[LinkedText]:
    """Read documents and give every mention the item of its title; "" where the tables have none.

    Raises: UsageError without tables; InputMissing where a text is not there; InputCorrupt for lines of another form, for places
    outside of the text, and where no title has an item.
    """
    if tables is None:
        raise UsageError(
            "TR2016 names pages by their titles: pass --tables, the folder of the wikidata job, for their items"
        )
    texts = [_read(path) for path in paths]
    wanted: dict[str, set[str]] = {}
    for text in texts:
        wanted.setdefault(text.language, set()).update(text.entities)
    found = {language: items_of(tables, language, titles) for language, titles in wanted.items()}
    if not any(found.values()):
        raise InputCorrupt(
            f"{tables}: its sitelinks have none of the pages that {paths[0].parents[2]} names in {', '.join(sorted(found))}"
        )
    for text in texts:
        text.entities = [found[text.language].get(title, "") for title in text.entities]
    return texts


def items_of(tables: Path, language: str, titles: set[str]) -> dict[str, str]:
    """Return the item of each title that the Wikipedia of a language has. Raises: InputMissing for no finished dataset."""
    wiki = f"{language.replace('-', '_')}wiki"
    manifest, asked, items = read_manifest(tables), pa.array(sorted(titles)), dict[str, str]()
    for shard in manifest.of(SITELINKS):
        for batch in iter_shard(tables / shard.path, SITELINKS, ["wiki", "title", "entity"]):
            own = batch.filter(pc.and_(pc.equal(batch["wiki"], wiki), pc.is_in(batch["title"], asked)))
            items.update(zip(own["title"].to_pylist(), own["entity"].to_pylist(), strict=True))
    return items


def _read(path: Path) -> LinkedText:
    """Read one document, with titles in the place of items."""
    document = path.with_suffix(".txt")
    if not document.is_file():
        raise InputMissing(f"{document}: the text of {path.name} is not there")
    text = LinkedText(path.stem, path.parents[1].name, read_text(document))
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        place, cells = f"{path}, line {number}", line.split("\t")
        if len(cells) != COLUMNS or cells[4].strip() not in HARDNESS:
            raise InputCorrupt(f"{place}: found {line[:80]!r}, expected start, end, a column, a title, and 0 or 1")
        start, end, title = number_of(cells[0], place), number_of(cells[1], place), plain_title(cells[3])
        if not start < end <= len(text.text):
            raise InputCorrupt(f"{place}: found characters {start} to {end} of a text of {len(text.text):,}")
        if not title:
            raise InputCorrupt(f"{place}: found no title; blanked sets cannot be scored")
        text.spans.append(Span(start, end))
        # MediaWiki capitalises the first letter of a title; links are written either way.
        text.entities.append(title[:1].upper() + title[1:])
        text.bins.append(HARDNESS[cells[4].strip()])
    return text
