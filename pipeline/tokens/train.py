"""Trains a small SentencePiece tokenizer on a linked dataset, for encoders that start from random weights.

Real runs use the tokenizer of the encoder they start from. What is written is a folder in XLM-R's layout, which the
tokenize job reads and which `AutoTokenizer.from_pretrained` opens.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sentencepiece

from pipeline.run import storage
from pipeline.tokens.subwords import SentencePieceSubwords, fingerprint_of
from schemas import DESCRIPTIONS, MENTIONS, VALIDATION, Manifest, Table, iter_shard, read_manifest
from schemas.errors import InputMissing, OutputBusy, UsageError
from schemas.files import check_shards, require_unchanged
from schemas.sentencepiece_files import SENTENCEPIECE_NAME, hugging_face_files

_TRAINING_NAME = "training.json"


@dataclass(frozen=True, kw_only=True)
class TrainTokenizerConfig:
    """On what a tokenizer is trained, and how large it is."""

    linked: str
    """Folder that the link job wrote; descriptions and the contexts for training are read, never those for validation."""
    output: str
    """Folder of the tokenizer."""
    vocab_size: int = 8_000
    """Number of token ids, the five special ones included; fewer where the text does not fill them."""
    character_coverage: float = 0.9995
    """Share of the text's characters that get pieces of their own; the rarest others become `<unk>`."""
    max_bytes: int = 30_000_000
    """Text to train on, in bytes, taken evenly from all languages; time and memory grow with it."""


CONFIG = TrainTokenizerConfig
"""What the command line is made from."""


def run(config: TrainTokenizerConfig) -> None:
    """Train the tokenizer; the same input and settings give the same bytes.

    Raises:
        InputMissing: no linked dataset, or one without text.
        ShardMismatch: a shard of it is missing or has changed.
        UsageError: a vocabulary too small for the text's characters.
        OutputBusy: the output holds something else.
    """
    manifest = read_manifest(config.linked)
    wanted = {"linked": manifest.fingerprint, "vocab_size": config.vocab_size,
              "character_coverage": config.character_coverage, "max_bytes": config.max_bytes}  # fmt: skip
    output = Path(config.output)
    if _is_finished(output, wanted):
        print(f"tokenizer: {output} is finished already, nothing to do.", file=sys.stderr)
        return
    tables = (DESCRIPTIONS, MENTIONS)
    shards = [shard for table in tables for shard in manifest.of(table) if shard.split != VALIDATION]
    reads = check_shards(config.linked, shards)
    model = _train(sentences(config, manifest), config)
    beside = output.with_name(output.name + ".partial")
    require_unchanged(reads)
    contents = hugging_face_files(model)
    files = {name: f"{json.dumps(content, ensure_ascii=False, indent=1)}\n" for name, content in contents.items()}
    names = {SENTENCEPIECE_NAME, _TRAINING_NAME, *files}
    storage.fresh_folder(str(beside), lambda name: name.removesuffix(".tmp") in names)
    with storage.open_write(str(beside / SENTENCEPIECE_NAME)) as file:
        file.write(model)
    for name, text in files.items():
        storage.write_text(str(beside / name), text)
    fingerprint = fingerprint_of(beside)
    subwords = SentencePieceSubwords(beside / SENTENCEPIECE_NAME)
    storage.write_text(str(beside / _TRAINING_NAME), f"{json.dumps(wanted, indent=1)}\n")
    storage.publish(str(beside), str(output))
    print(f"tokenizer: {len(subwords.pieces):,} pieces in {output}, fingerprint {fingerprint[:16]}")


def _is_finished(output: Path, wanted: dict[str, object]) -> bool:
    if not os.path.lexists(output) or (output.is_dir() and not output.is_symlink() and not any(output.iterdir())):
        return False
    with suppress(OSError, ValueError):
        if json.loads((output / _TRAINING_NAME).read_text("utf-8")) == wanted:
            return True
    raise OutputBusy(f"{output} holds a tokenizer of other data or settings, or something else. Name another output.")


def sentences(config: TrainTokenizerConfig, manifest: Manifest) -> Iterator[str]:
    """Yield texts, each language up to its even share of `max_bytes`, in the order of the shards.

    Raises: InputMissing where there is no text.
    """
    languages = sorted({*manifest.partitions(DESCRIPTIONS), *manifest.partitions(MENTIONS)})
    if not languages:
        raise InputMissing(f"{config.linked} has neither descriptions nor mentions to train a tokenizer on")
    for language in languages:
        left = config.max_bytes // len(languages)
        for text in _texts_of_language(Path(config.linked), manifest, language):
            left -= len(text.encode())
            if left < 0:
                break
            yield text


def _texts_of_language(folder: Path, manifest: Manifest, language: str) -> Iterator[str]:
    tables: tuple[Table, ...] = (DESCRIPTIONS, MENTIONS)
    for table in tables:
        for shard in manifest.of(table, partition=language):
            if shard.split == VALIDATION:
                continue
            for batch in iter_shard(folder / shard.path, table, ("text",)):
                yield from batch.column("text").to_pylist()


def _train(texts: Iterator[str], config: TrainTokenizerConfig) -> bytes:
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=texts,
            model_writer=model,
            model_type="unigram",
            vocab_size=config.vocab_size - 2,  # <pad> and <mask> are added by the layout
            hard_vocab_limit=False,
            character_coverage=config.character_coverage,
            unk_id=0,
            bos_id=1,
            eos_id=2,
            pad_id=-1,
            normalization_rule_name="nmt_nfkc",
            max_sentence_length=16_384,
            input_sentence_size=0,
            shuffle_input_sentence=False,
            # Sums of several threads come in another order in each run, and with them other last digits.
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise _refusal(config, str(error)) from error
    return model.getvalue()


def _refusal(config: TrainTokenizerConfig, reason: str) -> UsageError:
    """Return what SentencePiece's refusal means for the user."""
    if least := re.search(r"smaller than required_chars\D+\d+\D+(\d+)", reason):
        reason = f"its characters alone need {int(least[1]) + 2:,}. Ask for more with --vocab-size."
    return UsageError(f"no tokenizer of {config.vocab_size:,} ids can be trained on {config.linked}: {reason}")
