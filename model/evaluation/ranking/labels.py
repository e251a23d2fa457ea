"""Names of entities by language, from the tables of the `wikidata` job or from a label file."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model.evaluation.sets.text import read_text
from schemas import ENTITIES, iter_shard, read_manifest
from schemas.errors import InputCorrupt

_ENTITY = re.compile(r"Q[1-9][0-9]*")

Labels = dict[str, dict[str, str]]
"""Label by entity ("Q42") and language."""


def read_label_file(path: Path) -> Labels:
    """Read `{entity: {language: label}}` from JSON, plain or gzipped. Raises: InputCorrupt for another form."""
    try:
        labels: Labels = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputCorrupt(f"{path}: expected JSON of the form {{entity: {{language: label}}}}: {error}") from error
    sound = isinstance(labels, dict) and all(_ENTITY.fullmatch(e) and isinstance(o, dict) for e, o in labels.items())
    if not sound:
        raise InputCorrupt(f"{path}: expected JSON of the form {{entity: {{language: label}}}}")
    return labels


def read_labels(source: Path, most: int) -> Labels:
    """Labels from a file, or of the `most` entities with most sitelinks in a dataset of the `wikidata` job (0: all).

    Raises: InputMissing where there is neither a file nor a finished dataset.
    """
    if source.is_file():
        return read_label_file(source)
    wanted = _most_linked(source, most) if most else None
    labels = {}
    for batch in _batches(source, ["entity", "num_sitelinks", "texts"]):
        chosen = batch if wanted is None else batch.filter(pc.is_in(batch["entity"], wanted))
        for row in chosen.select(["entity", "texts"]).to_pylist():
            labels[row["entity"]] = {text["language"]: text["label"] for text in row["texts"] if text["label"]}
    return labels


def _most_linked(source: Path, most: int) -> pa.Array:
    entities, counts = np.empty(0, dtype=object), np.empty(0, dtype=np.int64)
    for batch in _batches(source, ["entity", "num_sitelinks"]):
        entities = np.concatenate([entities, batch["entity"].to_numpy(zero_copy_only=False)])
        counts = np.concatenate([counts, batch["num_sitelinks"].to_numpy(zero_copy_only=False)])
        # Only the best so far are kept, so that memory does not grow with the dataset.
        best = np.argsort(-counts, kind="stable")[:most]
        entities, counts = entities[best], counts[best]
    return pa.array(entities.tolist(), type=pa.string())


def _batches(source: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    manifest = read_manifest(source)
    for shard in manifest.of(ENTITIES):
        for batch in iter_shard(source / shard.path, ENTITIES, [*columns, "page_kind"]):
            # Disambiguation pages, categories and the like are named after other things.
            yield batch.filter(pc.is_null(batch["page_kind"]))


def common_languages(labels: Labels, count: int) -> list[str]:
    """Return the languages with most labels, most first, equal ones by code."""
    totals = Counter(language for own in labels.values() for language in own)
    return [language for language, _ in sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:count]]


def widest_entities(labels: Labels, languages: list[str], most: int) -> list[str]:
    """Entities with labels in most of these languages first, equal ones by number; at most `most` (0: all)."""
    wanted = set(languages)
    width = {entity: len(wanted & own.keys()) for entity, own in labels.items()}
    order = sorted(
        (e for e in labels if width[e] > 1), key=lambda e: (-width[e], int(e[1:]) if e[1:].isdigit() else 0, e)
    )
    return order[:most] if most else order
