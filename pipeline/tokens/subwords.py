"""Sub-tokens: text to token ids, and where in them a span of characters begins and ends.

Two ways to the same ids. XLM-R-like tokenizers are a SentencePiece model whose ids are shifted by one; the library for
it is ten times faster than `tokenizers` (benchmarks/README.md). Every other `tokenizer.json` goes through `tokenizers`.
Special tokens are never made from text: a page that contains the characters `<mask>` gets the pieces of these characters.
"""

from __future__ import annotations

import functools
import gzip
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import sentencepiece
import tokenizers
from numpy.typing import NDArray

from schemas.errors import InputCorrupt, InputMissing, UsageError
from schemas.sentencepiece_files import SENTENCEPIECE_NAME, SPACE_MARK, TOKENIZER_JSON_NAME, tokenizer_json
from schemas.tokenizer import PROBE_TEXTS, covering_offsets, tokenizer_fingerprint, uncovered_share

BYTE_LEVEL_SPACE = "\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}"
"""What byte-level tokenizers write for a blank."""
MOST_UNCOVERED = 0.1
"""Largest share of the probe's characters that may lie in no token: a few are dropped by normalisation."""

Backend = Literal["auto", "sentencepiece", "tokenizers"]
Spans = Sequence[tuple[int, int]]
"""Half-open spans of characters, (start, end), in order and apart from each other."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """One text as ids, with its spans."""

    ids: NDArray[np.int32]
    """Token ids without special ones, shape [tokens]."""
    spans: list[tuple[int, int] | None]
    """First and last token of each span asked for, inclusive; None where normalisation left nothing of it."""


class Subwords(Protocol):
    """A tokenizer as the tokenize job needs it."""

    pieces: list[str]
    """The vocabulary by id, special tokens included."""

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids of all texts one after the other, and how many each text has."""

    def encode_spans(self, texts: Sequence[str], spans: Sequence[Spans]) -> list[Encoded]:
        """Each text's ids, and the tokens of its spans."""


class SentencePieceSubwords:
    """XLM-R's layout of a SentencePiece model: `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3, piece i at i + 1, `<mask>` last."""

    def __init__(self, model: Path) -> None:
        """Open a model file.

        Raises: InputCorrupt where it is no SentencePiece model, or its first three pieces are not `<unk> <s> </s>`.
        """
        try:
            self._model = sentencepiece.SentencePieceProcessor(model_proto=model.read_bytes())
        except (RuntimeError, OSError) as error:
            raise InputCorrupt(f"{model} cannot be read as a SentencePiece model: {error}") from error
        pieces = [self._model.id_to_piece(index) for index in range(self._model.get_piece_size())]
        if pieces[:3] != ["<unk>", "<s>", "</s>"]:
            raise InputCorrupt(
                f"{model} begins with {pieces[:3]}, expected <unk>, <s>, </s>: it is not laid out as XLM-R's"
            )
        self.pieces = ["<s>", "<pad>", "</s>", "<unk>", *pieces[3:], "<mask>"]
        self._ids = np.arange(1, len(pieces) + 1, dtype=np.int32)
        self._ids[0] = 3
        self._lengths = np.array([len(piece) for piece in pieces], np.int64)

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """See `Subwords.encode`."""
        encoded = self._model.encode(list(texts), num_threads=1)
        return self._ids[_flat(encoded)], np.fromiter(map(len, encoded), np.int64, len(encoded))

    def encode_spans(self, texts: Sequence[str], spans: Sequence[Spans]) -> list[Encoded]:
        """See `Subwords.encode_spans`."""
        encoded = self._model.encode(list(texts), num_threads=1)
        return [self._with_spans(*one) for one in zip(texts, encoded, spans, strict=True)]

    def _with_spans(self, text: str, ids: list[int], spans: Spans) -> Encoded:
        raw = np.array(ids, np.int64)
        if not spans:
            return Encoded(ids=self._ids[raw], spans=[])
        # Pieces lie side by side over the normal form, so their lengths give their places in it: three times faster
        # than asking for offsets. Unknown pieces have no length.
        normal = self._model.normalize(text)
        ends = np.cumsum(self._lengths[raw])
        if 0 not in ids and len(ids) and ends[-1] == len(normal):
            placed = self._places(text, normal, spans)
            if placed is not None:
                return Encoded(ids=self._ids[raw], spans=_side_by_side(ends, placed))
        mapping = self._model.encode_as_offset_mapping(text)
        pieces = mapping["pieces"]
        # Of a character that normalises to several (½ to 1⁄2) the last piece has the width, and one that begins with the
        # mark of a blank has the blank's: it begins where the blank ends.
        offsets = [
            (end, end) if piece != SPACE_MARK and text[start:end].isspace() else (start, end)
            for piece, (start, end) in zip(pieces, mapping["offsets"], strict=True)
        ]
        return Encoded(ids=self._ids[mapping["ids"]], spans=_spans_of_offsets(pieces, offsets, spans))

    def _places(self, text: str, normal: str, spans: Spans) -> list[tuple[int, int]] | None:
        """Where the spans lie in the normal form; None where pieces of the text, normalised alone, do not add up to it."""
        placed: list[tuple[int, int]] = []
        position = 0
        cuts = [0, *(cut for span in spans for cut in span), len(text)]
        for number, (start, end) in enumerate(zip(cuts, cuts[1:], strict=False)):
            # Normalised alone, a piece has a mark before it and no blanks at its ends.
            core = self._model.normalize(text[start:end])[1:] if start < end else ""
            while core and normal.startswith(SPACE_MARK, position) and not core.startswith(SPACE_MARK):
                position += 1
            if start > end or not normal.startswith(core, position):
                return None
            if number % 2:
                placed.append((position, position + len(core)))
            position += len(core)
        return placed if not normal[position:].strip(SPACE_MARK) else None


class JsonSubwords:
    """Any `tokenizer.json`, by the `tokenizers` library."""

    def __init__(self, path: Path) -> None:
        """Open a `tokenizer.json`, gzipped or not.

        Raises: InputCorrupt where it is none.
        """
        self.tokenizer = _open_json(path)
        self.tokenizer.encode_special_tokens = True
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        by_id = {number: piece for piece, number in self.tokenizer.get_vocab(with_added_tokens=True).items()}
        self.pieces = [by_id.get(number, "") for number in range(max(by_id) + 1)]
        # A Unigram vocabulary has its special tokens as pieces too, and finds `<mask>` where a text says so.
        added = self.tokenizer.get_added_tokens_decoder()
        unknown = getattr(self.tokenizer.model, "unk_token", None) or "<unk>"
        self._ordinary = np.arange(len(self.pieces), dtype=np.int32)
        if (stand_in := self.tokenizer.token_to_id(unknown)) is not None:
            self._ordinary[[number for number, token in added.items() if token.special]] = stand_in

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """See `Subwords.encode`."""
        encoded = [one.ids for one in self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]
        return self._ordinary[_flat(encoded)], np.fromiter(map(len, encoded), np.int64, len(encoded))

    def encode_spans(self, texts: Sequence[str], spans: Sequence[Spans]) -> list[Encoded]:
        """See `Subwords.encode_spans`."""
        encoded = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [
            Encoded(
                ids=self._ordinary[np.array(one.ids, np.int64)],
                spans=_spans_of_offsets(one.tokens, covering_offsets(text, one.offsets), wanted),
            )
            for text, one, wanted in zip(texts, encoded, spans, strict=True)
        ]


def _open_json(path: Path) -> tokenizers.Tokenizer:
    try:
        packed = path.read_bytes()
        text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("utf-8")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputCorrupt(f"{path} cannot be read: {error}") from error
    try:
        return tokenizers.Tokenizer.from_str(text)
    except Exception as error:  # the library raises bare Exception for a JSON that is no tokenizer
        raise InputCorrupt(f"{path} is no tokenizer.json: {error}") from error


def _flat(lists: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    return np.fromiter(chain.from_iterable(lists), np.int64, sum(map(len, lists)))


def _side_by_side(ends: NDArray[np.int64], placed: Spans) -> list[tuple[int, int] | None]:
    """Tokens of spans where token i covers the characters from ends[i - 1] to ends[i]."""
    starts_ends = np.array(placed, np.int64)
    first = np.searchsorted(ends, starts_ends[:, 0], side="right")
    last = np.searchsorted(ends, starts_ends[:, 1] - 1, side="right")
    found = zip(placed, first.tolist(), last.tolist(), strict=True)
    return [(one, two) if start < end else None for (start, end), one, two in found]


def _spans_of_offsets(
    pieces: Sequence[str], offsets: Sequence[tuple[int, int]], spans: Spans
) -> list[tuple[int, int] | None]:
    """Tokens of spans by offsets that may overlap or be empty."""
    begins = np.array([begin for begin, _ in offsets], np.int64)
    ends = np.array([end for _, end in offsets], np.int64)
    found: list[tuple[int, int] | None] = []
    for start, end in spans:
        # A character that normalises to several (… to ...) may give its pieces no width but the last one's.
        first = int(min(np.searchsorted(ends, start, side="right"), np.searchsorted(begins, start, side="left")))
        last = int(np.searchsorted(begins, end, side="left")) - 1
        # The mark that stands for a blank before the first word is no part of the word.
        while first < last and pieces[first] in (SPACE_MARK, BYTE_LEVEL_SPACE):
            first += 1
        found.append((first, last) if first <= last else None)
    return found


def open_subwords(folder: Path, backend: Backend = "auto") -> Subwords:
    """Open the tokenizer of a folder; `auto` takes SentencePiece where the folder has its model.

    Raises: InputMissing where the folder has neither `sentencepiece.bpe.model` nor `tokenizer.json`.
    """
    model, as_json = folder / SENTENCEPIECE_NAME, _json_path(folder)
    if backend != "tokenizers" and model.is_file():
        return SentencePieceSubwords(model)
    if backend != "sentencepiece" and as_json is not None:
        return JsonSubwords(as_json)
    wanted = {"auto": f"neither {SENTENCEPIECE_NAME} nor", "sentencepiece": f"no {SENTENCEPIECE_NAME}, though perhaps"}
    raise InputMissing(
        f"{folder} has {wanted.get(backend, 'no')} {TOKENIZER_JSON_NAME}. Name the folder of a tokenizer, for instance "
        "a local copy of xlm-roberta-base, or train one with `python -m pipeline tokenizer`."
    )


def _json_path(folder: Path) -> Path | None:
    found = (folder / name for name in (TOKENIZER_JSON_NAME, TOKENIZER_JSON_NAME + ".gz"))
    return next((path for path in found if path.is_file()), None)


@functools.cache
def fingerprint_of(folder: Path, backend: Backend = "auto") -> str:
    """Return the fingerprint of what a folder's tokenizer does, as the trainer checks it.

    With the backend `auto` a folder that has both files must do the same by either: pieces, ids, spans.

    Raises: InputMissing as `open_subwords` does; UsageError where its offsets leave out much of a text, or its files differ.
    """
    subwords = open_subwords(folder, backend)
    as_json = _json_path(folder)
    if isinstance(subwords, SentencePieceSubwords) and (as_json is None or backend == "sentencepiece"):
        made = tokenizer_json((folder / SENTENCEPIECE_NAME).read_bytes())
        tokenizer = tokenizers.Tokenizer.from_str(json.dumps(made))
    else:
        by_json = subwords if isinstance(subwords, JsonSubwords) else JsonSubwords(as_json)  # type: ignore[arg-type]
        if by_json is not subwords:
            _require_alike(folder, subwords, by_json)
        tokenizer = by_json.tokenizer
    if (share := uncovered_share(tokenizer)) > MOST_UNCOVERED:
        raise UsageError(
            f"{folder}: the tokenizer's offsets leave out {share:.0%} of a text's characters, so mentions cannot be found "
            "in its tokens. Mend its pre-tokenizer, or name another tokenizer"
        )
    return tokenizer_fingerprint(tokenizer)


def _require_alike(folder: Path, fast: Subwords, slow: Subwords) -> None:
    otherwise = f"Pass --backend tokenizers to use {TOKENIZER_JSON_NAME}."
    if fast.pieces != slow.pieces:
        pairs = enumerate(zip(fast.pieces, slow.pieces, strict=False))
        place = next((i for i, (one, two) in pairs if one != two), min(len(fast.pieces), len(slow.pieces)))
        raise UsageError(
            f"{folder}: {SENTENCEPIECE_NAME} laid out as XLM-R's has {len(fast.pieces):,} pieces, {TOKENIZER_JSON_NAME} "
            f"{len(slow.pieces):,}; they first differ at id {place}. {otherwise}"
        )
    for text, one, two in zip(PROBE_TEXTS, _probed(fast), _probed(slow), strict=True):
        if one.ids.tolist() != two.ids.tolist() or one.spans != two.spans:
            raise UsageError(
                f"{folder}: {SENTENCEPIECE_NAME} and {TOKENIZER_JSON_NAME} have the same pieces and cut {text!r} "
                f"differently. {otherwise}"
            )


def _probed(subwords: Subwords) -> list[Encoded]:
    """Return the probe texts by one of the two ways, with the tokens of each of their words."""
    words = [[found.span() for found in re.finditer(r"\S+", text)] for text in PROBE_TEXTS]
    return subwords.encode_spans(PROBE_TEXTS, words)
