"""A dataset that a test goes on with has nothing wrong with it."""

from __future__ import annotations

from pathlib import Path

from schemas import Manifest
from schemas.verify import verify_dataset


def require_sound(folder: Path | str, *, read_rows: bool = False) -> Manifest:
    """Return the manifest of a dataset; raises the first thing that is wrong with it."""
    manifest, findings = verify_dataset(folder, read_rows=read_rows)
    for finding in findings:
        raise finding.error
    return manifest
