"""What the scan of items writes to: arrays longer than what they hold, with their sizes beside them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

NUM_STRINGS = 8
CLASSES = NUM_STRINGS
"""Place of the number of `class_rows` in `Buffers.sizes`, behind the sizes of the eight columns of strings."""

RANKS = ("preferred", "normal", "deprecated")
"""Ranks by number."""
FATES = (
    *("item_value", "literal_value", "somevalue", "novalue", "without_value"),
    *("property_value", "lexeme_value", "form_value", "sense_value", "seen", "not_of_best_rank"),
)
"""What `Buffers.fates` counts: the kinds of values a statement can have, and two more."""
NUM_KINDS = 9
PROPERTY_NUMBERS = 1 << 17
"""Properties with a higher number are not read here; the highest of 2026 is below P15000."""
LINK_SLOTS = 1 << 12

LINE, CODE_BEGIN, CODE_END, LEARNS = range(4)
"""Places in `Scratch.state`."""


class Strings(NamedTuple):
    """Strings one behind the other."""

    data: np.ndarray
    """uint8: their UTF-8."""
    ends: np.ndarray
    """int32: where each ends in `data`."""
    size: np.ndarray
    """int64 [2]: how many there are, and their bytes together. A row of `Buffers.sizes`."""


class Buffers(NamedTuple):
    """Columns of items."""

    ids: Strings
    labels: Strings
    descriptions: Strings
    aliases: Strings
    relations: Strings
    objects: Strings
    wikis: Strings
    titles: Strings
    sizes: np.ndarray
    """int64 [NUM_STRINGS + 1, 2]."""
    line_begins: np.ndarray
    """int64, by item: where its JSON begins in the bytes it came from."""
    line_ends: np.ndarray
    """int64, by item: where it ends there."""
    text_ends: np.ndarray
    """int32, by item: how many rows of texts there are up to its last."""
    class_ends: np.ndarray
    """int32, by item: the same of `class_rows`."""
    link_ends: np.ndarray
    """int32, by item: the same of `wikis` and `titles`."""
    languages: np.ndarray
    """int32, by row of texts: number of its language."""
    has_label: np.ndarray
    """bool, by row of texts; the label is empty where it is False."""
    has_description: np.ndarray
    """bool, by row of texts."""
    alias_ends: np.ndarray
    """int32, by row of texts: how many aliases there are up to its last."""
    subjects: np.ndarray
    """int32, by triple: its item's number among the items."""
    ranks: np.ndarray
    """uint8, by triple."""
    class_rows: np.ndarray
    """int32: triples whose relation is P31."""
    fates: np.ndarray
    """int64, as `FATES`: statements so far."""


class Languages(NamedTuple):
    """Label codes by number, and what is noted by language while a line is read."""

    table: np.ndarray
    """int32, a power of two long: the number of the code whose hash leads here, -1 for none."""
    codes: np.ndarray
    """uint8: all codes one behind the other."""
    ends: np.ndarray
    """int32: where each ends in `codes`."""
    order: np.ndarray
    """int32: numbers of the codes that are kept, by the alphabet."""
    label_places: np.ndarray
    """int64 [codes, 2]: where the label begins and ends in the line; 0 for none."""
    description_places: np.ndarray
    """int64 [codes, 2]: the same of the description."""
    alias_ranges: np.ndarray
    """int64 [codes, 2]: first and last but one of the aliases in `Scratch.alias_places`."""


class Scratch(NamedTuple):
    """What else is noted while a line is read."""

    state: np.ndarray
    """int64 [4]: number of the line, where an unknown code begins and ends, whether those stop the scan."""
    properties: np.ndarray
    """int64 [PROPERTY_NUMBERS]: the last line in which each property came."""
    alias_places: np.ndarray
    """int64 [n, 2]: where each alias of the line begins and ends."""
    links: np.ndarray
    """int64 [LINK_SLOTS]: number of the last link to a wiki of each hash."""
    place: np.ndarray
    """int64 [2]: where a title begins and ends."""
    tallies: np.ndarray
    """int64 [ranks, kinds of values]: statements of one property."""
    saved_sizes: np.ndarray
    """As `Buffers.sizes`: before the line."""
    saved_fates: np.ndarray
    """As `Buffers.fates`: before the line."""
