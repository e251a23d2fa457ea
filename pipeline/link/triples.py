"""Triples for training, and the texts of relations in every language.

A triple is kept when its rank is the best of its (subject, relation), both ends have a description in at least one of the
chosen languages, and its relation has a text. Repeats (statements that differ in qualifiers only) are kept once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.link.config import LinkConfig, SharedPaths
from pipeline.run.task_output import TaskOutput
from pipeline.wikis.languages import fallback_languages, own_label_languages
from pipeline.wikis.numbers import Numbers, contains, numbers_of_ids, open_array
from schemas import RELATIONS, TRIPLES, Relation, RelationText, read_shard, split_of, triple_key
from schemas.errors import InputCorrupt
from schemas.sorted_keys import find_keys

_MAX_RELATION = 1 << 20
_PREFERRED, _NORMAL, _DEPRECATED = 0, 1, 2
_RANKS = pa.array(["preferred", "normal", "deprecated"])


class TripleFate(IntEnum):
    """What became of a triple."""

    KEPT = 0
    """It is a row."""
    NO_SUBJECT_DESCRIPTION = 1
    """No chosen language has a description of its subject."""
    NO_OBJECT_DESCRIPTION = 2
    """No chosen language has a description of its object; the object may be missing from the dump altogether."""
    NO_RELATION_TEXT = 3
    """The relation has no label in any language, or is not in the dump."""
    DEPRECATED = 4
    """Wikidata's editors marked it as wrong."""
    WORSE_RANK = 5
    """Another statement of the same subject and relation is preferred."""
    REPEATED = 6
    """The same subject, relation and object as an earlier statement, or the subject was read before from another dump."""


def triple_fates(
    triples: pa.Table, described: Numbers, with_text: Numbers, repeated_subjects: Numbers
) -> NDArray[np.uint8]:
    """Return the fate of each triple; all statements of one subject must be in the table. Shape [rows].

    Args:
        described: sorted numbers of the entities with a description.
        with_text: sorted numbers of the relations with a text.
        repeated_subjects: sorted numbers of the entities whose statements an earlier shard had.

    Raises: InputCorrupt for a rank or relation number that cannot be.
    """
    subjects, relations, objects = (numbers_of_ids(triples.column(name)) for name in ("subject", "relation", "object"))
    ranks = pc.index_in(triples.column("rank"), value_set=_RANKS).to_numpy()
    if np.isnan(ranks).any() or (len(relations) and relations.max() >= _MAX_RELATION):
        raise InputCorrupt("triples hold a rank or property id that Wikidata does not know; build them again")
    pairs = subjects * _MAX_RELATION + relations
    fates = np.zeros(len(pairs), np.uint8)
    fates[~contains(with_text, relations)] = TripleFate.NO_RELATION_TEXT
    fates[~contains(described, objects)] = TripleFate.NO_OBJECT_DESCRIPTION
    fates[~contains(described, subjects)] = TripleFate.NO_SUBJECT_DESCRIPTION
    fates[_is_worse(pairs, ranks)] = TripleFate.WORSE_RANK
    fates[ranks == _DEPRECATED] = TripleFate.DEPRECATED
    fates[contains(repeated_subjects, subjects)] = TripleFate.REPEATED
    fates[_is_repeated(pairs, objects, fates)] = TripleFate.REPEATED
    return fates


def _is_worse(pairs: NDArray[np.int64], ranks: NDArray[Any]) -> NDArray[np.bool_]:
    """Return normal statements beside a preferred one of the same subject and relation."""
    preferred = np.unique(pairs[ranks == _PREFERRED])
    return np.asarray(find_keys(preferred, pairs)[1] & (ranks == _NORMAL))


def _is_repeated(pairs: NDArray[np.int64], objects: NDArray[np.int64], fates: NDArray[np.uint8]) -> NDArray[np.bool_]:
    kept = np.flatnonzero(fates == TripleFate.KEPT)
    order = kept[np.lexsort((kept, objects[kept], pairs[kept]))]
    same = (pairs[order[1:]] == pairs[order[:-1]]) & (objects[order[1:]] == objects[order[:-1]])
    repeated = np.zeros(len(pairs), np.bool_)
    repeated[order[1:][same]] = True
    return repeated


def kept_triples(triples: pa.Table, fates: NDArray[np.uint8], per_mille: int) -> Iterator[tuple[str, pa.Table]]:
    """Yield (split, rows of `triples`) for the kept ones."""
    kept = triples.filter(pa.array(fates == TripleFate.KEPT))
    ids = zip(*(kept.column(name).to_pylist() for name in ("subject", "relation", "object")), strict=True)
    splits = np.array([split_of(triple_key(*triple), per_mille) for triple in ids], dtype=object)
    for split in sorted(set(splits.tolist())):
        yield split, kept.filter(pa.array(splits == split)).cast(TRIPLES.columns)


def read_relations(paths: Sequence[Path]) -> pa.Table:
    """All rows of some shards of `relations`; of a property that several dumps hold, the first row."""
    schema = RELATIONS.columns
    whole = pa.concat_tables([read_shard(path, RELATIONS) for path in paths]) if paths else schema.empty_table()
    first = np.unique(numbers_of_ids(whole.column("relation")), return_index=True)[1]
    return whole.take(pa.array(np.sort(first)))


def relation_rows(relations: pa.Table, languages: Sequence[str], counts: Counter[str]) -> pa.RecordBatch:
    """Rows of `relations` with one text for each chosen language.

    The text in a language is the property's label under a code of its own, else Wikidata's `mul` label, else that of the
    first language that MediaWiki falls back to (English last), else that of the alphabetically first language. The row says
    under which code it was found; `counts` gets how many languages were served by which step.
    Only properties whose values are items are kept, or whose datatype the dump does not tell.
    """
    rows = []
    for row in relations.to_pylist():
        if row["datatype"] not in (None, "wikibase-item"):
            counts["other_datatype"] += 1
            continue
        labels = {text["language"]: text for text in row["texts"] if text["label"]}
        if not labels:
            counts["no_label"] += 1
            continue
        texts = [_relation_text(labels, language, counts) for language in sorted(languages)]
        rows.append(Relation(relation=row["relation"], datatype=row["datatype"], texts=texts))
    return RELATIONS.batch(rows) if rows else pa.RecordBatch.from_pylist([], schema=RELATIONS.schema)


def _relation_text(labels: dict[str, dict[str, Any]], language: str, counts: Counter[str]) -> RelationText:
    steps = {
        "own": (language,),
        "variant": own_label_languages(language),
        "mul": ("mul",),
        "fallback": fallback_languages(language),
        "other": tuple(sorted(labels)),
    }
    step, found = next((step, code) for step, codes in steps.items() for code in codes if code in labels)
    counts[f"label_{step}"] += 1
    own = step in ("own", "variant")
    return RelationText(
        language=language,
        code=found,
        label=labels[found]["label"],
        short_description=labels[found]["short_description"] if own else None,
        aliases=labels[found]["aliases"] if own else [],
    )


def relations_with_text(relations: pa.Table) -> Numbers:
    """Return the numbers of relations that `relation_rows` keeps, ascending."""
    kept = relation_rows(relations, ["en"], Counter())
    return np.unique(numbers_of_ids(kept.column("relation")).astype(np.uint32))


def run_triples(config: LinkConfig, payload: dict[str, Any], out: TaskOutput) -> None:
    """One shard of `triples`."""
    shared = SharedPaths.of_build(out.built)
    triples = read_shard(Path(config.wikidata, payload["shard"]), TRIPLES)
    # A task of the wikidata job writes the entities and the triples of a range under one number.
    entities = shared.of_path(payload["entities"], "repeated")
    repeated = open_array(entities) if entities.exists() else np.empty(0, np.uint32)
    fates = triple_fates(triples, open_array(shared.described), open_array(shared.relations), repeated)
    out.ledger.read(len(fates), source="triples")
    for fate in TripleFate:
        n = int((fates == fate).sum())
        if fate is TripleFate.KEPT:
            out.ledger.keep(n, source="triples")
        elif n:
            out.ledger.drop(fate.name.lower(), n, source="triples")
    for split, rows in kept_triples(triples, fates, config.validation_per_mille):
        out.write(TRIPLES, rows, split=split)


def run_relations(config: LinkConfig, payload: dict[str, Any], out: TaskOutput) -> None:
    """All shards of `relations`: one text for each chosen language."""
    relations = read_relations([Path(config.wikidata, path) for path in payload["shards"]])
    counts: Counter[str] = Counter()
    rows = relation_rows(relations, payload["languages"], counts)
    out.ledger.read(relations.num_rows, source="relations")
    out.ledger.keep(rows.num_rows, source="relations")
    for name, n in counts.items():
        if name.startswith("label_"):
            out.ledger.count(f"relation_{name}", n)
        else:
            out.ledger.drop(name, n, source="relations")
    out.write(RELATIONS, rows)
