"""Opening the tokenizer a run goes with, and making sure it does what the one did that the data was made with.

Every tokenizer is opened in one way: its `tokenizer.json` as it stands. The classes that `transformers` has for model
families build a tokenizer of their own from its vocabulary, and leave out normalizers and pre-tokenizers they do not
expect. Source: `TokenizersBackend.convert_to_native_format` in transformers 5.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model.addresses import is_url
from model.data.stores.remote_shards import fetched_tokenizer
from schemas.errors import InputMissing, SchemaMismatch, UsageError
from schemas.sentencepiece_files import SENTENCEPIECE_NAME, TOKENIZER_JSON_NAME, hugging_face_files
from schemas.tokenizer import tokenizer_fingerprint

LEAST_PIECES = 64
"""A tokenizer with fewer pieces was opened from the wrong files: some classes then make one of five special tokens."""
NEEDED = ("cls_token", "sep_token", "pad_token", "mask_token")
"""Special tokens without which an encoder cannot be trained."""
STAMP = "tokenizer_fingerprint"
"""Name of the fingerprint in a finished model's `run.json`."""


def find_tokenizer(tokenizer: str, encoder: str, data: str) -> str:
    """Folder or name of the tokenizer: the one named, else the encoder's, else `tokenizer/` in or beside the data.

    Raises:
        UsageError: none was named and none lies there.
    """
    if tokenizer or encoder:
        return tokenizer or encoder
    if is_url(data):
        if (fetched := fetched_tokenizer(data)) is not None:
            return str(fetched)
        raise UsageError(
            f"no tokenizer was named, the encoder starts from random weights, and there is none in or beside {data}. Pass "
            "--tokenizer with the folder the data was tokenised with"
        )
    places = [Path(data) / "tokenizer", Path(data).resolve().parent / "tokenizer"]
    for place in places:
        if place.is_dir():
            return str(place)
    raise UsageError(
        f"no tokenizer was named, the encoder starts from random weights, and there is none at "
        f"{' or '.join(map(str, places))}. Pass --tokenizer with the folder the data was tokenised with"
    )


def open_tokenizer(source: str) -> Any:
    """Open a tokenizer from a folder or Hub name.

    Raises:
        InputMissing: there is none.
        UsageError: what was opened has next to no pieces.
        SchemaMismatch: the folder is of a finished model, and its tokenizer does not do what it did in training.
    """
    try:
        tokenizer = _opened(source)
    except (OSError, ValueError) as error:
        raise InputMissing(
            f"no tokenizer could be opened from {source!r}: {str(error).splitlines()[0]}. Expected a folder with "
            "tokenizer.json or sentencepiece.bpe.model, or a name the Hub serves"
        ) from error
    if len(tokenizer) < LEAST_PIECES:
        raise UsageError(
            f"the tokenizer from {source!r} has only {len(tokenizer)} pieces: its vocabulary file was not read. "
            "Put tokenizer.json, or sentencepiece.bpe.model with config.json, into the folder"
        )
    _check_stamp(Path(source), tokenizer)
    return tokenizer


def fingerprint_of(tokenizer: Any) -> str:
    """Return the fingerprint that token shards are stamped with (`schemas.tokenizer`)."""
    return tokenizer_fingerprint(tokenizer.backend_tokenizer)


def _opened(source: str) -> Any:
    """Return the tokenizer of `tokenizer.json`; where there is none, of the SentencePiece model, or as the library makes it."""
    from transformers import AutoTokenizer
    from transformers.utils.hub import cached_file

    folder = Path(source)
    if cached_file(source, TOKENIZER_JSON_NAME, _raise_exceptions_for_missing_entries=False):
        return _as_it_stands(source)
    if (folder / SENTENCEPIECE_NAME).is_file():
        return _from_sentencepiece(folder)
    return AutoTokenizer.from_pretrained(source)


def _as_it_stands(source: str) -> Any:
    """`tokenizer.json` by the class that changes nothing; what the family's class adds to the settings is added."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(source)
    missing = [name for name in NEEDED if getattr(tokenizer, name) is None]
    if missing:  # older folders leave them to the class
        family = AutoTokenizer.from_pretrained(source)
        for name, piece in family.special_tokens_map.items():
            if getattr(tokenizer, name, None) is None:
                setattr(tokenizer, name, piece)
        tokenizer.model_input_names = family.model_input_names
    return tokenizer


def _from_sentencepiece(folder: Path) -> Any:
    """XLM-R's classic folder, by the `tokenizer.json` that the tokenize job writes for such a model."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    files = hugging_face_files((folder / SENTENCEPIECE_NAME).read_bytes())
    settings = files["tokenizer_config.json"]
    path = folder / "tokenizer_config.json"
    given = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    settings |= {name: value for name, value in given.items() if name in settings and isinstance(value, str | int)}
    settings.pop("tokenizer_class")
    backend = Tokenizer.from_str(json.dumps(files[TOKENIZER_JSON_NAME]))
    return PreTrainedTokenizerFast(tokenizer_object=backend, **settings)


def _check_stamp(folder: Path, tokenizer: Any) -> None:
    path = folder / "run.json"
    stamp = json.loads(path.read_text(encoding="utf-8")).get(STAMP) if path.is_file() else None
    if stamp is not None and stamp != (found := fingerprint_of(tokenizer)):
        raise SchemaMismatch(
            f"the tokenizer in {folder} cuts texts otherwise than it did in training: its fingerprint is {found}, that of "
            f"the run {stamp}. Restore {TOKENIZER_JSON_NAME}, or export the model again"
        )
