"""Checkpoints: everything a run needs to go on, as safetensors and JSON, whole or not there at all.

A checkpoint is a folder `checkpoint-00001000` with `model.safetensors`, `optimizer.safetensors` and `state.json`, the
last holding the checksums of the others. It is written beside, flushed and renamed, so a kill at any moment leaves
either the whole folder or none under its name; a damaged one makes `find` fall back to its predecessor. Nothing is ever
unpickled: a folder that holds any other file is refused.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from schemas.errors import CheckpointUnusable, InputMissing, StorageError

VERSION = 1
"""Version of the format; in every `state.json`."""
MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
FILES = (MODEL, OPTIMIZER, STATE)  # as they are written: the one that makes a checkpoint whole last
PREFIX, PARTIAL = "checkpoint-", ".partial-"
_BLOCK = 1 << 22


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint that was found whole."""

    folder: Path
    """Where it lies."""
    state: dict[str, Any]
    """The content of its `state.json`."""


def model_tensors(model: nn.Module, *, wait: bool = True) -> dict[str, Tensor]:
    """All parameters and buffers on the CPU, as copies; of tensors that share memory only the first by name.

    Args:
        model: what is copied.
        wait: False only queues copies from a GPU: they are whole once the device has done what it was given so far.
    """
    return {name: _copied(tensor, wait=wait) for name, tensor in _distinct(model)}


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer, *, wait: bool = True) -> dict[str, Tensor]:
    """Copy the optimizer's moments to the CPU, named `<parameter>/<moment>`; `wait` as in `model_tensors`."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    return {
        f"{names[parameter]}/{moment}": _copied(value, wait=wait)
        for parameter, moments in optimizer.state.items()
        for moment, value in moments.items()
    }


def _distinct(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    seen: set[int] = set()
    for name, tensor in model.state_dict().items():
        if tensor.numel() and tensor.data_ptr() in seen:
            continue
        seen.add(tensor.data_ptr())
        yield name, tensor


def _copied(tensor: Tensor, *, wait: bool) -> Tensor:
    """Copy to the CPU; laid out before it is sent, because what was only queued must not be touched afterwards."""
    return tensor.detach().contiguous().to("cpu", copy=True, non_blocking=not wait)


def save(
    root: Path,
    step: int,
    model: dict[str, Tensor],
    optimizer: dict[str, Tensor],
    state: dict[str, Any],
    keep: int,
    keep_every: int = 0,
) -> Path:
    """Write a checkpoint and remove all but the newest `keep`, and those of multiples of `keep_every` steps.

    Raises:
        StorageError: no space or no permission; the earlier checkpoints are untouched.
    """
    folder, beside = root / f"{PREFIX}{step:08d}", root / f"{PARTIAL}{step:08d}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        for leftover in (*root.glob(f"{PARTIAL}*"), *([folder] if folder.exists() else [])):
            shutil.rmtree(leftover)
        beside.mkdir()
        save_file(model, beside / MODEL)
        save_file(optimizer, beside / OPTIMIZER)
        sums = {name: checksum(beside / name) for name in (MODEL, OPTIMIZER)}
        content = {"version": VERSION, "step": step, "sha256": sums} | state
        (beside / STATE).write_text(sealed(content), encoding="utf-8")
        for name in FILES:
            _flush(beside / name)
        beside.rename(folder)
        _flush(root)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise StorageError(
            f"the checkpoint of step {step} could not be written to {root}: {error}. "
            f"{_advice(error)} The run goes on from the previous checkpoint when started again"
        ) from error
    for name in to_remove([found.name for found in folders(root)], keep, keep_every):
        shutil.rmtree(root / name)
    return folder


def to_remove(names: Sequence[str], keep: int, keep_every: int) -> list[str]:
    """Return the checkpoints, by name, that are neither of the newest `keep` nor of a multiple of `keep_every` steps."""
    old = sorted(names, reverse=True)[keep:]
    return [name for name in old if not keep_every or int(name.removeprefix(PREFIX)) % keep_every]


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a checkpoint with the checksums that its `state.json` names."""
    try:
        return bool(_read_state(folder))
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return False


def find(root: Path) -> Checkpoint | None:
    """Find the newest whole checkpoint; say on stderr which damaged ones were passed over.

    Raises:
        CheckpointUnusable: there are checkpoints but none is whole, or one holds files of another kind.
    """
    found = folders(root)
    for folder in found:
        _refuse_foreign(folder)
        try:
            return Checkpoint(folder=folder, state=_read_state(folder))
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            print(f"{folder} is damaged ({error}); trying the checkpoint before it", file=sys.stderr)
    if found:
        raise CheckpointUnusable(
            f"none of the {len(found)} checkpoints in {root} is whole. Restore one from a backup, or remove the "
            "folder to start from the beginning"
        )
    return None


def load_model(checkpoint: Checkpoint, model: nn.Module) -> None:
    """Copy a checkpoint's weights and buffers into a model.

    Raises:
        CheckpointUnusable: the names or shapes differ.
    """
    tensors = _load(checkpoint.folder / MODEL)
    expected = {name for name, _ in _distinct(model)}
    if set(tensors) != expected:
        odd = sorted(set(tensors) ^ expected)
        raise CheckpointUnusable(
            f"{checkpoint.folder} holds another model: {len(odd)} tensors differ, such as {odd[0]}. "
            "Use the recipe and flags the run was started with, or another output folder"
        )
    try:
        model.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise CheckpointUnusable(f"{checkpoint.folder} holds a model of other sizes: {error}") from error


def load_optimizer(checkpoint: Checkpoint, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Copy a checkpoint's moments into an optimizer over the same parameters.

    Raises:
        CheckpointUnusable: it holds moments of other parameters.
    """
    parameters = dict(model.named_parameters())
    for key, value in _load(checkpoint.folder / OPTIMIZER).items():
        name, _, moment = key.rpartition("/")
        if name not in parameters or moment not in ("step", "exp_avg", "exp_avg_sq"):
            raise CheckpointUnusable(f"{checkpoint.folder} holds a moment of an unknown parameter, {key}")
        device = parameters[name].device
        optimizer.state[parameters[name]][moment] = value.to(device)


def load_start(source: Path, model: nn.Module) -> list[str]:
    """Copy the weights and heads of another run's newest checkpoint, or of a checkpoint's folder, into a model.

    Banks stay as they are: what they hold is of the other run's past. What the other run did not train starts anew.

    Returns:
        Names of the model's tensors that the checkpoint does not have.

    Raises:
        InputMissing: there is no checkpoint.
        CheckpointUnusable: it is damaged, or holds an encoder of other sizes.
    """
    folder = source / "checkpoints" if (source / "checkpoints").is_dir() else source.parent
    found = find(folder) if folder != source.parent else None
    if folder == source.parent and (source / STATE).is_file():
        _refuse_foreign(source)
        try:
            found = Checkpoint(folder=source, state=_read_state(source))
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise CheckpointUnusable(f"{source} is damaged ({error}); name another checkpoint") from error
    if found is None:
        raise InputMissing(f"{source} is neither the folder of a run with a checkpoint nor a checkpoint's own folder")
    own = {name for name, _ in _distinct(model) if "bank." not in name}
    tensors = {name: value for name, value in _load(found.folder / MODEL).items() if name in own}
    if missing := sorted(name for name in own - set(tensors) if name.startswith("encoder.")):
        raise CheckpointUnusable(
            f"{found.folder} has another encoder: it lacks {len(missing)} tensors, such as {missing[0]}"
        )
    try:
        model.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise CheckpointUnusable(f"{found.folder} holds a model of other sizes: {error}") from error
    return sorted(own - set(tensors))


def checksum(path: Path) -> str:
    """Compute the sha256 of a file."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def folders(root: Path) -> list[Path]:
    """Checkpoint folders, newest first."""
    return sorted((path for path in root.glob(f"{PREFIX}*") if path.is_dir()), reverse=True)


def _refuse_foreign(folder: Path) -> None:
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in (MODEL, OPTIMIZER, STATE))
    if foreign:
        raise CheckpointUnusable(
            f"{folder} holds {foreign[0]}, which this project never writes; files such as pickles can run code when "
            "opened, so it was not opened. Remove the folder, or the file if you know what it is"
        )
    for name in (MODEL, OPTIMIZER):
        path = folder / name
        start = path.open("rb").read(2) if path.exists() else b""
        if start[:1] == b"\x80" or start == b"PK":
            raise CheckpointUnusable(
                f"{path} is a pickle or a zip archive under a false name, and opening it could run code; it was not "
                "opened. Remove the folder and use a checkpoint you trust"
            )


def sealed(content: dict[str, Any]) -> str:
    """Write the text of `state.json`: its content, and last a checksum over the text of the rest."""
    digest = sha256(_rendered(content).encode()).hexdigest()
    return _rendered(content | {"checksum": digest})


def _rendered(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False)


def _read_state(folder: Path) -> dict[str, Any]:
    text = (folder / STATE).read_text(encoding="utf-8")
    state: dict[str, Any] = json.loads(text)
    state.pop("checksum")
    if text != sealed(state):
        raise ValueError(f"the checksum of {STATE} does not fit")
    if state["version"] != VERSION:
        raise ValueError(f"format version {state['version']}, this code reads {VERSION}")
    for name in (MODEL, OPTIMIZER):
        if checksum(folder / name) != state["sha256"][name]:
            raise ValueError(f"the checksum of {name} does not fit")
    return state


def _load(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointUnusable(f"{path} is not a safetensors file: {error}. Use another checkpoint") from error


def _flush(path: Path) -> None:
    """Ask the system to put a file or folder on disk before what comes after."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _advice(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Give this user permission to write there, or name another --output."
    return "Free some space, or name an --output on another disk."
