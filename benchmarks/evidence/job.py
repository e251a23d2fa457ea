"""The world as tables: a job of its own, so that its shards are written by the same sinks as those of real dumps.

    python -m benchmarks.evidence.job --knowledge FOLDER --output DATASET --asks transfer

Every dataset holds what is trained on; as validation it holds what its test asks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import tyro

from benchmarks.evidence.facts import FILES, OBJECT, SUBJECT, Fact, load_world
from benchmarks.evidence.splits import Splits
from benchmarks.evidence.texts import Texts
from pipeline.run.job import run_job
from pipeline.run.task import Job, Task
from pipeline.run.task_output import TaskOutput
from schemas import DESCRIPTIONS, MENTIONS, RELATIONS, TRAIN, TRIPLES, UNSPLIT, VALIDATION
from schemas.mentions import MentionContext

Asks = Literal["training", "transfer", "undescribed", "held_out", "new_name"]
MOST_ASKED = 250
"""Contexts of one language that a test asks."""


@dataclass(frozen=True, kw_only=True)
class EvidenceConfig:
    """Which facts, and what is asked of them."""

    knowledge: str
    """Folder with mParaRel's triples, labels and templates."""
    output: str
    """Folder of the dataset."""
    asks: Asks = "training"
    """What the validation split holds; `training` is for the trainer and asks a few facts as `transfer` does."""
    languages: tuple[str, ...] = ("en", "de", "ru", "el", "he", "ja")
    """Languages of the world; every entity has a name in each."""
    least_facts: int = 3
    """Fewest facts of an entity."""
    seed: int = 0
    """Seed of the split."""
    max_reject_share: float = 0.0
    """Nothing is rejected."""


def splits_of(config: EvidenceConfig) -> Splits:
    """Return the world and who is told what of it."""
    return Splits(load_world(Path(config.knowledge), config.languages, config.least_facts), config.seed)


def asked_contexts(texts: Texts, asks: Asks, language: str) -> list[MentionContext]:
    """Return the contexts that a test asks in one language; each mention in them is a question."""
    splits = texts.splits
    if asks == "held_out":
        found = list(texts.contexts(texts.of_role("held_out"), language))
    elif asks == "undescribed":  # facts that were read: what is new is the description that answers
        found = texts.training_contexts(language)
    else:
        unseen = [fact for fact in texts.of_role("context") if language not in splits.seen_in(fact)]
        found = list(texts.contexts(unseen, language))
    if asks == "new_name":
        found = [_asking_by_new_name(row, splits) for row in found]
    elif asks != "undescribed":
        found = [row for row in found if texts.may_be_seen(row.text, language)]
    found = [row for row in found if row.mentions and row.context_index == 0]
    return found[:: -(-len(found) // MOST_ASKED) or 1]


def _asking_by_new_name(row: MentionContext, splits: Splits) -> MentionContext:
    """Keep the mention whose neighbour has a name never seen, where just that one has."""
    named = [mention for mention in row.mentions if splits.is_named(mention.entity, row.language)]
    mentions = named if len(named) == 1 else []
    return MentionContext(**{**vars(row), "mentions": mentions})


def inputs(config: EvidenceConfig) -> dict[str, str]:
    """The files by size."""
    return {name: str((Path(config.knowledge) / name).stat().st_size) for name in FILES}


def plan(config: EvidenceConfig) -> list[Task]:
    """One task: the world is small."""
    splits_of(config)
    return [Task(index=0, source="world", payload={}, num_bytes=sum(map(int, inputs(config).values())))]


def run_task(config: EvidenceConfig, task: Task, out: TaskOutput) -> None:
    """Write the tables."""
    splits = splits_of(config)
    texts = Texts(splits)
    for language in config.languages:
        _write_language(config, texts, language, out)
    told = [fact for fact in splits.world.facts if splits.role(fact) != "held_out"]
    out.write(TRIPLES, _triples(told), split=TRAIN)
    if config.asks == "held_out":
        out.write(TRIPLES, _triples(texts.of_role("held_out")), split=VALIDATION)
    _write_relations(splits, out)
    out.ledger.read(len(splits.world.facts))
    out.ledger.keep(len(splits.world.facts))


def _write_language(config: EvidenceConfig, texts: Texts, language: str, out: TaskOutput) -> None:
    out.write(MENTIONS, MENTIONS.batch(texts.training_contexts(language)), partition=language, split=TRAIN)
    asked = asked_contexts(texts, config.asks, language)
    out.write(MENTIONS, MENTIONS.batch(asked), partition=language, split=VALIDATION)
    seen, unseen = texts.descriptions(language)
    rows = unseen if config.asks == "undescribed" else seen
    out.write(DESCRIPTIONS, DESCRIPTIONS.batch(rows), partition=language, split=UNSPLIT)


def _triples(facts: list[Fact]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([vars(fact) | {"rank": "normal"} for fact in facts], schema=TRIPLES.schema)


def _write_relations(splits: Splits, out: TaskOutput) -> None:
    """A relation's text is a template without its places: the data has no names of relations."""
    rows: list[dict[str, Any]] = []
    for relation in splits.world.relations:
        texts = [{"language": language, "label": text, "short_description": None, "aliases": [],
                  "code": language}
                 for language, text in _relation_texts(splits, relation)]  # fmt: skip
        rows.append({"relation": relation, "datatype": "wikibase-item", "texts": texts})
    out.write(RELATIONS, pa.RecordBatch.from_pylist(rows, schema=RELATIONS.schema))


def _relation_texts(splits: Splits, relation: str) -> Iterator[tuple[str, str]]:
    for language in splits.world.languages:
        shortest = min(splits.world.templates[language, relation], key=lambda text: (len(text), text))
        yield language, " ".join(shortest.replace(SUBJECT, " ").replace(OBJECT, "…").split())


JOB = Job(
    name="link",
    config=EvidenceConfig,
    plan=plan,
    run_task=run_task,
    tables=(MENTIONS, DESCRIPTIONS, TRIPLES, RELATIONS),
    inputs=inputs,
    input_fields=("knowledge",),
    properties=lambda config, records: {"facts": "Wikidata (CC0), by way of mParaRel"},
)


if __name__ == "__main__":
    from benchmarks.evidence.job import JOB as IMPORTED  # tasks are sent by their module's name, which __main__ is not

    run_job(IMPORTED, tyro.cli(EvidenceConfig))
    sys.exit(0)
