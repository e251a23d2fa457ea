"""K5: cut the power while `build` runs; the rerun must end with the bytes of a build that nothing happened to.

    python -m benchmarks.campaigns.power_cuts --cuts 50 --seed 1 --write True

A cut is a kill of the command and all its workers, and then what a disk may lose that was not told to keep: a file written
since its last fsync is of no bytes, and a rename in a folder without an fsync since is undone, each with the odds of one in
two. What was synced stays. Every process of the build notes its fsyncs and renames in a journal
(`JOURNAL`), which Python reads in when it starts.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from benchmarks.campaigns.kill_points import VALIDATION_PER_MILLE, contents, differences
from benchmarks.campaigns.results import Outcome, conclude
from pipeline.sample_world import SampleWorldConfig
from pipeline.sample_world import run as write_sample_world

JOURNAL = """
import json, os
_path = os.environ.get("XLMK_JOURNAL")
if _path:
    _journal = os.open(_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    _fsync, _replace = os.fsync, os.replace

    def _note(*row):
        os.write(_journal, (json.dumps(row) + "\\n").encode())

    def fsync(handle):
        _fsync(handle)
        number = handle if isinstance(handle, int) else handle.fileno()
        state = os.fstat(number)
        _note("sync", os.readlink(f"/proc/self/fd/{number}"), state.st_ino, state.st_size)

    def replace(source, target, **options):
        old = os.stat(target).st_ino if os.path.isfile(target) else 0
        _replace(source, target, **options)
        _note("name", os.path.abspath(os.fspath(target)), os.stat(target).st_ino, old)

    os.fsync, os.replace = fsync, replace
"""
"""A `sitecustomize` that notes what reached the disk: `["sync", path, inode, size]`, `["name", path, inode, inode before]`."""
MAX_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Config:
    """How much is tried."""

    cuts: int = 50
    """How often the power is cut."""
    seed: int = 1
    """Seed of when, and of what is lost."""
    languages: tuple[str, ...] = ("en", "de")
    """Languages of the sample world that are built."""
    entities: int = 24
    """Entities of the sample world; 0 for all of them."""
    minutes: float = 0.0
    """Stop after the first whole build that ends later than this; 0 for no limit."""
    write: bool = False
    """Whether to note the outcome in `results.json`."""


class Machine:
    """Builds the sample world on a disk whose power can be cut."""

    def __init__(self, config: Config, place: Path) -> None:
        self._dumps, self._journal, self._log = place / "dumps", place / "journal", place / "log"
        self.output = place / "build"
        (place / "site").mkdir()
        (place / "site" / "sitecustomize.py").write_text(JOURNAL)
        paths = [str(place / "site"), os.environ.get("PYTHONPATH", "")]
        self._environment = os.environ | {
            "XLMK_JOURNAL": str(self._journal),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }
        wikis = tuple(f"{language}wiki" for language in config.languages)
        write_sample_world(SampleWorldConfig(output=str(self._dumps), wikis=wikis, entities=config.entities))

    def run(self, seconds: float = MAX_SECONDS) -> bool:
        """Start or go on with the build; returns whether it reached the end before it was killed with all its workers."""
        arguments = ["build", "--dumps", str(self._dumps), "--output", str(self.output)]
        arguments += ["--vocab-size", "400", "--validation-per-mille", str(VALIDATION_PER_MILLE)]
        return self.call([sys.executable, "-m", "pipeline", *arguments], seconds)

    def call(self, command: list[str], seconds: float = MAX_SECONDS) -> bool:
        """Run a command whose writes are noted; returns whether it reached the end before it was killed.

        Raises: RuntimeError where it failed.
        """
        self._journal.write_bytes(b"")
        self._began = time.time_ns()
        with self._log.open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment, start_new_session=True)
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return False
        if code:
            raise RuntimeError(f"it failed with {code}: {self._log.read_text()[-2000:]}")
        return True

    def lose(self, draw: random.Random) -> int:
        """Undo what the last run did not bring to the disk, each thing with the odds of one in two; returns how many."""
        journal = [json.loads(line) for line in self._journal.read_text().splitlines() if line.endswith("]")]
        synced = {(inode, size) for kind, _, inode, size in journal if kind == "sync"}
        safe = {(path, number) for number, (kind, path, *_) in enumerate(journal) if kind == "sync"}
        lost = 0
        for number, (kind, path, inode, before) in enumerate(journal):
            folder = os.path.dirname(path)
            kept = any(where == folder and later > number for where, later in safe)
            if (
                kind == "name"
                and not kept
                and os.path.exists(path)
                and os.stat(path).st_ino == inode
                and draw.random() < 0.5
            ):
                lost += 1
                if os.path.isdir(path):
                    os.rename(path, f"{path}.partial")
                elif before:
                    os.truncate(path, 0)  # the file before is gone here; what a disk shows of such a name is anything
                else:
                    os.unlink(path)
        files = [path for path in self.output.rglob("*") if path.is_file()] if self.output.exists() else []
        for one in sorted(files):
            state = one.stat()
            unsynced = state.st_mtime_ns >= self._began and (state.st_ino, state.st_size) not in synced
            if unsynced and state.st_size and draw.random() < 0.5:
                os.truncate(one, 0)
                lost += 1
        return lost


def run(config: Config) -> Outcome:
    """Run the campaign."""
    started, stop = time.monotonic(), config.minutes * 60 or float("inf")
    with tempfile.TemporaryDirectory() as place:
        machine = Machine(config, Path(place))
        machine.run()  # compiles what there is to compile
        shutil.rmtree(machine.output)
        began = time.monotonic()
        machine.run()
        whole, seconds = contents(machine.output), time.monotonic() - began
        print(f"a whole build: {len(whole)} files, {seconds:.1f} s", file=sys.stderr)
        cuts = held = builds = lost = 0
        while cuts < config.cuts and time.monotonic() - started < stop:
            shutil.rmtree(machine.output, ignore_errors=True)
            builds += 1
            draw, of_this = random.Random(f"{config.seed} {builds}"), 0
            while cuts < config.cuts and not machine.run(draw.uniform(0.2, 1.1) * seconds):
                lost += machine.lose(draw)
                cuts, of_this = cuts + 1, of_this + 1
            machine.run()
            odd = differences(contents(machine.output), whole)
            held += 0 if odd else of_this
            if odd:
                print(f"after {of_this} cuts differ: {odd[:5]}", file=sys.stderr)
        print(f"{lost} unsynced writes and names were lost", file=sys.stderr)
    return Outcome(
        what=f"power cuts during `build` over {len(config.languages)} of the sample world's languages (unsynced writes lost), "
        "the rerun's bytes equal",
        seed=config.seed, tried=cuts, held=held, seconds=time.monotonic() - started,
    )  # fmt: skip


def main() -> int:
    """Run from the command line."""
    config = tyro.cli(Config, config=(tyro.conf.FlagConversionOff,))
    return conclude("K5", run(config), write=config.write)


if __name__ == "__main__":
    sys.exit(main())
