"""K1: kill `build` at random points; the rerun must end with the bytes of a build that was never killed.

    python -m benchmarks.campaigns.kill_points --kills 200 --seed 1 --write True

The build is the one of `make build-data`: the sample world in all its languages, from dumps to token shards. Half of the
kills strike just before an operation on files (the n-th open for writing, rename, removal or new folder), drawn over all
of a build; the other half at a moment drawn over its time. A build is killed again and again until a run reaches the end;
then every file is compared. `--by-command True` kills the real command instead, whose worker processes outlive it, at
moments alone; `--signals` draws among SIGKILL, SIGTERM and SIGHUP, and `worker`, which is SIGKILL of one of its workers.
`--minutes 12 --go-on True` does it in pieces: each goes on with the numbers of the kills that are noted.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psutil
import tyro

from benchmarks.campaigns.results import Outcome, conclude, noted
from pipeline.build import job as build
from pipeline.run.beam.worker_watch import WORKER_ENDED
from pipeline.sample_world import WIKIS, SampleWorldConfig
from pipeline.sample_world import run as write_sample_world
from schemas.errors import Preempted

ONE_PROCESS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]
MAX_SECONDS = 300.0
VALIDATION_PER_MILLE = 100
"""As `make build-data` has it for the sample world."""
# A command hears SIGTERM and SIGHUP once its module is loaded; before that it ends as any program does.
_STOPPED = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP, Preempted.exit_code}
_OPERATIONS = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"})


@dataclass(frozen=True, kw_only=True)
class Config:
    """How much is tried."""

    kills: int = 200
    """How often a build is killed."""
    seed: int = 1
    """Seed of when."""
    languages: tuple[str, ...] = ()
    """Languages of the sample world that are built; nothing for all of them."""
    entities: int = 0
    """Entities of the sample world; 0 for all of them."""
    by_command: bool = False
    """Kill `python -m pipeline build`, which has worker processes, not a fork of this process."""
    signals: tuple[str, ...] = ("SIGKILL",)
    """With `by_command`, what it is ended by, drawn anew each time: names of signals, `worker` for SIGKILL of one of its
    workers."""
    minutes: float = 0.0
    """Stop after the first whole build that ends later than this; 0 for no limit."""
    go_on: bool = False
    """Go on with the campaign noted in `results.json`: its kills count, and are not done again."""
    write: bool = False
    """Whether to note the outcome in `results.json`."""


class Builder:
    """Builds the sample world in one folder, and can be killed while it does."""

    def __init__(self, config: Config, place: Path) -> None:
        self._place, self._by_command = place, config.by_command
        self._ends = random.Random(f"{config.seed} ends")
        self._signals = config.signals
        self.output = place / "build"
        self._operations = place / "operations"
        self._dumps = place / "dumps"
        wikis = tuple(f"{language}wiki" for language in config.languages) or WIKIS
        with contextlib.redirect_stdout(sys.stderr):
            write_sample_world(SampleWorldConfig(output=str(self._dumps), wikis=wikis, entities=config.entities))
        if not config.by_command:
            importlib.import_module("pipeline.run.beam.graph")  # once here, not in every fork

    def run(self, kill_after: float = MAX_SECONDS, kill_before: int = 0) -> bool:
        """Start or go on with the build; returns whether it reached the end.

        Args:
            kill_after: seconds until it is killed.
            kill_before: number of the operation on files before which it is killed; 0 for none.
        """
        process = self._command() if self._by_command else self._fork(kill_before)
        deadline = time.monotonic() + kill_after
        while (status := _ended(process)) is None:
            if time.monotonic() >= deadline:
                self._end(process)
                deadline = float("inf")
            time.sleep(0.005)
        code = os.waitstatus_to_exitcode(status)
        said = (self._place / "log").read_text()[-2000:]
        if code in _STOPPED or (code == 1 and WORKER_ENDED in said):
            return False
        if code:
            raise RuntimeError(f"the build failed with {code}: {said}")
        return True

    def _end(self, process: int) -> None:
        how = self._ends.choice(self._signals)
        if how != "worker":
            os.kill(process, getattr(signal, how))
            return
        workers = sorted(psutil.Process(process).children(recursive=True), key=lambda child: child.pid)
        if workers:
            self._ends.choice(workers).kill()

    def num_operations(self) -> int:
        """Return how many operations on files the last whole build made."""
        return int(self._operations.read_text())

    def _command(self) -> int:
        arguments = ["build", "--dumps", str(self._dumps), "--output", str(self.output)]
        arguments += ["--validation-per-mille", str(VALIDATION_PER_MILLE)]
        with (self._place / "log").open("w") as log:
            return subprocess.Popen([sys.executable, "-m", "pipeline", *arguments], stdout=log, stderr=log).pid

    def _fork(self, kill_before: int) -> int:
        process = os.fork()
        if process:
            return process
        code = 1
        try:
            log = os.open(self._place / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            counter = OperationCounter(kill_before)
            settings = {"dumps": str(self._dumps), "output": str(self.output)}
            build.run(build.BuildConfig(**settings, validation_per_mille=VALIDATION_PER_MILLE), ONE_PROCESS)
            self._operations.write_text(str(counter.count))
            code = 0
        finally:
            os._exit(code)


class OperationCounter:
    """Counts operations on files by Python's audit events, and kills this process before one of them."""

    def __init__(self, kill_before: int) -> None:
        self.count = 0
        self._kill_before = kill_before
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(arguments[1], str) and any(letter in arguments[1] for letter in "wax")
        if not writes and event not in _OPERATIONS:
            return
        self.count += 1
        if self.count == self._kill_before:
            os.kill(os.getpid(), signal.SIGKILL)


def _ended(process: int) -> int | None:
    found, status = os.waitpid(process, os.WNOHANG)
    return status if found else None


def contents(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file below a folder, but for locks and the times that jobs note beside datasets."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    files = (path for path in found if not path.name.endswith((".lock", ".times.json")))
    return {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


def run(config: Config, first: int = 0) -> Outcome:
    """Run the campaign, from the kill with number `first` on."""
    started, stop = time.monotonic(), config.minutes * 60 or float("inf")
    with tempfile.TemporaryDirectory() as place:
        builder = Builder(config, Path(place))
        began = time.monotonic()
        builder.run()
        whole, seconds = contents(builder.output), time.monotonic() - began
        operations = 0 if config.by_command else builder.num_operations()
        print(f"a whole build: {len(whole)} files, {seconds:.1f} s, {operations} operations on files", file=sys.stderr)
        number, held, builds = first, 0, 0
        while number < config.kills and time.monotonic() - started < stop:
            shutil.rmtree(builder.output)
            builds += 1
            draw = random.Random(f"{config.seed} {number} {builds}")
            kills = kill_until_it_ends(builder, draw, config.kills - number, seconds, operations)
            number += kills
            odd = differences(contents(builder.output), whole)
            held += 0 if odd else kills
            if odd:
                print(f"after {kills} kills, the last being number {number}, differ: {odd[:5]}", file=sys.stderr)
    languages = f"{len(config.languages)} of the sample world's languages" if config.languages else "the sample world"
    how = "the command, which leaves workers behind" if config.by_command else "at operations on files and at moments"
    return Outcome(
        what=f"{', '.join(config.signals)} of `build` over {languages} ({how}), the rerun's bytes equal",
        seed=config.seed, tried=number - first, held=held, seconds=time.monotonic() - started,
    )  # fmt: skip


def kill_until_it_ends(builder: Builder, draw: random.Random, most: int, seconds: float, operations: int) -> int:
    """Kill a build, and go on with it, until a run ends; returns how often it was killed.

    Args:
        draw: says where.
        most: kills at most.
        seconds, operations: how long a whole build takes, and how many operations on files; 0 for kills at moments alone.
    """
    kills, ended = 0, False
    while not ended:
        if kills == most:
            ended = builder.run()
        elif operations and draw.random() < 0.5:
            ended = builder.run(kill_before=draw.randint(1, operations))
        else:
            ended = builder.run(kill_after=draw.uniform(0.05, seconds))
        kills += not ended
    return kills


def differences(found: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """Return the names of files that are not in both, or not the same."""
    return sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))


def main() -> int:
    """Run from the command line."""
    config = tyro.cli(Config, config=(tyro.conf.FlagConversionOff,))
    name = f"K1 by command, seed {config.seed}" if config.by_command else f"K1, seed {config.seed}"
    name += "" if config.signals == ("SIGKILL",) else ", any signal"
    before = noted(name) if config.go_on else None
    outcome = run(config, before.tried if before else 0)
    return conclude(name, outcome.after(before) if before else outcome, write=config.write)


if __name__ == "__main__":
    sys.exit(main())
