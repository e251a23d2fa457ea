"""Validation batches: one pass over the validation split in a fixed order, the same for every run and step."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from model.batch import Batch
from model.data.examples.example import Example, Source
from model.data.stores.token_dataset import TokenDataset
from model.data.stores.triples import TripleIndex
from model.data.stream.collate import Collator
from model.data.stream.packing import Pack
from model.data.stream.stream import make_sources
from model.data.stream_config import Objective, StreamConfig
from schemas import TOKEN_MENTIONS, TOKEN_TEXT, TOKEN_TRIPLES, VALIDATION
from schemas.errors import UsageError


def validation_batches(
    data: TokenDataset, config: StreamConfig, *, rank: int = 0, world_size: int = 1, limit: int = 0
) -> Iterator[Batch]:
    """Yield batches over the validation split: every mention masked, all choices made with `validation_seed`.

    Objectives without validation rows are left out. Shapes are those of training, so a compiled step serves both.

    Args:
        data: the shards.
        config: as in training.
        rank, world_size: batches are dealt to ranks in turn.
        limit: most batches over all ranks; 0 is all.

    Raises:
        UsageError: no objective that is on has validation rows.
    """
    fixed = dataclasses.replace(config, mention_mask_rate=1.0)
    on = [objective for objective in config.objectives if has_rows(data, config, objective)]
    if not on:
        raise UsageError(
            f"{data.where} has no validation rows for {', '.join(config.objectives)}: "
            "build it with a validation share, or turn validation off."
        )
    sources = make_sources(data, fixed, VALIDATION, config.validation_seed, on)
    triples = data.store(TripleIndex) if "oe" in on else None
    collator = Collator(data.special, fixed, triples, config.validation_seed, "validation")
    for number, pack in enumerate(_packs(sources, fixed)):
        if limit and number >= limit:
            return
        if number % world_size == rank:
            yield collator.batch(pack, number, number)


def has_rows(data: TokenDataset, config: StreamConfig, objective: Objective) -> bool:
    """Tell whether an objective has validation rows."""
    contexts = [TOKEN_MENTIONS] if config.mlm_from_contexts else []
    tables = {"mlm": [TOKEN_TEXT, *contexts], "mep": [TOKEN_MENTIONS], "oe": [TOKEN_TRIPLES]}[objective]
    wanted = set(config.languages) | {""}
    found = {language for table in tables for language in data.languages(table, VALIDATION)}
    return bool(found & wanted if config.languages else found)


def _packs(sources: dict[Objective, Source], config: StreamConfig) -> Iterator[Pack]:
    """Pack all examples in turn by the shares; a pack is closed when the next example does not fit."""
    waiting = {objective: _examples(source, config) for objective, source in sources.items()}
    given: dict[Objective, int] = dict.fromkeys(sources, 0)
    ahead: dict[Objective, Example] = {}
    while waiting:
        pack = Pack(config.shapes())
        closed: set[Objective] = set()
        while candidates := [objective for objective in waiting if objective not in closed]:
            objective = min(candidates, key=lambda name: given[name] / config.share(name))
            example = ahead.pop(objective, None) or next(waiting[objective], None)
            if example is None:
                del waiting[objective]
            elif pack.add(example):
                given[objective] += example.cost
                closed |= set(waiting) - {objective} if config.one_objective_per_batch else set()
            else:
                ahead[objective] = example
                closed.add(objective)
        if pack.examples:
            yield pack


def _examples(source: Source, config: StreamConfig) -> Iterator[Example]:
    """Yield all examples of a source, window by window over the units in their own order."""
    units = source.plan.in_order()
    for number, first in enumerate(range(0, len(units), config.window_units)):
        window = source.window_of(units[first : first + config.window_units], number, "validation")
        yield from (window.example(place) for place in range(window.count))
