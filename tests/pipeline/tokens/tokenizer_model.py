"""A small SentencePiece model for tests, trained once per test session."""

from __future__ import annotations

import functools
import io

import sentencepiece

_SENTENCES = [
    "Berlin ist die Hauptstadt von Deutschland und liegt an der Spree.",
    "Ufaransa ni nchi ya Ulaya ya Magharibi, mji mkuu ni Paris.",
    "東京は日本の首都である。大阪は日本の都市である。",
    "Москва является столицей России и стоит на реке Москве.",
    "القاهرة هي عاصمة مصر وأكبر مدنها.",
    "The capital of France is Paris, on the river Seine; it has 2 million people (2020).",
]


@functools.cache
def small_model() -> bytes:
    """A unigram model of 300 pieces in XLM-R's layout."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_SENTENCES * 5), model_writer=model, vocab_size=300, unk_id=0, bos_id=1, eos_id=2,
        pad_id=-1, hard_vocab_limit=False, num_threads=1, minloglevel=2,
    )  # fmt: skip
    return model.getvalue()
