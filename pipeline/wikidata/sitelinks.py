"""Sitelinks: which page of which wiki an item is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.wikidata.cleaning import clean_array
from pipeline.wikidata.entity_json import SiteLink
from pipeline.wikis.languages import is_wikipedia
from schemas import SITELINKS

_title_of = attrgetter("title")


class SitelinkColumns:
    """Rows of `sitelinks`, gathered over a whole range, because a shard is sorted by wiki and title."""

    def __init__(self, wikis: Sequence[str] | None) -> None:
        """`wikis` are the database names to keep; None keeps all Wikipedias."""
        self._chosen = None if wikis is None else tuple(dict.fromkeys(wikis))
        self._batches: list[pa.RecordBatch] = []
        self._num_settled = 0
        """How many of the batches, from the first on, are not among the newest any more."""
        self.counts: Counter[str] = Counter()
        """Links left out, titles that had to be cleaned."""
        self._start()

    def _start(self) -> None:
        self._wikis: list[str] = []
        self._titles: list[str] = []
        self._entities: list[str] = []
        self._num_links: list[int] = []

    def keeps(self, wiki: str) -> bool:
        """Whether links to a wiki are kept."""
        return is_wikipedia(wiki) if self._chosen is None else wiki in self._chosen

    def add(self, entity: str, links: Mapping[str, SiteLink]) -> None:
        """Add the links of one item."""
        if self._chosen is not None:
            kept = {wiki: links[wiki] for wiki in self._chosen if wiki in links}
            self.counts["sitelinks_to_other_wikis"] += len(links) - len(kept)
            links = kept
        # Which wikis are Wikipedias is asked once per batch and wiki, not here per link.
        self._wikis += links
        self._titles += map(_title_of, links.values())
        self._entities.append(entity)
        self._num_links.append(len(links))

    def pack(self) -> None:
        """Turn what came so far into a batch, which takes a tenth of the memory."""
        wikis, titles, entities = (
            pa.array(column, pa.string()) for column in (self._wikis, self._titles, self._entities)
        )
        self.add_columns(entities, self._num_links, wikis, titles)
        self._start()

    def add_columns(
        self,
        entities: pa.StringArray,
        num_links: Sequence[int] | np.ndarray,
        wikis: pa.StringArray,
        titles: pa.StringArray,
        doubtful: pa.BooleanArray | None = None,
    ) -> None:
        """Add the links of many items at once.

        Args:
            entities, num_links: ids of items, and how many links each has.
            wikis, titles: the links, one item's behind the other's.
            doubtful: titles that may have to be cleaned, where it is known; see `clean_array`.
        """
        if len(wikis) == 0:
            return
        wikis = wikis.dictionary_encode()
        names = wikis.dictionary.to_pylist()
        wanted = np.array([self.keeps(name) for name in names])
        keep = wanted[wikis.indices.to_numpy()]
        kept = pa.array(keep)
        titles, changed = clean_array(titles.filter(kept), None if doubtful is None else doubtful.filter(kept))
        self.counts["texts_cleaned"] += changed
        self.counts["sitelinks_to_other_wikis"] += len(keep) - len(titles)
        owners = np.repeat(np.arange(len(entities)), num_links)[keep]
        columns = [wikis.filter(kept), titles, entities.take(pa.array(owners))]
        self._batches.append(pa.RecordBatch.from_arrays(columns, names=SITELINKS.columns.names))

    def newest_entities(self) -> pa.Array:
        """Return the items, each as often as it has links, whose links were packed since the last call of `forget_newest`."""
        columns = [batch.column("entity") for batch in self._batches[self._num_settled :]]
        return pa.concat_arrays(columns) if columns else pa.array([], pa.string())

    def keep_newest(self, entities: pa.Array) -> None:
        """Of the links packed since the last call of `forget_newest`, keep those of some items."""
        newest = self._batches[self._num_settled :]
        kept = [batch.filter(pc.is_in(batch.column("entity"), value_set=entities)) for batch in newest]
        self._batches[self._num_settled :] = [batch for batch in kept if batch.num_rows]

    def forget_newest(self) -> None:
        """Begin anew with the newest links."""
        self._num_settled = len(self._batches)

    def take(self) -> pa.Table:
        """All rows, sorted by wiki and title."""
        self.pack()
        if not self._batches:
            return SITELINKS.columns.empty_table()
        table = pa.Table.from_batches(self._batches).unify_dictionaries().combine_chunks()
        self._batches, self._num_settled = [], 0
        wikis = table.column("wiki").combine_chunks()
        names = wikis.dictionary.to_pylist()
        places = {name: place for place, name in enumerate(sorted(names))}
        rank = pa.array([places[name] for name in names], pa.int32()).take(wikis.indices)
        keys = table.set_column(0, "wiki", rank)
        order = pc.sort_indices(keys, sort_keys=[("wiki", "ascending"), ("title", "ascending")])
        return table.take(order).cast(SITELINKS.columns)
