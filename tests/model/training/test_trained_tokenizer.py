"""A tokenizer that the pipeline trained is one that `AutoTokenizer` opens, with the same ids and fingerprint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from model.training.tokenizer_source import fingerprint_of, open_tokenizer
from schemas.tokenizer import tokenizer_fingerprint
from tests.conftest import REPOSITORY

sentencepiece = pytest.importorskip("sentencepiece")

TEXTS = [
    "Berlin ist die Hauptstadt von Deutschland.",
    "ＡＢＣ … ½ of  it",
    "東京は日本の首都である。",
    "unseen 𓂀 sign",
]
# The two packages never import each other, and this test of what one hands the other keeps to that: it writes the
# folder in another process.
WRITE_FOLDER = """
import json, pathlib, sys
from pipeline.tokens.tokenizer_files import hugging_face_files
from tests.pipeline.tokens.tokenizer_model import small_model
folder = pathlib.Path(sys.argv[1])
(folder / "sentencepiece.bpe.model").write_bytes(small_model())
for name, content in hugging_face_files(small_model()).items():
    (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    subprocess.run([sys.executable, "-c", WRITE_FOLDER, str(folder)], cwd=REPOSITORY, check=True, timeout=120)
    return folder


def test_auto_tokenizer_gives_the_ids_of_the_layout(folder: Path) -> None:
    opened = open_tokenizer(str(folder))
    plain = sentencepiece.SentencePieceProcessor(model_proto=(folder / "sentencepiece.bpe.model").read_bytes())
    for text in TEXTS:
        shifted = [number + 1 if number else 3 for number in plain.encode(text)]
        assert opened(text, add_special_tokens=False)["input_ids"] == shifted, text
        assert opened(text)["input_ids"] == [0, *shifted, 2]
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *(plain.id_to_piece(i) for i in range(3, len(plain))), "<mask>"]
    assert len(opened) == len(pieces)
    assert fingerprint_of(opened) == tokenizer_fingerprint(pieces)
    assert (opened.mask_token_id, opened.pad_token_id, opened.unk_token_id) == (len(pieces) - 1, 1, 3)


def test_a_pair_is_separated_as_by_xlm_r(folder: Path) -> None:
    opened = open_tokenizer(str(folder))
    one, two = (opened(text, add_special_tokens=False)["input_ids"] for text in TEXTS[:2])
    assert opened(*TEXTS[:2])["input_ids"] == [0, *one, 2, 2, *two, 2]
    assert opened("<mask>", add_special_tokens=False)["input_ids"] == [opened.mask_token_id]
