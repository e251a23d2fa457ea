"""The folder of a run, read back: its configuration, and its newest checkpoint as a finished model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from model.config import EncoderConfig, MethodConfig, OptimConfig, PretrainConfig
from model.data.stores.token_dataset import manifest_of
from model.data.stream_config import StreamConfig
from model.method.encoder import load_encoder
from model.method.joint import JointModel
from model.training import checkpoint as checkpoints
from model.training.export import export_model
from model.training.metrics import LOG
from model.training.tokenizer_source import find_tokenizer, open_tokenizer
from schemas.errors import CheckpointUnusable, InputMissing

CONFIG = "pretrain.json"
"""Name of the file with a run's configuration."""
_PARTS: dict[str, type] = {
    "encoder": EncoderConfig,
    "method": MethodConfig,
    "stream": StreamConfig,
    "optim": OptimConfig,
}


def read_config(folder: Path) -> PretrainConfig:
    """Return the configuration a run was last started with.

    Raises:
        InputMissing: the folder is not that of a run.
        CheckpointUnusable: it was written by another version of this code.
    """
    try:
        fields = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputMissing(f"{folder} has no {CONFIG}, so it is not the folder of a run") from error
    try:
        parts = {name: _make(kind, fields.pop(name)) for name, kind in _PARTS.items()}
        config: PretrainConfig = _make(PretrainConfig, fields | parts)
    except (TypeError, KeyError) as error:
        raise CheckpointUnusable(f"{folder / CONFIG} is of another version of this code: {error}") from error
    return config


def export_run(folder: Path, target: Path, scores: Sequence[tuple[str, str]] = ()) -> int:
    """Write a run's newest whole checkpoint as a finished model; returns its step.

    Args:
        folder: of the run.
        target: folder to write.
        scores: names and values of what the model was evaluated on, for its card.

    Raises:
        InputMissing: no run, or no checkpoint yet.
        CheckpointUnusable: no checkpoint is whole.
    """
    config = read_config(folder)
    found = checkpoints.find(folder / "checkpoints")
    if found is None:
        raise InputMissing(f"{folder} has no checkpoint yet; train it first")
    tokenizer = open_tokenizer(find_tokenizer(config.tokenizer, config.encoder.source, config.data))
    encoder = load_encoder(config.encoder, vocab_size=len(tokenizer), pad_id=tokenizer.pad_token_id)
    joint = JointModel(encoder, config)
    checkpoints.load_model(found, joint)
    facts: dict[str, Any] = {"steps": found.state["step"], "tokens_seen": found.state["tokens_seen"]}
    facts |= {"ranks": found.state["ranks"], "results": [*logged_results(folder), *scores]}
    export_model(joint, tokenizer, config, manifest_of(config.data), target, facts)
    return int(found.state["step"])


def logged_results(folder: Path) -> list[tuple[str, str]]:
    """Losses and accuracies of a run's last validation; of its last log line if it was never validated; as text."""
    rows = list(_log_rows(folder / LOG))
    validated = [row for row in rows if "validated" in row]
    trained = [row for row in rows if "step" in row and "event" not in row]
    if not validated and not trained:
        return []
    last = (validated or trained)[-1]
    step = last.get("validated", last.get("step"))
    where = f"validation split, step {step:,}" if validated else f"training, up to step {step:,}"
    shown = {name: value for name, value in last.items() if name.endswith(("/loss", "/accuracy"))}
    return [
        (f"{name.replace('/', ' ')} ({where})", f"{value:.1%}" if name.endswith("accuracy") else f"{value:.3f}")
        for name, value in shown.items()
    ]


def _log_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a log; a line that a kill cut short is left out."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def _make(kind: type, fields: dict[str, Any]) -> Any:
    """Return a configuration from JSON, whose lists stand for tuples."""
    hints = get_type_hints(kind)
    unknown = sorted(set(fields) - set(hints))
    if unknown:
        raise TypeError(f"unknown field {unknown[0]}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})
