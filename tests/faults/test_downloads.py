"""Faults on the way from the server: what the downloader makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.dumps.dump_list import check_dump
from pipeline.fetch.job import DownloadConfig, download
from pipeline.fetch.server import DumpServer
from schemas.errors import InputCorrupt, InputMissing, UsageError
from tests.faults import dumps
from tests.faults.recorder import Recorder
from tests.pipeline.fetch.dump_host import DumpHost, Reply

DATE = "20261101"
NAME = f"swwiki-{DATE}-pages-articles-multistream.xml.bz2"
PATH = f"/swwiki/{DATE}/{NAME}"
DUMP = dumps.multistream(dumps.articles(200))


@pytest.fixture
def host() -> Iterator[DumpHost]:
    """A server with one dump."""
    with DumpHost() as server:
        server.publish_multistream("swwiki", DATE, {".xml.bz2": DUMP})
        yield server


def fetch(host: DumpHost, folder: Path, date: str = DATE, **changes: float) -> bytes:
    """Downloads the dump and returns its bytes."""
    settings = {"timeout_seconds": 1.0, "backoff_seconds": 0.01} | changes
    server = DumpServer(primary=host.base, plain_loopback=True, retries=3, **settings)  # type: ignore[arg-type]
    download(DownloadConfig(output=str(folder), languages=("sw",), date=date, wikidata=False), server)
    return (folder / NAME).read_bytes()


@pytest.mark.fault("A1")
def test_a_cut_dump_is_refused_by_size_and_checksum(host: DumpHost, tmp_path: Path, recorder: Recorder) -> None:
    fetch(host, tmp_path)
    path = tmp_path / NAME
    path.write_bytes(DUMP[: len(DUMP) // 2])
    recorder.error(InputCorrupt, "published are", lambda: check_dump(path))
    path.write_bytes(DUMP[:-1] + b"!")
    recorder.error(InputCorrupt, "sha1 is .*published is", lambda: check_dump(path))


@pytest.mark.fault("A10")
def test_a_file_that_changes_while_it_is_fetched(host: DumpHost, tmp_path: Path, recorder: Recorder) -> None:
    host.replies[PATH] = [Reply(cut_after=3 * len(DUMP) // 10), Reply(status=404)]
    recorder.error(InputMissing, "does not exist", lambda: fetch(host, tmp_path))
    assert not (tmp_path / NAME).exists()
    part = tmp_path / f"{NAME}.part"
    assert part.stat().st_size == 3 * len(DUMP) // 10
    new = dumps.multistream(dumps.articles(201))
    host.publish_multistream("swwiki", DATE, {".xml.bz2": new})
    assert fetch(host, tmp_path) == new
    asked = host.asked(PATH)[-1].headers
    assert asked["Range"] == f"bytes={3 * len(DUMP) // 10}-" and asked["If-Range"]
    recorder.note("asked with Range and If-Range, got the new file from its start, sha1 right, .part gone")
    assert not part.exists()


@pytest.mark.fault("A11")
def test_dumps_that_are_not_to_be_had(host: DumpHost, tmp_path: Path, recorder: Recorder) -> None:
    recorder.error(InputMissing, f"dates listed: {DATE}", lambda: fetch(host, tmp_path, date="20250101"))
    host.publish_multistream("swwiki", "20261201", {".xml.bz2": DUMP}, status="waiting")
    recorder.error(InputMissing, "waiting", lambda: fetch(host, tmp_path, date="20261201"))


@pytest.mark.fault("A12")
def test_a_busy_and_a_slow_server(
    host: DumpHost, tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", waits.append)
    host.replies[PATH] = [
        Reply(status=429, headers={"Retry-After": "11"}),
        Reply(status=503),
        Reply(stall_after=1000),
    ]
    assert fetch(host, tmp_path, timeout_seconds=0.2) == DUMP
    assert waits[0] == 11 and len(host.asked(PATH)) == 4
    assert all("xlm-k" in request.headers["User-Agent"] for request in host.requests)
    recorder.note("waited 11 s as told after 429, backed off after 503, went on after the stall")
    (tmp_path / NAME).unlink()
    host.replies[PATH] = [Reply(status=403)]
    recorder.error(InputMissing, "403", lambda: fetch(host, tmp_path))
    assert len(host.asked(PATH)) == 5


@pytest.mark.fault("A12")
def test_never_more_than_two_connections(host: DumpHost, tmp_path: Path, recorder: Recorder) -> None:
    parts = {f"{n}.xml-p{n}p{n}.bz2": b"BZh9" + bytes([n]) * 99 for n in range(1, 8)}
    host.publish_multistream("swwiki", DATE, {".xml.bz2": DUMP} | parts)
    host.delay_seconds = 0.02
    fetch(host, tmp_path)
    assert host.busiest == 2
    recorder.note(f"{len(parts) + 1} files, {host.busiest} connections")


@pytest.mark.fault("A14")
def test_a_redirect_to_another_host(host: DumpHost, tmp_path: Path, recorder: Recorder) -> None:
    with DumpHost() as elsewhere:
        elsewhere.files[PATH] = DUMP
        host.replies[PATH] = [Reply(status=302, headers={"Location": elsewhere.base + PATH})]
        recorder.error(UsageError, "not one of the allowed dump hosts", lambda: fetch(host, tmp_path))
        assert not elsewhere.requests


@pytest.mark.fault("A14")
@pytest.mark.parametrize("mirror", ["file:///etc/passwd", "http://dumps.wikimedia.org", "https://10.1.2.3"])
def test_addresses_that_are_refused_on_the_command_line(mirror: str, tmp_path: Path, recorder: Recorder) -> None:
    recorder.run("download", "--languages", "sw", "--output", str(tmp_path / "out"), "--mirrors", mirror, code=2)
    assert not (tmp_path / "out").exists()


@pytest.mark.fault("A1")
def test_a_build_checks_what_was_downloaded(host: DumpHost, tmp_path: Path, recorder: Recorder) -> None:
    fetch(host, tmp_path)
    (tmp_path / "wikidata-20261101-all.json").write_bytes(dumps.wikidata(dumps.things(5)))
    (tmp_path / NAME).write_bytes(DUMP[: len(DUMP) // 2])
    recorder.run("build", "--dumps", str(tmp_path), "--output", str(tmp_path / "out"), code=11, match="published are")
    assert not (tmp_path / "out").exists()
