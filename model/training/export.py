"""Export: a plain Hugging Face folder in float32, the projection heads in a second file, and a model card.

`AutoModel`, `AutoModelForMaskedLM` and `AutoTokenizer` open the folder with nothing of this project installed, and
sentence-transformers takes the state and head that were trained. The configuration is the source's: what was changed for
training, as dropout, is not published. Two runs of the same steps write the same bytes.
"""

from __future__ import annotations

import json
import os
import shutil
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from model.config import PretrainConfig
from model.method.joint import JointModel
from model.training.head_files import key_heads, save_heads
from model.training.model_card import model_card
from model.training.sentence_modules import write_sentence_modules
from model.training.tokenizer_source import STAMP, fingerprint_of
from schemas.errors import StorageError
from schemas.manifest import Manifest


def export_model(
    joint: JointModel, tokenizer: Any, config: PretrainConfig, manifest: Manifest, folder: Path, facts: dict[str, Any]
) -> None:
    """Write the finished model, replacing an earlier one at once when the new one is whole.

    Args:
        joint: the trained model.
        tokenizer: goes into the folder too.
        config: the run.
        manifest: of the token shards.
        folder: where to.
        facts: steps, tokens seen and ranks, for the card.

    Raises:
        StorageError: no space or no permission.
    """
    beside = folder.with_name(f".{folder.name}-partial")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        _write(joint, tokenizer, config, manifest, beside, facts)
        if folder.exists():
            shutil.rmtree(folder)
        os.rename(beside, folder)
    except OSError as error:
        raise StorageError(
            f"the finished model could not be written to {folder}: {error}. Free some space or mend the permission; "
            "the same command exports again without training"
        ) from error


def _write(
    joint: JointModel, tokenizer: Any, config: PretrainConfig, manifest: Manifest, folder: Path, facts: dict[str, Any]
) -> None:
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = joint.encoder.model
    state = {name: tensor.detach().to("cpu", torch.float32) for name, tensor in model.state_dict().items()}
    in_training, model.config = model.config, deepcopy(joint.encoder.published)
    try:
        model.save_pretrained(folder, state_dict=state)
    finally:
        model.config = in_training
    _write_tokenizer(tokenizer, joint.encoder.max_length, folder)
    save_heads(joint, config.method.head_norm, folder)
    if joint.layer is None:  # sentence-transformers reads the last layer
        write_sentence_modules(key_heads(joint), joint.encoder.width, joint.encoder.max_length, folder)
    run = {"config": asdict(replace(config, output="")), "data": manifest.fingerprint, STAMP: fingerprint_of(tokenizer)}
    (folder / "run.json").write_text(json.dumps(run | facts, indent=1, ensure_ascii=False), encoding="utf-8")
    (folder / "README.md").write_text(model_card(config, manifest, facts, type(model).__name__), encoding="utf-8")
    _readable(folder)


def _write_tokenizer(tokenizer: Any, longest: int, folder: Path) -> None:
    """Write the tokenizer, for texts that the encoder has positions for, under a class that opens it as it stands."""
    length, tokenizer.model_max_length = tokenizer.model_max_length, min(tokenizer.model_max_length, longest)
    try:
        tokenizer.save_pretrained(folder)
    finally:
        tokenizer.model_max_length = length
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings = {name: value for name, value in settings.items() if name not in ("is_local", "local_files_only")}
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(settings, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def _readable(folder: Path) -> None:
    """Give every file the mode that the system would: some libraries write theirs for the user alone."""
    mask = os.umask(0o022)
    os.umask(mask)
    for path in folder.rglob("*"):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)
