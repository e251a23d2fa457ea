"""A tokenizer that the pipeline trained is one that `AutoTokenizer` opens, with the same ids and fingerprint."""

from __future__ import annotations

import json
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from model.training.tokenizer_source import STAMP, fingerprint_of, open_tokenizer
from schemas.errors import SchemaMismatch
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
from schemas.sentencepiece_files import hugging_face_files
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
    assert [opened.convert_ids_to_tokens(number) for number in range(len(pieces))] == pieces
    assert (opened.mask_token_id, opened.pad_token_id, opened.unk_token_id) == (len(pieces) - 1, 1, 3)


def test_a_pair_is_separated_as_by_xlm_r(folder: Path) -> None:
    opened = open_tokenizer(str(folder))
    one, two = (opened(text, add_special_tokens=False)["input_ids"] for text in TEXTS[:2])
    assert opened(*TEXTS[:2])["input_ids"] == [0, *one, 2, 2, *two, 2]
    assert opened("<mask>", add_special_tokens=False)["input_ids"] == [opened.mask_token_id]


def test_the_classic_folder_of_xlm_r_opens_alike(folder: Path, tmp_path: Path) -> None:
    """A SentencePiece model and config.json alone, which the library cannot open beside an older protobuf."""
    for name in ("sentencepiece.bpe.model", "config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 100, "do_lower_case": False}))
    classic, opened = open_tokenizer(str(tmp_path)), open_tokenizer(str(folder))
    assert fingerprint_of(classic) == fingerprint_of(opened)
    assert classic.special_tokens_map == opened.special_tokens_map and classic.model_max_length == 100
    assert classic(*TEXTS[:2]).data == opened(*TEXTS[:2]).data


MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [*MARKS, *string.ascii_letters, *("##" + letter for letter in string.ascii_letters)]


@pytest.mark.parametrize("normalizer", [None, normalizers.Lowercase(), normalizers.Replace("Fox", "fox")])
@pytest.mark.parametrize("splitter", [pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit()])
@pytest.mark.parametrize("family", ["BertTokenizer", "RobertaTokenizer", "PreTrainedTokenizerFast"])
def test_every_layout_is_opened_as_it_stands(family: str, splitter: Any, normalizer: Any, tmp_path: Path) -> None:
    """The classes of model families would build these anew, with normalizers and pre-tokenizers of their own."""
    backend = Tokenizer(models.WordPiece({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    backend.pre_tokenizer = splitter
    if normalizer is not None:
        backend.normalizer = normalizer
    backend.add_special_tokens(MARKS)
    stamp = tokenizer_fingerprint(backend)
    backend.save(str(tmp_path / "tokenizer.json"))
    marks = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": family} | marks))
    opened = open_tokenizer(str(tmp_path))
    assert fingerprint_of(opened) == stamp and opened.mask_token_id == 4
    opened.save_pretrained(tmp_path / "saved")
    assert fingerprint_of(open_tokenizer(str(tmp_path / "saved"))) == stamp


def test_a_model_whose_tokenizer_was_changed_is_refused(folder: Path, tmp_path: Path) -> None:
    opened = open_tokenizer(str(folder))
    opened.save_pretrained(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({STAMP: fingerprint_of(opened)}))
    open_tokenizer(str(tmp_path))
    content = json.loads((tmp_path / "tokenizer.json").read_text())
    content["normalizer"] = {"type": "Lowercase"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(SchemaMismatch, match="cuts texts otherwise"):
        open_tokenizer(str(tmp_path))
