"""The files by which Hugging Face's libraries open a SentencePiece model in XLM-R's layout.

`tokenizer.json` is written out in full, rather than left for `transformers` to convert from the model: that conversion
needs a protobuf of the same age as SentencePiece, which Beam's pins rule out.

Source: the layout of XLM-R's own `tokenizer.json`; field numbers of SentencePiece's `sentencepiece_model.proto`
(ModelProto.normalizer_spec = 3, NormalizerSpec.precompiled_charsmap = 2); protobuf's wire format.
"""

from __future__ import annotations

import base64
from typing import Any

from schemas.errors import InputCorrupt

SENTENCEPIECE_NAME, TOKENIZER_JSON_NAME = "sentencepiece.bpe.model", "tokenizer.json"
SPACE_MARK = "\N{LOWER ONE EIGHTH BLOCK}"
"""What SentencePiece writes for a blank."""
_NORMALIZER_SPEC, _CHARSMAP = 3, 2
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_SPECIALS = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}


def hugging_face_files(model: bytes) -> dict[str, dict[str, Any]]:
    """Return the JSON files, by name, that belong beside a model of the layout `<unk> <s> </s> …`.

    Raises: InputCorrupt where the bytes are no SentencePiece model.
    """
    specials = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>",
                "unk_token": "<unk>", "mask_token": "<mask>"}  # fmt: skip
    return {
        "config.json": {"model_type": "xlm-roberta"},
        "tokenizer_config.json": {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 512, **specials},
        TOKENIZER_JSON_NAME: tokenizer_json(model),
    }


def tokenizer_json(model: bytes) -> dict[str, Any]:
    """Return the content of `tokenizer.json`; see `hugging_face_files`."""
    import sentencepiece  # not asked of those who only read tables

    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    learnt = [[processor.id_to_piece(i), processor.get_score(i)] for i in range(3, processor.get_piece_size())]
    vocabulary = [*([name, 0.0] for name in _SPECIALS), *learnt, ["<mask>", 0.0]]
    metaspace = {"type": "Metaspace", "replacement": SPACE_MARK, "prepend_scheme": "always", "split": True}
    charsmap = field_of(field_of(model, _NORMALIZER_SPEC), _CHARSMAP)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            _special(name, number) for name, number in (*_SPECIALS.items(), ("<mask>", len(vocabulary) - 1))
        ],
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
        "post_processor": _post_processor(),
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": 3, "vocab": vocabulary, "byte_fallback": False},
    }


def _special(name: str, number: int) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": name == "<mask>", "rstrip": False, "normalized": False, "special": True}
    return {"id": number, "content": name, **flags}


def _post_processor() -> dict[str, Any]:
    """`<s> A </s>` for one text, `<s> A </s> </s> B </s>` for two."""

    def special(name: str) -> dict[str, Any]:
        return {"SpecialToken": {"id": name, "type_id": 0}}

    def text(name: str) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": 0}}

    one = [special("<s>"), text("A"), special("</s>")]
    return {
        "type": "TemplateProcessing",
        "single": one,
        "pair": [*one, special("</s>"), text("B"), special("</s>")],
        "special_tokens": {name: {"id": name, "ids": [_SPECIALS[name]], "tokens": [name]} for name in ("<s>", "</s>")},
    }


def field_of(message: bytes, wanted: int) -> bytes:
    """Return the last length-delimited field of a number in a protobuf message; empty where there is none.

    Raises: InputCorrupt where the bytes are no protobuf message.
    """
    position, found = 0, b""
    try:
        while position < len(message):
            key, position = _varint(message, position)
            kind = key & 7
            if kind == _LENGTH:
                length, position = _varint(message, position)
                if position + length > len(message):
                    raise IndexError(position)
                if key >> 3 == wanted:
                    found = message[position : position + length]
                position += length
            elif kind == _VARINT:
                _, position = _varint(message, position)
            else:
                position += {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}[kind]
    except (IndexError, KeyError) as error:
        raise InputCorrupt(f"the SentencePiece model is damaged near byte {position:,}") from error
    return found


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
