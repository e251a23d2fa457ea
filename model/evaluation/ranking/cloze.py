"""What a masked language model thinks of candidates of any length in the gap of a sentence.

A candidate is put into the gap, the sentence is tokenised as a whole, and the tokens that touch the candidate are masked, all
at once; its score is the mean over them of the log probability of what stood there. So the text around the gap is cut as it
would be with the candidate in place: masks put into the text instead would leave a `▁` before the full stop of
"… lives in <mask>." that no text has. Candidates whose sentences differ in the masked tokens alone share one pass.

Source: the scoring of multi-token objects in multilingual LAMA (Kassner et al., 2021).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.evaluation.embedder import length_batches, pad
from model.method.encoder import Encoder
from schemas.errors import UsageError

ROWS = 256
"""Masked positions whose distribution over the vocabulary is computed at once: 256 MB at 250,002 pieces."""


MASKED = -1
"""Stands in a document for a masked token."""
_TEXTS = 20_000
"""Sentences tokenised at once."""


@dataclass(frozen=True)
class Gap:
    """A sentence around its gap, as text."""

    left: str
    right: str


@dataclass(frozen=True)
class Cloze:
    """One gap, tokenised: documents with `MASKED` tokens, and for each the candidates that fill it, by their number."""

    documents: dict[tuple[int, ...], dict[int, list[int]]]
    num_candidates: int


def make_clozes(tokenizer: Any, gaps: Sequence[Gap], labels: Sequence[str]) -> list[Cloze]:
    """Put every candidate into every gap, and mask it there."""
    return fill_gaps(tokenizer, gaps, [labels] * len(gaps))


def fill_gaps(tokenizer: Any, gaps: Sequence[Gap], labels: Sequence[Sequence[str]]) -> list[Cloze]:
    """Put each gap's own candidates into it, and mask them there."""
    clozes = []
    step = max(1, _TEXTS // max(map(len, labels), default=1))
    for start in range(0, len(gaps), step):
        some = [(gap, label) for gap, own in _pairs(gaps, labels, start, start + step) for label in own]
        encoded = tokenizer(
            [f"{gap.left}{label}{gap.right}" for gap, label in some], return_offsets_mapping=True, verbose=False
        )
        found = zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        for gap, own in _pairs(gaps, labels, start, start + step):
            documents: dict[tuple[int, ...], dict[int, list[int]]] = {}
            for number, label in enumerate(own):
                token_ids, offsets = next(found)
                masked = _touched(offsets, len(gap.left), len(gap.left) + len(label))
                if masked:
                    document = [MASKED if place in masked else token for place, token in enumerate(token_ids)]
                    filling = [token_ids[place] for place in sorted(masked)]
                    documents.setdefault(tuple(document), {})[number] = filling
            clozes.append(Cloze(documents, len(own)))
    return clozes


def _pairs(
    gaps: Sequence[Gap], labels: Sequence[Sequence[str]], start: int, stop: int
) -> Iterator[tuple[Gap, Sequence[str]]]:
    return zip(gaps[start:stop], labels[start:stop], strict=True)


def _touched(offsets: Sequence[tuple[int, int]], start: int, stop: int) -> set[int]:
    """Tokens that stand for a character of a stretch; special tokens stand for none."""
    return {place for place, (low, high) in enumerate(offsets) if low < high and low < stop and high > start}


class ClozeScorer:
    """Scores candidates with one masked LM."""

    def __init__(self, model: nn.Module, tokenizer: Any, batch_tokens: int = 8192) -> None:
        """Wrap a masked LM in evaluation mode."""
        self.model: Any = model.eval()
        self.tokenizer = tokenizer
        self.batch_tokens = batch_tokens
        try:
            self._head: Encoder | None = Encoder(model)
        except UsageError:
            # A head of another form: its scores come from the whole model, at every position.
            self._head = None

    @torch.no_grad()
    def scores(self, clozes: Sequence[Cloze]) -> list[Float[Tensor, " candidates"]]:
        """Score each gap's candidates; higher is likelier. Candidates of which no token is left get -inf."""
        jobs = [(i, document) for i, cloze in enumerate(clozes) for document in cloze.documents]
        fillings = [clozes[i].documents[document] for i, document in jobs]
        mask = self.tokenizer.mask_token_id
        documents = [[mask if token == MASKED else token for token in document] for _, document in jobs]
        masked = [[token == MASKED for token in document] for _, document in jobs]
        results = [torch.full((cloze.num_candidates,), -torch.inf) for cloze in clozes]
        for batch in length_batches([len(ids) for ids in documents], self.batch_tokens):
            own = [results[jobs[j][0]] for j in batch]
            self._score_batch(
                [documents[j] for j in batch], [masked[j] for j in batch], [fillings[j] for j in batch], own
            )
        return results

    def _score_batch(
        self,
        documents: Sequence[list[int]],
        are_masked: Sequence[list[bool]],
        fillings: Sequence[dict[int, list[int]]],
        results: Sequence[Tensor],
    ) -> None:
        device = next(self.model.parameters()).device
        token_ids, attention = pad(documents, self.tokenizer.pad_token_id, device)
        # Not every mask token: a subject's own text might hold one.
        masked = pad(are_masked, 0, device)[0].bool()
        states, ends = self._states(token_ids, attention, masked), masked.sum(1).cumsum(0).tolist()
        start = 0
        for group in _groups(ends, ROWS):
            log_probabilities = self._log_probabilities(states[start : ends[group[-1]]])
            for place in group:
                rows = log_probabilities[(ends[place - 1] if place else 0) - start : ends[place] - start]
                _gather(rows, fillings[place], results[place])
            start = ends[group[-1]]

    def _states(self, token_ids: Tensor, attention: Tensor, masked: Tensor) -> Tensor:
        """Hidden states at the masked positions; their logits where the head is of an unknown form."""
        if self._head is None:
            states: Tensor = self.model(input_ids=token_ids, attention_mask=attention).logits
        else:
            states = self.model.base_model(input_ids=token_ids, attention_mask=attention).last_hidden_state
        return states[masked]

    def _log_probabilities(self, states: Tensor) -> Tensor:
        logits = states if self._head is None else self._head.logits(states)
        return logits.float().log_softmax(-1).cpu()


def _groups(ends: Sequence[int], most: int) -> list[list[int]]:
    """Run of documents with at most `most` masked positions together, at least one document each."""
    groups: list[list[int]] = []
    start = 0
    for place, end in enumerate(ends):
        if not groups or end - start > most:
            groups.append([])
            start = ends[place - 1] if place else 0
        groups[-1].append(place)
    return groups


def _gather(rows: Float[Tensor, "masks pieces"], fillings: dict[int, list[int]], result: Tensor) -> None:
    """Fill in the scores of the candidates that fill a document's masks."""
    wanted = torch.tensor(list(fillings.values()))
    positions = torch.arange(len(rows)).expand_as(wanted)
    result[list(fillings)] = rows[positions, wanted].mean(1)
