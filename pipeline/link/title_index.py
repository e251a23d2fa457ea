"""The title index: from (wiki, title) to entity, built once and memory-mapped by every worker.

Per wiki it is two files of equal length: `<wiki>.keys.npy`, the sorted 64-bit hashes of all titles (redirects too),
and `<wiki>.values.npy`, what each leads to. 12 bytes a title, 216 MB for 18 million titles (an English-sized wiki), and
one copy in memory for all processes of a machine. Two of 18 million titles share a hash with odds of 1 in 100,000,
and a title that does not exist meets the hash of one that does with odds of 1 in a million millions.

`pipeline.link.title_index_build` makes it. Why not a trie: benchmarks/README.md, "Linking".
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.wikis.languages import title_case
from pipeline.wikis.titles import normalise_titles
from schemas.errors import InputCorrupt, InputMissing
from schemas.sorted_keys import find_keys

Keys = NDArray[np.uint64]
"""Hashes of titles."""
Values = NDArray[np.uint32]
"""What titles lead to: an entity number in the low 30 bits, flags in the two others."""

ABSENT = np.uint32(0)
"""No page has this title."""
NO_ITEM = np.uint32((1 << 30) - 1)
"""The page exists, but no Wikidata item is tied to it."""
ENTITY_BITS = NO_ITEM
"""Mask of the entity number."""
DISAMBIGUATION = np.uint32(1 << 30)
"""Flag: the page says of itself that it lists namesakes."""
REDIRECT = np.uint32(1 << 31)
"""Flag: a redirect led there."""


SECTION = REDIRECT | (NO_ITEM - np.uint32(1))
"""A redirect leads to a section of a page, which is something else than the page's item."""


def hash_titles(titles: Iterable[str]) -> Keys:
    """Return the 64-bit keys of titles in normal form (blake2b, first 8 bytes), shape [number of titles]."""
    digests = b"".join([blake2b(title.encode(), digest_size=8).digest() for title in titles])
    return np.frombuffer(digests, dtype="<u8")


def title_keys(wiki: str, titles: Sequence[str]) -> Keys:
    """Return the keys of titles or link targets as they are written in a wiki, shape [len(titles)]."""
    return hash_titles(normalise_titles(titles, title_case(wiki)))


class WikiTitles:
    """The titles of one wiki, memory-mapped."""

    def __init__(self, wiki: str, keys: Keys, values: Values) -> None:
        """`keys` ascend; `values[i]` belongs to `keys[i]`."""
        self.wiki, self._keys, self._values = wiki, keys, values

    def __len__(self) -> int:
        return len(self._keys)

    def look_up(self, targets: Sequence[str]) -> Values:
        """Return what link targets or titles, as written, lead to; `ABSENT` for unknown ones. Shape [len(targets)]."""
        return self.look_up_keys(title_keys(self.wiki, targets))

    def look_up_keys(self, wanted: Keys) -> Values:
        """Return the same for keys of titles."""
        places, found = find_keys(self._keys, wanted)
        if not len(self._keys):
            return np.zeros(len(wanted), np.uint32)
        return np.where(found, self._values[places], ABSENT)


def entity_numbers(values: Values) -> NDArray[np.int64]:
    """Return the entity numbers in index values; 0 where there is no page or no item."""
    numbers = (values & ENTITY_BITS).astype(np.int64)
    return np.where(numbers >= int(SECTION & ENTITY_BITS), 0, numbers)


def index_paths(folder: Path, wiki: str) -> tuple[Path, Path]:
    """Return the two files of a wiki's index."""
    return folder / f"{wiki}.keys.npy", folder / f"{wiki}.values.npy"


def open_titles(folder: Path, wiki: str) -> WikiTitles:
    """Open a wiki's titles; a process maps each file once, and anew when it was replaced.

    Raises: InputMissing where the index has no such wiki, InputCorrupt where its two files do not fit each other.
    """
    try:
        return _map_titles(folder, wiki, index_paths(folder, wiki)[0].stat().st_mtime_ns)
    except FileNotFoundError as error:
        raise InputMissing(f"the title index in {folder} has no {wiki}; remove the folder to build it anew") from error


@functools.lru_cache(maxsize=1024)
def _map_titles(folder: Path, wiki: str, mtime_ns: int) -> WikiTitles:
    try:
        keys, values = (np.load(path, mmap_mode="r", allow_pickle=False) for path in index_paths(folder, wiki))
    except ValueError as error:
        raise InputCorrupt(f"the title index of {wiki} in {folder} is damaged: {error}; remove it") from error
    if len(keys) != len(values) or keys.dtype != np.uint64 or values.dtype != np.uint32:
        raise InputCorrupt(f"the title index of {wiki} in {folder} has {len(keys)} keys and {len(values)} values")
    return WikiTitles(wiki, keys, values)
