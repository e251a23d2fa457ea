"""The entity index: embeddings in Parquet, a FAISS index over them, names, and a note that ties them to their model.

OUTPUT/embeddings/part-00000.parquet   entity_number, language, vector (length 1)
OUTPUT/index.faiss                     inner products of the same vectors, in the same order
OUTPUT/rows/                           item of each row, memory-mapped
OUTPUT/names/                          labels and aliases, memory-mapped; absent without the tables
OUTPUT/anchors/                        how often each surface was linked to each item; absent without the mentions
OUTPUT/entity_index.json               written last: model, dataset, counts, checksums
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from model.data.stores.array_folder import open_arrays, save_arrays
from model.data.stores.ragged import Numbers
from model.entities.anchors import Anchors
from model.entities.checksums import known_checksum
from model.entities.embeddings import read_parts
from model.entities.lookup import Lookup
from model.entities.names import EntityNames
from schemas import file_sha256
from schemas.errors import InputMissing, SchemaMismatch, ShardMismatch, UsageError

NOTE_NAME, INDEX_NAME, ROWS_NAME = "entity_index.json", "index.faiss", "rows"
NAMES_NAME, ANCHORS_NAME = "names", "anchors"
FORMAT = 1
FLAT_UP_TO = 200_000
"""Rows up to which `auto` compares with every vector; above, with those of the nearest of 4 * sqrt(rows) cells."""
SAMPLE_ROWS = 500_000
"""Most rows that an index with cells is trained on."""
CELLS_PROBED = 32

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class IndexNote:
    """What an index was made from; stored as JSON."""

    model: str
    """Checksum of the weights of the encoder and its heads."""
    dataset: str
    """Fingerprint of the token shards."""
    languages: tuple[str, ...]
    """Languages of the descriptions."""
    rows: int
    """Number of embeddings."""
    width: int
    """Length of a vector."""
    faiss: str
    """FAISS's description of the index."""
    sha256: str
    """Checksum of `index.faiss`."""
    format: int = FORMAT


@dataclass(frozen=True)
class EntityIndex:
    """An index, opened."""

    note: IndexNote
    """What it was made from."""
    rows: Numbers
    """Item of each row, rising."""
    names: EntityNames | None
    """Names of the items; None where it was made without the tables."""
    search_index: Any
    """FAISS's object; a flat one stays on disk and is mapped."""
    anchors: Anchors | None = None
    """How often surfaces led to items in the build; None where it was made without its mentions."""

    @property
    def lookup(self) -> Lookup:
        """Which items a surface may stand for."""
        return Lookup(self.names, self.anchors)

    @classmethod
    def open(cls, folder: Path) -> EntityIndex:
        """Open a finished index, checking that it is whole.

        Raises:
            InputMissing: there is none, or it was not finished.
            SchemaMismatch: it has another format.
            ShardMismatch: a file is damaged.
        """
        note = _read_note(folder)
        path = folder / INDEX_NAME
        if not path.exists() or known_checksum(path) != note.sha256:
            raise ShardMismatch(f"{path} is missing or damaged. Run embed again.")
        rows = open_arrays(folder / ROWS_NAME).get("items", np.empty(0, np.int64))
        names = EntityNames.open(folder / NAMES_NAME) if (folder / NAMES_NAME).is_dir() else None
        anchors = Anchors.open(folder / ANCHORS_NAME) if (folder / ANCHORS_NAME).is_dir() else None
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        if cells := faiss.try_extract_index_ivf(index):
            cells.nprobe = CELLS_PROBED
        if not index.ntotal == len(rows) == note.rows:
            raise ShardMismatch(f"{folder} holds {index.ntotal} vectors and {len(rows)} rows, expected {note.rows}.")
        return cls(note, rows, names, index, anchors)

    def nearest(self, query: Vectors, count: int, among: list[int] | None = None) -> list[tuple[int, float]]:
        """Return the nearest items to one query, best first, as (item, inner product).

        Args:
            query: [width], of length 1.
            count: most items; an item's best description stands for it.
            among: the items to choose from; all where None.
        """
        parameters = None
        rows_wanted = count * len(self.note.languages)
        if among is not None:
            allowed = np.flatnonzero(np.isin(self.rows, among)) if len(among) > 8 else self._rows_of(among)
            if len(allowed) == 0:
                return []
            rows_wanted = len(allowed)
            parameters = _selection(self.search_index, allowed)
        scores, places = self.search_index.search(query[None], min(rows_wanted, self.note.rows), params=parameters)
        best: dict[int, float] = {}
        for score, place in zip(scores[0].tolist(), places[0].tolist(), strict=True):
            if place >= 0:
                best.setdefault(int(self.rows[place]), score)
        return list(best.items())[:count]

    def knows(self, item: int) -> bool:
        """Tell whether an item has an embedding."""
        return len(self._rows_of([item])) > 0

    def _rows_of(self, items: list[int]) -> Numbers:
        starts, stops = np.searchsorted(self.rows, items), np.searchsorted(self.rows, items, side="right")
        return np.concatenate([np.arange(start, stop) for start, stop in zip(starts, stops, strict=True)])


def build_index(paths: list[Path], width: int, rows: int, kind: str) -> Any:
    """Build a FAISS index over the vectors of all parts, in their order.

    Args:
        paths: the parts.
        width: length of a vector.
        rows: number of vectors.
        kind: `auto`, or a description that `faiss.index_factory` understands, for instance `IVF4096,PQ64`.

    Raises:
        UsageError: FAISS does not understand `kind`.
    """
    cells = int(4 * rows**0.5)
    wanted = ("Flat" if rows <= FLAT_UP_TO else f"IVF{cells},Flat") if kind == "auto" else kind
    try:
        index = faiss.index_factory(width, wanted, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise UsageError(f"FAISS cannot make an index {wanted!r}: {str(error).splitlines()[-1]}") from error
    if not index.is_trained:
        every = max(1, rows // SAMPLE_ROWS)
        sample = np.concatenate([vectors[::every] for _, vectors in read_parts(paths)])
        try:
            index.train(sample)
        except RuntimeError as error:
            raise UsageError(f"{rows} vectors are too few for an index {wanted!r}: use --index Flat.") from error
    for _, vectors in read_parts(paths):
        index.add(np.ascontiguousarray(vectors))
    return index


def write_index(index: Any, items: Numbers, folder: Path, note: dict[str, Any]) -> IndexNote:
    """Write the index, the item of each row, and the note, which makes the index valid, last."""
    save_arrays(folder / ROWS_NAME, {"items": items})
    beside = folder / f"{INDEX_NAME}.partial"
    faiss.write_index(index, str(beside))
    os.replace(beside, folder / INDEX_NAME)
    full = IndexNote(
        rows=len(items), width=index.d, faiss=type(index).__name__, sha256=file_sha256(folder / INDEX_NAME), **note
    )
    beside = folder / f"{NOTE_NAME}.partial"
    beside.write_text(json.dumps(asdict(full), indent=1), encoding="utf-8")
    os.replace(beside, folder / NOTE_NAME)
    return full


def _read_note(folder: Path) -> IndexNote:
    path = folder / NOTE_NAME
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        found = fields.get("format")
        note = IndexNote(**{**fields, "languages": tuple(fields["languages"])}) if found == FORMAT else None
    except FileNotFoundError as error:
        raise InputMissing(
            f"{folder} holds no finished entity index. Make one: python -m model embed --help"
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ShardMismatch(f"{path} is damaged: {error}. Run embed again.") from error
    if note is None:
        raise SchemaMismatch(f"{path} has format {found}, this code reads {FORMAT}. Run embed again.")
    return note


def _selection(index: Any, rows: Numbers) -> Any:
    """Return FAISS's search parameters that restrict a search to some rows."""
    cells = faiss.try_extract_index_ivf(index)
    # Given as an argument the selector is kept alive; FAISS's type stubs do not know these arguments.
    chosen: dict[str, Any] = {"sel": faiss.IDSelectorBatch(rows)}
    if cells:
        chosen["nprobe"] = cells.nlist  # few rows are compared, so none is missed
        return faiss.SearchParametersIVF(**chosen)
    return faiss.SearchParameters(**chosen)
