"""Which of an entity's descriptions is used: one draw per entity among its languages, under a rule.

So too for rivals: items whose descriptions are hard negatives, because they share a surface or a relation with the right one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.data.draws import KeyPart, uniform
from model.data.stores.descriptions import DescriptionStore
from model.data.stores.ragged import Numbers, argmin_within, expand
from model.data.stream_config import LanguageRule

Described = list[tuple[int, npt.NDArray[np.integer]]]
"""Items with the ids of a description of each."""


def language_weights(languages: tuple[str, ...], allowed: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """Return 1 for each language that may be used and 0 for the others; all may where `allowed` is empty."""
    return np.array([float(not allowed or language in allowed) for language in languages])


def smoothing_weights(
    record_languages: npt.NDArray[np.uint16], num_languages: int, alpha: float
) -> npt.NDArray[np.float64]:
    """Return p_i ** (alpha - 1) for each language.

    Entities that have several languages then choose among them so that language i comes near p_i ** alpha overall, p_i
    being its share of the descriptions: 1 leaves the choice even, lower values favour rare languages.
    """
    counts = np.bincount(record_languages, minlength=num_languages).astype(np.float64)
    shares = np.maximum(counts, 1.0) / max(counts.sum(), 1.0)
    return np.asarray(shares ** (alpha - 1.0))


def choose_records(
    runs: tuple[Numbers, Numbers],
    record_languages: npt.NDArray[np.integer],
    reference: Numbers,
    rule: LanguageRule,
    weights: npt.NDArray[np.float64],
    *key: KeyPart,
) -> Numbers:
    """Choose one record of each item's run, -1 where none is allowed.

    Args:
        runs: first record and number of records of each item.
        record_languages: language number of every record.
        reference: language number each item's choice is made against; -1 for none.
        rule: `same` and `prefer_different` fall back to the other languages where they find none.
        weights: odds of each language; 0 forbids it.
        key: what the draw depends on.
    """
    items, records = expand(*runs)
    languages = record_languages[records].astype(np.int64)
    odds = weights[languages]
    # The smallest of exponential variables with rates w is item i with probability w_i / sum w.
    waits = -np.log1p(-uniform(len(records), *key))
    waits = np.divide(waits, odds, out=np.full(len(waits), np.inf), where=odds > 0)
    scores = np.where(np.isfinite(waits), waits / (1.0 + np.where(np.isfinite(waits), waits, 0.0)), np.inf)
    if rule != "any":
        agrees = languages == reference[items]
        scores = scores + np.where(agrees == (rule == "same"), 0.0, 1.0)
    winners = argmin_within(items, scores, len(runs[0]))
    if len(records) == 0:
        return winners
    return np.where(winners < 0, -1, records[winners])


def describe_rivals(
    store: DescriptionStore,
    items: Numbers,
    languages: Numbers,
    weights: npt.NDArray[np.float64],
    most: int,
    *key: KeyPart,
) -> list[Described]:
    """Give each drawn item one description in any allowed language; items without one are left out.

    Args:
        store: the descriptions.
        items: [queries, count] items, -1 for none.
        languages: language number of each query.
        weights: odds of each language.
        most: longest description, in tokens; its end is cut off.
        key: what the draw of languages depends on.
    """
    flat = items.reshape(-1)
    found = np.where(flat < 0, -1, store.find(flat))
    reference = np.repeat(languages, items.shape[1])
    records = choose_records(store.records(found), store.language, reference, "any", weights, *key)
    described: list[Described] = [[] for _ in range(len(items))]
    found = np.flatnonzero(records >= 0)
    texts = store.slices(records[found], most)
    for index, place in enumerate(found.tolist()):
        described[place // items.shape[1]].append((int(flat[place]), texts[index]))
    return described
