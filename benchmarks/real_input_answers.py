"""What a model answers when the mention in a held-out context is masked: rows for the page on real input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.data.draws import permutation
from model.data.special_tokens import SpecialTokens
from model.data.stores.token_dataset import TokenDataset
from model.evaluation.documents import description, masked_context
from model.evaluation.embedder import Embedder, load_embedder
from model.evaluation.ranking.retrieval_data import Descriptions, MentionQuery, read_descriptions, read_mention_queries
from model.training.tokenizer_source import open_tokenizer

AROUND, BEST, CHARACTERS = 10, 3, 60
"""Sub-tokens shown to either side of a mention; answers shown; the longest description shown, in characters."""


def answers(model: Path, tokens: Path, sources: Sequence[str], target: str, count: int) -> str:
    """A Markdown table of `count` random held-out mentions per language, answered from one language's descriptions."""
    tokenizer = open_tokenizer(str(model))
    data = TokenDataset(str(tokens), SpecialTokens.from_tokenizer(tokenizer, position_offset=0))
    embedder = load_embedder(str(model), tokenizer, "cpu", batch_tokens=8192)
    texts = read_descriptions(data, target)
    documents = [description(row, embedder.special, embedder.lengths) for row in _rows(texts)]
    keys = embedder.embed(documents, "mep_key")
    lines = [
        f"Held-out mentions, drawn at random, and what the model answers from the {len(texts.entities)} descriptions in "
        f"{target!r}; a rank\nof half as many is chance.\n",
        "| | context, its mention in brackets | right answer | rank | first answers |",
        "|---|---|---|---:|---|",
    ]
    for language in sources:
        for query, right in _sample(data, texts, language, count):
            scores = keys @ _query(embedder, query)
            rank = int((scores > scores[right]).sum()) + 1
            first = "; ".join(_shown(tokenizer, texts, int(row)) for row in scores.topk(BEST).indices)
            lines.append(
                f"| {language} | {_context(tokenizer, query)} | {_shown(tokenizer, texts, right)} | {rank} | {first} |"
            )
    return "\n".join(lines) + "\n"


def _rows(texts: Descriptions) -> list[list[int]]:
    return [texts.texts.row(row).tolist() for row in range(len(texts.entities))]


def _sample(data: TokenDataset, texts: Descriptions, language: str, count: int) -> list[tuple[MentionQuery, int]]:
    """Random mentions whose entity has a description in the target language, with its row."""
    queries, _ = read_mention_queries(data, language, limit=0, seed=0)
    rows = texts.rows(np.array([query.entity for query in queries], dtype=np.int64))
    known = [(query, int(row)) for query, row in zip(queries, rows, strict=True) if row >= 0]
    return [known[i] for i in permutation(len(known), "answers", language)[:count]]


def _query(embedder: Embedder, query: MentionQuery) -> Any:
    document = masked_context(query.token_ids, query.first, query.last, embedder.special, embedder.lengths)
    return embedder.embed([document], "mep_query")[0]


def _context(tokenizer: Any, query: MentionQuery) -> str:
    ids, first, after = query.token_ids, query.first, query.last + 1
    parts = (ids[max(0, first - AROUND) : first], ids[first:after], ids[after : after + AROUND])
    left, mention, right = (" ".join(tokenizer.decode(part).split()) for part in parts)
    return _cell(f"{left} [{mention}] {right}")


def _shown(tokenizer: Any, texts: Descriptions, row: int) -> str:
    text = " ".join(tokenizer.decode(texts.texts.row(row).tolist()).split())
    return _cell(text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
