"""The tokenizer that tells words late, as `transformers` opens one."""

from __future__ import annotations

from transformers import PreTrainedTokenizerFast

from tests import late_tokenizer as late


def late_tokenizer() -> PreTrainedTokenizerFast:
    """Return `tests.late_tokenizer` with the names of its marks."""
    names = ("cls_token", "sep_token", "pad_token", "unk_token", "mask_token")
    return PreTrainedTokenizerFast(tokenizer_object=late.late_tokenizer(), **dict(zip(names, late.MARKS, strict=True)))
