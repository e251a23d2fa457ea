"""Rendered pages on disk, each with its wikitext: `<wiki>/<title>.html`, or records of Wikimedia's snapshots as NDJSON.

Beside `<title>.html`, `.parsoid.html` (each may be packed, `.gz`) the page's text stands as `<title>.wikitext` or
`.restored.wikitext`. A record of a snapshot holds both bodies.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from schemas.errors import InputMissing

_HTML = re.compile(r"(?P<stem>.+?)(?:\.parsoid)?\.html(?:\.gz)?\Z")
_RECORDS = re.compile(r".+\.ndjson(?:\.gz)?\Z")
_COPY = re.compile(r"~\d+\Z")


@dataclass(frozen=True)
class RenderedPage:
    """One page as its authors wrote it and as a reader reads it."""

    wiki: str
    title: str
    html: str
    wikitext: str


def read_pages(folder: Path) -> Iterator[RenderedPage]:
    """Yield the pages of a folder that have both forms, by wiki and name.

    Raises:
        InputMissing: there is no such folder, or no such page in it.
    """
    if not folder.is_dir():
        raise InputMissing(
            f"{folder} is no folder. Expected one with a folder for each wiki: {folder}/frwiki/Paris.html"
        )
    found = False
    for path in sorted(folder.glob("*wiki/*")):
        for page in _pages_of(path):
            found = True
            yield page
    if not found:
        raise InputMissing(
            f"{folder} holds no rendered page with its text. Expected <wiki>/<title>.html and <wiki>/<title>.wikitext, or "
            "<wiki>/*.ndjson with the records of a snapshot; all may be packed (.gz)."
        )


def _pages_of(path: Path) -> Iterator[RenderedPage]:
    wiki = path.parent.name
    if _RECORDS.match(path.name):
        for line in _text(path).splitlines():
            record = json.loads(line)
            body = record.get("article_body", {})
            if body.get("html") and body.get("wikitext"):
                yield RenderedPage(wiki, record["name"], body["html"], body["wikitext"])
        return
    name = _HTML.match(path.name)
    source = _wikitext_beside(path.parent, name["stem"]) if name else None
    if name and source is not None:
        title = unquote(_COPY.sub("", name["stem"])).replace("_", " ")
        yield RenderedPage(wiki, title, _text(path), _text(source))


def _wikitext_beside(folder: Path, stem: str) -> Path | None:
    endings = (".wikitext", ".restored.wikitext")
    paths = (folder / f"{stem}{ending}{packing}" for ending in endings for packing in ("", ".gz"))
    return next((path for path in paths if path.is_file()), None)


def _text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
