"""What becomes of a link: exactly one fate each, so that fates add up to the links found."""

from __future__ import annotations

from collections import Counter
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.link.title_index import ABSENT, DISAMBIGUATION, REDIRECT, Values, entity_numbers
from pipeline.wikis.numbers import Numbers, contains


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
    """The link names a section (`Berlin#History`), which is something else than the page's item."""
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
    """The fates of links as far as they follow from the link alone; all arrays have shape [number of links].

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
