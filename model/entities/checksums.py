"""What ties an index to its model: a checksum of the weights, computed once for files that have not changed since."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from model.evaluation.embedder import Embedder, load_embedder
from schemas import file_sha256
from schemas.errors import UsageError

STAMPS = ".checksums.json"
"""File beside the hashed ones that says their checksums, each with the size and time of the file it is of."""


def known_checksum(path: Path) -> str:
    """Return a file's sha256; one that is as large and as old as when it was last hashed is not read again.

    An index of 60 million vectors is 180 GB, which takes minutes to read. Remove the stamps to have everything read anew.
    """
    status, beside = path.stat(), path.with_name(STAMPS)
    stamps = _read_stamps(beside)
    stamp = stamps.get(path.name, {})
    if (stamp.get("size"), stamp.get("changed")) == (status.st_size, status.st_mtime_ns):
        return str(stamp["sha256"])
    checksum = file_sha256(path)
    stamps[path.name] = {"size": status.st_size, "changed": status.st_mtime_ns, "sha256": checksum}
    with suppress(OSError):  # a folder that cannot be written is hashed each time
        partial = beside.with_name(f"{STAMPS}.{os.getpid()}.partial")
        partial.write_text(json.dumps(stamps, indent=1), encoding="utf-8")
        os.replace(partial, beside)
    return checksum


def _read_stamps(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def open_embedder(model: str, tokenizer: Any, device: str, batch_tokens: int) -> Embedder:
    """Open a model that was trained to compare mentions with descriptions.

    Raises:
        UsageError: it has no heads for that.
    """
    embedder = load_embedder(model, tokenizer, device, batch_tokens)
    if not (embedder.has_head("mep_key") and embedder.has_head("mep_query")):
        raise UsageError(
            f"{model} has no projection heads for mentions and descriptions, so its vectors cannot be compared. "
            "Use the finished model of a run that trained masked entity prediction."
        )
    return embedder


def weights_checksum(model: str) -> str:
    """Return a checksum over the weights of an encoder folder and its heads; a Hub name stands for itself."""
    files = sorted(Path(model).glob("*.safetensors")) if Path(model).is_dir() else []
    if not files:
        return f"name:{model}"
    return sha256("".join(f"{path.name} {known_checksum(path)}\n" for path in files).encode()).hexdigest()
