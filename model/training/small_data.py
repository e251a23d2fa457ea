"""Says before a run what it has too little of to mean anything."""

from __future__ import annotations

from model.config import PretrainConfig
from model.data.stores.token_dataset import TokenDataset
from schemas import TOKEN_MENTIONS, TOKEN_TRIPLES, TRAIN, VALIDATION, Table

FEW_TRAINING = 1000
"""Rows of an objective below which it is learnt by heart and not understood."""
FEW_VALIDATION = 100
"""Rows below which a share moves by more than a tenth from one sample to the next: 1 / sqrt(100)."""
_TABLES: dict[str, tuple[Table, str]] = {"mep": (TOKEN_MENTIONS, "contexts"), "oe": (TOKEN_TRIPLES, "triples")}


def few_rows(data: TokenDataset, config: PretrainConfig) -> list[str]:
    """Return a sentence for every knowledge objective that is on and has few rows, in training or in validation."""
    found = []
    for name, (table, words) in _TABLES.items():
        if name not in config.stream.objectives:
            continue
        for split, few, what in (
            (TRAIN, FEW_TRAINING, "learnt by heart, they say nothing of others"),
            (VALIDATION, FEW_VALIDATION, "scores on them are chance to a tenth"),
        ):
            count = _count(data, table, split, config.stream.languages)
            # No validation at all is told by the validation itself.
            if count < few and (count or split == TRAIN):
                found.append(f"{name} has {count:,} {words} in the {split} split, fewer than {few:,}: {what}")
    return found


def _count(data: TokenDataset, table: Table, split: str, languages: tuple[str, ...]) -> int:
    wanted = {*languages, ""}  # triples are of no language
    return sum(
        shard.rows for shard in data.manifest.of(table, split=split) if not languages or shard.partition in wanted
    )
