"""Dumps as `plan` sees them: their sizes, here or on the server, and small whole dumps cut from their beginnings."""

from __future__ import annotations

import bz2
import gzip
import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pipeline.fetch.server import DumpServer, check_status
from pipeline.run import storage
from schemas.errors import InputCorrupt

_PIECE = 1 << 16


@dataclass(frozen=True)
class SizedDump:
    """One dump file, read or not."""

    name: str
    """Base name, by which its kind is told."""
    wiki: str
    """Database name; `wikidatawiki` for Wikidata."""
    kind: str
    """`pages`, `wikidata`, `page_props` or `index`."""
    size: int
    """Bytes."""
    head: Callable[[int], bytes]
    """Gives so many of its first bytes, or fewer where it has no more."""


def local_dump(path: str, wiki: str, kind: str) -> SizedDump:
    """Describe a file by path or URL."""

    def head(num_bytes: int) -> bytes:
        with closing(storage.open_read(path)) as stream:
            return stream.read(num_bytes)

    return SizedDump(storage.file_name(path), wiki, kind, storage.size(path), head)


def remote_dump(server: DumpServer, path: str, wiki: str, kind: str, size: int) -> SizedDump:
    """Describe a file of the dump server's."""

    def head(num_bytes: int) -> bytes:
        url = f"{server.primary}/{path}"
        asked = {"Range": f"bytes=0-{num_bytes - 1}", "Accept-Encoding": "identity"}
        with server.open(url, asked) as response:
            check_status(url, response)
            return _first(response.iter_content(_PIECE), num_bytes)

    return SizedDump(path.rpartition("/")[2], wiki, kind, size, head)


def _first(pieces: Iterator[bytes], num_bytes: int) -> bytes:
    """Join pieces up to a size; a server may answer a request for a part with the whole."""
    found = bytearray()
    for piece in pieces:
        found += piece
        if len(found) >= num_bytes:
            break
    return bytes(found[:num_bytes])


def write_head(dump: SizedDump, folder: Path, num_bytes: int) -> int:
    """Write a whole small dump made of a dump's first bytes, packed the same way; returns its size in bytes.

    Raises:
        InputCorrupt: not one page or item is in them, or they are packed in no way known.
    """
    packing = dump.name.rpartition(".")[2]
    text = _unpacked(dump.head(num_bytes), packing)
    end, tail = (b"</page>", b"\n</mediawiki>\n") if dump.kind == "pages" else (b"\n", b"]\n")
    cut = text.rfind(end)
    if cut < 0:
        raise InputCorrupt(f"the first {num_bytes:,} bytes of {dump.name} hold no whole page or item to measure by")
    whole = text[: cut + len(end)]
    if dump.kind == "wikidata":
        whole = whole.rstrip(b"\n]").rstrip(b",") + b"\n"
    data = _packed(whole + tail, packing)
    (folder / dump.name).write_bytes(data)
    return len(data)


def _unpacked(data: bytes, packing: str) -> bytes:
    """Return what the beginning of a packed file holds, as far as it goes."""
    if packing == "gz":
        return b"".join(_until_cut(gzip.GzipFile(fileobj=BytesIO(data)).read))
    if packing == "bz2":
        return b"".join(_until_cut(bz2.BZ2File(BytesIO(data)).read))
    if packing in ("json", "xml"):
        return data
    raise InputCorrupt(f"plan measures dumps packed as gz or bz2, or plain ones; found .{packing}")


def _until_cut(read: Callable[[int], bytes]) -> Iterator[bytes]:
    try:
        yield from itertools.takewhile(len, iter(lambda: read(_PIECE), None))
    except EOFError:
        return


def _packed(data: bytes, packing: str) -> bytes:
    if packing == "gz":
        return gzip.compress(data)
    return bz2.compress(data) if packing == "bz2" else data
