"""Linking: the mentions of a text, in any language, to the entities whose descriptions are nearest.

Mentions are marked `[[…]]` by the user, or found: the longest run of words that is a label or alias of an indexed item in
any language. A mention that is someone's name chooses among the items of that name, any other among all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from model.entities.index import EntityIndex
from model.entities.names import EntityNames
from model.evaluation.documents import Document, masked_context
from model.evaluation.embedder import Embedder
from schemas.errors import UsageError

LONGEST_NAME_WORDS = 8
"""Most words (characters, where words are not spaced) of a name that is looked for."""
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Thai, Lao, Burmese, Khmer, kana and Han: written without spaces, so every character may begin a name."""
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:[-'’.][^\W{_UNSPACED}]+)*")
_SPACES = ("▁", "Ġ")
"""How a space that stands before a piece is written, by SentencePiece and by byte-level vocabularies."""
_MARK = re.compile(r"\[\[|\]\]")


@dataclass(frozen=True)
class Span:
    """A mention within a text."""

    start: int
    """First character."""
    end: int
    """End, exclusive."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An entity a mention may stand for."""

    entity: str
    """Its id, for instance `Q64`."""
    label: str
    """What it is called in the language asked for; "" where the index has no names."""
    score: float
    """Cosine of the mention's vector and that of the entity's nearest description."""


@dataclass(frozen=True, kw_only=True)
class LinkedMention:
    """A mention with its candidates."""

    surface: str
    """The mention as it stands in the text."""
    start: int
    """Its first character in the text without marks."""
    named: bool
    """Whether the choice was among the items of that name."""
    candidates: list[Candidate]
    """Best first."""


@runtime_checkable
class TextTokenizer(Protocol):
    """What linking needs of a Hugging Face tokenizer."""

    def __call__(self, text: str, **options: Any) -> Any:
        """Tokenise, with character offsets where asked for."""

    def convert_ids_to_tokens(self, ids: int) -> str | list[str]:
        """Return the piece of an id."""


def read_marks(marked: str) -> tuple[str, list[Span]]:
    """Take the marks out of a text.

    Returns:
        (text without marks, the marked spans in order)

    Raises:
        UsageError: marks are not balanced, are nested, or hold nothing.

    >>> read_marks("near [[Paris]], Texas")
    ('near Paris, Texas', [Span(start=5, end=10)])
    """
    pieces, spans, length, opened, before = [], [], 0, -1, 0
    for mark in _MARK.finditer(marked):
        pieces.append(marked[before : mark.start()])
        length, before = length + len(pieces[-1]), mark.end()
        if (mark.group() == "[[") != (opened < 0):
            raise UsageError(
                f"the marks of {marked!r} are not balanced at character {mark.start()}: write [[mention]]."
            )
        if opened >= 0:
            if not pieces[-1].strip():
                raise UsageError(f"a mark of {marked!r} holds nothing: write [[mention]].")
            spans.append(Span(opened, length))
        opened = length if opened < 0 else -1
    if opened >= 0:
        raise UsageError(f"a mark of {marked!r} is not closed: write [[mention]].")
    return "".join([*pieces, marked[before:]]), spans


def find_mentions(text: str, names: EntityNames, index: EntityIndex) -> list[Span]:
    """Find names of indexed items in a text: leftmost first, of several the longest, none overlapping.

    A name has at least two characters and does not begin with a small letter, in scripts that have them: otherwise every
    "in" and "die" would be someone's alias.
    """
    words = list(_WORD.finditer(text))
    runs = [
        Span(words[first].start(), words[last].end())
        for first in range(len(words))
        for last in range(min(first + LONGEST_NAME_WORDS, len(words)) - 1, first - 1, -1)
    ]
    spans = [span for span in runs if _may_be_a_name(text[span.start : span.end])]
    found, end = [], 0
    for span, items in zip(spans, names.named([text[span.start : span.end] for span in spans]), strict=True):
        if span.start >= end and any(map(index.knows, items)):
            found.append(span)
            end = span.end
    return found


def _may_be_a_name(surface: str) -> bool:
    """Tell whether a run of words may be a name: not one character, not beginning with a small letter."""
    first = surface[0]
    return len(surface) > 1 and "\n" not in surface and not (first.islower() and first.upper() != first)


def encode_mentions(
    text: str, spans: Sequence[Span], tokenizer: TextTokenizer, embedder: Embedder, *, mask: bool
) -> list[Document]:
    """Turn mentions into documents, laid out as in training.

    Args:
        text: without marks.
        spans: the mentions.
        tokenizer: the model's.
        embedder: knows the reserved ids and the longest context.
        mask: hide the mention's sub-tokens, as training does.

    Raises:
        UsageError: a mention has no token.
    """
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoded["input_ids"], np.array(encoded["offset_mapping"], dtype=np.int64).reshape(-1, 2)
    documents = []
    for span in spans:
        inside = np.flatnonzero((offsets[:, 0] < span.end) & (offsets[:, 1] > span.start))
        if len(inside) == 0:
            raise UsageError(f"the mention {text[span.start : span.end]!r} has no token in the model's vocabulary.")
        first, last = int(inside[0]), int(inside[-1])
        # A space that is a piece of its own is not the mention's first sub-token in the shards.
        if first < last and tokenizer.convert_ids_to_tokens(ids[first]) in _SPACES:
            first += 1
        document = masked_context(ids, first, last, embedder.special, embedder.lengths)
        if not mask:
            document = _shown(document, ids[first : last + 1])
        documents.append(document)
    return documents


def _shown(document: Document, mention_ids: list[int]) -> Document:
    """Put a mention's own ids back where they were masked."""
    token_ids = list(document.token_ids)
    visible = mention_ids[: len(token_ids) - 1 - document.position]
    token_ids[document.position : document.position + len(visible)] = visible
    return Document(token_ids, document.position)


def link(
    marked: str,
    tokenizer: TextTokenizer,
    embedder: Embedder,
    index: EntityIndex,
    *,
    language: str,
    top: int,
    mask: bool,
) -> list[LinkedMention]:
    """Link the mentions of a text.

    Args:
        marked: the text; mentions in `[[…]]`, or found by the index's names where none is marked.
        tokenizer, embedder: the model the index was made with.
        index: the entities.
        language: of the labels that are shown.
        top: most candidates of a mention.
        mask: hide the mention, as in training.

    Raises:
        UsageError: the marks are wrong, or nothing is marked and the index has no names to look for.
    """
    text, spans = read_marks(marked)
    if not spans:
        if index.names is None:
            raise UsageError("no mention is marked, and the index has no names to look for: mark them as [[mention]].")
        spans = find_mentions(text, index.names, index)
    documents = encode_mentions(text, spans, tokenizer, embedder, mask=mask)
    vectors: npt.NDArray[np.float32] = embedder.embed(documents, "mep_query").numpy().astype(np.float32)
    return [_choose(text, span, vector, index, language, top) for span, vector in zip(spans, vectors, strict=True)]


def _choose(
    text: str, span: Span, vector: npt.NDArray[np.float32], index: EntityIndex, language: str, top: int
) -> LinkedMention:
    surface = text[span.start : span.end]
    names = index.names
    namesakes = [item for item in names.named([surface])[0] if index.knows(item)] if names else []
    nearest = index.nearest(vector, top, namesakes or None)
    candidates = [
        Candidate(entity=f"Q{item}", label=names.label(item, language) if names else "", score=score)
        for item, score in nearest
    ]
    return LinkedMention(surface=surface, start=span.start, named=bool(namesakes), candidates=candidates)
