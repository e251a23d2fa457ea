"""A file system of Beam's over the local disk, so that tests have URLs: `folder://` and a path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem


class FolderFileSystem(LocalFileSystem):
    """The local disk behind URLs, to stand for an object store: `folder://` and a path."""

    @classmethod
    def scheme(cls) -> str:
        return "folder"

    def _plain(self, path: str) -> str:
        return path.removeprefix("folder://")

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath.rstrip("/"), *paths])

    def _list(self, dir_or_prefix: str) -> Any:
        root = Path(self._plain(dir_or_prefix))
        for path in sorted(root.rglob("*")) if root.is_dir() else []:
            if path.is_file():
                stat = path.stat()
                yield FileMetadata(f"folder://{path}", stat.st_size, stat.st_mtime)

    def create(self, path: str, *args: Any, **kwargs: Any) -> Any:
        Path(self._plain(path)).parent.mkdir(parents=True, exist_ok=True)
        return super().create(self._plain(path), *args, **kwargs)

    def open(self, path: str, *args: Any, **kwargs: Any) -> Any:
        return super().open(self._plain(path), *args, **kwargs)

    def exists(self, path: str) -> bool:
        return Path(self._plain(path)).exists()

    def metadata(self, path: str) -> FileMetadata:
        stat = Path(self._plain(path)).stat()
        return FileMetadata(path, stat.st_size, stat.st_mtime)

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            Path(self._plain(path)).unlink()
