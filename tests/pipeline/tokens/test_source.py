"""A tokenizer by folder or by the Hub's name, from a Hub of one model on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.tokens.source import tokenizer_folder
from schemas.errors import UsageError
from tests.conftest import REPOSITORY

FILES = {"tokenizer.json": b'{"version": "1.0"}', "config.json": b"{}", "model.safetensors": b"weights"}
COMMIT = "c" * 40
ASK = "import sys; from pipeline.tokens.source import tokenizer_folder; print(tokenizer_folder(sys.argv[1]))"


class Hub(BaseHTTPRequestHandler):
    """Answers what the Hub answers of the model `org/name`."""

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        kind, data = "application/json", b""
        if self.path.startswith(f"/api/models/org/name/tree/{COMMIT}"):
            rows = [{"type": "file", "path": n, "oid": "0" * 40, "size": len(c)} for n, c in FILES.items()]
            data = json.dumps(rows).encode()
        elif self.path.startswith("/api/models/org/name"):
            siblings = [{"rfilename": name} for name in FILES]
            data = json.dumps({"id": "org/name", "sha": COMMIT, "siblings": siblings}).encode()
        elif self.path.startswith(f"/org/name/resolve/{COMMIT}/"):
            kind, data = "application/octet-stream", FILES.get(self.path.rsplit("/", 1)[-1], b"")
        self.send_response(200 if data else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if with_body:
            self.wfile.write(data)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the environment of a process must say so that it asks this Hub."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield os.environ | {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HOME": str(tmp_path / "hub")}
    server.shutdown()
    server.server_close()
    thread.join()


def ask(name: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ASK, name],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_name_of_the_hub_brings_the_tokenizer_and_no_weights(hub: dict[str, str]) -> None:
    done = ask("org/name", hub)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: FILES[name] for name in ("tokenizer.json", "config.json")
    }


def test_a_name_the_hub_does_not_know_is_told(hub: dict[str, str]) -> None:
    done = ask("org/other", hub)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert (
        "InputMissing: --tokenizer org/other: there is no such folder, and the Hub gave none of that name"
        in done.stderr
    ), last


def test_a_folder_is_itself_and_what_is_neither_is_refused(tmp_path: Path) -> None:
    assert tokenizer_folder(str(tmp_path)) == tmp_path
    assert tokenizer_folder("./nothing") == Path("nothing")
    with pytest.raises(UsageError, match="no name of the Hub"):
        tokenizer_folder("a/b/c")
