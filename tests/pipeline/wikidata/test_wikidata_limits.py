"""The wikidata job under what ends processes: SIGKILL at any operation on files, and little memory."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.campaigns.kill_points import OperationCounter, contents
from pipeline.run.job import run_job
from pipeline.wikidata.config import WikidataConfig
from pipeline.wikidata.job import JOB
from schemas import ENTITIES, read_manifest
from tests.conftest import REPOSITORY
from tests.faults import dumps
from tests.pipeline.wikidata.entity_lines import real_lines

ONE_PROCESS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]
RANGE_BYTES = 64 * 1024 * 1024
MOST_MEMORY = 1_000_000_000
"""Bytes a worker may take, whatever the dump."""


def run_and_kill(config: WikidataConfig, kill_before: int) -> bool:
    """Run the job in a fork that dies before an operation on files; returns whether it did."""
    process = os.fork()
    if process == 0:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            OperationCounter(kill_before)
            run_job(JOB, config, ONE_PROCESS)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


def settings_of(folder: Path) -> WikidataConfig:
    """A run over a dump in five ranges."""
    dump = folder / "dump.json.gz"
    dump.write_bytes(dumps.gz_members(dumps.wikidata(dumps.things(300)), pieces=30))
    return WikidataConfig(dumps=(str(dump),), output=str(folder / "work" / "out"), range_bytes=dump.stat().st_size // 5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a run leaves that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    manifest = run_job(JOB, settings_of(folder), ONE_PROCESS)
    assert len(list(manifest.of(ENTITIES))) > 3
    return contents(folder / "work")


@pytest.mark.parametrize("kills", [(8, 20), (47, 12), (70,)], ids=str)
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path, whole: dict[str, str], kills: tuple[int, ...]) -> None:
    settings = settings_of(tmp_path)
    assert all(run_and_kill(settings, kill) for kill in kills)
    run_job(JOB, settings, ONE_PROCESS)
    assert contents(tmp_path / "work") == whole


def many_entities(lines: list[bytes]) -> Iterator[bytes]:
    """Yield real entities again and again, each with an id of its own."""
    for number, line in zip(itertools.count(200_000_000), itertools.cycle(lines)):
        name = line.partition(b'"id":"')[2].partition(b'"')[0]
        yield line.replace(b'"id":"%s"' % name, b'"id":"%s%d"' % (name[:1], number), 1)


def write_range(path: Path, lines: list[bytes]) -> int:
    """Write a gz dump of one range; returns how many bytes of JSON it holds."""
    entities, decoded, packed = many_entities(lines), 0, 0
    with path.open("wb") as file:
        while packed < RANGE_BYTES:
            text = b"".join(line + b",\n" for line in itertools.islice(entities, 100))
            text = (b"" if decoded else b"[\n") + text
            member = zlib.compressobj(1, wbits=31)
            packed += file.write(member.compress(text) + member.flush())
            decoded += len(text)
        member = zlib.compressobj(1, wbits=31)
        file.write(member.compress(lines[0] + b"\n]\n") + member.flush())
    return decoded


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_range_of_64_mib_in_bounded_memory(real_data: Path, tmp_path: Path) -> None:
    dump = tmp_path / "dump.json.gz"
    lines = real_lines(real_data, "1000-entities.json.bz2")
    decoded = write_range(dump, lines)
    flags = ("--dumps", str(dump), "--output", str(tmp_path / "out"), "--range-bytes", str(2 * RANGE_BYTES))
    command = [sys.executable, "-m", "pipeline", "wikidata", *flags, "--", *ONE_PROCESS]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    (account,) = read_manifest(tmp_path / "out").accounts
    assert account.kept == account.read > 5_000
    print(f"{decoded / 1e6:,.0f} MB of JSON in one range, {usage.ru_maxrss * 1024 / 1e6:,.0f} MB of memory")
    assert usage.ru_maxrss * 1024 < MOST_MEMORY
