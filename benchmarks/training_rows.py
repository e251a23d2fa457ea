"""Rows for comparing ways to compute a training step: contexts with a masked mention and their descriptions.

The same rows come in two forms: padded rectangles, as usual libraries take them, and one packed stream.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.batch import IGNORED_LABEL, UNUSED, Batch

CONTEXT_MEAN, DESCRIPTION_MEAN, SPREAD = 70, 48, 0.46
"""Tokens of a text and their spread (log-normal). Measured on Wikipedia in some 15 languages: mean 70, p95 133, and padded
batches of 32 are 44 % full; these numbers give a p95 of 134 and 43 %."""
LONGEST = 256
LEAST_FILL = 0.96
"""Least share of a stream that the texts of a step fill; the trainer's own packing reaches 0.999."""
MASKED = 0.15
MASKED_SLOTS = 0.19
"""Slots for masked tokens, as a share of the contexts' tokens: the trainer leaves about a seventh unused as well."""
FIRST_POSITION = 2


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Pairs of one step, as lists of token ids with their labels."""

    contexts: list[list[int]]
    """Ids with masks in them."""
    labels: list[list[int]]
    """What stood at the masks, `IGNORED_LABEL` elsewhere."""
    mentions: list[int]
    """Position of each context's mention."""
    descriptions: list[list[int]]
    """Ids of each mention's description."""
    vocab: int
    """Pieces of the vocabulary; the last one is the mask."""

    @property
    def num_tokens(self) -> int:
        """Real tokens of both sides."""
        return sum(map(len, self.contexts)) + sum(map(len, self.descriptions))


def make_rows(pairs: int, vocab: int, *, step: int, seed: int = 0) -> Rows:
    """Draws the pairs of a step."""
    draws = np.random.Generator(np.random.Philox(key=[seed, step]))
    contexts, labels, mentions = [], [], []
    for length in _lengths(draws, pairs, CONTEXT_MEAN):
        ids = _document(draws, length, vocab)
        masked = draws.random(length) < MASKED
        masked[0] = masked[-1] = False
        masked[1] = True  # the mention
        labels.append(np.where(masked, ids, IGNORED_LABEL).tolist())
        contexts.append(np.where(masked, vocab - 1, ids).tolist())
        mentions.append(1)
    descriptions = [_document(draws, n, vocab).tolist() for n in _lengths(draws, pairs, DESCRIPTION_MEAN)]
    return Rows(contexts=contexts, labels=labels, mentions=mentions, descriptions=descriptions, vocab=vocab)


def stream_length(pairs: int, *, descriptions: bool = True) -> int:
    """Tokens of the stream that holds any step of so many pairs."""
    return _room(pairs, CONTEXT_MEAN) + (_room(pairs, DESCRIPTION_MEAN) if descriptions else 0)


def _room(texts: int, mean: int) -> int:
    return -(-texts * mean // 32) * 32


def _lengths(draws: np.random.Generator, number: int, mean: int) -> list[int]:
    """Lengths of texts that together nearly fill their part of the stream: drawn again until they do."""
    room = _room(number, mean)
    while True:
        raw = draws.lognormal(np.log(mean) - SPREAD**2 / 2, SPREAD, number)
        lengths = np.clip(raw.round(), 8, LONGEST).astype(int)
        if LEAST_FILL * room <= lengths.sum() <= room:
            return lengths.tolist()


def _document(draws: np.random.Generator, length: int, vocab: int) -> np.ndarray:
    ids = draws.integers(5, vocab - 1, length)
    ids[0], ids[-1] = 0, 2
    return ids


def padded(rows: list[list[int]], fill: int) -> Tensor:
    """A rectangle as wide as the longest row."""
    width = max(map(len, rows))
    return torch.tensor([row + [fill] * (width - len(row)) for row in rows])


def fill_of(rows: list[list[int]]) -> float:
    """Share of the padded rectangle that is text."""
    return sum(map(len, rows)) / (len(rows) * max(map(len, rows)))


def packed(rows: Rows, *, with_descriptions: bool = True) -> Batch:
    """The same rows as one stream; all shapes depend on the number of pairs alone."""
    tokens = stream_length(len(rows.contexts), descriptions=with_descriptions)
    documents = rows.contexts + (rows.descriptions if with_descriptions else [])
    lengths = [len(document) for document in documents]
    room = tokens - sum(lengths)
    ends = np.cumsum(lengths)
    tail = [min(LONGEST, room - start) for start in range(0, room, LONGEST)]
    bounds = torch.full((len(documents) + tokens // LONGEST + 3,), tokens, dtype=torch.int32)
    known = np.concatenate([[0], ends, ends[-1] + np.cumsum(tail)]).astype(np.int32)
    bounds[: len(known)] = torch.from_numpy(known)
    starts = known[: len(documents)]
    labels = np.full(tokens, IGNORED_LABEL)
    labels[: sum(map(len, rows.labels))] = np.concatenate(rows.labels)
    where = np.flatnonzero(labels != IGNORED_LABEL)
    pairs = len(rows.contexts) if with_descriptions else 0
    masked = int(stream_length(len(rows.contexts), descriptions=False) * MASKED_SLOTS)
    ids = torch.ones(tokens, dtype=torch.long)
    ids[: sum(lengths)] = torch.tensor([piece for document in documents for piece in document])
    own = torch.arange(pairs)
    return Batch(
        token_ids=ids,
        position_ids=torch.cat([torch.arange(n) for n in lengths + tail]) + FIRST_POSITION,
        cu_seqlens=bounds,
        max_seqlen=LONGEST,
        mlm_positions=_slots(where, masked, 0),
        mlm_labels=_slots(labels[where], masked, IGNORED_LABEL),
        key_positions=torch.from_numpy(starts[len(rows.contexts) :][:pairs].astype(np.int64)),
        key_entities=own + 1,
        mep_positions=torch.from_numpy(starts[:pairs].astype(np.int64)) + torch.tensor(rows.mentions[:pairs]).long(),
        mep_entities=own + 1,
        mep_keys=own,
        oe_positions=own[:0],
        oe_keys=own[:0],
        oe_subjects=own[:0],
        oe_relations=own[:0],
        oe_objects=torch.full((0, 1), UNUSED),
        num_tokens=sum(lengths),
        position=0,
    )


def _slots(values: np.ndarray, size: int, fill: int) -> Tensor:
    if len(values) > size:
        raise ValueError(f"{len(values)} masked tokens do not fit {size} slots")
    return torch.cat([torch.from_numpy(values.astype(np.int64)), torch.full((size - len(values),), fill)])
