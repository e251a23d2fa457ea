"""The downloader against a real HTTP server that misbehaves."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dumps.dump_list import check_dump, read_dump_list
from pipeline.fetch import catalogue as dump_catalogue
from pipeline.fetch import transfer
from pipeline.fetch.job import DownloadConfig, download
from pipeline.fetch.server import DumpServer, user_agent
from pipeline.run.storage import in_words
from schemas.errors import InputCorrupt, InputMissing, OutputBusy, StorageError, UsageError
from tests.pipeline.fetch.dump_host import DumpHost, Reply

DATE = "20261101"
DUMP = b"BZh9" + bytes(range(256)) * 1200
INDEX = b"BZh9 the index"
FILE = f"/swwiki/{DATE}/swwiki-{DATE}-pages-articles-multistream.xml.bz2"
NAME = FILE.rsplit("/", 1)[1]


@pytest.fixture
def host() -> Iterator[DumpHost]:
    """A server with one dump of Swahili and one of Wikidata."""
    with DumpHost() as server:
        server.publish_multistream("swwiki", DATE, {".xml.bz2": DUMP, "-index.txt.bz2": INDEX})
        server.publish_wikidata("20261102", b"\x1f\x8b the gz")
        yield server


def client(host: DumpHost, **changes: object) -> DumpServer:
    """A client of the loopback server that does not wait long."""
    settings: dict[str, object] = {"timeout_seconds": 1.0, "backoff_seconds": 0.01, "retries": 3, **changes}
    return DumpServer(primary=host.base, plain_loopback=True, **settings)  # type: ignore[arg-type]


def fetch_swahili(host: DumpHost, folder: Path, **changes: object) -> bytes:
    """Downloads the dump and returns the bytes of its first file."""
    config = DownloadConfig(output=str(folder), languages=("sw",), date=DATE, wikidata=False)
    download(config, client(host, **changes))
    return (folder / NAME).read_bytes()


def test_fetches_every_file_and_writes_down_what_they_are(host: DumpHost, tmp_path: Path) -> None:
    entries = download(DownloadConfig(output=str(tmp_path), languages=("sw",), date=DATE), client(host))
    assert {entry.kind for entry in entries} == {"multistream", "wikidata"}
    names = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("."))
    assert names == [
        "dumps.json",
        f"swwiki-{DATE}-pages-articles-multistream-index.txt.bz2",
        NAME,
        "wikidata-20261102-all.json.gz",
    ]
    entry = check_dump(tmp_path / NAME)
    assert entry is not None and (entry.wiki, entry.date, entry.size) == ("swwiki", DATE, len(DUMP))
    assert all(request.headers["User-Agent"].startswith("xlm-k") for request in host.requests)


def test_the_wikidata_dump_is_the_first_on_or_after_the_wikis_date(host: DumpHost, tmp_path: Path) -> None:
    for date in ("20261026", "20261109"):
        host.publish_wikidata(date, b"\x1f\x8b other")
    entries = download(DownloadConfig(output=str(tmp_path), languages=("sw",), date=DATE), client(host))
    assert [entry.date for entry in entries if entry.kind == "wikidata"] == ["20261102"]


def test_a_finished_file_is_checked_and_not_fetched_again(host: DumpHost, tmp_path: Path) -> None:
    fetch_swahili(host, tmp_path)
    before = len(host.asked(FILE))
    fetch_swahili(host, tmp_path)
    assert len(host.asked(FILE)) == before


def test_a_damaged_file_that_is_there_is_refused(host: DumpHost, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(DUMP[:-1] + b"x")
    with pytest.raises(InputCorrupt, match="is not the published file"):
        fetch_swahili(host, tmp_path)


def test_a_cut_transfer_goes_on_where_it_ended(host: DumpHost, tmp_path: Path) -> None:
    host.replies[FILE] = [Reply(cut_after=100_000), Reply(cut_after=50_000)]
    assert fetch_swahili(host, tmp_path) == DUMP
    asked = host.asked(FILE)
    assert [request.headers.get("Range") for request in asked] == [None, "bytes=100000-", "bytes=150000-"]
    assert all("If-Range" in request.headers for request in asked[1:])


def test_a_stalled_transfer_goes_on(host: DumpHost, tmp_path: Path) -> None:
    host.replies[FILE] = [Reply(stall_after=70_000)]
    assert fetch_swahili(host, tmp_path, timeout_seconds=0.2) == DUMP
    assert host.asked(FILE)[1].headers["Range"] == "bytes=70000-"


def test_a_file_that_changed_midway_is_fetched_from_its_start(host: DumpHost, tmp_path: Path) -> None:
    host.replies[FILE] = [Reply(cut_after=100_000), *[Reply(status=404)]]
    with pytest.raises(InputMissing):
        fetch_swahili(host, tmp_path)
    assert not (tmp_path / NAME).exists() and (tmp_path / f"{NAME}.part").stat().st_size == 100_000
    new = b"BZh9" + hashlib.blake2b(DUMP).digest() * 5000
    host.publish_multistream("swwiki", DATE, {".xml.bz2": new, "-index.txt.bz2": INDEX})
    assert fetch_swahili(host, tmp_path) == new
    assert host.asked(FILE)[-1].headers["Range"] == "bytes=100000-"


@pytest.mark.parametrize("lie", [Reply(wrong_range=True), Reply(ignore_range=True)])
def test_a_server_that_sends_another_range_does_not_spoil_the_file(host: DumpHost, tmp_path: Path, lie: Reply) -> None:
    host.replies[FILE] = [Reply(cut_after=100_000), lie]
    assert fetch_swahili(host, tmp_path) == DUMP


@pytest.mark.parametrize(
    "body", [DUMP[:-4], DUMP + b"more", DUMP[:-1] + b"!"], ids=["short", "long", "same size, other bytes"]
)
def test_wrong_bytes_never_get_the_name(host: DumpHost, tmp_path: Path, body: bytes) -> None:
    host.files[FILE] = body
    with pytest.raises(InputCorrupt):
        fetch_swahili(host, tmp_path)
    assert not (tmp_path / NAME).exists()
    assert NAME not in read_dump_list(tmp_path)


def test_wrong_bytes_once_are_fetched_again(host: DumpHost, tmp_path: Path) -> None:
    host.replies[FILE] = [Reply(body=DUMP[:-1] + b"!")]
    assert fetch_swahili(host, tmp_path) == DUMP


def test_an_html_page_is_named_as_one(host: DumpHost, tmp_path: Path) -> None:
    page = b"<!DOCTYPE html>\n<title>Down for maintenance</title>"
    host.replies[FILE] = [Reply(body=page, headers={"Content-Type": "text/html"})]
    with pytest.raises(InputCorrupt, match="this is an HTML page.*<!DOCTYPE html>"):
        fetch_swahili(host, tmp_path)


def test_an_encoded_answer_is_refused(host: DumpHost, tmp_path: Path) -> None:
    host.replies[FILE] = [Reply(headers={"Content-Encoding": "gzip"})]
    with pytest.raises(InputCorrupt, match="encoded the file as 'gzip'"):
        fetch_swahili(host, tmp_path)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(host: DumpHost, tmp_path: Path, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", slept.append)
    host.replies[FILE] = [Reply(status=status, headers={"Retry-After": "7"}), Reply(status=status)]
    assert fetch_swahili(host, tmp_path) == DUMP
    assert len(host.asked(FILE)) == 3
    assert slept[0] == 7 and all(0 <= pause < 1 for pause in slept[1:])


def test_a_server_that_stays_busy_is_given_up_with_the_part_kept(host: DumpHost, tmp_path: Path) -> None:
    host.replies[FILE] = [Reply(cut_after=10_000), *[Reply(status=503)] * 20]
    with pytest.raises(InputMissing, match="503"):
        fetch_swahili(host, tmp_path)
    assert (tmp_path / f"{NAME}.part").stat().st_size == 10_000


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_permanent_refusal_is_not_tried_again(host: DumpHost, tmp_path: Path, status: int) -> None:
    host.replies[FILE] = [Reply(status=status)]
    with pytest.raises(InputMissing, match=str(status)):
        fetch_swahili(host, tmp_path)
    assert len(host.asked(FILE)) == 1


def test_no_more_than_two_connections(host: DumpHost, tmp_path: Path) -> None:
    host.publish_multistream("swwiki", DATE, {f"{n}.xml-p{n}p{n}.bz2": b"BZh9" + bytes([n]) * 9 for n in range(1, 9)})
    host.delay_seconds = 0.03
    download(DownloadConfig(output=str(tmp_path), languages=("sw",), date=DATE, wikidata=False), client(host))
    assert host.busiest == 2


def test_an_absent_date_lists_those_that_exist(host: DumpHost, tmp_path: Path) -> None:
    host.publish_multistream("swwiki", "20261001", {".xml.bz2": DUMP})
    with pytest.raises(InputMissing, match="no dump swwiki 20260901 to be had; dates listed: 20261001, 20261101"):
        download(DownloadConfig(output=str(tmp_path), languages=("sw",), date="20260901", wikidata=False), client(host))


def test_a_dump_in_progress_is_refused_and_latest_goes_past_it(host: DumpHost, tmp_path: Path) -> None:
    host.publish_multistream("swwiki", "20261201", {".xml.bz2": DUMP}, status="in-progress")
    config = DownloadConfig(output=str(tmp_path), languages=("sw",), date="20261201", wikidata=False, dry_run=True)
    with pytest.raises(InputMissing, match="not finished .*in-progress"):
        download(config, client(host))
    latest = DownloadConfig(output=str(tmp_path), languages=("sw",), wikidata=False, dry_run=True)
    assert {entry.date for entry in download(latest, client(host))} == {DATE}
    assert not list(tmp_path.iterdir())


def test_latest_is_one_date_for_all_wikis(host: DumpHost, tmp_path: Path) -> None:
    host.publish_multistream("swwiki", "20261201", {".xml.bz2": DUMP})
    host.publish_multistream("yowiki", DATE, {".xml.bz2": DUMP})
    config = DownloadConfig(output=str(tmp_path), languages=("sw", "yo"), wikidata=False, dry_run=True)
    assert {(entry.wiki, entry.date) for entry in download(config, client(host))} == {
        ("swwiki", DATE),
        ("yowiki", DATE),
    }


def test_large_wikis_come_as_the_recombined_file(host: DumpHost, tmp_path: Path) -> None:
    path = f"/swwiki/{DATE}/dumpstatus.json"
    status = json.loads(host.files[path])
    whole = f"swwiki-{DATE}-pages-articles-multistream.xml.bz2"
    part = f"swwiki-{DATE}-pages-articles-multistream1.xml-p1p41242.bz2"
    files = status["jobs"]["articlesmultistreamdump"]["files"]
    status["jobs"]["articlesmultistreamdumprecombine"] = {"status": "done", "files": {whole: files[whole]}}
    status["jobs"]["articlesmultistreamdump"]["files"] = {part: files[whole]}
    host.files[path] = json.dumps(status).encode()
    files_found = dump_catalogue.multistream_files(client(host), "swwiki", DATE)
    assert [file.name for file in files_found] == [whole]


def test_content_file_exports(host: DumpHost, tmp_path: Path) -> None:
    host.publish_content("swwiki", "2026-11-01", {"-p10p1147.xml.bz2": DUMP, "-p1148r5r9.xml.bz2": INDEX})
    config = DownloadConfig(output=str(tmp_path), languages=("sw",), format="content", wikidata=False)
    entries = download(config, client(host))
    assert sorted((entry.name, entry.algorithm) for entry in entries) == [
        ("swwiki-2026-11-01-p10p1147.xml.bz2", "sha256"),
        ("swwiki-2026-11-01-p1148r5r9.xml.bz2", "sha256"),
    ]
    assert (tmp_path / "swwiki-2026-11-01-p10p1147.xml.bz2").read_bytes() == DUMP


def test_an_unfinished_export_is_refused(host: DumpHost) -> None:
    host.publish_content("swwiki", "2026-11-01", {"-p10p1147.xml.bz2": DUMP}, finished=False)
    with pytest.raises(InputMissing, match="SHA256SUMS, _SUCCESS not there yet.*dates listed: 20261101"):
        dump_catalogue.content_files(client(host), "swwiki", DATE)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "swwiki-20261101-../x.xml.bz2",
        "yowiki-20261101-pages-articles-multistream.xml.bz2",
        "swwiki-20261001-pages-articles-multistream.xml.bz2",
    ],
)
def test_a_hostile_name_in_a_catalogue_is_refused(host: DumpHost, name: str) -> None:
    entry = {"size": 5, "sha1": "0" * 40}
    status = {"jobs": {"articlesmultistreamdump": {"status": "done", "files": {name: entry}}}}
    host.files[f"/swwiki/{DATE}/dumpstatus.json"] = json.dumps(status).encode()
    with pytest.raises(InputCorrupt, match="not a name that this dump can have"):
        dump_catalogue.multistream_files(client(host), "swwiki", DATE)


@pytest.mark.parametrize("body", [b"<html>busy</html>", b"[]", b"{}", b'{"jobs": {"articlesmultistreamdump": 3}}'])
def test_a_catalogue_that_is_none_is_refused(host: DumpHost, body: bytes) -> None:
    host.files[f"/swwiki/{DATE}/dumpstatus.json"] = body
    with pytest.raises((InputCorrupt, InputMissing)):
        dump_catalogue.multistream_files(client(host), "swwiki", DATE)


def test_a_redirect_off_the_list_is_refused(host: DumpHost, tmp_path: Path) -> None:
    with DumpHost() as elsewhere:
        elsewhere.files[FILE] = DUMP
        host.replies[FILE] = [Reply(status=302, headers={"Location": elsewhere.base + FILE})]
        with pytest.raises(UsageError, match="not one of the allowed dump hosts"):
            fetch_swahili(host, tmp_path)
        assert elsewhere.requests == []


def test_a_redirect_on_the_list_is_followed_and_a_loop_is_not(host: DumpHost, tmp_path: Path) -> None:
    host.files["/moved"] = DUMP
    host.replies[FILE] = [Reply(status=302, headers={"Location": "/moved"})]
    assert fetch_swahili(host, tmp_path) == DUMP
    host.replies["/loop"] = [Reply(status=302, headers={"Location": "/loop"})] * 9
    with pytest.raises(InputMissing, match="redirects more than 3 times"):
        client(host).read("loop")


@pytest.mark.parametrize(
    "base",
    ["http://dumps.wikimedia.org", "file:///etc", "https://127.0.0.1", "https://10.0.0.7", "https://[::1]",
     "https://169.254.169.254", "https://localhost", "https://intranet", "https://user:word@mirror.example.org"],
)  # fmt: skip
def test_addresses_that_are_no_public_https_are_refused(base: str) -> None:
    with pytest.raises(UsageError):
        DumpServer(mirrors=(base,))


def test_a_name_that_leads_to_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("192.168.1.9", 443))])
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with pytest.raises(UsageError, match="private address 192.168.1.9"):
        DumpServer(mirrors=("https://mirror.example.org",)).read("swwiki/")


def test_no_flag_reaches_the_test_only_argument() -> None:
    assert not {"plain_loopback", "primary"} & set(DownloadConfig.__dataclass_fields__)


def test_a_mirror_serves_the_bytes_and_the_primary_host_steps_in(host: DumpHost, tmp_path: Path) -> None:
    with DumpHost() as mirror:
        mirror.files[FILE] = DUMP[:-1] + b"!"
        assert fetch_swahili(host, tmp_path, mirrors=(mirror.base,)) == DUMP
        assert len(mirror.asked(FILE)) == 2 and len(host.asked(FILE)) == 1
        assert mirror.asked(f"/swwiki/{DATE}/dumpstatus.json") == []


def test_no_room_is_said_before_a_byte_is_fetched(
    host: DumpHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(StorageError, match=r"1\.0 kB free \(1000 bytes\), the download needs .* \(307218 bytes\)"):
        fetch_swahili(host, tmp_path)
    assert host.asked(FILE) == []


def test_a_folder_that_cannot_be_made_is_a_storage_error(host: DumpHost, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write to"):
        fetch_swahili(host, tmp_path / "file" / "below")


def test_two_downloads_into_one_folder(host: DumpHost, tmp_path: Path) -> None:
    with FileLock(tmp_path / ".download.lock"), pytest.raises(OutputBusy):
        fetch_swahili(host, tmp_path)


@pytest.mark.parametrize("wikis", [("swahilli",), ("../x",), ("sw", "klingon")])
def test_an_unknown_wiki_is_named(host: DumpHost, tmp_path: Path, wikis: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=wikis[-1]):
        download(DownloadConfig(output=str(tmp_path), languages=wikis), client(host))
    assert host.requests == []


@pytest.mark.parametrize("date", ["2026-11-01", "20261301", "2026110", "../../x", "20260230"])
def test_a_date_that_is_none_is_refused(host: DumpHost, tmp_path: Path, date: str) -> None:
    with pytest.raises(UsageError, match="is not a dump's date"):
        download(DownloadConfig(output=str(tmp_path), languages=("sw",), date=date, wikidata=False), client(host))


@settings(max_examples=200)
@given(st.text(max_size=40))
def test_only_plain_codes_and_dates_pass(text: str) -> None:
    for check, alphabet in ((dump_catalogue.checked_wiki, "_"), (dump_catalogue.checked_date, "")):
        try:
            passed = check(text)
        except UsageError:
            continue
        assert all(letter.isascii() and (letter.isalnum() or letter in alphabet) for letter in passed)


def test_a_drip_of_bytes_counts_as_a_stall(host: DumpHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "STALL_WINDOW_SECONDS", -1.0)
    monkeypatch.setattr(transfer, "MIN_BYTES_PER_WINDOW", 1 << 30)
    monkeypatch.setattr(transfer, "MAX_IDLE_ATTEMPTS", 2)
    assert fetch_swahili(host, tmp_path) == DUMP
    assert len(host.asked(FILE)) > 2


def test_stopping_ends_every_thread(host: DumpHost, tmp_path: Path) -> None:
    host.publish_multistream("swwiki", DATE, {".xml.bz2": DUMP, "-index.txt.bz2": INDEX})
    host.replies[FILE] = [Reply(stall_after=10)]
    host.replies[FILE.replace(".xml", "-index.txt")] = [Reply(status=404)]
    before = threading.active_count()
    with pytest.raises(InputMissing, match="404"):
        fetch_swahili(host, tmp_path, timeout_seconds=0.3)
    assert threading.active_count() <= before + 2


def test_sizes_and_the_user_agent_in_words() -> None:
    assert [in_words(size) for size in (0, 999, 1500, 156_000_000_000)] == [
        "0 bytes",
        "999 bytes",
        "1.5 kB",
        "156.0 GB",
    ]
    assert "me@example.org" in user_agent("me@example.org")
