"""Wikidata's label and short description as a description, where Wikipedia has no lead for the entity.

The rule, for one entity and one language:

1. The entity has at least `min_sitelinks` pages on any wiki and is about no disambiguation page, category or the like.
2. The short description is in the language, under any code of its own (`zh-hans` for `zh`, `bbc-latn` for `bbc`); a label
   may also be `mul`'s. A label without a short description defines nothing.
3. The text is "label: short description", cut and measured as leads are.
4. No lead of the entity is a description in this language. Of equal texts, the lowest item number stays.

One dump of Wikidata has every item once; several files read together (samples, two dates) may not. Of an entity that several
shards hold the first shard's row counts, later ones are passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.link.config import LinkConfig, SharedPaths
from pipeline.link.leads import cut_text, hash_text, long_enough
from pipeline.run.task_output import TaskOutput
from pipeline.wikis.language_notes import LanguageNotes
from pipeline.wikis.languages import own_label_languages
from pipeline.wikis.numbers import NumberBits, Numbers, contains, ids_of_numbers, numbers_of_ids, open_array
from schemas import DESCRIPTIONS, ENTITIES, iter_shard


class ShortTextFate(IntEnum):
    """What became of an entity's short text in one language."""

    KEPT = 0
    """It is the entity's description."""
    HAS_LEAD = 1
    """A Wikipedia lead is."""
    TOO_SHORT = 2
    """Fewer bytes than asked for."""
    DUPLICATE = 3
    """Another entity has the same text."""


class ShortText(NamedTuple):
    """An entity's text in one language."""

    number: int
    """The entity's."""
    language: str
    """The language asked for."""
    text: str
    """Label and short description."""
    code: str
    """Wikidata's code of the short description."""
    label_code: str
    """Wikidata's code of the label."""

    @property
    def step(self) -> str:
        """How far down the language's chain its two halves were found: `own`, `variant` or `mul`."""
        if self.label_code == "mul":
            return "mul"
        return "own" if self.code == self.label_code == self.language else "variant"


CANDIDATE = np.dtype([("number", "<u4"), ("text", "<u8")])
"""A short text that is long enough: its entity and a hash of the text."""

_NONE = (1_000, "", "")
"""In place of a text: worse than every code of a chain."""

COLUMNS = ("entity", "page_kind", "num_sitelinks", "texts")
"""What is read of `entities`."""


def repeated_in_shards(shards: Iterable[Numbers]) -> Iterator[Numbers]:
    """Yield for each shard, in order, the numbers that an earlier shard had, ascending; one bit per number is held."""
    seen = NumberBits()
    for numbers in shards:
        yield np.unique(numbers[seen.holds(numbers)])
        seen.add(numbers)


class FirstRows:
    """Lets the first row of each entity pass, through the batches of one shard in order."""

    def __init__(self, in_earlier_shards: Numbers) -> None:
        """`in_earlier_shards` are the shard's numbers of `repeated_in_shards`."""
        self._earlier = in_earlier_shards
        self._seen: list[Numbers] = []

    def of_batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a batch of `entities` whose entity was not met before."""
        return batch.filter(pa.array(self._first(numbers_of_ids(batch.column("entity")).astype(np.uint32))))

    def _first(self, numbers: Numbers) -> NDArray[np.bool_]:
        first = np.zeros(len(numbers), np.bool_)
        first[np.unique(numbers, return_index=True)[1]] = True
        first &= ~contains(self._earlier, numbers)
        for seen in self._seen:
            first &= ~contains(seen, numbers)
        self._seen = [np.unique(np.concatenate([*self._seen, numbers]))]
        return first


class ShortTexts:
    """Makes the texts of rules 1 to 3 from batches of `entities`."""

    def __init__(self, languages: Sequence[str], *, min_sitelinks: int, max_characters: int) -> None:
        """`languages` are those wanted; `max_characters` is where texts are cut."""
        self.languages = tuple(languages)
        self._min_sitelinks, self._max_characters = min_sitelinks, max_characters
        # For each label code: the wanted languages it serves, with its place in their order of preference.
        self._serves: dict[str, list[tuple[int, int]]] = {}
        for index, language in enumerate(self.languages):
            for place, code in enumerate(own_label_languages(language)):
                self._serves.setdefault(code, []).append((index, place))

    def of_batch(self, batch: pa.RecordBatch) -> Iterator[ShortText]:
        """Yield the texts, entities in order, languages in the order wanted."""
        eligible = pc.and_(
            pc.is_null(batch.column("page_kind")), pc.greater_equal(batch.column("num_sitelinks"), self._min_sitelinks)
        )
        batch = batch.filter(eligible)
        numbers = numbers_of_ids(batch.column("entity")).tolist()
        texts = batch.column("texts")
        flat = texts.flatten()
        codes, labels, glosses = (flat.field(name).to_pylist() for name in ("language", "label", "short_description"))
        ends = np.cumsum(pc.list_value_length(texts).to_numpy(zero_copy_only=False)).tolist()
        start = 0
        for number, end in zip(numbers, ends, strict=True):
            yield from self._of_entity(number, codes[start:end], labels[start:end], glosses[start:end])
            start = end

    def _of_entity(
        self, number: int, codes: list[str], labels: list[str | None], glosses: list[str | None]
    ) -> Iterator[ShortText]:
        own_labels: dict[int, tuple[int, str, str]] = {}
        own_glosses: dict[int, tuple[int, str, str]] = {}
        shared: str | None = None
        for code, label, gloss in zip(codes, labels, glosses, strict=True):
            if code == "mul":
                shared = label
            for index, place in self._serves.get(code, ()):
                if label and place < own_labels.get(index, _NONE)[0]:
                    own_labels[index] = (place, label, code)
                if gloss and place < own_glosses.get(index, _NONE)[0]:
                    own_glosses[index] = (place, gloss, code)
        for index, (_, gloss, code) in sorted(own_glosses.items()):
            _, label, label_code = own_labels.get(index, (0, shared, "mul"))
            if label:
                text = cut_text(f"{label}: {gloss}", self._max_characters)
                yield ShortText(number, self.languages[index], text, code, label_code)


def survey_short_texts(
    batches: Iterator[pa.RecordBatch], texts: ShortTexts, min_bytes: int
) -> dict[str, NDArray[np.void]]:
    """Return the `CANDIDATE` rows of a shard of `entities`, by language."""
    found: dict[str, list[tuple[int, int]]] = {}
    for batch in batches:
        for row in texts.of_batch(batch):
            if long_enough(row.text, min_bytes):
                found.setdefault(row.language, []).append((row.number, hash_text(row.text)))
    return {language: np.array(rows, CANDIDATE) for language, rows in found.items()}


def decide_short_texts(candidates: NDArray[np.void], with_lead: Numbers) -> Numbers:
    """Rule 4 for one language: the entities whose short text is their description, ascending."""
    rows = candidates[~contains(with_lead, candidates["number"])]
    rows = rows[np.lexsort((rows["number"], rows["text"]))]
    first = np.r_[True, rows["text"][1:] != rows["text"][:-1]] if len(rows) else np.empty(0, np.bool_)
    return np.unique(rows["number"][first])


def short_texts_of(config: LinkConfig, languages: list[str]) -> ShortTexts:
    """Return the maker of Wikidata's short texts for some languages."""
    return ShortTexts(languages, min_sitelinks=config.min_sitelinks, max_characters=config.max_description_characters)


def short_descriptions(texts: Iterable[ShortText]) -> dict[str, pa.RecordBatch]:
    """Rows of `descriptions` from Wikidata's short texts, by language."""
    by_language: dict[str, list[ShortText]] = {}
    for row in texts:
        by_language.setdefault(row.language, []).append(row)
    return {language: _short_rows(rows) for language, rows in by_language.items()}


def _short_rows(rows: list[ShortText]) -> pa.RecordBatch:
    columns = {
        "entity": ids_of_numbers([row.number for row in rows]),
        "language": pa.array([row.language for row in rows], pa.string()),
        "code": pa.array([row.code for row in rows], pa.string()),
        "text": pa.array([row.text for row in rows], pa.string()),
        "origin": pa.array(["wikidata"] * len(rows), pa.string()),
    }
    arrays = [columns.get(field.name, pa.nulls(len(rows), field.type)) for field in DESCRIPTIONS.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=DESCRIPTIONS.columns)


def run_short_texts(config: LinkConfig, payload: dict[str, Any], out: TaskOutput) -> None:
    """Turn some shards of `entities`: Wikidata's short texts to `descriptions` where no lead serves."""
    shared, notes = SharedPaths.of_build(out.built), LanguageNotes(out.notes)
    languages = payload["languages"]
    texts = short_texts_of(config, languages)
    with_lead = {language: open_array(shared.with_lead(language)) for language in languages}
    wanted = {language: open_array(shared.with_short_text(language)) for language in languages}
    for path in payload["shards"]:
        first = FirstRows(open_array(shared.of_path(path, "repeated")))
        for batch in iter_shard(Path(config.wikidata, path), ENTITIES, COLUMNS):
            rows = first.of_batch(batch)
            out.ledger.count("entities_repeated", batch.num_rows - rows.num_rows)
            found = list(texts.of_batch(rows))
            kept = _kept_short_texts(out, found, config.min_description_bytes, with_lead, wanted)
            for (language, step), n in Counter((row.language, row.step) for row in kept).items():
                notes.add(language, f"descriptions_wikidata_{step}", n)
            for language, described in short_descriptions(kept).items():
                out.write(DESCRIPTIONS, described, partition=language)
                notes.add(language, "descriptions_wikidata", described.num_rows)


def _kept_short_texts(
    out: TaskOutput,
    found: list[ShortText],
    min_bytes: int,
    with_lead: dict[str, NDArray[np.uint32]],
    wanted: dict[str, NDArray[np.uint32]],
) -> list[ShortText]:
    kept: list[ShortText] = []
    by_language: dict[str, list[ShortText]] = {}
    for row in found:
        by_language.setdefault(row.language, []).append(row)
    for language, rows in by_language.items():
        numbers = [row.number for row in rows]
        fates = np.where(contains(wanted[language], numbers), ShortTextFate.KEPT, ShortTextFate.DUPLICATE)
        fates[[not long_enough(row.text, min_bytes) for row in rows]] = ShortTextFate.TOO_SHORT
        fates[contains(with_lead[language], numbers)] = ShortTextFate.HAS_LEAD
        source = f"short_texts/{language}"
        out.ledger.read(len(rows), source=source)
        for fate, n in Counter(fates.tolist()).items():
            if fate == ShortTextFate.KEPT:
                out.ledger.keep(n, source=source)
            else:
                out.ledger.drop(ShortTextFate(fate).name.lower(), n, source=source)
        kept += [row for row, fate in zip(rows, fates, strict=True) if fate == ShortTextFate.KEPT]
    return kept
