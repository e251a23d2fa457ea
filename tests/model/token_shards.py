"""Small token datasets for tests: written by the project's own shard writer, in every table the trainer reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.data.special_tokens import SpecialTokens
from model.data.stores.token_dataset import TokenDataset
from schemas import (
    TOKEN_DESCRIPTIONS,
    TOKEN_MENTIONS,
    TOKEN_RELATIONS,
    TOKEN_TEXT,
    TOKEN_TRIPLES,
    TRAIN,
    UNSPLIT,
    VALIDATION,
    Manifest,
    Shard,
    ShardWriter,
    Table,
    TokenContext,
    TokenDescription,
    TokenMention,
    TokenRelation,
    TokenText,
    TokenTriple,
    shard_path,
    write_manifest,
)

SPECIAL = SpecialTokens(begin=0, end=2, pad=1, mask=999, vocab_size=1000, reserved=(0, 1, 2, 3, 999), position_offset=2)
"""Ids laid out as XLM-R's, with a vocabulary of 1,000."""

LANGUAGES = ("de", "en", "hy", "zh")
TOKEN_TABLES = (TOKEN_DESCRIPTIONS, TOKEN_MENTIONS, TOKEN_RELATIONS, TOKEN_TRIPLES, TOKEN_TEXT)
TOKENIZER = "fingerprint-of-the-test-tokenizer"


class DatasetWriter:
    """Writes shards and, at the end, the manifest."""

    def __init__(self, folder: Path, tables: Sequence[Table] = TOKEN_TABLES) -> None:
        self.folder, self._tables = folder, tables
        folder.mkdir(parents=True, exist_ok=True)
        self._shards: list[Shard] = []

    def write(
        self, table: Table, rows: Iterable[Any], *, partition: str = "", split: str = UNSPLIT, num_shards: int = 1
    ) -> None:
        """Write rows as `num_shards` shards; a shard without rows is left out."""
        all_rows = list(rows)
        for index in range(num_shards):
            part = all_rows[index::num_shards]
            if not part:
                continue
            path = shard_path(table, partition, split, index, num_shards)
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            with (self.folder / path).open("wb") as sink:
                writer = ShardWriter(sink, table)
                writer.write(table.batch(part))
                count, size, checksum = writer.close()
            self._shards.append(
                Shard(
                    path=path,
                    table=table.name,
                    partition=partition,
                    split=split,
                    rows=count,
                    bytes=size,
                    sha256=checksum,
                )
            )

    def finish(self, **properties: Any) -> None:
        """Write the manifest."""
        manifest = Manifest(
            job="tokenize",
            tables={table.name: table.version for table in self._tables},
            shards=sorted(self._shards, key=lambda shard: shard.path),
            accounts=[],
            counters={},
            inputs={},
            config={},
            code_version="0",
            properties={"tokenizer_fingerprint": TOKENIZER, "vocab_size": SPECIAL.vocab_size, **properties},
        )
        write_manifest(self.folder, manifest)


def random_ids(draws: np.random.Generator, low: int, high: int) -> list[int]:
    """Return between `low` and `high` ordinary ids."""
    return draws.integers(4, 999, size=int(draws.integers(low, high + 1))).tolist()


def context(
    draws: np.random.Generator, language: str, number: int, num_entities: int, longest: int = 60
) -> TokenContext:
    """Return a context with one to three mentions that do not overlap."""
    ids = random_ids(draws, 12, longest)
    edges = np.sort(draws.choice(len(ids), size=2 * int(draws.integers(1, 4)), replace=False))
    mentions = [
        TokenMention(first=int(first), last=int(last) - 1, entity_number=int(draws.integers(1, num_entities + 1)))
        for first, last in edges.reshape(-1, 2)
    ]
    return TokenContext(
        language=language,
        page_entity_number=number % 7 + 1,
        page_id=number,
        context_index=0,
        token_ids=ids,
        mentions=mentions,
    )


def write_world(
    folder: Path, *, num_entities: int = 60, contexts: int = 120, texts: int = 40, triples: int = 150, seed: int = 5
) -> Path:
    """Write a whole dataset: contexts, descriptions, relations, triples and texts in four languages.

    Every item is described in English and in about half of the other languages.
    """
    draws, writer = np.random.default_rng(seed), DatasetWriter(folder)
    for place, language in enumerate(LANGUAGES):
        described = [n for n in range(1, num_entities + 1) if language == "en" or draws.random() < 0.5]
        writer.write(
            TOKEN_DESCRIPTIONS,
            [
                TokenDescription(
                    entity_number=n, language=language, origin="wikipedia", token_ids=random_ids(draws, 5, 30)
                )
                for n in described
            ],
            partition=language,
        )
        for split, share in ((TRAIN, 1.0), (VALIDATION, 0.2)):
            count = int(contexts * share) // (place + 1)
            rows = [context(draws, language, number, num_entities) for number in range(count)]
            writer.write(TOKEN_MENTIONS, rows, partition=language, split=split, num_shards=2 if split == TRAIN else 1)
            documents = [
                TokenText(language=language, token_ids=random_ids(draws, 5, 90)) for _ in range(int(texts * share))
            ]
            writer.write(TOKEN_TEXT, documents, partition=language, split=split)
        writer.write(
            TOKEN_RELATIONS,
            [
                TokenRelation(relation_number=n, language=language, token_ids=random_ids(draws, 1, 4))
                for n in (17, 31, 131)
            ],
            partition=language,
        )
    numbers = draws.integers(1, num_entities + 1, size=(triples, 2))
    facts = {(int(a), int(draws.choice([17, 31, 131])), int(b)) for a, b in numbers}
    statements = [TokenTriple(subject_number=a, relation_number=r, object_number=b) for a, r, b in sorted(facts)]
    writer.write(TOKEN_TRIPLES, statements[10:], split=TRAIN, num_shards=2)
    writer.write(TOKEN_TRIPLES, statements[:10], split=VALIDATION)
    writer.finish()
    return folder


def open_world(folder: Path) -> TokenDataset:
    """Open what `write_world` wrote."""
    return TokenDataset(folder, SPECIAL)
