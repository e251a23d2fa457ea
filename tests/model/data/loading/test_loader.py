"""Loader workers: signals are the main process's business, and a program with workers ends when it wants to."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from model.batch import Batch
from model.data.loading.loader import StreamLoader, fitting_workers
from model.data.loading.worker import Worker
from model.data.stores.token_dataset import TokenDataset
from model.data.stream.stream import Made, TrainingStream
from model.data.stream_config import StreamConfig
from schemas.errors import OutOfMemory, ShardMismatch
from tests.conftest import REPOSITORY
from tests.model.token_shards import open_world

PROGRAM = """
import sys
from pathlib import Path
from model.data.loading.loader import StreamLoader
from model.data.stream.stream import TrainingStream
from model.data.stream_config import StreamConfig
from tests.model.token_shards import open_world

config = StreamConfig(tokens_per_step=1024, max_length=64, max_text_length=64, max_description_length=34, num_lanes=6)
stream = TrainingStream(open_world(Path(sys.argv[1])), config, seed=1, rank=0, world_size=1)
loader = StreamLoader(stream, num_workers=2)
next(loader)
"""
"""Starts two workers on the shards of its first argument."""


@pytest.fixture
def stream(tokens: TokenDataset, small_steps: StreamConfig) -> TrainingStream:
    """The stream of a run with one rank."""
    return TrainingStream(tokens, small_steps, seed=1, rank=0, world_size=1)


@pytest.fixture
def loader(stream: TrainingStream) -> Iterator[StreamLoader]:
    """Two workers over it, none of which is left behind."""
    loader = StreamLoader(stream, num_workers=2)
    yield loader
    loader.close()


def worker_pids() -> list[int]:
    """Process ids of the running loader workers."""
    return [child.pid for child in multiprocessing.active_children() if child.pid]


def test_workers_outlive_the_signals_that_stop_a_run(loader: StreamLoader) -> None:
    """A scheduler signals every process of a job; the main one saves first, and needs its workers no less."""
    list(islice(loader, 2))  # one of each worker, so that both have started
    assert len(worker_pids()) == 2
    for pid in worker_pids():
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
    assert len(list(islice(loader, 12))) == 12


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_page_is_reported_alike_with_and_without_workers(
    token_folder: Path, tmp_path: Path, small_steps: StreamConfig, workers: int
) -> None:
    folder = Path(shutil.copytree(token_folder, tmp_path / "tokens"))
    shard = folder / "mentions/en/train-00000-of-00002.parquet"
    data = open_world(folder)
    before = shard.stat()
    column = pq.ParquetFile(shard).metadata.row_group(0).column(4)
    content = bytearray(shard.read_bytes())
    content[(column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size // 2] ^= 4
    shard.write_bytes(content)
    os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a failing disk would leave it
    stream = TrainingStream(data, small_steps, seed=1, rank=0, world_size=1)
    loader = StreamLoader(stream, num_workers=workers)
    with pytest.raises(ShardMismatch, match=f"^{shard}, row group 0, is damaged"):
        list(islice(loader, 8))
    loader.close()


def test_a_killed_worker_is_reported(loader: StreamLoader) -> None:
    list(islice(loader, 2))
    os.kill(worker_pids()[0], signal.SIGKILL)
    time.sleep(0.5)  # nothing is raised here, in the midst of something else
    with pytest.raises(OutOfMemory, match="a loader worker died"):
        list(islice(loader, 100))


def test_a_program_ends_without_closing_its_loader(token_folder: Path) -> None:
    """Workers that ignore signals would otherwise be waited for at exit without end."""
    command = [sys.executable, "-c", f"{PROGRAM}raise SystemExit(75)", str(token_folder)]
    assert subprocess.run(command, cwd=REPOSITORY, timeout=120, check=False).returncode == 75


WAITING = f"""{PROGRAM}
import multiprocessing, time
print(*[child.pid for child in multiprocessing.active_children()], flush=True)
time.sleep(60)
"""


def test_nothing_is_left_of_a_killed_program(token_folder: Path) -> None:
    """SIGKILL runs no clean-up: the workers must end by themselves, and the memory they share must have no name."""
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, str(token_folder)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        workers = [int(pid) for pid in program.stdout.readline().split()]
        assert len(workers) == 2 and all(map(running, workers))
        assert [name for pid in (program.pid, *workers) for name in opened(pid) if name.startswith("/dev/shm/")] == []
        program.kill()
    limit = time.monotonic() + 20
    while any(map(running, workers)) and time.monotonic() < limit:
        time.sleep(0.02)
    assert not any(map(running, workers))


def running(pid: int) -> bool:
    """Whether a process is there and has not ended; one that nobody has buried yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def opened(pid: int) -> list[str]:
    """Files that a process has mapped or opened."""
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    return [line.split(maxsplit=5)[-1] for line in maps] + [
        os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()
    ]


@pytest.mark.parametrize(
    ("error", "told", "message"),
    [
        (ZeroDivisionError("by nothing"), RuntimeError, r"a loader worker failed:(?s:.*)in make(?s:.*)by nothing"),
        (MemoryError("Unable to allocate 9 GiB"), OutOfMemory, "found no memory: Unable to allocate.*fewer workers"),
        (SystemExit(3), RuntimeError, "a loader worker ended with code 3"),
    ],
)
def test_what_goes_wrong_in_a_worker_is_told(
    loader: StreamLoader, monkeypatch: pytest.MonkeyPatch, error: BaseException, told: type[Exception], message: str
) -> None:
    def make(stream: TrainingStream, pack: int) -> None:
        raise error

    monkeypatch.setattr(TrainingStream, "make", make)
    with pytest.raises(told, match=message):
        next(loader)


def test_a_worker_makes_no_more_batches_than_there_are_places(stream: TrainingStream) -> None:
    """It holds the next one in its hands, and goes on when one was taken."""
    made = Counting(iter(stream))
    worker = Worker(made, stream.blank(), ahead=3)
    for taken in range(1, 4):
        worker.take()
        made.wait_for(taken + 4)
    worker.close()


class Counting:
    """Batches that count themselves in a file, so that another process sees how many there were."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches, self._file = batches, tempfile.TemporaryFile()

    def __iter__(self) -> Iterator[Made]:
        return self

    def __next__(self) -> Made:
        os.write(self._file.fileno(), b"1")
        return Made(next(self._batches), 0, {})

    def wait_for(self, number: int) -> None:
        """Wait until so many were made, and see that there are no more."""
        limit = time.monotonic() + 20
        while os.fstat(self._file.fileno()).st_size < number and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(0.05)
        assert os.fstat(self._file.fileno()).st_size == number


@pytest.mark.parametrize(("lanes", "wanted", "expected"), [(24, 5, 4), (24, 0, 0), (8, 8, 8), (7, 6, 1), (3, 4, 3)])
def test_workers_share_lanes_evenly(lanes: int, wanted: int, expected: int) -> None:
    assert fitting_workers(lanes, wanted) == expected
