"""Checkpoints kept behind an address as well, so that a run goes on where its machine and disk are gone.

A checkpoint is copied file by file, `state.json` with the checksums last, so one without it is not whole. A new output
folder starts from the newest whole one; what lies in the folder and is newer comes first.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from model.addresses import file_system, reached, retried
from model.training import checkpoint as checkpoints


class Mirror:
    """The checkpoints of one run behind an address."""

    def __init__(self, url: str) -> None:
        """Open an address, that of the run; its checkpoints lie in `checkpoints/`.

        Raises: UsageError where fsspec does not know it.
        """
        self.url = f"{url.rstrip('/')}/checkpoints"
        file_system(self.url)

    def send(self, folder: Path, keep: int, keep_every: int) -> None:
        """Copy a checkpoint there, and remove those that are not kept here either.

        Raises: StorageError where it cannot be written.
        """
        files, root = file_system(self.url)
        with reached(self.url):
            files.makedirs(f"{root}/{folder.name}", exist_ok=True)
        for name in checkpoints.FILES:
            retried(self._send_file, folder / name, f"{folder.name}/{name}")
        for name in checkpoints.to_remove(self._names(), keep, keep_every):
            with reached(self.url):
                files.rm(f"{root}/{name}", recursive=True)

    def fetch(self, root: Path) -> Path | None:
        """Bring the newest whole checkpoint into a run's folder of checkpoints; None where what is there is as new.

        Raises: StorageError where it cannot be reached or written.
        """
        here = max((folder.name for folder in checkpoints.folders(root)), default="")
        for name in sorted(self._names(), reverse=True):
            if name <= here:
                return None
            beside = root / f"{checkpoints.PARTIAL}{name.removeprefix(checkpoints.PREFIX)}"
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            try:
                for file in checkpoints.FILES:
                    retried(self._fetch_file, f"{name}/{file}", beside / file)
            except FileNotFoundError:
                shutil.rmtree(beside)  # its copying was cut short
                continue
            if checkpoints.is_whole(beside):
                return beside.rename(root / name)
            shutil.rmtree(beside)
        return None

    def _names(self) -> list[str]:
        files, root = file_system(self.url)
        with reached(self.url):
            try:
                names = [str(path).rstrip("/").rpartition("/")[2] for path in files.ls(root, detail=False)]
            except FileNotFoundError:
                return []
        return [name for name in names if name.startswith(checkpoints.PREFIX)]

    def _send_file(self, path: Path, name: str) -> None:
        files, root = file_system(self.url)
        with reached(f"{self.url}/{name}"):
            files.put_file(str(path), f"{root}/{name}")

    def _fetch_file(self, name: str, path: Path) -> None:
        files, root = file_system(self.url)
        with reached(f"{self.url}/{name}"):
            files.get_file(f"{root}/{name}", str(path))
