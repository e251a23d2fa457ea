"""Checkpoints of fine-tuning, one per epoch: tensors as safetensors, everything else as JSON; nothing is unpickled.

A seed's folder holds `state.json` (written last, by rename), the weights and the optimizer of the epoch that it names, and
the weights of the epochs that are best by each selection. A run that is killed between two files goes on from the
epoch before.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from model.evaluation.finetuning.config import FinetuneConfig
from schemas.errors import CheckpointUnusable

STATE = "state.json"

NOT_OF_THE_RUN = ("output", "seeds", "device", "batch_tokens", "keep_checkpoints")
"""Fields that may differ between the run that stopped and the one that goes on."""


@dataclass
class SeedState:
    """How far one seed has come."""

    fingerprint: str
    """Of the configuration; another one does not go on from here."""
    epochs_done: int = 0
    step: int = 0
    """Optimizer steps taken."""
    remarks: list[str] = field(default_factory=list)
    """What a reader of the scores must know of how the model took its batches."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """Per epoch: mean training loss and dev measures by language."""
    best: dict[str, int] = field(default_factory=dict)
    """Best epoch, counted from 1, by selection."""
    final: dict[str, Any] | None = None
    """Test measures by selection, split and language, once the seed is finished."""


def config_fingerprint(config: FinetuneConfig) -> str:
    """Return a stable hash of all that shapes a run."""
    kept = {name: value for name, value in asdict(config).items() if name not in NOT_OF_THE_RUN}
    return blake2b(json.dumps(kept, sort_keys=True).encode(), digest_size=16).hexdigest()


def read_state(folder: Path, config: FinetuneConfig) -> SeedState:
    """Return the state of a seed's folder, or a fresh one where it has none.

    Raises: CheckpointUnusable for a damaged state and for one of another configuration.
    """
    path = folder / STATE
    if not path.is_file():
        return SeedState(fingerprint=config_fingerprint(config))
    try:
        state = SeedState(**json.loads(path.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, TypeError) as error:
        raise CheckpointUnusable(f"{path} is damaged ({error}); delete the folder to start this seed anew") from error
    if state.fingerprint != config_fingerprint(config):
        raise CheckpointUnusable(
            f"{folder} holds a run with another configuration; give another --output, or delete the folder"
        )
    return state


def write_state(folder: Path, state: SeedState) -> None:
    """Write the state beside and rename it: it names only files that are already there."""
    beside = folder / f"{STATE}.partial"
    beside.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
    os.replace(beside, folder / STATE)


def epoch_files(folder: Path, epoch: int) -> tuple[Path, Path]:
    """Weights and optimizer after an epoch, counted from 1."""
    return folder / f"epoch-{epoch:03d}.safetensors", folder / f"optimizer-{epoch:03d}.safetensors"


def weights_name(selection: str) -> str:
    """File of the weights of a selection's best epoch."""
    return f"best-{selection.replace(' ', '-')}.safetensors"


def save_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, folder: Path, state: SeedState) -> None:
    """Save what `load_epoch` needs, then the state that names it, then drop the epoch before."""
    weights, moments = epoch_files(folder, state.epochs_done)
    save_weights(model, weights)
    save_optimizer(optimizer, moments)
    write_state(folder, state)
    for path in epoch_files(folder, state.epochs_done - 1):
        path.unlink(missing_ok=True)


def load_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, folder: Path, epoch: int) -> None:
    """Go on from after an epoch. Raises: CheckpointUnusable for missing, damaged or foreign files."""
    weights, moments = epoch_files(folder, epoch)
    load_weights(model, weights)
    load_optimizer(optimizer, moments)


def save_weights(model: nn.Module, path: Path) -> None:
    """Save all weights, tied ones once each, whole or not at all."""
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in model.state_dict().items()}
    _save(tensors, path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Load what `save_weights` saved. Raises: CheckpointUnusable for a missing, damaged or foreign file."""
    try:
        model.load_state_dict(_load(path))
    except RuntimeError as error:
        raise CheckpointUnusable(f"{path} does not fit the model: {str(error).splitlines()[0]}") from error


def save_optimizer(optimizer: torch.optim.Optimizer, path: Path) -> None:
    """Save an optimizer's tensors by parameter number and name."""
    tensors = {
        f"{number}.{name}": value.detach().cpu().clone()
        for number, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }
    _save(tensors, path)


def load_optimizer(optimizer: torch.optim.Optimizer, path: Path) -> None:
    """Load what `save_optimizer` saved. Raises: CheckpointUnusable for a missing or damaged file."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in _load(path).items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    beside = path.with_name(f"{path.name}.partial")
    save_file(dict(tensors), beside)
    os.replace(beside, path)


def _load(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointUnusable(
            f"{path} is missing or damaged ({error}); delete the seed's folder to start it anew"
        ) from error
