"""The model card, filled from the run alone: nothing in it is written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from model.config import PretrainConfig
from schemas.manifest import Manifest
from schemas.splits import TRAIN

OBJECTIVE_NAMES = {
    "mlm": "masked language modelling",
    "mep": "masked entity prediction",
    "oe": "object entailment",
}
FEW_ROWS = 10_000
"""A language with fewer rows to train on is named among the limits."""
_PAPER_NOTE = "the loss the authors released, defects of method included"
_BEST_NOTE = "gathered negatives with gradient, false negatives masked by entity"


def model_card(config: PretrainConfig, manifest: Manifest, facts: dict[str, Any], architecture: str) -> str:
    """Return the card as Markdown with the Hub's header.

    Args:
        config: the run.
        manifest: of its token shards.
        facts: steps, tokens seen, ranks, and `results` (rows of name and value) where there are any.
        architecture: class of the encoder.
    """
    languages = sorted({shard.partition for shard in manifest.shards if shard.partition})
    objectives = config.stream.objectives
    parts = [
        _header(languages, config),
        f"# XLM-K, {config.encoder.source or 'random'} start, {', '.join(objectives)}",
        f"A `{architecture}` trained with {_listed(OBJECTIVE_NAMES[name] for name in objectives)} in `{config.method.mode}` "
        f"mode ({_PAPER_NOTE if config.method.mode == 'paper' else _BEST_NOTE}). Weights are float32. "
        "`heads.safetensors` holds the projection heads; the encoder works without them.",
        "## Results",
        _table(facts["results"]) if facts.get("results") else "None recorded: nothing is known of what it can do.",
        "`python -m model evaluate` scores the model; `python -m model export` then writes this card anew with the scores.",
        "## Use",
        *_use(objectives, manifest),
        "```python\nfrom transformers import AutoModel, AutoTokenizer\n\n"
        "tokenizer = AutoTokenizer.from_pretrained(FOLDER)\nmodel = AutoModel.from_pretrained(FOLDER)\n```",
        "## Training",
        _table(
            [("steps", f"{facts['steps']:,}"), ("tokens seen", f"{facts['tokens_seen']:,}"), ("ranks", facts["ranks"])]
        ),
        "### Recipe",
        _table(_flat(asdict(config))),
        "## Data",
        f"Token shards with fingerprint `{manifest.fingerprint}`, written by version {manifest.code_version} of the "
        f"pipeline, in {len(languages)} languages: {', '.join(languages)}.",
        _table((name, f"{rows:,} rows") for name, rows in manifest.rows.items()),
        "Made from:",
        _table(manifest.inputs.items()),
        "## Licence",
        f"{config.licence}. Texts come from Wikipedia (CC BY-SA) and facts from Wikidata (CC0).",
    ]
    return "\n\n".join(parts) + "\n"


def _use(objectives: Iterable[str], manifest: Manifest) -> Iterator[str]:
    """Yield what the model is for and what it is not, by what it was trained on."""
    yield "An encoder to fine-tune (tags, classes, answers in a text) and, by its heads, to compare mentions with entities."
    limits = [
        "It learnt from Wikipedia and Wikidata, with what they leave out and how they lean; nothing was filtered for that.",
        "What it takes for a fact is what it read, of the dumps' dates and not of today: check before you rely on it.",
    ]
    if "oe" not in objectives:
        limits.append("It saw no relations between entities: Object Entailment was not among its objectives.")
    if "mep" not in objectives:
        limits.append("It was not trained to tell entities: Masked Entity Prediction was not among its objectives.")
    contexts = {
        language: sum(shard.rows for shard in manifest.shards if shard.partition == language and shard.split == TRAIN)
        for language in sorted({shard.partition for shard in manifest.shards if shard.partition})
    }
    limits.append(f"It was trained on texts of {len(contexts)} languages; how it reads others was not looked at.")
    poor = [language for language, rows in contexts.items() if rows < FEW_ROWS]
    if poor:
        limits.append(f"Fewer than {FEW_ROWS:,} rows each to train on in: {', '.join(poor)}.")
    yield "\n".join(f"- {limit}" for limit in limits)


def _header(languages: list[str], config: PretrainConfig) -> str:
    tags = "\n".join(f"- {language}" for language in languages)
    return (
        f"---\nlicense: {config.licence}\nlibrary_name: transformers\npipeline_tag: fill-mask\n"
        f"tags:\n- xlm-k\nlanguage:\n{tags}\n---"
    )


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _table(rows: Iterable[tuple[str, Any]]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _flat(fields: dict[str, Any], where: str = "") -> list[tuple[str, Any]]:
    """Fields of nested dictionaries as `outer.inner`; paths of the machine are left out."""
    rows: list[tuple[str, Any]] = []
    for name, value in fields.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{where}{name}.")
        elif where or name not in ("data", "output", "tokenizer", "licence"):
            rows.append((f"{where}{name}", f"`{value}`"))
    return rows
