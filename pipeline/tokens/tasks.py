"""What each kind of task of the tokenize job reads and writes."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.dumps.ranges import MAX_LINE_BYTES, ByteRange
from pipeline.run.task_output import TaskOutput
from pipeline.tokens.config import TokenizeConfig
from pipeline.tokens.corpora import Document, read_documents
from pipeline.tokens.rows import (
    num_tokens,
    token_contexts,
    token_descriptions,
    token_relations,
    token_texts,
    token_triples,
)
from pipeline.tokens.subwords import Backend, Subwords, open_subwords
from pipeline.wikis.language_notes import LanguageNotes
from schemas import (
    DESCRIPTIONS,
    MENTIONS,
    RELATIONS,
    TOKEN_DESCRIPTIONS,
    TOKEN_MENTIONS,
    TOKEN_RELATIONS,
    TOKEN_TEXT,
    TOKEN_TRIPLES,
    TRIPLES,
    Table,
    iter_shard,
    split_of,
)

BATCH_ROWS = 1_000
"""Rows tokenised together."""
_BATCH_BYTES = 1_000_000


@functools.cache
def _subwords(folder: Path, backend: Backend) -> Subwords:
    """Return a process opens its tokenizer once."""
    return open_subwords(folder, backend)


def subwords_of(config: TokenizeConfig) -> Subwords:
    """Return the configured tokenizer."""
    return _subwords(config.tokenizer_folder, config.backend)


def _batches(config: TokenizeConfig, payload: dict[str, Any], table: Table) -> Iterator[pa.RecordBatch]:
    for path in payload["shards"]:
        yield from iter_shard(Path(config.linked, path), table, batch_rows=BATCH_ROWS)


def run_descriptions(config: TokenizeConfig, payload: dict[str, Any], out: TaskOutput) -> None:
    """Turn some shards of `descriptions` of one language."""
    notes, language = LanguageNotes(out.notes), payload["partition"]
    for batch in _batches(config, payload, DESCRIPTIONS):
        rows = token_descriptions(batch, subwords_of(config))
        out.write(TOKEN_DESCRIPTIONS, rows, partition=language, split=payload["split"])
        _account(out, batch, rows.num_rows)
        notes.add(language, "descriptions", rows.num_rows)
        notes.add(language, "description_tokens", num_tokens(rows))


def run_mentions(config: TokenizeConfig, payload: dict[str, Any], out: TaskOutput) -> None:
    """Turn some shards of `mentions` of one language and split."""
    notes, language, split = LanguageNotes(out.notes), payload["partition"], payload["split"]
    for batch in _batches(config, payload, MENTIONS):
        rows, lost = token_contexts(batch, subwords_of(config))
        out.write(TOKEN_MENTIONS, rows, partition=language, split=split)
        _account(out, batch, rows.num_rows)
        out.ledger.count("mentions_without_a_token", lost)
        notes.add(language, f"{split}_contexts", rows.num_rows)
        notes.add(language, f"{split}_mentions", len(rows.column("mentions").flatten()))
        notes.add(language, f"{split}_context_tokens", num_tokens(rows))


def run_relations(config: TokenizeConfig, payload: dict[str, Any], out: TaskOutput) -> None:
    """All relations in all languages."""
    for batch in _batches(config, payload, RELATIONS):
        for language, rows in token_relations(batch, subwords_of(config)).items():
            out.write(TOKEN_RELATIONS, rows, partition=language)
        _account(out, batch, batch.num_rows)


def run_triples(config: TokenizeConfig, payload: dict[str, Any], out: TaskOutput) -> None:
    """Turn some shards of `triples` of one split."""
    for batch in _batches(config, payload, TRIPLES):
        out.write(TOKEN_TRIPLES, token_triples(batch), split=payload["split"])
        _account(out, batch, batch.num_rows)


def _account(out: TaskOutput, batch: pa.RecordBatch, kept: int) -> None:
    out.ledger.read(batch.num_rows)
    out.ledger.keep(kept)


def run_text(config: TokenizeConfig, payload: dict[str, Any], out: TaskOutput) -> None:
    """Turn a range of a plain-text corpus into token ids."""
    language = payload["language"]
    span = ByteRange(**payload["range"])
    pending: dict[str, list[str]] = {"train": [], "validation": []}
    size = 0
    for document in read_documents(span, config.max_document_bytes):
        out.ledger.read()
        text = _readable(document, out)
        if text is None:
            continue
        out.ledger.keep()
        digest = blake2b(text.encode(), digest_size=16).hexdigest()
        pending[split_of(digest, config.validation_per_mille)].append(text)
        size += len(document.data)
        if size >= _BATCH_BYTES:
            _write_texts(config, language, pending, out)
            size = 0
    _write_texts(config, language, pending, out)


def _readable(document: Document, out: TaskOutput) -> str | None:
    if document.oversize:
        detail = f"a line of {document.oversize:,} bytes, the limit is {MAX_LINE_BYTES:,}: does the file end its lines?"
        out.ledger.reject("line_too_long", offset=document.offset, detail=detail, excerpt=document.data)
        return None
    try:
        text = unicodedata.normalize("NFC", document.data.decode("utf-8")).replace("\0", "")
    except UnicodeDecodeError as error:
        out.ledger.reject("not_utf8", offset=document.offset, detail=str(error), excerpt=document.data)
        return None
    if not text.strip():
        out.ledger.drop("empty")
        return None
    return text


def _write_texts(config: TokenizeConfig, language: str, pending: dict[str, list[str]], out: TaskOutput) -> None:
    notes = LanguageNotes(out.notes)
    for split, texts in pending.items():
        rows = token_texts(language, texts, subwords_of(config))
        out.write(TOKEN_TEXT, rows, partition=language, split=split)
        notes.add(language, f"{split}_documents", len(texts))
        notes.add(language, f"{split}_text_tokens", num_tokens(rows))
        texts.clear()


RUNNERS: dict[str, Callable[[TokenizeConfig, dict[str, Any], TaskOutput], None]] = {
    "descriptions": run_descriptions,
    "mentions": run_mentions,
    "relations": run_relations,
    "triples": run_triples,
    "text": run_text,
}
"""What runs a task, by the `do` of its payload."""
