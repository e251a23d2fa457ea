"""Some queries of retrieval with their texts, right ones and wrong ones, for people to read."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from model.evaluation.documents import Document
from model.evaluation.ranking.ranked import Ranked
from model.evaluation.ranking.retrieval_data import Descriptions

ScoresOf = Callable[[Ranked, int], tuple[Document, Tensor]]
"""A query by its place, and the score of every candidate for it."""

EACH = 5
"""Most right and most wrong ones."""
GAP = "[…]"
"""Stands for a masked mention."""
LETTERS = 400
"""Most letters of a text."""


def retrieval_examples(
    ranked: Sequence[Ranked], scores_of: ScoresOf, descriptions: Mapping[str, Descriptions], tokenizer: Any
) -> list[dict[str, str]]:
    """Contexts across languages, evenly chosen: the rank of the right description, its text, and that of the first."""
    asked = [
        (one, place, rank)
        for one in ranked
        if one.question == "mep" and one.source != one.target
        for place, rank in enumerate(one.ranks.tolist())
    ]
    chosen = [*_evenly([a for a in asked if a[2] <= 1]), *_evenly([a for a in asked if a[2] > 1])]
    examples = []
    for one, place, rank in chosen:
        document, scores = scores_of(one, place)
        texts = descriptions[one.target]
        right = int(texts.rows(np.array([one.entities[place]]))[0])
        example = {"source": one.source, "target": one.target, "rank": f"{rank:g} of {one.num_candidates:,}"}
        example["query"] = _with_gap(str(tokenizer.decode(document.token_ids[1:-1])), tokenizer.mask_token)[:LETTERS]
        example["right"] = _told(texts, right, tokenizer)
        example["first"] = _told(texts, int(scores.argmax()), tokenizer) if rank > 1 else ""
        examples.append(example)
    return examples


def _evenly(asked: Sequence[tuple[Ranked, int, float]]) -> list[tuple[Ranked, int, float]]:
    count = min(EACH, len(asked))
    return [asked[i * len(asked) // count] for i in range(count)]


def _with_gap(text: str, mask: str) -> str:
    """Show the masked tokens of a mention as one gap, set off from the words around it."""
    return re.sub(rf"\s*(?:{re.escape(mask)}\s*)+", f" {GAP} ", text).strip()


def _told(texts: Descriptions, row: int, tokenizer: Any) -> str:
    text = str(tokenizer.decode(texts.texts.row(row).tolist()))
    return f"Q{texts.entities[row]}: {text[:LETTERS]}"
