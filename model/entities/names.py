"""Names of entities: which items a surface may stand for, and what an item is called in a language. Memory-mapped.

Labels and aliases of all languages are looked up by a hash of their folded form; labels are kept as text, to be shown.
Built once from the `entities` table, for the items that have an embedding.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.stores.array_folder import Arrays, open_arrays, save_arrays
from model.data.stores.ragged import Numbers
from schemas import ENTITIES, Manifest, iter_shard
from schemas.sorted_keys import find_keys, rows_of_keys

FALLBACK_LANGUAGES = ("mul", "en")
"""Where an item has no label in the language asked for; then whichever label comes first."""
SHORTEST_STEM = 4
"""Fewest letters of a word that are kept when its ending is cut off."""
_ENDINGS = frozenset("aeiouyаеиіоуыэюяьйαεηιουως")
"""Last letters of a label that an inflected form may replace, without their accents; after any other it only adds."""
_BATCH_ROWS = 4_096


def fold(name: str) -> str:
    """Return the form under which names are compared: NFC, case folded, white space made single.

    >>> fold(" Sankt  Petersburg ") == fold("SANKT PETERSBURG")
    True
    """
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).split())


def name_hashes(names: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Return a 64-bit hash of each name's folded form."""
    digests = b"".join(blake2b(fold(name).encode(), digest_size=8, person=b"xlmk-name").digest() for name in names)
    return np.frombuffer(digests, dtype=np.uint64)


@dataclass(frozen=True)
class EntityNames:
    """Sorted hashes over runs of items, and sorted items over runs of labels."""

    hashes: npt.NDArray[np.uint64]
    """Hash of each distinct name, rising."""
    first_item: Numbers
    """Where the items of each name start, and the end."""
    items: Numbers
    """Items, the one with the most wiki pages first."""
    entities: Numbers
    """Items that have a label, rising."""
    first_label: Numbers
    """Where the labels of each item start, and the end."""
    label_language: npt.NDArray[np.uint16]
    """Language of each label, as an index into `languages`."""
    label_start: Numbers
    """Where each label's bytes start, and the end."""
    label_bytes: npt.NDArray[np.uint8]
    """UTF-8 of all labels."""
    languages: npt.NDArray[Any]
    """Language codes, sorted."""
    stem_hashes: npt.NDArray[np.uint64] | None = None
    """Hash of each distinct beginning of a label, rising; None in an index that was made without."""
    first_stem_item: Numbers | None = None
    """Where the items of each beginning start, and the end."""
    stem_items: Numbers | None = None
    """Items, the one with the most wiki pages first."""

    @classmethod
    def open(cls, folder: Path) -> EntityNames:
        """Map the names of a folder.

        Raises:
            ShardMismatch: an array is damaged.
        """
        return cls(**open_arrays(folder))

    def named(self, surfaces: Sequence[str]) -> list[list[int]]:
        """Return for each surface the items that have it as label or alias in any language, the best-known first."""
        return _runs(self.hashes, self.first_item, self.items, surfaces)

    def stemmed(self, beginnings: Sequence[str]) -> list[list[int]]:
        """Return for each beginning of a word the items whose label is it, or it and an ending of one letter."""
        if self.stem_hashes is None or self.first_stem_item is None or self.stem_items is None:
            return [[] for _ in beginnings]
        return _runs(self.stem_hashes, self.first_stem_item, self.stem_items, beginnings)

    def label(self, entity_number: int, language: str) -> str:
        """Return an item's label in a language, else in `mul` or English, else any; "" where it has none."""
        place = int(rows_of_keys(self.entities, np.array([entity_number]))[0])
        if place < 0:
            return ""
        records = range(int(self.first_label[place]), int(self.first_label[place + 1]))
        by_language = {str(self.languages[self.label_language[record]]): record for record in records}
        wanted = next((code for code in (language, *FALLBACK_LANGUAGES) if code in by_language), "")
        record = by_language[wanted] if wanted else records[0]
        return self.label_bytes[self.label_start[record] : self.label_start[record + 1]].tobytes().decode()


def _runs(hashes: npt.NDArray[np.uint64], first: Numbers, items: Numbers, names: Sequence[str]) -> list[list[int]]:
    """Return the items of each name in sorted hashes over runs of items; none for a name that is not there."""
    if len(hashes) == 0 or not names:
        return [[] for _ in names]
    places = rows_of_keys(hashes, name_hashes(names)).tolist()
    return [items[first[place] : first[place + 1]].tolist() if place >= 0 else [] for place in places]


def _stems(label: str) -> list[str]:
    """Beginnings of a label whose last word is a word that may be inflected: of letters, longer than what is kept of it."""
    folded = fold(label)
    last = folded.rpartition(" ")[2]
    if not last.isalpha() or last.upper() == last:  # scripts without case do not inflect at the end
        return []
    cuts = (0, 1) if unicodedata.normalize("NFD", last[-1])[0] in _ENDINGS else (0,)
    return [folded[: len(folded) - cut] for cut in cuts if len(last) - cut >= SHORTEST_STEM]


def build_names(tables: Path, manifest: Manifest, wanted: Numbers, folder: Path) -> None:
    """Write the arrays of `EntityNames` into a folder.

    Args:
        tables: folder of the `wikidata` job's tables.
        manifest: their manifest.
        wanted: the items to keep, rising.
        folder: where to write.
    """
    hashes: list[npt.NDArray[np.uint64]] = []
    owners: list[tuple[int, int, int]] = []  # (item, number of wiki pages, number of names)
    labels: list[tuple[int, str, str]] = []
    stems: list[npt.NDArray[np.uint64]] = []
    stem_owners: list[tuple[int, int, int]] = []
    for row in _entities(tables, manifest, wanted):
        number, names = int(row["entity"][1:]), set()
        for text in row["texts"]:
            names.update(text["aliases"])
            if text["label"]:
                names.add(text["label"])
                labels.append((number, text["language"], text["label"]))
        hashes.append(np.unique(name_hashes(names)))
        owners.append((number, row["num_sitelinks"], len(hashes[-1])))
        beginnings = {stem for text in row["texts"] if text["label"] for stem in _stems(text["label"])}
        stems.append(np.unique(name_hashes(beginnings)))
        stem_owners.append((number, row["num_sitelinks"], len(stems[-1])))
    by_stem = dict(
        zip(("stem_hashes", "first_stem_item", "stem_items"), _by_name(stems, stem_owners).values(), strict=True)
    )
    save_arrays(folder, {**_by_name(hashes, owners), **by_stem, **_by_item(labels)})


def _entities(tables: Path, manifest: Manifest, wanted: Numbers) -> Iterator[dict[str, Any]]:
    """Yield the rows of the wanted items."""
    for shard in manifest.of(ENTITIES):
        for batch in iter_shard(tables / shard.path, ENTITIES, ["entity", "num_sitelinks", "texts"], _BATCH_ROWS):
            numbers = np.array([int(entity[1:]) for entity in batch.column("entity").to_pylist()], dtype=np.int64)
            yield from batch.take(np.flatnonzero(find_keys(wanted, numbers)[1])).to_pylist()


def _by_name(hashes: list[npt.NDArray[np.uint64]], owners: list[tuple[int, int, int]]) -> Arrays:
    merged = np.concatenate([np.empty(0, np.uint64), *hashes])
    counts = np.array([count for _, _, count in owners], dtype=np.int64)
    items = np.repeat(np.array([item for item, _, _ in owners], dtype=np.int64), counts)
    pages = np.repeat(np.array([pages for _, pages, _ in owners], dtype=np.int64), counts)
    order = np.lexsort((items, -pages, merged))
    distinct, first = np.unique(merged[order], return_index=True)
    return {"hashes": distinct, "first_item": np.append(first, len(merged)).astype(np.int64), "items": items[order]}


def _by_item(labels: list[tuple[int, str, str]]) -> Arrays:
    labels.sort()
    languages = sorted({language for _, language, _ in labels})
    number = {language: place for place, language in enumerate(languages)}
    texts = [label.encode() for _, _, label in labels]
    entities, first = np.unique(np.array([item for item, _, _ in labels], dtype=np.int64), return_index=True)
    return {
        "entities": entities,
        "first_label": np.append(first, len(labels)).astype(np.int64),
        "label_language": np.array([number[language] for _, language, _ in labels], dtype=np.uint16),
        "label_start": np.append(0, np.cumsum([len(text) for text in texts])).astype(np.int64),
        "label_bytes": np.frombuffer(b"".join(texts), dtype=np.uint8),
        "languages": np.array(languages or [""], dtype=np.str_),
    }
