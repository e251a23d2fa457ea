"""A small dataset of token shards and tiny random models, made in a few milliseconds for the evaluation tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch import nn

from model.data.special_tokens import SpecialTokens
from model.data.stores.token_dataset import TokenDataset
from schemas import (
    TABLES,
    TOKEN_DESCRIPTIONS,
    TOKEN_MENTIONS,
    TOKEN_RELATIONS,
    TOKEN_TRIPLES,
    Manifest,
    Shard,
    ShardWriter,
    Table,
    shard_path,
    write_manifest,
)

VOCAB = 64
SPECIAL = SpecialTokens(
    begin=0, pad=1, end=2, mask=VOCAB - 1, vocab_size=VOCAB, reserved=(0, 1, 2, 3, VOCAB - 1), position_offset=2
)


def write_dataset(
    folder: Path, tables: dict[tuple[Table, str, str], Sequence[dict[str, Any]]], tokenizer_fingerprint: str = ""
) -> TokenDataset:
    """Write rows by (table, language, split) as a finished dataset and open it."""
    shards = []
    for (table, language, split), rows in tables.items():
        path = shard_path(table, language, split, 0, 1)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        with (folder / path).open("wb") as sink:
            writer = ShardWriter(sink, table)
            writer.write(pa.RecordBatch.from_pylist(list(rows), schema=table.schema))
            count, size, digest = writer.close()
        shards.append(
            Shard(path=path, table=table.name, partition=language, split=split, rows=count, bytes=size, sha256=digest)
        )
    manifest = Manifest(
        job="tokenize",
        tables={name: table.version for name, table in TABLES.items()},
        shards=sorted(shards, key=lambda shard: shard.path),
        accounts=[],
        counters={},
        inputs={},
        config={},
        code_version="test",
        properties={"tokenizer_fingerprint": tokenizer_fingerprint},
    )
    write_manifest(folder, manifest)
    return TokenDataset(folder, SPECIAL)


def described(language: str, texts: dict[int, list[int]]) -> list[dict[str, Any]]:
    """Rows of descriptions by entity number."""
    return [
        {"entity_number": entity, "language": language, "origin": "wikipedia", "token_ids": token_ids}
        for entity, token_ids in texts.items()
    ]


def context(language: str, token_ids: list[int], *mentions: tuple[int, int, int]) -> dict[str, Any]:
    """A row of mentions; each mention is (first, last, entity)."""
    spans = [{"first": first, "last": last, "entity_number": entity} for first, last, entity in mentions]
    return {
        "language": language,
        "page_entity_number": -1,
        "page_id": 1,
        "context_index": 0,
        "token_ids": token_ids,
        "mentions": spans,
    }


def small_world(folder: Path, tokenizer_fingerprint: str = "") -> TokenDataset:
    """Three entities in two languages; entity 3 is described in `aa` only and mentioned in no training context."""
    return write_dataset(
        folder,
        {
            (TOKEN_DESCRIPTIONS, "aa", "train"): described("aa", {1: [10], 2: [11], 3: [12]}),
            (TOKEN_DESCRIPTIONS, "bb", "train"): described("bb", {2: [11, 21], 1: [10, 20]}),
            (TOKEN_MENTIONS, "aa", "train"): [
                context("aa", [30, 10], (1, 1, 1), (0, 0, 1)),
                context("aa", [11], (0, 0, 2)),
            ],
            (TOKEN_MENTIONS, "aa", "validation"): [
                context("aa", [10, 40], (1, 1, 1)),
                context("aa", [12, 41], (1, 1, 3)),
            ],
            (TOKEN_MENTIONS, "bb", "validation"): [context("bb", [42, 11, 11], (0, 0, 2))],
            (TOKEN_RELATIONS, "aa", "train"): [{"relation_number": 5, "language": "aa", "token_ids": [12]}],
            (TOKEN_TRIPLES, "", "train"): [{"subject_number": 1, "relation_number": 5, "object_number": 2}],
            (TOKEN_TRIPLES, "", "validation"): [{"subject_number": 1, "relation_number": 5, "object_number": 3}],
        },
        tokenizer_fingerprint,
    )


class _Output:
    def __init__(self, last_hidden_state: torch.Tensor) -> None:
        self.last_hidden_state = last_hidden_state


class BagOfTokens(nn.Module):
    """An encoder whose every state counts the document's ordinary tokens, so that its rankings can be told by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(VOCAB))
        self.config = type("Config", (), {"hidden_size": VOCAB})()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, output_hidden_states: bool) -> _Output:
        """Every position gets the same counts; reserved ids do not count."""
        ordinary = attention_mask * torch.isin(input_ids, torch.tensor(SPECIAL.reserved), invert=True)
        counts = (self.weight[input_ids] * ordinary[..., None]).sum(1, keepdim=True)
        return _Output(counts.expand(-1, input_ids.shape[1], -1))
