"""`python -m pipeline verify FOLDER`: checks a dataset, or all datasets of a build and that they belong together."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from pipeline.run.storage import in_words
from schemas import MANIFEST_NAME, Manifest, read_manifest
from schemas.errors import InputMissing, ShardMismatch, XlmkError
from schemas.verify import Finding, verify_dataset

MAX_SHOWN = 20
REPORT_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class VerifyConfig:
    """Which dataset to check."""

    folder: Positional[str]
    """A dataset (a folder with manifest.json), or a build with several of them below it."""
    read_rows: bool = True
    """Also decode every page and count rows; without it only files, names, sizes, sha256 and accounts are checked."""


CONFIG = VerifyConfig
"""What the command line is made from."""


def run(config: VerifyConfig) -> int:
    """Check and print; returns 0, or the exit code of the first thing that is wrong."""
    code = 0
    manifests: dict[str, Manifest] = {}
    for folder in dataset_folders(Path(config.folder)):
        try:
            manifest, findings = verify_dataset(folder, read_rows=config.read_rows, on_bytes=_Ticker(folder))
        except XlmkError as error:
            print(f"{folder}: {error}", file=sys.stderr)
            code = code or error.exit_code
            continue
        manifests[folder.name] = manifest
        code = code or _report(folder, manifest, findings)
    broken = check_chain(manifests)
    for finding in broken:
        print(f"{config.folder}: {finding.error}", file=sys.stderr)
    return code or (broken[0].error.exit_code if broken else 0)


def dataset_folders(folder: Path) -> list[Path]:
    """Return the folder itself where it is a dataset, else the datasets in it; an unfinished one counts as one.

    Raises:
        InputMissing: if there is none.
    """
    if (folder / MANIFEST_NAME).exists():
        return [folder]
    below = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    datasets = [path for path in below if (path / MANIFEST_NAME).exists() or path.name.endswith(".partial")]
    if not datasets:
        read_manifest(folder)  # says what is missing
        raise InputMissing(f"{folder} holds no dataset")
    return datasets


def check_chain(manifests: dict[str, Manifest]) -> list[Finding]:
    """Find datasets of one build that were made from other versions of each other than those that stand there."""
    findings = []
    for name, manifest in manifests.items():
        for source, stated in manifest.inputs.items():
            other = manifests.get(Path(source).name)
            if other is None or other is manifest or stated == other.fingerprint:
                continue
            now = other.fingerprint[:16]
            what = f"{name} was made from {source} {stated[:16]}, which is now {now}; build {name} again"
            findings.append(Finding(path=name, error=ShardMismatch(what)))
    return findings


def _report(folder: Path, manifest: Manifest, findings: list[Finding]) -> int:
    """Print one dataset's state; returns its exit code."""
    if not findings:
        read = sum(account.read for account in manifest.accounts)
        size = in_words(sum(shard.bytes for shard in manifest.shards))
        print(
            f"{folder}: sound. {len(manifest.shards):,} shards, {sum(manifest.rows.values()):,} rows, {size}; "
            f"{read:,} records read, all accounted for; fingerprint {manifest.fingerprint[:16]}"
        )
        return 0
    for finding in findings[:MAX_SHOWN]:
        print(f"{folder}: {finding.error}", file=sys.stderr)
    if len(findings) > MAX_SHOWN:
        print(f"{folder}: and {len(findings) - MAX_SHOWN:,} more", file=sys.stderr)
    return findings[0].error.exit_code


class _Ticker:
    """Says every half minute how much of a large dataset is checked."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._done, self._told = folder, 0, time.monotonic()

    def __call__(self, count: int) -> None:
        self._done += count
        if time.monotonic() - self._told > REPORT_SECONDS:
            self._told = time.monotonic()
            print(f"{self._folder}: {in_words(self._done)} checked", file=sys.stderr)
