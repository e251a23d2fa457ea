"""A dump server on loopback that can cut, stall, lie, change its files and answer anything.

It keeps the paths and catalogues that Wikimedia's server has, and logs every request.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    """One misbehaviour, used up by the next GET of its path."""

    status: int = 0
    """Answer this status instead of the file."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent in addition, or instead of what the server would say."""
    body: bytes | None = None
    """Sent instead of the file, with the right length."""
    cut_after: int | None = None
    """Bytes of the body after which the connection is closed, though more were announced."""
    stall_after: int | None = None
    """Bytes of the body after which nothing comes any more."""
    ignore_range: bool = False
    """Send everything to someone who asked for a part."""
    wrong_range: bool = False
    """Say in Content-Range that the part begins elsewhere."""


@dataclass
class Request:
    """What a client asked."""

    method: str
    path: str
    headers: dict[str, str]


class DumpHost:
    """A server with files, entered as a context manager."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.replies: dict[str, list[Reply]] = defaultdict(list)
        self.requests: list[Request] = []
        self.busiest = 0
        self.delay_seconds = 0.0
        self.closing = threading.Event()
        self._busy = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.dump_host = self
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> DumpHost:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def asked(self, path: str, method: str = "GET") -> list[Request]:
        """Returns the requests for one path."""
        return [request for request in self.requests if request.path == path and request.method == method]

    def publish_multistream(self, wiki: str, date: str, files: dict[str, bytes], status: str = "done") -> None:
        """Puts files under `wiki/date` with a dumpstatus.json; `files` maps the part of the name after the date."""
        entries = {}
        for tail, data in files.items():
            name = f"{wiki}-{date}-pages-articles-multistream{tail}"
            self.files[f"/{wiki}/{date}/{name}"] = data
            entries[name] = {"size": len(data), "sha1": hashlib.sha1(data).hexdigest(), "url": f"/{wiki}/{date}/{name}"}
        self._list(wiki, date, "articlesmultistreamdump", {"status": status, "files": entries})

    def publish_page_props(self, wiki: str, date: str, data: bytes) -> None:
        """Puts the table of a wiki's page properties beside its dump."""
        name = f"{wiki}-{date}-page_props.sql.gz"
        self.files[f"/{wiki}/{date}/{name}"] = data
        entry = {"size": len(data), "sha1": hashlib.sha1(data).hexdigest()}
        self._list(wiki, date, "pagepropstable", {"status": "done", "files": {name: entry}})

    def _list(self, wiki: str, date: str, job: str, what: dict[str, object]) -> None:
        """Puts a job into a dump's catalogue."""
        path = f"/{wiki}/{date}/dumpstatus.json"
        catalogue = json.loads(self.files.get(path, b'{"version": "0.8", "jobs": {}}'))
        catalogue["jobs"][job] = what
        self.files[path] = json.dumps(catalogue).encode()

    def publish_content(self, wiki: str, dashed: str, files: dict[str, bytes], finished: bool = True) -> None:
        """Puts a Content File Export with its SHA256SUMS; `files` maps the part of the name after the date."""
        folder = f"/other/mediawiki_content_current/{wiki}/{dashed}/xml/bzip2"
        lines = []
        for tail, data in files.items():
            self.files[f"{folder}/{wiki}-{dashed}{tail}"] = data
            lines.append(f"{hashlib.sha256(data).hexdigest()}  {wiki}-{dashed}{tail}\n")
        if finished:
            self.files[f"{folder}/SHA256SUMS"] = "".join(lines).encode()
            self.files[f"{folder}/_SUCCESS"] = b""

    def publish_wikidata(self, date: str, data: bytes) -> None:
        """Puts a Wikidata dump with its list of checksums."""
        folder = f"/wikidatawiki/entities/{date}"
        self.files[f"{folder}/wikidata-{date}-all.json.gz"] = data
        line = f"{hashlib.sha1(data).hexdigest()}  wikidata-{date}-all.json.gz\n"
        self.files[f"{folder}/wikidata-{date}-sha1sums.txt"] = line.encode()

    def take_reply(self, path: str) -> Reply:
        """Returns the next planned misbehaviour for a path, or none."""
        with self._lock:
            return self.replies[path].pop(0) if self.replies[path] else Reply()

    def listing(self, folder: str) -> bytes | None:
        """Makes a directory page as nginx does."""
        names = sorted(
            {
                path[len(folder) :].split("/")[0] + ("/" if "/" in path[len(folder) :] else "")
                for path in self.files
                if path.startswith(folder)
            }
        )
        if not names:
            return None
        links = "".join(f'<a href="{name}">{name}</a>\n' for name in ["../", *names])
        return f"<html><head><title>Index</title></head><body><pre>{links}</pre></body></html>".encode()

    def enter_request(self, request: Request) -> None:
        """Logs a request and counts those in flight."""
        with self._lock:
            self.requests.append(request)
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)

    def leave_request(self) -> None:
        """Ends a request."""
        with self._lock:
            self._busy -= 1


class _Server(ThreadingHTTPServer):
    """A server that knows its host."""

    daemon_threads = True
    dump_host: DumpHost

    def handle_error(self, request: object, client_address: object) -> None:
        """Keeps quiet about clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    """Answers as the host in `server.dump_host` says."""

    server: _Server

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet."""

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def do_GET(self) -> None:
        self._answer("GET")

    def _answer(self, method: str) -> None:
        self.server.dump_host.enter_request(Request(method, self.path, dict(self.headers.items())))
        try:
            if self.server.dump_host.delay_seconds:
                time.sleep(self.server.dump_host.delay_seconds)
            self._send(method, self.server.dump_host.take_reply(self.path) if method == "GET" else Reply())
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.server.dump_host.leave_request()

    def _send(self, method: str, reply: Reply) -> None:
        if reply.status and reply.body is None:
            self._write(reply.status, {"Content-Length": "0", **reply.headers}, b"", reply, method)
            return
        data = reply.body if reply.body is not None else self.server.dump_host.files.get(self.path)
        kind = "application/octet-stream"
        if data is None and self.path.endswith("/"):
            data, kind = self.server.dump_host.listing(self.path), "text/html"
        if data is None:
            self._write(404, {"Content-Length": "0"}, b"", reply, method)
            return
        self._send_data(method, data, kind, reply)

    def _send_data(self, method: str, data: bytes, kind: str, reply: Reply) -> None:
        tag = f'"{hashlib.sha1(data).hexdigest()[:12]}"'
        wanted = self.headers.get("Range", "")
        status, headers = reply.status or 200, {"ETag": tag, "Content-Type": kind}
        whole = len(data)
        if wanted.startswith("bytes=") and not reply.ignore_range and self.headers.get("If-Range", tag) == tag:
            first = int(wanted[6:].split("-")[0])
            if first >= whole:
                self._write(416, {"Content-Length": "0"}, b"", reply, method)
                return
            stated = 0 if reply.wrong_range else first
            status, data = 206, data[first:]
            headers["Content-Range"] = f"bytes {stated}-{whole - 1}/{whole}"
        headers["Content-Length"] = str(len(data))
        self._write(status, headers | reply.headers, data, reply, method)

    def _write(self, status: int, headers: dict[str, str], data: bytes, reply: Reply, method: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if method == "HEAD":
            return
        end = reply.cut_after if reply.cut_after is not None else reply.stall_after
        self.wfile.write(data if end is None else data[:end])
        self.wfile.flush()
        if reply.stall_after is not None:
            self.server.dump_host.closing.wait(20)
        if end is not None:
            self.close_connection = True
