"""What a masked language model thinks of candidates of any length in the gap of a sentence.

A candidate of k tokens is scored in the sentence with k mask tokens in the gap, all masked at once: the mean over the
k positions of the log probability of its tokens there. So one pass serves all candidates of a length, and long
candidates are comparable with short ones.

Source: the scoring of multi-token objects in multilingual LAMA (Kassner et al., 2021).
"""

from collections.abc import Sequence
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


@dataclass(frozen=True)
class Gap:
    """A sentence around its gap, as text."""

    left: str
    right: str


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

    def candidate_tokens(self, label: str, left: str) -> list[int]:
        """Tokens of a label as it stands after `left`: without a space before it, it continues a word."""
        alone: list[int] = self.tokenizer(label, add_special_tokens=False)["input_ids"]
        before = left[-1:]
        if not before or before.isspace():
            return alone
        encoded = self.tokenizer(before + label, add_special_tokens=False, return_offsets_mapping=True)
        offsets = encoded["offset_mapping"]
        inside = [i for i, (start, end) in enumerate(offsets) if start >= 1 and end > start]
        # A piece that spans the border belongs to neither side: then the label stands alone.
        if not inside or any(start < 1 < end for start, end in offsets):
            return alone
        continued: list[int] = encoded["input_ids"][inside[0] :]
        return continued

    @torch.no_grad()
    def scores(
        self, gaps: Sequence[Gap], candidates: Sequence[Sequence[list[int]]]
    ) -> list[Float[Tensor, " candidates"]]:
        """Score each gap's candidates, given as tokens; higher is likelier. Candidates without tokens get -inf."""
        jobs = [(i, k) for i, own in enumerate(candidates) for k in sorted({len(c) for c in own if c})]
        documents = [self._document(gaps[i], k) for i, k in jobs]
        results = [torch.full((len(own),), -torch.inf) for own in candidates]
        for batch in length_batches([len(ids) for ids in documents], self.batch_tokens):
            self._score_batch([jobs[j] for j in batch], [documents[j] for j in batch], candidates, results)
        return results

    def _document(self, gap: Gap, count: int) -> list[int]:
        """The sentence with `count` masks in its gap."""
        text = f"{gap.left}{self.tokenizer.mask_token * count}{gap.right}"
        token_ids: list[int] = self.tokenizer(text)["input_ids"]
        if token_ids.count(self.tokenizer.mask_token_id) != count:
            raise UsageError(f"the tokenizer does not keep {count} {self.tokenizer.mask_token} apart in {text[:80]!r}")
        return token_ids

    def _score_batch(
        self,
        jobs: Sequence[tuple[int, int]],
        documents: Sequence[list[int]],
        candidates: Sequence[Sequence[list[int]]],
        results: list[Tensor],
    ) -> None:
        device = next(self.model.parameters()).device
        token_ids, attention = pad(documents, self.tokenizer.pad_token_id, device)
        masked = token_ids == self.tokenizer.mask_token_id
        states, ends = self._states(token_ids, attention, masked), masked.sum(1).cumsum(0).tolist()
        start = 0
        for group in _groups(ends, ROWS):
            log_probabilities = self._log_probabilities(states[start : ends[group[-1]]])
            for place in group:
                rows = log_probabilities[(ends[place - 1] if place else 0) - start : ends[place] - start]
                _gather(rows, candidates[jobs[place][0]], results[jobs[place][0]])
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
    """Runs of documents with at most `most` masked positions together, at least one document each."""
    groups: list[list[int]] = []
    start = 0
    for place, end in enumerate(ends):
        if not groups or end - start > most:
            groups.append([])
            start = ends[place - 1] if place else 0
        groups[-1].append(place)
    return groups


def _gather(rows: Float[Tensor, "masks pieces"], candidates: Sequence[list[int]], result: Tensor) -> None:
    """Fill in the scores of the candidates that have as many tokens as there are masks."""
    places = [place for place, tokens in enumerate(candidates) if len(tokens) == len(rows)]
    wanted = torch.tensor([candidates[place] for place in places])
    positions = torch.arange(len(rows)).expand_as(wanted)
    result[places] = rows[positions, wanted].mean(1)
