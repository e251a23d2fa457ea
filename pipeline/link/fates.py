"""What becomes of a link: exactly one fate each, so that fates add up to the links found.

The cap on mentions of one entity in one language keeps an even share, and no row is shuffled for it: each entity's mentions
are counted shard by shard. Where the total T of a language is beyond the cap C, mention number J (counted through the shards
in order, from 0) is kept when floor((J + 1) C / T) > floor(J C / T): exactly C of them, spread evenly over the wiki's pages.
A worker needs only where its shard's count begins.

A worked line: of T = 7 mentions, C = 3 are to be kept. Floor(J · 3 / 7) is 0, 0, 0, 1, 1, 2, 2 for J = 0 to 6, and 3 for 7: it
rises from J = 2, 4 and 6, so those stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.link.title_index import ABSENT, DISAMBIGUATION, REDIRECT, SECTION, Values, entity_numbers
from pipeline.wikis.numbers import Numbers, contains
from schemas.sorted_keys import find_keys


class Fate(IntEnum):
    """The fates of links to articles; links elsewhere are counted by the job that reads the pages."""

    RESOLVED = 0
    """A mention: the title is a page with an item."""
    VIA_REDIRECT = 1
    """A mention: one or more redirects led to a page with an item."""
    RED_LINK = 2
    """No page, redirect or sitelink of the wiki has this title."""
    NO_ITEM = 3
    """The page exists, but Wikidata has no item for it."""
    DISAMBIGUATION = 4
    """The page lists namesakes, by its own word or by Wikidata's."""
    NOT_AN_ARTICLE = 5
    """The item is about a category, template, list or another page that is no article."""
    SECTION = 6
    """The link, or a redirect it leads to, names a section (`Berlin#History`): something else than the page's item."""
    FROM_DISAMBIGUATION = 7
    """The link stands on a page that lists namesakes: no prose around it."""
    UNDESCRIBED = 8
    """The entity has no description in any of the chosen languages, so nothing can be learnt for it."""
    CAPPED = 9
    """The entity has more mentions in this language than the cap, and this one was not among those kept."""

    REPEATED_PAGE = 10
    """The link stands on a page that was read before, from another dump of the wiki."""


MENTION_FATES = (Fate.RESOLVED, Fate.VIA_REDIRECT)
"""Fates of links that become mentions."""


def link_fates(
    values: Values,
    *,
    is_section: NDArray[np.bool_],
    from_disambiguation: NDArray[np.bool_],
    from_repeated: NDArray[np.bool_],
    namesakes: Numbers,
    others: Numbers,
) -> NDArray[np.uint8]:
    """Return the fates of links as far as they follow from the link alone; all arrays have shape [number of links].

    Args:
        values: what the title index says of the targets.
        is_section: the link has a fragment, and such links are not wanted.
        from_disambiguation: the link stands on a disambiguation page.
        from_repeated: the link stands on a page that was read before.
        namesakes: sorted numbers of the entities that are disambiguation pages.
        others: sorted numbers of the entities that are other pages than articles.
    """
    numbers = entity_numbers(values)
    fates = np.where(values & REDIRECT != 0, Fate.VIA_REDIRECT, Fate.RESOLVED).astype(np.uint8)
    # The first reason stands: those set last are the ones asked first.
    fates[is_section] = Fate.SECTION
    fates[contains(others, numbers)] = Fate.NOT_AN_ARTICLE
    fates[contains(namesakes, numbers) | (values & DISAMBIGUATION != 0)] = Fate.DISAMBIGUATION
    # A disambiguation page without item is still one.
    fates[(numbers == 0) & (values & DISAMBIGUATION == 0)] = Fate.NO_ITEM
    fates[values == SECTION] = Fate.SECTION
    fates[values == ABSENT] = Fate.RED_LINK
    fates[from_disambiguation] = Fate.FROM_DISAMBIGUATION
    fates[from_repeated] = Fate.REPEATED_PAGE
    return fates


def is_mention(fates: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether each fate is that of a mention."""
    return fates <= Fate.VIA_REDIRECT


def count_fates(fates: NDArray[np.uint8]) -> Counter[Fate]:
    """How many links had each fate; zeros left out."""
    counts = np.bincount(fates, minlength=len(Fate))
    return Counter({fate: int(counts[fate]) for fate in Fate if counts[fate]})


def final_fates(
    fates: NDArray[np.uint8], values: Values, cap: Cap | None, described: Numbers | None
) -> NDArray[np.uint8]:
    """Return the fates of the links of a shard, once it is known what is frequent and what is described.

    Args:
        fates: those of `link_fates`, in the order of the shard; not changed.
        values: what the title index says of the targets.
        cap: keeps of each frequent entity an even share; None for no cap.
        described: entities with a description in any language, ascending; None where mentions of others are wanted too.
    """
    fates = fates.copy()
    mentioned = np.flatnonzero(is_mention(fates))
    numbers = entity_numbers(values[mentioned]).astype(np.uint32)
    # The cap counts all mentions: those of undescribed entities are left out after it, since all of them go anyway.
    if cap is not None:
        fates[mentioned[~cap.keeps(numbers)]] = Fate.CAPPED
    if described is not None:
        fates[mentioned[~contains(described, numbers)]] = Fate.UNDESCRIBED
    return fates


FREQUENT = np.dtype([("number", "<u4"), ("before", "<i8"), ("total", "<i8")])
"""One entity beyond the cap, for one shard: mentions of it in earlier shards, and in all."""


@dataclass(frozen=True, kw_only=True)
class ShardCounts:
    """Mentions of each entity in one shard."""

    numbers: Numbers
    """Entity numbers, ascending."""
    counts: NDArray[np.int64]
    """How often each is mentioned."""


def count_mentions(numbers: Numbers) -> ShardCounts:
    """Count the entities of a shard's mentions."""
    unique, counts = np.unique(numbers, return_counts=True)
    return ShardCounts(numbers=unique, counts=counts.astype(np.int64))


def frequent_entities(shards: Sequence[ShardCounts], cap: int) -> list[NDArray[np.void]]:
    """For each shard of one language, in order, the entities beyond the cap (`FREQUENT` rows, ascending numbers)."""
    numbers = np.concatenate([shard.numbers for shard in shards]) if shards else np.empty(0, np.uint32)
    counts = np.concatenate([shard.counts for shard in shards]) if shards else np.empty(0, np.int64)
    unique, places = np.unique(numbers, return_inverse=True)
    totals = np.bincount(places, counts, minlength=len(unique)).astype(np.int64)
    frequent, totals = unique[totals > cap], totals[totals > cap]
    before = np.zeros(len(frequent), np.int64)
    rows = []
    for shard in shards:
        piece = np.empty(len(frequent), FREQUENT)
        piece["number"], piece["before"], piece["total"] = frequent, before, totals
        places, found = find_keys(shard.numbers, frequent)
        rows.append(piece[found])
        before[found] += shard.counts[places[found]]
    return rows


class Cap:
    """Decides for one shard's mentions, given in order, which are kept."""

    def __init__(self, cap: int, frequent: NDArray[np.void]) -> None:
        """`frequent` are this shard's rows of `frequent_entities`; `cap` is the number kept of each."""
        self._cap = cap
        self._numbers, self._totals = frequent["number"].copy(), frequent["total"].copy()
        self._seen = frequent["before"].copy()

    def keeps(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Whether each of the next mentions is kept, shape [len(numbers)]."""
        places, frequent = find_keys(self._numbers, numbers.astype(np.uint32))
        kept = np.ones(len(numbers), np.bool_)
        if not frequent.any():
            return kept
        places = places[frequent]
        occurrence = self._seen[places] + _rank_within(places)
        total = self._totals[places]
        kept[frequent] = (occurrence + 1) * self._cap // total > occurrence * self._cap // total
        np.add.at(self._seen, places, 1)
        return kept


def _rank_within(groups: NDArray[np.intp]) -> NDArray[np.int64]:
    """How many earlier entries are of the same group, for each entry."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.r_[0, np.flatnonzero(ordered[1:] != ordered[:-1]) + 1]
    sizes = np.diff(np.r_[starts, len(ordered)])
    ranks = np.empty(len(groups), np.int64)
    ranks[order] = np.arange(len(groups)) - np.repeat(starts, sizes)
    return ranks
