"""The ids a tokenizer reserves, as the data side needs them: plain numbers, no tokenizer object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class SpecialTokens:
    """Reserved ids of one tokenizer and the first position id of its encoder."""

    begin: int
    """Id put before a document: `<s>`, or `[CLS]`."""
    end: int
    """Id put after a document and between its two parts: `</s>`, or `[SEP]`."""
    pad: int
    """Id that fills the end of a stream."""
    mask: int
    """Id that stands for a masked token."""
    vocab_size: int
    """Number of ids, reserved ones included."""
    reserved: tuple[int, ...]
    """All ids that are never masked and never drawn as a random replacement, in rising order."""
    position_offset: int
    """Position id of the first token of a document: 2 for XLM-R (its padding id + 1), 0 for BERT."""

    def __post_init__(self) -> None:
        for name in ("begin", "end", "pad", "mask"):
            value = getattr(self, name)
            if not 0 <= value < self.vocab_size:
                raise UsageError(f"the tokenizer's {name} id is {value}, outside its {self.vocab_size} ids.")
            if value not in self.reserved:
                raise UsageError(f"the tokenizer's {name} id {value} is not among its reserved ids {self.reserved}.")

    @classmethod
    def from_tokenizer(cls, tokenizer: Any, *, position_offset: int) -> SpecialTokens:
        """Read the ids from a Hugging Face tokenizer.

        Args:
            tokenizer: anything with `cls_token_id`, `sep_token_id`, `pad_token_id`, `mask_token_id`, `all_special_ids`.
            position_offset: first position id of the encoder that will read the stream.

        Raises:
            UsageError: the tokenizer lacks one of the four tokens.
        """
        names = {"begin": "cls_token_id", "end": "sep_token_id", "pad": "pad_token_id", "mask": "mask_token_id"}
        ids = {role: getattr(tokenizer, name) for role, name in names.items()}
        missing = [names[role] for role, value in ids.items() if value is None]
        if missing:
            raise UsageError(
                f"the tokenizer has no {', '.join(missing)}; a masked-LM encoder's tokenizer has all four."
            )
        return cls(
            **ids,
            vocab_size=len(tokenizer),
            reserved=tuple(sorted(set(tokenizer.all_special_ids))),
            position_offset=position_offset,
        )

    def is_reserved(self) -> npt.NDArray[np.bool_]:
        """Return a table over all ids, true where the id is reserved."""
        table = np.zeros(self.vocab_size, dtype=bool)
        table[list(self.reserved)] = True
        return table

    def ordinary(self) -> npt.NDArray[np.int32]:
        """Return all ids that are not reserved, in rising order."""
        return np.flatnonzero(~self.is_reserved()).astype(np.int32)
