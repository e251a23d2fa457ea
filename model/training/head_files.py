"""The projection heads beside a finished encoder: `heads.safetensors`, one head per side of each knowledge objective.

Names are `<role>/<parameter>`, the roles being `mep_query`, `mep_key`, `oe_query` and `oe_key`; the header says which
normalisation the heads have, which layer feeds them, and the temperature of each objective.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from model.method.contrast import BestContrast
from model.method.heads import ProjectionHead
from model.method.joint import JointModel
from schemas.errors import CheckpointUnusable

FILE = "heads.safetensors"
"""Name of the file beside the encoder's."""
SIDES = ("query", "key")
"""What the two heads of an objective are for."""


@dataclass(frozen=True, kw_only=True)
class Heads:
    """What a finished model has beside its encoder."""

    heads: dict[str, nn.Module]
    """Projection heads by role, in evaluation mode; none in a model trained with MLM alone."""
    layer: int | None
    """Layer whose states they take, 0 being the embedding; None is the last."""


def save_heads(joint: JointModel, norm: str, folder: Path) -> None:
    """Write the heads of a model into a folder, in float32; a model without any leaves a file without tensors."""
    tensors: dict[str, Tensor] = {}
    header = {"format": "xlm-k heads 1", "norm": norm, "width": str(joint.encoder.width)}
    header["layer"] = "" if joint.layer is None else str(joint.layer)
    for name, objective in joint.objectives.items():
        if name == "mlm":
            continue
        contrast: Any = objective.contrast
        best = isinstance(contrast, BestContrast)
        header[f"{name}_temperature"] = str(
            1 / float(contrast.temperature().detach()) if best else contrast.temperature
        )
        for side in SIDES:
            head: nn.Module = getattr(contrast, f"{side}_head")
            for parameter, value in head.state_dict().items():
                tensors[f"{name}_{side}/{parameter}"] = value.detach().float().cpu().clone()
    # One entry: the library writes several in another order each time.
    save_file(tensors, folder / FILE, metadata={"header": json.dumps(header)})


def key_heads(joint: JointModel) -> dict[str, ProjectionHead]:
    """Return the heads of the key side by role."""
    return {
        f"{name}_key": objective.get_submodule("contrast.key_head")  # type: ignore[misc]
        for name, objective in joint.objectives.items()
        if name != "mlm"
    }


def load_heads(folder: Path | str) -> Heads:
    """Read the heads beside an encoder; a folder without the file is a plain encoder and gives none.

    Raises:
        CheckpointUnusable: the file is damaged or of another kind.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return Heads(heads={}, layer=None)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            header = json.loads(metadata["header"]) if "header" in metadata else metadata
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        return _from_parts(header, tensors)
    except (SafetensorError, KeyError, ValueError, RuntimeError, OSError) as error:
        raise CheckpointUnusable(
            f"{path} does not hold projection heads of this project: {error}. Export the model again"
        ) from error


def _from_parts(header: dict[str, str], tensors: dict[str, Tensor]) -> Heads:
    heads: dict[str, nn.Module] = {}
    roles = {name.partition("/")[0] for name in tensors}
    if alone := sorted(role for role in roles if not {f"{role.partition('_')[0]}_{side}" for side in SIDES} <= roles):
        raise ValueError(f"{alone[0]} is there without the other of its pair")
    if odd := sorted(name for name, tensor in tensors.items() if not tensor.isfinite().all()):
        raise ValueError(f"{odd[0]} holds numbers that are not finite")
    for role in sorted(roles):
        head = ProjectionHead(int(header["width"]), "layer" if header["norm"] == "layer" else "batch")
        head.load_state_dict({n.partition("/")[2]: t for n, t in tensors.items() if n.partition("/")[0] == role})
        heads[role] = head.eval()
    return Heads(heads=heads, layer=int(header["layer"]) if header["layer"] else None)
