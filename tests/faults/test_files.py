"""Damaged dump files: what the readers make of them."""

from __future__ import annotations

import bz2
import gzip
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.errors import InputCorrupt
from tests.faults import dumps
from tests.faults.recorder import REPOSITORY, Recorder

LINES = dumps.things(2000)
JSON = dumps.wikidata(LINES)
PAGES = dumps.articles(300)


def written(folder: Path, name: str, data: bytes) -> Path:
    """Puts a dump into a file."""
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.fault("A1")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_bz2_cut_inside_a_block(tmp_path: Path, recorder: Recorder, share: float) -> None:
    whole = bz2.compress(JSON)
    path = written(tmp_path, "wikidata.json.bz2", whole[: int(len(whole) * share)])
    recorder.error(InputCorrupt, rf"ends early at byte {path.stat().st_size}", lambda: dumps.read_all_lines(path))


@pytest.mark.fault("A2")
def test_a_multistream_dump_cut_between_streams(tmp_path: Path, recorder: Recorder) -> None:
    streams = dumps.streams(PAGES)
    for kept in (1, len(streams) // 2, len(streams) - 1):
        path = written(tmp_path, "swwiki.xml.bz2", b"".join(streams[:kept]))
        recorder.error(InputCorrupt, "expected '</mediawiki>'", lambda path=path: dumps.read_all_pages(path))


@pytest.mark.fault("A3")
def test_a_damaged_block_is_named_by_its_byte(tmp_path: Path, recorder: Recorder) -> None:
    data = bytearray(bz2.compress(JSON, 1))
    data[len(data) // 2] ^= 0x10
    path = written(tmp_path, "wikidata.json.bz2", bytes(data))
    recorder.error(InputCorrupt, r"block that begins at byte \d+ is damaged", lambda: dumps.read_all_lines(path))


@pytest.mark.fault("A4")
def test_the_checksum_of_a_whole_stream(tmp_path: Path, recorder: Recorder) -> None:
    small = dumps.wikidata(LINES[:3])
    data = bytearray(bz2.compress(small))
    data[-3] ^= 0xFF
    path = written(tmp_path, "wikidata.json.bz2", bytes(data))
    recorder.error(InputCorrupt, "checksum|damaged", lambda: dumps.read_all_lines(path))
    packed = bytearray(gzip.compress(small, mtime=0))
    packed[-6] ^= 0xFF
    other = written(tmp_path, "wikidata.json.gz", bytes(packed))
    recorder.error(InputCorrupt, "gzip member .* is damaged", lambda: dumps.read_all_lines(other))


@pytest.mark.fault("A5")
def test_gz_without_its_trailer(tmp_path: Path, recorder: Recorder) -> None:
    path = written(tmp_path, "wikidata.json.gz", gzip.compress(JSON, mtime=0)[:-8])
    recorder.error(InputCorrupt, "ends early", lambda: dumps.read_all_lines(path))
    path = written(tmp_path, "wikidata.json.gz", dumps.gz_members(JSON)[:-1])
    recorder.error(InputCorrupt, "ends early", lambda: dumps.read_all_lines(path))


@pytest.mark.fault("A6")
def test_an_empty_file(tmp_path: Path, recorder: Recorder) -> None:
    for name in ("wikidata.json.gz", "wikidata.json.bz2", "wikidata.json"):
        path = written(tmp_path, name, b"")
        recorder.error(InputCorrupt, "is empty", lambda path=path: dumps.read_all_lines(path))


@pytest.mark.fault("A7")
def test_an_error_page_under_a_dumps_name(tmp_path: Path, recorder: Recorder) -> None:
    page = b"<!DOCTYPE html>\n<html><title>503 Service Unavailable</title></html>"
    path = written(tmp_path, "swwiki.xml.bz2", page)
    recorder.error(InputCorrupt, "this is an HTML page.*DOCTYPE html", lambda: dumps.read_all_pages(path))


@pytest.mark.fault("A8")
def test_what_stands_behind_the_last_stream(
    tmp_path: Path, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    data = dumps.multistream(PAGES)
    with caplog.at_level(logging.WARNING):
        found = dumps.read_all_pages(written(tmp_path, "swwiki.xml.bz2", data + bytes(5000)))
    assert len(found) == len(PAGES) and "5000 zero bytes of padding" in caplog.text
    recorder.note("5,000 zeros: all pages read, a warning")
    for junk in (b"<html>503</html>", b"\0\0junk", b"BZh9 and no more"):
        path = written(tmp_path, "junk.xml.bz2", data + junk)
        recorder.error(InputCorrupt, r"byte \d+", lambda path=path: dumps.read_all_pages(path))


@pytest.mark.fault("A9")
def test_gz_that_is_named_bz2(tmp_path: Path, recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, "wikidata.json.bz2", dumps.gz_members(JSON))
    with caplog.at_level(logging.WARNING):
        assert len(dumps.read_all_lines(path)) == len(JSON.splitlines()) + 1
    assert "is gz by its first bytes, not bz2" in caplog.text
    recorder.note("read as gz, all lines, a warning")


BOMB = """
import re, sys
from pipeline.dumps.ranges import plan_ranges, read_lines
lines = [
    (batch.oversize, len(batch.lines[0]))
    for span in plan_ranges(sys.argv[1])
    for batch in read_lines(span, max_line_bytes=1 << 20)
]
print(max(lines), re.search(r"VmHWM:\s*(\d+)", open("/proc/self/status").read())[1])
"""


@pytest.mark.fault("A13")
@pytest.mark.parametrize("form", ["bz2", "gz"])
def test_a_bomb_passes_in_bounded_memory(tmp_path: Path, recorder: Recorder, form: str) -> None:
    size = 500_000_000 if form == "bz2" else 300_000_000
    compressor = bz2.BZ2Compressor(9) if form == "bz2" else gzip.zlib.compressobj(9, wbits=31)
    pieces = [compressor.compress(b"[\n" + bytes(998))]
    pieces += [compressor.compress(bytes(1_000_000)) for _ in range(size // 1_000_000)]
    data = b"".join(pieces) + compressor.flush()
    path = written(tmp_path, f"wikidata.json.{form}", data)
    command = [sys.executable, "-c", BOMB, str(path)]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True)
    line, peak = answer.stdout.rsplit(" ", 1)
    assert int(peak) < 300_000, f"{peak} kB"
    assert f"({size + 998}, 1000)" == line
    recorder.note(f"{form}: {len(data):,} bytes that open to {size:,}: one line over the limit, {int(peak) // 1000} MB")
