"""Building the title index from sitelinks, redirects and page titles, in bounded memory.

Rows are hashed as they come and appended to one spool file per wiki and kind; then each wiki is sorted by itself. What
is in memory is a buffer of rows and the numbers of one wiki (about 50 bytes a title).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.link.title_index import (
    DISAMBIGUATION,
    NO_ITEM,
    REDIRECT,
    SECTION,
    Keys,
    Values,
    index_paths,
    title_keys,
)
from pipeline.run import storage
from pipeline.wikis.merged_items import MergedItems
from pipeline.wikis.numbers import save_array
from schemas.errors import InputCorrupt
from schemas.ids import MAX_ENTITY_NUMBER
from schemas.sorted_keys import find_keys

Kind = Literal["sitelinks", "pages", "redirects", "sections"]
Titles = Sequence[str] | Keys
"""Titles as they are written, or their keys where the caller has them already."""

MAX_REDIRECTS = 5
"""Redirects followed one after the other; wikis forbid two, loops never end."""

_BUFFERED_ROWS = 2_000_000
_SPOOL_TYPES: dict[Kind, np.dtype] = {
    "sitelinks": np.dtype([("key", "<u8"), ("value", "<u4")]),
    "pages": np.dtype([("key", "<u8"), ("value", "<u4")]),
    "redirects": np.dtype([("key", "<u8"), ("value", "<u8")]),
    "sections": np.dtype([("key", "<u8"), ("value", "<u4")]),
}


class TitleIndexBuilder:
    """Takes rows in any order and writes the index of every wiki it met."""

    def __init__(self, folder: Path) -> None:
        """`folder` receives the index; it is made where it is missing."""
        self._folder = folder
        self._spool = folder / "spool"
        self._spool.mkdir(parents=True, exist_ok=True)
        self._buffers: dict[tuple[str, Kind], list[NDArray[np.void]]] = defaultdict(list)
        self._buffered = 0
        self._wikis: set[str] = set()
        self.merged = MergedItems(np.empty(0, np.int64), np.empty(0, np.int64))
        """Items that lead to others, which titles are tied to instead."""

    def add_sitelinks(self, wiki: str, titles: Titles, entity_numbers: ArrayLike) -> None:
        """Titles of pages and the items Wikidata ties to them.

        Raises: InputCorrupt for an entity number beyond the 30 bits an index value has for it.
        """
        numbers, _ = self.merged.resolve_numbers(np.asarray(entity_numbers, np.int64))
        if len(numbers) and not (0 < numbers.min() and numbers.max() <= MAX_ENTITY_NUMBER):
            raise InputCorrupt(
                f"entity numbers of {wiki} run from {numbers.min()} to {numbers.max()}; expected 1 to 2^30 - 2"
            )
        self._append(wiki, "sitelinks", self._hashed(wiki, titles), numbers)

    def add_pages(self, wiki: str, titles: Titles, is_disambiguation: ArrayLike) -> None:
        """Titles of articles, with what the page says of itself."""
        flags = np.where(np.asarray(is_disambiguation, np.bool_), DISAMBIGUATION, np.uint32(0))
        self._append(wiki, "pages", self._hashed(wiki, titles), flags)

    def add_redirects(self, wiki: str, titles: Titles, targets: Titles) -> None:
        """Titles of redirects and the titles they lead to."""
        self._append(wiki, "redirects", self._hashed(wiki, titles), self._hashed(wiki, targets))

    def add_section_redirects(self, wiki: str, titles: Sequence[str]) -> None:
        """Titles of redirects that lead to a section of a page."""
        self._append(wiki, "sections", self._hashed(wiki, titles), np.full(len(titles), SECTION))

    @staticmethod
    def _hashed(wiki: str, titles: Titles) -> Keys:
        return titles if isinstance(titles, np.ndarray) else title_keys(wiki, titles)

    def _append(self, wiki: str, kind: Kind, keys: Keys, values: NDArray[Any]) -> None:
        rows = np.empty(len(keys), _SPOOL_TYPES[kind])
        rows["key"], rows["value"] = keys, values
        self._wikis.add(wiki)
        self._buffers[wiki, kind].append(rows)
        self._buffered += len(rows)
        if self._buffered >= _BUFFERED_ROWS:
            self._flush()

    def _flush(self) -> None:
        for (wiki, kind), pieces in self._buffers.items():
            path = self._path(wiki, kind)
            with storage.storage_errors(str(path)), path.open("ab") as file:
                for rows in pieces:
                    file.write(rows.tobytes())  # `tofile` says of a full disk only how many items were written
        self._buffers.clear()
        self._buffered = 0

    def _path(self, wiki: str, kind: Kind) -> Path:
        return self._spool / f"{wiki}.{kind}"

    def finish(self) -> Counter[str]:
        """Write the index of every wiki; counts of titles by how they resolved."""
        self._flush()
        counts: Counter[str] = Counter()
        for wiki in sorted(self._wikis):
            counts.update(self._finish_wiki(wiki))
        self._spool.rmdir()
        return counts

    def _read(self, wiki: str, kind: Kind) -> NDArray[np.void]:
        path = self._path(wiki, kind)
        if not path.exists():
            return np.empty(0, _SPOOL_TYPES[kind])
        rows = np.fromfile(path, _SPOOL_TYPES[kind])
        path.unlink()
        # Of equal keys the smallest value comes first and stays: the result is free of the order of the input.
        rows = rows[np.lexsort((rows["value"], rows["key"]))]
        return rows[np.r_[True, rows["key"][1:] != rows["key"][:-1]]] if len(rows) else rows

    def _finish_wiki(self, wiki: str) -> Counter[str]:
        keys, values, counts = _joined(self._read(wiki, "sitelinks"), self._read(wiki, "pages"))
        keys, values, num_sections = _with_sections(keys, values, self._read(wiki, "sections"))
        if num_sections:
            counts["redirects_to_section"] = num_sections
        redirects = self._read(wiki, "redirects")
        own, led, redirect_counts = _resolved(redirects, keys, values)
        counts.update(redirect_counts)
        all_keys = np.concatenate([keys, own])
        order = np.argsort(all_keys)
        keys_path, values_path = index_paths(self._folder, wiki)
        save_array(keys_path, all_keys[order])
        save_array(values_path, np.concatenate([values, led])[order])
        counts["titles"] += len(all_keys)
        return counts


def _joined(sitelinks: NDArray[np.void], pages: NDArray[np.void]) -> tuple[Keys, Values, Counter[str]]:
    """Sitelinks, flagged by what their pages say, and the pages without item; keys ascend."""
    keys, values = sitelinks["key"].copy(), sitelinks["value"].copy()
    places, known = find_keys(keys, pages["key"])
    values[places[known]] |= pages["value"][known]
    extra = pages[~known]
    keys = np.concatenate([keys, extra["key"]])
    values = np.concatenate([values, extra["value"] | NO_ITEM])
    order = np.argsort(keys)
    counts = Counter({"titles_with_item": len(sitelinks), "titles_without_item": len(extra)})
    return keys[order], values[order], counts


def _with_sections(keys: Keys, values: Values, sections: NDArray[np.void]) -> tuple[Keys, Values, int]:
    """Return the same with the redirects to sections that have no page or item of their own, and how many these are."""
    own = sections[~find_keys(keys, sections["key"])[1]]
    keys, values = np.concatenate([keys, own["key"]]), np.concatenate([values, own["value"]])
    order = np.argsort(keys)
    return keys[order], values[order], len(own)


def _resolved(redirects: NDArray[np.void], keys: Keys, values: Values) -> tuple[Keys, Values, Counter[str]]:
    """Follow redirects through each other to pages: their keys, what they lead to, and counts by outcome."""
    # A title that is a page of its own, or has an item of its own, is not looked behind.
    own = redirects[~find_keys(keys, redirects["key"])[1]]
    counts = Counter({"redirects": len(redirects), "redirects_with_item": len(redirects) - len(own)})
    led = np.zeros(len(own), np.uint32)
    open_rows, targets = np.arange(len(own)), own["value"].copy()
    for step in range(MAX_REDIRECTS):
        places, found = find_keys(keys, targets)
        led[open_rows[found]] = values[places[found]] | REDIRECT
        counts["redirects_resolved" if step == 0 else "redirects_resolved_by_chain"] += int(found.sum())
        open_rows, targets = open_rows[~found], targets[~found]
        places, chained = find_keys(own["key"], targets)
        counts["redirects_to_missing_page"] += int((~chained).sum())
        open_rows, targets = open_rows[chained], own["value"][places[chained]]
    counts["redirects_looping"] += len(open_rows)
    kept = led != 0
    return own["key"][kept], led[kept], counts
