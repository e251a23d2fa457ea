"""The JSON files beside a trained model: the same ids by either library, and no surprise on damage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.tokens.subwords import SENTENCEPIECE_NAME, fingerprint_of, open_subwords
from schemas.errors import InputCorrupt
from schemas.sentencepiece_files import field_of, hugging_face_files
from tests.pipeline.tokens.tokenizer_model import small_model

TEXTS = ["Berlin ist die Hauptstadt", "ＡＢＣ … ½", "東京 は  日本", "القاهرة هي", "𓂀 unseen", "e\u0301 \u200b x"]


def test_both_files_of_a_folder_give_the_same_ids(tmp_path: Path) -> None:
    (tmp_path / SENTENCEPIECE_NAME).write_bytes(small_model())
    files = hugging_face_files(small_model())
    (tmp_path / "tokenizer.json").write_text(json.dumps(files["tokenizer.json"]), encoding="utf-8")
    fingerprint_of(tmp_path)
    fast, slow = open_subwords(tmp_path), open_subwords(tmp_path, "tokenizers")
    assert fast.pieces == slow.pieces
    for text in TEXTS:
        assert fast.encode([text])[0].tolist() == slow.encode([text])[0].tolist(), text


def test_fields_of_a_message() -> None:
    # field 1 varint 300, field 2 fixed64, field 3 "abc", field 4 fixed32
    message = b"\x08\xac\x02" + b"\x11" + bytes(8) + b"\x1a\x03abc" + b"\x25" + bytes(4)
    assert field_of(message, 3) == b"abc" and field_of(message, 9) == b""
    with pytest.raises(InputCorrupt, match="damaged"):
        field_of(message[:14], 3)
    with pytest.raises(InputCorrupt, match="damaged"):
        field_of(b"\x0b", 1)
