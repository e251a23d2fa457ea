"""A tokenizer that reports each word from its second character on, as some published ones do (RobBERT of 2023)."""

from __future__ import annotations

import string

import tokenizers

MARKS = ["<s>", "</s>", "<pad>", "<unk>", "<mask>"]


def late_tokenizer() -> tokenizers.Tokenizer:
    """Letters as pieces; each word is given a blank, and offsets are trimmed by one that was not in the text."""
    pieces = [*MARKS, "Ġ", *string.ascii_letters, "?", ".", "Ġb", "Ġc"]
    ids = {piece: place for place, piece in enumerate(pieces)}
    late = tokenizers.Tokenizer(tokenizers.models.BPE(ids, [("Ġ", "b"), ("Ġ", "c")], unk_token="<unk>"))
    late.add_special_tokens(MARKS)
    splitters = [
        tokenizers.pre_tokenizers.WhitespaceSplit(),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True),
    ]
    late.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(splitters)
    late.post_processor = tokenizers.processors.RobertaProcessing(
        ("</s>", 1), ("<s>", 0), trim_offsets=True, add_prefix_space=False
    )
    return late
