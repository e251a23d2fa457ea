"""Examples of object entailment: subject description and relation text must find the object's description."""

from __future__ import annotations

import numpy as np

from model.data.draws import KeyPart, permutation
from model.data.examples.description_choice import (
    Described,
    choose_records,
    describe_rivals,
    language_weights,
    smoothing_weights,
)
from model.data.examples.example import Example
from model.data.examples.rows import Origin, RowReader
from model.data.examples.units import Unit, UnitPlan
from model.data.stores.descriptions import DescriptionStore
from model.data.stores.ragged import Numbers, Slices, TripleRows, draw_from_runs, slices
from model.data.stores.relations import RelationTexts
from model.data.stores.token_dataset import TokenDataset, require_rows
from model.data.stores.triples import TripleIndex
from model.data.stream_config import StreamConfig
from schemas import TOKEN_TRIPLES


class OeWindow:
    """Triples of some units, their texts chosen, in a random order."""

    def __init__(self, source: OeSource, rows: TripleRows, origin: Origin, number: int, *key: KeyPart) -> None:
        self._names, self._number = origin.names("oe"), number
        subject, relation, object_, languages = source.choose(rows, *key)
        kept = np.flatnonzero((subject >= 0) & (relation >= 0) & (object_ >= 0))
        order = kept[permutation(len(kept), *key, "order")]
        self.count, self.rows = len(order), len(subject)
        self.left_out = {
            "no_subject_description": int((subject < 0).sum()),
            "no_relation_text": int(((subject >= 0) & (relation < 0)).sum()),
            "no_object_description": int(((subject >= 0) & (relation >= 0) & (object_ < 0)).sum()),
        }
        self._row = order.tolist()
        self._subject, self._relation, self._object = (
            column[order].tolist() for column in (rows.subject, rows.relation, rows.object)
        )
        self._texts = [
            source.descriptions(subject[order]),
            source.relation_texts(relation[order]),
            source.descriptions(object_[order]),
        ]
        self._rivals = source.rivals(rows, order, languages[order], *key)

    def example(self, place: int) -> Example:
        """Return one triple as texts."""
        subject, relation, object_ = (texts[place] for texts in self._texts)
        return Example(
            address=("oe", self._number, place),
            parts=(subject, relation),
            num_tokens=len(subject) + len(relation) + 3,
            origin=self._names[self._row[place]],
            entity=self._object[place],
            key_tokens=object_,
            subject=self._subject[place],
            relation=self._relation[place],
            rivals=self._rivals[place] if self._rivals else (),
        )


class OeSource:
    """Windows over triples."""

    def __init__(self, data: TokenDataset, config: StreamConfig, split: str, seed: int) -> None:
        """Raise UsageError where triples, descriptions or relation texts are missing."""
        self.config, self._reader = config, RowReader(data, mentions=False)
        self._key: tuple[KeyPart, ...] = (seed, "oe")
        self._store: DescriptionStore = data.store(DescriptionStore)
        self._relations: RelationTexts = data.store(RelationTexts)
        self._triples = data.store(TripleIndex)
        languages = self._store.languages
        self._allowed = language_weights(languages, config.languages)
        self._smoothed = self._allowed * smoothing_weights(self._store.language, len(languages), config.oe_alpha)
        self._relation_allowed = language_weights(self._relations.languages, config.languages)
        # Language numbers of descriptions turned into those of relation texts; the last entry serves "none".
        numbers = {language: number for number, language in enumerate(self._relations.languages)}
        self._relation_number = np.array([numbers.get(language, -1) for language in languages] + [-1])
        require_rows(data, TOKEN_TRIPLES, split, ())
        self.plan = UnitPlan(data, {"": [TOKEN_TRIPLES]}, split, config, 1.0, *self._key)

    def window(self, lane: int, number: int) -> OeWindow:
        """Make a window of the lane."""
        return self.window_of(self.plan.window(lane, number), number, lane)

    def window_of(self, units: list[Unit], number: int, *key: KeyPart) -> OeWindow:
        """Make a window of given units."""
        rows, origin = self._reader.triples(units)
        return OeWindow(self, rows, origin, number, *self._key, *key, number)

    def descriptions(self, records: Numbers) -> Slices:
        """Return the ids of descriptions, cut to the configured length."""
        return self._store.slices(records, self.config.max_description_length - 2)

    def relation_texts(self, records: Numbers) -> Slices:
        """Return the ids of relation texts, cut to the configured length."""
        texts = self._relations.texts
        return slices(texts.values, texts.starts, texts.lengths, records, self.config.max_relation_length)

    def choose(self, rows: TripleRows, *key: KeyPart) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        """Choose texts for each triple.

        Returns:
            (record of the subject, record of the relation, record of the object, language number of the subject);
            a record is -1 where there is no text that may be used.
        """
        store, config = self._store, self.config
        none = np.full(len(rows.subject), -1)
        subject = choose_records(
            store.records(store.find(rows.subject)), store.language, none, "any", self._smoothed, *key, "subject"
        )
        languages = np.where(subject < 0, -1, store.language[subject].astype(np.int64))
        object_ = choose_records(
            store.records(store.find(rows.object)),
            store.language,
            languages,
            config.oe_object_language,
            self._allowed,
            *key,
            "object",
        )
        relation = choose_records(
            self._relations.records(self._relations.find(rows.relation)),
            self._relations.language,
            self._relation_number[languages],
            config.oe_relation_language,
            self._relation_allowed,
            *key,
            "relation",
        )
        return subject, relation, object_, languages

    def rivals(self, rows: TripleRows, order: Numbers, languages: Numbers, *key: KeyPart) -> list[Described]:
        """Return for each triple descriptions of other objects of its relation; [] where turned off."""
        count = self.config.hard_negatives
        if not count:
            return []
        subjects, relations = rows.subject[order], rows.relation[order]
        drawn = draw_from_runs(
            self._triples.objects_of_relation, *self._triples.candidates(relations), count, *key, "rivals"
        )
        queries, objects = self._triples.true_objects(subjects, relations)
        for column in range(count):
            true = np.isin(_pairs(np.arange(len(order)), drawn[:, column]), _pairs(queries, objects))
            drawn[true, column] = -1
        most = self.config.max_description_length - 2
        return describe_rivals(self._store, drawn, languages, self._allowed, most, *key, "rival language")


def _pairs(queries: Numbers, items: Numbers) -> Numbers:
    """Return (query, item) pairs as single comparable numbers: items stay below 2**40."""
    return (queries << 40) | (items & ((1 << 40) - 1))
