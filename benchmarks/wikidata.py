"""The wikidata job beside plain decompression, the same code without Beam, and other tools, on one dump, in one run.

    python benchmarks/wikidata_dump.py --data ../shared/data/wikidata --out /tmp/dump
    python benchmarks/wikidata.py --dump /tmp/dump --work /tmp/bench [--kgtk VENV/bin/kgtk] [--simple-wikidata-db CHECKOUT]

Every contestant runs as a process of its own, in turn, `--rounds` times; the table has medians of MB of JSON per second and
per CPU-second (user and system, children included). Ours writes all tables in 10 languages; what a peer leaves out is
said beside it. KGTK and simple-wikidata-db are not installed by this project: name a kgtk command and a checkout of
neelguha/simple-wikidata-db to have them in the table.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import tyro

LANGUAGES = "en,de,fr,es,ru,zh,ja,ar,el,hy"


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig:
    """What is measured."""

    dump: Path
    """Folder that `wikidata_dump.py` wrote."""
    work: Path
    """Folder for outputs; emptied before each run."""
    rounds: int = 3
    """How often each contestant runs."""
    range_bytes: int = 4_000_000
    """Compressed bytes of one task: as the members of the dump, so that each worker gets several."""
    timeout: float = 300
    """Seconds after which a contestant is stopped and counted as not finished."""
    copies: int = 1
    """How often our job reads the dump in one run, through links to it: what a long run is."""
    kgtk: str = ""
    """Path of a kgtk command."""
    simple_wikidata_db: str = ""
    """Checkout of neelguha/simple-wikidata-db, and the Python that has its requirements, as `FOLDER:PYTHON`."""
    only: str = ""
    """Regular expression: only contestants in whose names it is found run."""


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One thing to run."""

    name: str
    """What the table calls it."""
    command: list[str]
    """The process to start."""
    form: str
    """Which of the dump's files it reads."""
    folder: str = "."
    """Where it runs."""
    copies: int = 1
    """How often it reads the dump."""


def code(text: str) -> list[str]:
    """A command that runs Python text with the interpreter of this script."""
    return [sys.executable, "-c", text]


DECOMPRESS = {
    "gz, isal alone": "from isal import igzip\nf = igzip.open({path!r})\nwhile f.read(1 << 18): pass",
    "bz2, Python's bz2 alone": "import bz2\nf = bz2.open({path!r})\nwhile f.read(1 << 18): pass",
}
QWIKIDATA = "from qwikidata.json_dump import WikidataJsonDump\nfor entity in WikidataJsonDump({path!r}): pass"
RUN_TASKS = (
    "import sys, multiprocessing; sys.path.insert(0, {root!r})\n"
    "from benchmarks.wikidata import run_without_beam\n"
    "run_without_beam({paths!r}, {out!r}, {range_bytes}, {workers})"
)


def run_without_beam(paths: list[str], out: str, range_bytes: int, workers: int) -> None:
    """Run the job's tasks in a plain process pool."""
    import multiprocessing

    from pipeline.wikidata.config import WikidataConfig
    from pipeline.wikidata.job import plan

    config = WikidataConfig(dumps=tuple(paths), output=out, languages=LANGUAGES, range_bytes=range_bytes)
    tasks = plan(config)
    jobs = [(config, task, len(tasks), out) for task in tasks]
    if workers == 1:
        for job in jobs:
            run_one(job)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(run_one, jobs, chunksize=1)


def run_one(job: tuple) -> None:
    """Run one task in this process; `job` is the configuration, the task, how many there are, and where to build."""
    import pyarrow as pa

    from pipeline.run.task_output import TaskOutput
    from pipeline.wikidata.job import run_task

    pa.set_cpu_count(1)
    config, task, num_tasks, built = job
    with TaskOutput(job="wikidata", source=task.source, index=task.index, num_tasks=num_tasks, built=built) as out:
        run_task(config, task, out)


def ours(config: BenchmarkConfig, form: str, workers: int) -> list[Contestant]:
    """Our job inside Beam and outside it."""
    paths, root = linked(config, form), str(Path(__file__).resolve().parent.parent)
    out = str(config.work / "out")
    mode = "in_memory" if workers == 1 else "multi_processing"
    beam = [
        *(sys.executable, "-m", "pipeline", "wikidata", "--dumps", *paths, "--output", out, "--languages", LANGUAGES),
        *("--range-bytes", str(config.range_bytes), "--", "--runner=FnApiRunner", f"--direct_running_mode={mode}"),
        f"--direct_num_workers={workers}",
    ]
    plain = RUN_TASKS.format(root=root, paths=paths, out=out, range_bytes=config.range_bytes, workers=workers)
    how = f"{workers} worker{'s' if workers > 1 else ''}" + (
        f", dump {config.copies} times" if config.copies > 1 else ""
    )
    return [
        Contestant(name=f"ours, {form}, {where}, {how}", command=command, form=form, folder=root, copies=config.copies)
        for where, command in (("Beam", beam), ("no Beam", code(plain)))
    ]


def linked(config: BenchmarkConfig, form: str) -> list[str]:
    """The dump under as many names as it is to be read."""
    names = [config.dump / f"dump.json.{form}"]
    for number in range(2, config.copies + 1):
        names.append(config.dump / f"dump-{number}.json.{form}")
        names[-1].unlink(missing_ok=True)
        os.link(names[0], names[-1])
    return [str(name) for name in names]


def contestants(config: BenchmarkConfig) -> list[Contestant]:
    """Everything that runs, in order."""
    gz, bz2 = str(config.dump / "dump.json.gz"), str(config.dump / "dump.json.bz2")
    found = [
        Contestant(
            name=name, command=code(text.format(path=gz if name.startswith("gz") else bz2)), form=name.split(",")[0]
        )
        for name, text in DECOMPRESS.items()
    ]
    for form in ("gz", "bz2"):
        for workers in (1, 2):
            found += ours(config, form, workers)
    found.append(Contestant(name="qwikidata, gz, iteration only", command=code(QWIKIDATA.format(path=gz)), form="gz"))
    if config.kgtk:
        out = config.work / "out"
        command = [
            *(config.kgtk, "import-wikidata", "-i", gz, "--procs", "2", "--lang", "en"),
            *("--node", str(out / "nodes.tsv"), "--minimal-edge-file", str(out / "edges.tsv")),
            *("--minimal-qual-file", str(out / "qualifiers.tsv")),
        ]
        found.append(Contestant(name="KGTK, gz, 2 processes, English", command=command, form="gz"))
    if config.simple_wikidata_db:
        folder, python = config.simple_wikidata_db.split(":")
        command = [
            *(python, "-m", "simple_wikidata_db.preprocess_dump", "--input_file", gz, "--processes", "4"),
            *("--out_dir", str(config.work / "out"), "--num_lines_in_dump", str(num_lines(config))),
        ]
        found.append(
            Contestant(name="simple-wikidata-db, gz, 4 processes, English", command=command, form="gz", folder=folder)
        )
    return [contestant for contestant in found if re.search(config.only, contestant.name)]


def num_lines(config: BenchmarkConfig) -> int:
    """Number of lines of the dump."""
    with (config.dump / "dump.json").open("rb") as file:
        return sum(1 for _ in file)


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run of one contestant."""

    seconds: float
    """Wall clock."""
    cpu: float
    """User and system seconds, of all its processes."""
    peak: float
    """Largest resident memory of one of its processes, in 10**6 bytes."""


def measure(contestant: Contestant, config: BenchmarkConfig) -> Result | None:
    """Run once; None where it failed, which is said, or did not finish."""
    shutil.rmtree(config.work, ignore_errors=True)
    (config.work / "out").mkdir(parents=True)
    if contestant.name.startswith("ours"):
        (config.work / "out").rmdir()
    environment = {**os.environ, "PYTHONPATH": contestant.folder, "OMP_NUM_THREADS": "1"}
    started = time.perf_counter()
    with config.work.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            contestant.command, cwd=contestant.folder, stdout=log, stderr=log, env=environment, start_new_session=True
        )
        status, usage = 0, None
        while time.perf_counter() - started < config.timeout:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.02)
        else:
            os.killpg(process.pid, signal.SIGKILL)
            os.wait4(process.pid, 0)
            return None
    if status or usage is None:
        said = config.work.with_suffix(".log").read_text(errors="replace")
        print(f"{contestant.name} ended with {os.waitstatus_to_exitcode(status)}: …{said[-2000:]}", file=sys.stderr)
        return None
    return Result(
        seconds=time.perf_counter() - started, cpu=usage.ru_utime + usage.ru_stime, peak=usage.ru_maxrss * 1024 / 1e6
    )


def main(config: BenchmarkConfig) -> None:
    """Run all contestants in turn and print a table of medians."""
    megabytes = (config.dump / "dump.json").stat().st_size / 1e6
    runs: dict[str, list[Result | None]] = {}
    copies = {contestant.name: contestant.copies for contestant in contestants(config)}
    for round_number in range(config.rounds):
        for contestant in contestants(config):
            result = measure(contestant, config)
            runs.setdefault(contestant.name, []).append(result)
            print(f"round {round_number + 1}: {contestant.name}: {result}", file=sys.stderr, flush=True)
    print(
        f"{megabytes:.0f} MB of JSON, {num_lines(config) - 2:,} entities; {machine()}; medians of {config.rounds} runs\n"
    )
    print("| contestant | MB/s | MB per CPU-second | seconds | memory of a process, MB |\n|---|---|---|---|---|")
    for name, results in runs.items():
        done = [result for result in results if result is not None]
        if not done:
            print(f"| {name} | did not finish in {config.timeout:.0f} s | | | |")
            continue
        seconds, cpu = (statistics.median(getattr(result, field) for result in done) for field in ("seconds", "cpu"))
        peak = max(result.peak for result in done)
        size = megabytes * copies[name]
        print(f"| {name} | {size / seconds:.0f} | {size / cpu:.0f} | {seconds:.1f} | {peak:.0f} |")


def machine() -> str:
    """The machine and the versions, in words."""
    names = ("apache-beam", "pyarrow", "msgspec", "isal", "qwikidata")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}, load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main(tyro.cli(BenchmarkConfig))
