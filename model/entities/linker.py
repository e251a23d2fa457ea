"""Linking: the mentions of texts, in any language, to the entities whose descriptions are nearest.

A mention that is someone's name chooses among the items of that name, any other among all. Among namesakes, the score is
cosine + temperature * ln p(item | surface), where the build's anchors say how often the surface led to each: the contrast
learns cosine / temperature as a logarithm, to which that of the prior is added.

    from model.entities.linker import Linker

    linker = Linker.open(model="run/model", index="run/index", device="cpu")
    for mention in linker.link("near [[Paris]], Texas", language="en", top=3):
        print(mention.start, mention.end, mention.surface, [(c.entity, c.score) for c in mention.candidates])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from model.entities.checksums import open_embedder, weights_checksum
from model.entities.index import EntityIndex
from model.entities.mentions import Span, find_mentions, read_marks
from model.evaluation.documents import Document, masked_context
from model.evaluation.embedder import Embedder
from model.training.tokenizer_source import open_tokenizer
from schemas.errors import UsageError
from schemas.tokenizer import covering_offsets

PRIOR_TEMPERATURE = 0.05
"""Weight of the prior's logarithm: the temperature of the contrast in training."""
_SPACES = ("▁", "Ġ")
"""How a space that stands before a piece is written, by SentencePiece and by byte-level vocabularies."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An entity a mention may stand for."""

    entity: str
    """Its id, for instance `Q64`."""
    label: str
    """What it is called in the language asked for; "" where the index has no names."""
    score: float
    """Cosine of the mention's vector and that of the entity's nearest description, and the prior where one is used."""
    prior: float | None = None
    """How often texts that name it so mean it, between 0 and 1; None where the choice was among all."""


@dataclass(frozen=True, kw_only=True)
class LinkedMention:
    """A mention with its candidates."""

    surface: str
    """The mention as it stands in the text."""
    start: int
    """Its first character in the text without marks."""
    end: int
    """Its end there, exclusive."""
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


@dataclass(frozen=True)
class Linker:
    """A model and the index made with it, opened once for any number of texts."""

    tokenizer: TextTokenizer
    embedder: Embedder
    index: EntityIndex

    @classmethod
    def open(cls, model: str, index: str, device: str = "auto", batch_tokens: int = 8192) -> Linker:
        """Open a model and its index.

        Raises:
            InputMissing, SchemaMismatch, ShardMismatch: the model or the index cannot be used.
            UsageError: they do not go together.
        """
        opened = EntityIndex.open(Path(index))
        if weights_checksum(model) != opened.note.model:
            raise UsageError(
                f"{index} was made with another model than {model}: their vectors cannot be compared. "
                "Run embed with this model, or name the one the index was made with."
            )
        tokenizer = open_tokenizer(model)
        return cls(tokenizer, open_embedder(model, tokenizer, device, batch_tokens), opened)

    def link(
        self, marked: str, *, language: str = "en", top: int = 3, mask: bool = True, prior: bool = True
    ) -> list[LinkedMention]:
        """Link the mentions of one text; `link_all` says the rest."""
        return self.link_all([marked], language=language, top=top, mask=mask, prior=prior)[0]

    def link_all(
        self, texts: Sequence[str], *, language: str = "en", top: int = 3, mask: bool = True, prior: bool = True
    ) -> list[list[LinkedMention]]:
        """Link the mentions of texts, all together.

        Args:
            texts: mentions in `[[…]]`, or found by the index's names where none of a text is marked.
            language: of the labels that are shown.
            top: most candidates of a mention.
            mask: hide the mention, as in training.
            prior: weigh namesakes by how often the surface led to each, where the index has anchors.

        Raises:
            UsageError: marks are wrong, or nothing is marked and the index has no names to look for.
        """
        plain, spans = [], []
        for marked in texts:
            text, own = read_marks(marked)
            plain.append(text)
            spans.append(own or self.find(text))
        return self.link_spans(plain, spans, language=language, top=top, mask=mask, prior=prior)

    def link_spans(
        self,
        texts: Sequence[str],
        spans: Sequence[Sequence[Span]],
        *,
        language: str = "en",
        top: int = 3,
        mask: bool = True,
        prior: bool = True,
    ) -> list[list[LinkedMention]]:
        """Link mentions whose places in their texts are known; as `link_all` otherwise."""
        documents = [
            document
            for text, own in zip(texts, spans, strict=True)
            for document in encode_mentions(text, own, self.tokenizer, self.embedder, mask=mask)
        ]
        vectors = iter(self.vectors(documents))
        return [
            [self._choose(text[span.start : span.end], span, next(vectors), language, top, prior=prior) for span in own]
            for text, own in zip(texts, spans, strict=True)
        ]

    def vectors(self, documents: Sequence[Document]) -> npt.NDArray[np.float32]:
        """Embed mentions, shape `[documents, width]`."""
        if not documents:
            return np.empty((0, self.index.note.width), dtype=np.float32)
        return np.asarray(self.embedder.embed(documents, "mep_query").numpy().astype(np.float32))

    def find(self, text: str) -> list[Span]:
        """Find the mentions of a text by the index's names. Raises: UsageError where it has none."""
        if self.index.names is None:
            raise UsageError("no mention is marked, and the index has no names to look for: mark them as [[mention]].")
        return find_mentions(text, self.index.lookup, self.index.knows)

    def _choose(
        self, surface: str, span: Span, vector: npt.NDArray[np.float32], language: str, top: int, *, prior: bool
    ) -> LinkedMention:
        names = self.index.names
        namesakes = [item for item in self.index.lookup.entities([surface])[0] if self.index.knows(item)]
        nearest = self.index.nearest(vector, max(top, len(namesakes)), namesakes or None)
        priors: dict[int, float] = {}
        if namesakes and self.index.anchors is not None:
            priors = dict(zip(namesakes, self.index.lookup.priors(surface, namesakes), strict=True))
        weighed = [
            (item, score + (PRIOR_TEMPERATURE * log(priors[item]) if prior and priors else 0.0))
            for item, score in nearest
        ]
        candidates = [
            Candidate(
                entity=f"Q{item}",
                label=names.label(item, language) if names else "",
                score=score,
                prior=priors.get(item),
            )
            for item, score in sorted(weighed, key=lambda pair: -pair[1])[:top]
        ]
        return LinkedMention(
            surface=surface, start=span.start, end=span.end, named=bool(namesakes), candidates=candidates
        )


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
    ids = encoded["input_ids"]
    offsets = np.array(covering_offsets(text, encoded["offset_mapping"]), dtype=np.int64).reshape(-1, 2)
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
