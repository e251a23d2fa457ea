"""Which tokens of a stream are masked: 80 % by the mask token, 10 % by a random one, 10 % kept; mentions as a whole.

Source: Devlin et al., BERT (NAACL 2019), section 3.1, for 80/10/10.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from model.batch import IGNORED_LABEL
from model.data.draws import Part, words
from model.data.special_tokens import SpecialTokens
from model.data.stores.ragged import Numbers

_ONE = 2.0**32
MASKED_SHARE, RANDOM_SHARE = 0.8, 0.1
"""Of the chosen tokens; the rest keeps its id."""


class MaskedStream(NamedTuple):
    """A stream with tokens hidden, and what stood there."""

    token_ids: Numbers
    """The stream as the encoder sees it, [T]."""
    positions: Numbers
    """Where tokens are to be predicted, rising, then 0 in unused slots, [K]."""
    labels: Numbers
    """What stood there, `IGNORED_LABEL` in unused slots, [K]."""


class Masker:
    """Masks streams of one tokenizer."""

    def __init__(self, special: SpecialTokens, probability: float, slots: int) -> None:
        """Args:
        special: the tokenizer's reserved ids.
        probability: share of the tokens that may be chosen that is.
        slots: K, the most tokens that are predicted in a stream.
        """
        self._mask, self._slots = special.mask, slots
        self._probability = probability
        self._maskable = ~special.is_reserved()
        self._ordinary = special.ordinary()

    def mask(
        self, token_ids: Numbers, eligible: npt.NDArray[np.bool_], hidden: Numbers, predicted: Numbers, *key: Part
    ) -> MaskedStream:
        """Mask a stream; a pure function of its arguments.

        Args:
            token_ids: the stream, [T]; not changed.
            eligible: where tokens may be chosen; reserved ids are left alone everywhere.
            hidden: positions to replace by the mask token whatever is drawn: masked mentions.
            predicted: those of `hidden` that are to be predicted; they take slots before chosen tokens.
            key: what the draws depend on.
        """
        raw = words(len(token_ids), *key)
        draw = (raw >> np.uint64(32)).astype(np.uint32)
        free = eligible & self._maskable[token_ids]
        free[hidden] = False
        chosen = np.flatnonzero(free & (draw < np.uint64(self._probability * _ONE)))
        predicted = predicted[: self._slots]
        room = self._slots - len(predicted)
        if len(chosen) > room:  # the smallest draws stay: which tokens are given up does not depend on their place
            chosen = np.sort(chosen[np.argsort(draw[chosen], kind="stable")[:room]])
        out = token_ids.copy()
        out[hidden] = self._mask
        self._replace(out, chosen, raw)
        positions = np.sort(np.concatenate([predicted, chosen]))
        return MaskedStream(
            out, _fill(positions, self._slots, 0), _fill(token_ids[positions], self._slots, IGNORED_LABEL)
        )

    def _replace(self, out: Numbers, chosen: Numbers, raw: npt.NDArray[np.uint64]) -> None:
        """Hide the chosen tokens 80/10/10. The low word of each draw decides; what is left of it picks the token."""
        fate = (raw[chosen] & np.uint64(0xFFFFFFFF)).astype(np.float64) / _ONE
        out[chosen[fate < MASKED_SHARE]] = self._mask
        swapped = (fate >= MASKED_SHARE) & (fate < MASKED_SHARE + RANDOM_SHARE)
        # Within its tenth the draw is uniform again, with 28 bits: enough for a vocabulary of a quarter million.
        pick = (fate[swapped] - MASKED_SHARE) / RANDOM_SHARE
        out[chosen[swapped]] = self._ordinary[(pick * len(self._ordinary)).astype(np.int64)]


def _fill(values: Numbers, slots: int, filler: int) -> Numbers:
    out = np.full(slots, filler, dtype=np.int64)
    out[: len(values)] = values
    return out
