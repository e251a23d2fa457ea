"""Sub-tokens: ids, spans, and that both libraries agree."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tokens.subwords import (
    SENTENCEPIECE_NAME,
    JsonSubwords,
    SentencePieceSubwords,
    Subwords,
    _spans_of_offsets,
    fingerprint_of,
    open_subwords,
)
from schemas.errors import InputCorrupt, InputMissing, UsageError
from tests.late_tokenizer import late_tokenizer
from tests.pipeline.tokens.tokenizer_model import small_model

TEXTS = [
    "Berlin ist die Hauptstadt von Deutschland.",
    "東京は日本の首都である。",
    "ＡＢＣ … ½ ﬁn und  zwei Leerzeichen ",
    "Unknown 𓂀 hieroglyph \U0001f600 and Paris",
    "القاهرة هي عاصمة مصر",
    "e\u0301te\u0301 \u2581 mark",
    "The literal <mask> and </s> in a page",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / SENTENCEPIECE_NAME).write_bytes(small_model())
    return folder


@pytest.fixture(scope="module")
def small(folder: Path) -> SentencePieceSubwords:
    return SentencePieceSubwords(folder / SENTENCEPIECE_NAME)


def test_ids_are_laid_out_as_in_xlm_r(small: SentencePieceSubwords) -> None:
    assert small.pieces[:4] == ["<s>", "<pad>", "</s>", "<unk>"] and small.pieces[-1] == "<mask>"
    ids, lengths = small.encode(["Berlin", "𓂀", ""])
    assert lengths[2] == 0 and ids.dtype == np.int32
    assert "".join(small.pieces[i] for i in ids[: lengths[0]]) == "▁Berlin"
    assert 3 in ids[lengths[0] :]
    assert not set(ids.tolist()) & {0, 1, 2, len(small.pieces) - 1}


def text_of(subwords: Subwords, ids: np.ndarray, span: tuple[int, int] | None) -> str:
    assert span is not None
    return "".join(subwords.pieces[i] for i in ids[span[0] : span[1] + 1]).replace("▁", " ").strip()


@pytest.mark.parametrize(
    ("text", "surface", "covered"),
    [
        ("Berlin ist die Hauptstadt", "Hauptstadt", "Hauptstadt"),
        ("Berlin ist die Hauptstadt", "Berlin", "Berlin"),
        ("東京は日本の首都", "日本", "日本"),
        ("in  zwei ＡＢＣ Paris", "Paris", "Paris"),
        ("the \ufb01 Paris", "Paris", "Paris"),
    ],
)
def test_spans_cover_their_surface(small: SentencePieceSubwords, text: str, surface: str, covered: str) -> None:
    start = text.index(surface)
    (found,) = small.encode_spans([text], [[(start, start + len(surface))]])
    assert covered in text_of(small, found.ids, found.spans[0])


def test_a_surface_that_normalising_removes_has_no_tokens(small: SentencePieceSubwords) -> None:
    (found,) = small.encode_spans(["Berlin \u200b"], [[(7, 8)]])
    assert found.spans == [None]


@given(text=st.text(alphabet="Berlin Paris東京ＡＢ…½  \n", min_size=1, max_size=30), data=st.data())
def test_the_short_way_to_spans_is_the_long_way(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    small = _cached()
    (found,) = small.encode_spans([text], [[(start, end)]])
    mapping = small._model.encode_as_offset_mapping(text)
    assert found.ids.tolist() == small._ids[mapping["ids"]].tolist()
    if not text[start:end].strip() or text[start].isspace() or text[end - 1].isspace():
        return
    assert found.spans == _spans_of_offsets(mapping["pieces"], mapping["offsets"], [(start, end)])


def test_words_that_a_tokenizer_tells_one_character_late_keep_their_first_token(tmp_path: Path) -> None:
    late = late_tokenizer()
    late.save(str(tmp_path / "tokenizer.json"))
    assert late.encode("b cde", add_special_tokens=False).offsets == [(1, 1), (3, 3), (3, 4), (4, 5)]
    subwords = open_subwords(tmp_path)
    (found,) = subwords.encode_spans(["A b cde"], [[(0, 1), (2, 3), (4, 7), (6, 7)]])
    assert [subwords.pieces[number] for number in found.ids] == ["Ġ", "A", "Ġb", "Ġc", "d", "e"]
    assert found.spans == [(1, 1), (2, 2), (3, 5), (5, 5)]


def test_a_tokenizer_whose_offsets_leave_text_out_is_refused(tmp_path: Path) -> None:
    blind = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    blind.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(r"\S{3,}"), "removed")
    blind.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UsageError, match="leave out"):
        fingerprint_of(tmp_path)


_CACHE: list[SentencePieceSubwords] = []


def _cached() -> SentencePieceSubwords:
    if not _CACHE:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / SENTENCEPIECE_NAME
            path.write_bytes(small_model())
            _CACHE.append(SentencePieceSubwords(path))
    return _CACHE[0]


def test_files_that_are_no_tokenizer_are_named(tmp_path: Path) -> None:
    (tmp_path / SENTENCEPIECE_NAME).write_bytes(b"not a model")
    with pytest.raises(InputCorrupt, match="SentencePiece"):
        open_subwords(tmp_path)
    (tmp_path / SENTENCEPIECE_NAME).unlink()
    with pytest.raises(InputMissing, match=r"tokenizer\.json"):
        open_subwords(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputCorrupt, match=r"no tokenizer\.json"):
        open_subwords(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(InputCorrupt):
        open_subwords(tmp_path)


def word_level(path: Path, words: list[str]) -> None:
    """A tokenizer.json of whole words, with a mark for the blank before each, as Metaspace makes them."""
    vocabulary = {word: number for number, word in enumerate(["<s>", "<unk>", *words])}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.add_special_tokens(["<s>"])
    made.save(str(path))


def test_any_tokenizer_json_serves(tmp_path: Path, folder: Path) -> None:
    word_level(tmp_path / "tokenizer.json", ["Berlin", "ist", "schön"])
    subwords = open_subwords(tmp_path)
    assert isinstance(subwords, JsonSubwords) and subwords.pieces == ["<s>", "<unk>", "Berlin", "ist", "schön"]
    ids, lengths = subwords.encode(["Berlin ist alt", "<s>"])
    assert ids[:3].tolist() == [2, 3, 1] and 0 not in ids.tolist() and lengths[0] == 3
    (found,) = subwords.encode_spans(["Berlin ist schön"], [[(0, 6), (7, 16)]])
    assert found.spans == [(0, 0), (1, 2)]


def test_a_text_that_names_a_special_token_holds_none(tmp_path: Path) -> None:
    pieces = [("<s>", 0.0), ("<unk>", 0.0), ("▁", -1.0), ("▁a", -1.0), ("<mask>", 0.0)]
    made = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=1, byte_fallback=False))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    made.add_special_tokens(["<s>", "<unk>", "<mask>"])
    made.encode_special_tokens = True
    assert 4 in made.encode("a <mask>", add_special_tokens=False).ids, "what the library does"
    made.save(str(tmp_path / "tokenizer.json"))
    subwords = open_subwords(tmp_path)
    ids, _ = subwords.encode(["a <mask> a"])
    (found,) = subwords.encode_spans(["a <mask> a"], [[(0, 1)]])
    assert (
        4 not in ids.tolist() and 1 in ids.tolist() and found.ids.tolist() == ids.tolist() and found.spans == [(0, 0)]
    )


def test_a_folder_whose_two_files_disagree_is_refused(tmp_path: Path) -> None:
    (tmp_path / SENTENCEPIECE_NAME).write_bytes(small_model())
    word_level(tmp_path / "tokenizer.json", ["Berlin"])
    with pytest.raises(UsageError, match="first differ at id 1"):
        fingerprint_of(tmp_path)
    assert fingerprint_of(tmp_path, "sentencepiece") != fingerprint_of(tmp_path, "tokenizers")


@pytest.fixture(scope="module")
def both(real_data: Path) -> tuple[Subwords, Subwords]:
    folder = real_data / "tokenizer"
    fingerprint_of(folder)
    return open_subwords(folder), open_subwords(folder, "tokenizers")


def test_both_libraries_agree_on_real_sentences(both: tuple[Subwords, Subwords], real_data: Path) -> None:
    """Equal ids, and equal spans for every third word, on sentences in 15 languages and odd texts."""
    fast, slow = both
    texts = list(TEXTS)
    for path in sorted((real_data / "eval/xnli").glob("dev-*.tsv.gz")):
        texts += [line.split("\t")[0] for line in gzip.open(path, "rt", encoding="utf-8").read().splitlines()[1:120]]
    spans = [word_spans(text)[::3] for text in texts]
    differing = 0
    for text, one, two in zip(texts, fast.encode_spans(texts, spans), slow.encode_spans(texts, spans), strict=True):
        if one.ids.tolist() != two.ids.tolist():
            differing += 1
            continue
        assert one.spans == two.spans, text
    assert differing / len(texts) < 0.002


def word_spans(text: str) -> list[tuple[int, int]]:
    spans, start = [], 0
    for word in text.split(" "):
        if word.strip():
            spans.append((start, start + len(word)))
        start += len(word) + 1
    return spans


def test_the_real_tokenizer_has_xlm_rs_size(both: tuple[Subwords, Subwords]) -> None:
    assert len(both[0].pieces) == 250_002 and both[0].pieces[250_001] == "<mask>"
    assert json.dumps(both[0].pieces[:4]) == json.dumps(both[1].pieces[:4])
