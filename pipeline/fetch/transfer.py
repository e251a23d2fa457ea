"""Fetches one file of a dump so that what stands under its name is whole and right.

Bytes go to `NAME.part`, with the validator of the version they belong to in `NAME.part.json`. A cut or stalled
transfer goes on where it ended with `Range` and `If-Range`, so that a server that has another version by then sends it
from its start and never half of each. Only a file with the published size and checksum is renamed to `NAME`.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3

from pipeline.dumps.dump_list import digest_of
from pipeline.fetch.server import DumpServer, check_status
from schemas.errors import InputCorrupt, InputMissing

log = logging.getLogger(__name__)

CHUNK = 1 << 16
MAX_IDLE_ATTEMPTS = 6
"""Attempts in a row that bring no byte before a server is given up."""

MAX_WAIT_SECONDS = 60.0
STALL_WINDOW_SECONDS = 60.0
MIN_BYTES_PER_WINDOW = 4096
"""A connection slower than this is dropped and opened again: a drip of bytes defeats a plain time-out."""

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file of a dump, as the primary host's catalogue describes it."""

    name: str
    """Base name; it is also the name on disk."""
    path: str
    """Path below a server's base address."""
    size: int
    """Bytes."""
    algorithm: str
    """`sha1` or `sha256`."""
    digest: str
    """The checksum in lower-case hexadecimal."""


class PartFile:
    """The bytes that have arrived of one file, and which version of it they are."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self.note = target.with_name(target.name + ".part.json")

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    def validator(self, url: str) -> str:
        """Return the ETag or date of the version that the bytes belong to, or "" if that is not known for `url`."""
        try:
            note = json.loads(self.note.read_text())
        except (OSError, ValueError):
            return ""
        return str(note.get("validator", "")) if isinstance(note, dict) and note.get("url") == url else ""

    def begin(self, url: str, validator: str) -> None:
        """Start again from nothing, with the version that `url` now serves."""
        self.path.write_bytes(b"")
        self.note.write_text(json.dumps({"url": url, "validator": validator}))

    def discard(self) -> None:
        """Remove the bytes and the note."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def publish(self, target: Path) -> None:
        """Give the file its name, after its bytes have reached the disk."""
        with self.path.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(self.path, target)
        self.note.unlink(missing_ok=True)


def fetch(server: DumpServer, file: RemoteFile, folder: Path, on_bytes: Callable[[int], object]) -> Path:
    """Bring `file` into `folder`, from the first mirror that has it right, and return its path.

    A file that is there already is checked and left alone. `on_bytes` is told how many bytes came, or, negative, were
    dropped.

    Raises:
        InputCorrupt: if the bytes, from no host, have the published size and checksum.
        InputMissing: if no host has the file or all of them stop answering.
    """
    target = folder / file.name
    if target.exists():
        _check_present(target, file)
        on_bytes(file.size)
        return target
    part = PartFile(target)
    on_bytes(min(part.size, file.size))
    bases = server.bases()
    for position, base in enumerate(bases):
        try:
            _Transfer(server, f"{base}/{file.path}", file, part, on_bytes).run()
            break
        except (InputCorrupt, InputMissing) as error:
            if position + 1 == len(bases):
                raise
            log.warning("%s; trying the next host", error)
    part.publish(target)
    return target


def _check_present(target: Path, file: RemoteFile) -> None:
    size = target.stat().st_size
    if size == file.size and digest_of(target, file.algorithm) == file.digest:
        return
    raise InputCorrupt(
        f"{target} is there already ({size} bytes) but is not the published file ({file.size} bytes, {file.algorithm} "
        f"{file.digest}); delete it and run the same command again"
    )


@dataclass(frozen=True)
class _Transfer:
    """One file from one host."""

    server: DumpServer
    url: str
    file: RemoteFile
    part: PartFile
    on_bytes: Callable[[int], object]

    def run(self) -> None:
        """Fetch the file; one that is whole with a wrong checksum is fetched once more before it is an error."""
        found = ""
        for _ in range(2):
            self._fetch_bytes()
            found = digest_of(self.part.path, self.file.algorithm)
            if found == self.file.digest:
                return
            log.warning("%s: %s is %s, published is %s", self.url, self.file.algorithm, found, self.file.digest)
            self._drop_part()
        raise InputCorrupt(
            f"{self.url}: {self.file.algorithm} of the bytes is {found}, the catalogue says {self.file.digest}; "
            "the file on the server has changed or is damaged, so run again later or choose another date"
        )

    def _fetch_bytes(self) -> None:
        """Open connection after connection until the part has the published size."""
        idle = 0
        while self.part.size != self.file.size or not self.part.path.exists():
            before = self.part.size
            try:
                self._receive()
            except (urllib3.exceptions.HTTPError, requests.RequestException, ConnectionError, TimeoutError) as error:
                what = error.__class__.__name__
                log.warning("%s: cut off at byte %d of %d (%s)", self.url, self.part.size, self.file.size, what)
            idle = 0 if self.part.size > before else idle + 1
            if idle > MAX_IDLE_ATTEMPTS:
                raise InputMissing(
                    f"{self.url}: {idle} connections in a row brought nothing beyond byte {self.part.size} of "
                    f"{self.file.size}; what is here is kept, so run the same command again later"
                )
            if idle:
                time.sleep(min(MAX_WAIT_SECONDS, self.server.backoff_seconds * 2**idle))

    def _receive(self) -> None:
        """Receive what one connection brings, appended to the part or in its place."""
        with self.server.open(self.url, self._headers()) as response:
            if response.status_code == 416 or not self._range_is_right(response):
                self._drop_part()
                return
            check_status(self.url, response)
            self._refuse_wrong_kind(response)
            if response.status_code != 206:
                self.on_bytes(-self.part.size)
                self.part.begin(self.url, _validator(response))
            self._append(response)

    def _headers(self) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        validator = self.part.validator(self.url)
        if 0 < self.part.size < self.file.size and validator:
            headers |= {"Range": f"bytes={self.part.size}-", "If-Range": validator}
        return headers

    def _range_is_right(self, response: requests.Response) -> bool:
        """Say whether a partial answer goes on where the part ends; a server that lies about it is asked for all."""
        if response.status_code != 206:
            return True
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        return match is not None and int(match[1]) == self.part.size and match[3] in ("*", str(self.file.size))

    def _refuse_wrong_kind(self, response: requests.Response) -> None:
        if response.headers.get("Content-Type", "").startswith("text/html"):
            self._refuse_html(response.raw.read1(512, decode_content=False) or b"")
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise InputCorrupt(f"{self.url}: the server encoded the file as {encoding!r} though it was asked not to")
        length = response.headers.get("Content-Length", "")
        if response.status_code == 200 and length.isdigit() and int(length) != self.file.size:
            raise InputCorrupt(
                f"{self.url}: the server has {length} bytes, the catalogue says {self.file.size}; "
                "it is being replaced or damaged, so run again later or choose another date"
            )

    def _refuse_html(self, head: bytes) -> None:
        if head.lstrip()[:1] == b"<":
            first = head.lstrip().splitlines()[0][:120].decode("utf-8", "replace")
            raise InputCorrupt(
                f"{self.url}: this is an HTML page, not a dump; its first line is {first!r}; "
                "try again later or another mirror"
            )

    def _append(self, response: requests.Response) -> None:
        """Write the body's bytes as they come.

        Raises:
            TimeoutError: if the bytes only drip.
            InputCorrupt: if there are more bytes than the file has.
        """
        window, arrived = time.monotonic(), 0
        with self.part.path.open("ab") as stream:
            while chunk := response.raw.read1(CHUNK, decode_content=False):
                if stream.tell() + len(chunk) > self.file.size:
                    raise InputCorrupt(f"{self.url}: more bytes came than the {self.file.size} of the catalogue")
                if stream.tell() == 0:
                    self._refuse_html(chunk)
                stream.write(chunk)
                self.on_bytes(len(chunk))
                arrived += len(chunk)
                if time.monotonic() - window > STALL_WINDOW_SECONDS:
                    if arrived < MIN_BYTES_PER_WINDOW:
                        raise TimeoutError("the bytes only drip")
                    window, arrived = time.monotonic(), 0

    def _drop_part(self) -> None:
        self.on_bytes(-self.part.size)
        self.part.discard()


def _validator(response: requests.Response) -> str:
    """Return what `If-Range` takes: a strong ETag, else the modification date, else nothing."""
    tag = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified", "")
