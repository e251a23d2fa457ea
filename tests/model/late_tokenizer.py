"""A tokenizer that reports each word from its second character on, as some published ones do (RobBERT of 2023)."""

from __future__ import annotations

import string

import tokenizers
from transformers import PreTrainedTokenizerFast


def late_tokenizer() -> PreTrainedTokenizerFast:
    """Letters as pieces; each word is given a blank, and offsets are trimmed by one that was not in the text."""
    marks = ["<s>", "</s>", "<pad>", "<unk>", "<mask>"]
    pieces = [*marks, "Ġ", *string.ascii_letters, "?", ".", "Ġb"]
    model = tokenizers.models.BPE({piece: place for place, piece in enumerate(pieces)}, [("Ġ", "b")], unk_token="<unk>")
    made = tokenizers.Tokenizer(model)
    made.add_special_tokens(marks)
    splitters = [
        tokenizers.pre_tokenizers.WhitespaceSplit(),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True),
    ]
    made.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(splitters)
    made.post_processor = tokenizers.processors.RobertaProcessing(
        ("</s>", 1), ("<s>", 0), trim_offsets=True, add_prefix_space=False
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", pad_token="<pad>",
        unk_token="<unk>", mask_token="<mask>",
    )  # fmt: skip
