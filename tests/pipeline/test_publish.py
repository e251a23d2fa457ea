"""Publishing to a Hub on loopback: nothing without being told, then everything in one commit, and nothing else."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.publish import PublishConfig, kind_of, run
from schemas import read_manifest
from schemas.errors import InputMissing, ShardMismatch, UsageError
from tests.conftest import REPOSITORY


@dataclass
class Repository:
    """What the Hub knows of one repository."""

    made: dict[str, object] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    refuses: int = 0


class Hub(BaseHTTPRequestHandler):
    """The part of the Hub's interface that an upload takes."""

    repository: Repository

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        rows = [
            {"type": "file", "path": name, "oid": "0" * 40, "size": len(d)} for name, d in self.repository.files.items()
        ]
        if "/tree/" in self.path:
            self._send(200, rows)
        elif self.path.startswith("/api/datasets/group/name"):
            self._send(
                200, {"id": "group/name", "sha": "c" * 40, "siblings": [{"rfilename": row["path"]} for row in rows]}
            )
        else:
            self._send(404, {"error": self.path})

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        assert self.headers["Authorization"] == "Bearer hf_made_up"
        if self.repository.refuses:
            self._send(self.repository.refuses, {"error": "no"})
        elif self.path == "/api/repos/create":
            self.repository.made = json.loads(body)
            self._send(200, {"url": "http://127.0.0.1/datasets/group/name"})
        elif self.path == "/api/validate-yaml":
            self._send(200, {"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            names = [file["path"] for file in json.loads(body)["files"]]
            self._send(200, {"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]})
        elif "/commit/" in self.path:
            self._commit(body)
        else:
            self._send(404, {"error": self.path})

    def _commit(self, body: bytes) -> None:
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                self.repository.commits.append(value["summary"])
            elif line["key"] == "file":
                self.repository.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del self.repository.files[value["path"]]
        self._send(200, {"commitUrl": "http://127.0.0.1/datasets/group/name/commit/" + "d" * 40, "commitOid": "d" * 40})

    def _send(self, status: int, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[Repository, dict[str, str]]]:
    """A repository, and what the environment of a process must say so that it asks this Hub."""
    repository = Repository()
    handler = type("OneHub", (Hub,), {"repository": repository})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    places = {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HOME": str(tmp_path / "hub")}
    yield repository, os.environ | places | {"HF_TOKEN": "hf_made_up", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    server.shutdown()
    server.server_close()


def publish(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline", "publish", *words]
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_dataset_goes_up_whole_and_old_shards_go(
    hub: tuple[Repository, dict[str, str]], sample_build: Path, tmp_path: Path
) -> None:
    repository, environment = hub
    folder = tmp_path / "link"
    shutil.copytree(sample_build / "link", folder)
    tried = publish(environment, str(folder), "--name", "group/name")
    assert tried.returncode == 0, tried.stderr
    shards = read_manifest(folder).shards
    assert f"dataset group/name: {len(shards) + 2} files" in tried.stdout and "licence cc-by-sa-4.0" in tried.stdout
    assert "nothing was uploaded" in tried.stdout and not repository.made
    repository.files["mentions/sw/train-00000-of-00009.parquet"] = b"of an earlier build"
    done = publish(environment, str(folder), "--name", "group/name", "--upload", "--message", "Build of November")
    assert done.returncode == 0, done.stderr
    assert "private" in str(repository.made) and repository.made["type"] == "dataset"
    assert repository.commits == ["Build of November"]
    wanted = {shard.path for shard in shards} | {"README.md", "manifest.json"}
    assert set(repository.files) == wanted
    assert all(repository.files[name] == (folder / name).read_bytes() for name in wanted)
    private = repository.made
    assert publish(environment, str(folder), "--name", "group/name", "--upload", "--public").returncode == 0
    assert repository.made != private and repository.made["type"] == "dataset"
    repository.refuses = 403
    refused = publish(environment, str(folder), "--name", "group/name", "--upload")
    assert refused.returncode == UsageError.exit_code and "does not let this token write" in refused.stderr


def test_a_token_is_asked_for(hub: tuple[Repository, dict[str, str]], sample_build: Path) -> None:
    environment = {name: value for name, value in hub[1].items() if name != "HF_TOKEN"}
    done = publish(environment, str(sample_build / "link"), "--name", "group/name", "--upload")
    assert done.returncode == UsageError.exit_code and "hf auth login" in done.stderr


def test_what_is_damaged_or_neither_is_not_published(sample_build: Path, tmp_path: Path) -> None:
    folder = tmp_path / "link"
    shutil.copytree(sample_build / "link", folder)
    shard = next(folder.rglob("*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(ShardMismatch):
        run(PublishConfig(folder=str(folder), name="group/name"))
    with pytest.raises(InputMissing, match="data/build/link"):
        kind_of(sample_build)
    with pytest.raises(UsageError, match="group/name"):
        PublishConfig(folder="x", name="name")
    model = tmp_path / "model"
    model.mkdir()
    for name in ("config.json", "model.safetensors"):
        (model / name).write_text("{}")
    with pytest.raises(InputMissing, match=r"no README\.md"):
        kind_of(model)
    (model / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    assert kind_of(model) == "model"
