"""Wikipedia dumps to text and links: this project beside mwparserfromhell, WikiExtractor and wikipedia2vec, in one run.

    python benchmarks/wikipedia.py --dumps ../shared/data/wikipedia/*wiki-*.xml.bz2 --peers /path/to/peers/bin

Every tool reads the same dumps from bz2 in one process of its own; CPU-seconds are those of the process and its children,
less those of the same command on dumps of one page each, which is what starting costs. The peers live in an environment of
their own (`--peers` is its `bin` folder, with `pip install wikiextractor wikipedia2vec` in it); without it they are left
out. Rounds alternate between the tools, medians are printed.

What each does: `read` splits and decodes pages; `ours` writes leads, contexts and links as Parquet; `mwparserfromhell`
parses each article, takes `strip_code()` and its links; `WikiExtractor` writes JSON with links (no lists, no offsets);
`wikipedia2vec build-dump-db` writes text and links with offsets (no leads of its own, no tables).
"""

from __future__ import annotations

import bz2
import dataclasses
import json
import multiprocessing
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig:
    """What is run."""

    dumps: tuple[str, ...]
    """Multistream dumps."""
    peers: str = ""
    """`bin` folder of an environment with WikiExtractor and wikipedia2vec; empty to leave them out."""
    rounds: int = 3
    """How often each tool runs."""
    tools: tuple[str, ...] = ("read", "ours", "mwparserfromhell", "wikiextractor", "wikipedia2vec")
    """Tools to run, in this order in each round."""
    worker: str = ""
    """Used by the script itself: the tool that this process is to run."""
    processes: int = 1
    """Used by the script itself: how many processes `ours` takes."""


def main(config: BenchmarkConfig) -> None:
    """Run as the script or as one of its workers."""
    if config.worker:
        print(json.dumps(WORKERS[config.worker](config)))
        return
    facts = run_worker(config, "count")
    print(f"{facts['articles']:,} articles, {facts['bytes'] / 1e6:.1f} MB of wikitext in {len(config.dumps)} dumps\n")
    runs: dict[str, list[tuple[float, float]]] = {}
    extra: dict[str, dict] = {}
    empty = dataclasses.replace(config, dumps=one_page_dumps(config.dumps))
    for _ in range(config.rounds):
        for tool in config.tools:
            if tool in PEERS and not config.peers:
                continue
            started, waited, _ = timed(command_of(empty, tool))
            cpu, wall, extra[tool] = timed(command_of(config, tool))
            runs.setdefault(tool, []).append((cpu - started, wall - waited))
        if "ours" in config.tools:
            two = ("--processes", "2")
            started, waited, _ = timed([*own_command(empty, "ours"), *two])
            cpu, wall, _ = timed([*own_command(config, "ours"), *two])
            runs.setdefault("ours, 2 processes", []).append((cpu - started, wall - waited))
    print(table(runs, facts))
    pages = extra.get("ours", {})
    if pages:
        print(f"\nours, one article: {', '.join(f'{name} {pages[name]:.1f} ms' for name in ('p50', 'p99', 'max'))}")
    parsed = extra.get("mwparserfromhell", {})
    if parsed:
        print(f"mwparserfromhell: {', '.join(f'{name} {parsed[name]:.1f} ms' for name in ('p50', 'p99', 'max'))}")


def one_page_dumps(dumps: tuple[str, ...]) -> tuple[str, ...]:
    """For each dump, one with its header and its first page only."""
    folder, paths = tempfile.mkdtemp(), []
    for dump in dumps:
        with bz2.open(dump) as whole:
            data = b""
            while b"</page>" not in data and (block := whole.read(1 << 20)):
                data += block
        data = data[: data.index(b"</page>") + 7] + b"\n</mediawiki>\n"
        paths.append(f"{folder}/{Path(dump).name}")
        Path(paths[-1]).write_bytes(bz2.compress(data))
    return tuple(paths)


def table(runs: dict[str, list[tuple[float, float]]], facts: dict[str, int]) -> str:
    """Medians and ratios as Markdown."""
    medians = {tool: statistics.median(cpu for cpu, _ in pairs) for tool, pairs in runs.items()}
    walls = {tool: statistics.median(wall for _, wall in pairs) for tool, pairs in runs.items()}
    lines = ["| tool | CPU s | articles/s | MB/s | ours is … times it | wall s |", "|---|--:|--:|--:|--:|--:|"]
    for tool, cpu in medians.items():
        ratio = f"{cpu / medians['ours']:.1f}" if "ours" in medians else "–"
        rate, speed = facts["articles"] / cpu, facts["bytes"] / 1e6 / cpu
        lines.append(f"| {tool} | {cpu:.1f} | {rate:.0f} | {speed:.1f} | {ratio} | {walls[tool]:.1f} |")
    return "\n".join(lines)


def timed(command: list[str]) -> tuple[float, float, dict]:
    """CPU-seconds and wall seconds of a command, and the last line it printed, as JSON where it is some."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} … failed:\n{done.stderr[-2000:]}")
    lines = done.stdout.strip().splitlines()
    said = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, said


def own_command(config: BenchmarkConfig, tool: str) -> list[str]:
    """This script as a worker."""
    return [sys.executable, __file__, "--worker", tool, "--dumps", *config.dumps]


def run_worker(config: BenchmarkConfig, tool: str) -> dict:
    """What a worker says, untimed."""
    return timed(own_command(config, tool))[2]


def command_of(config: BenchmarkConfig, tool: str) -> list[str]:
    """The command that runs a tool over all dumps, one after the other."""
    if tool not in PEERS:
        return own_command(config, tool)
    folder = tempfile.mkdtemp()
    lines = [PEERS[tool](config.peers, dump, folder) for dump in config.dumps]
    return ["bash", "-ec", " && ".join([*lines, f"rm -r '{folder}'"])]


PEERS: dict[str, Callable[[str, str, str], str]] = {
    "wikiextractor": lambda peers, dump, out: (
        f"{peers}/wikiextractor --no-templates --links --json --quiet --processes 1 -o '{out}/{Path(dump).name}' '{dump}'"
    ),
    "wikipedia2vec": lambda peers, dump, out: (
        f"{peers}/wikipedia2vec build-dump-db --pool-size 1 '{dump}' '{out}/{Path(dump).name}.db'"
    ),
}


def raw_articles(config: BenchmarkConfig) -> list:
    """All articles of the dumps: pages and the dialects of their wikis."""
    from pipeline.wikipedia.quality.job import QualityConfig, read_articles

    return list(read_articles(QualityConfig(dumps=config.dumps)))


def count(config: BenchmarkConfig) -> dict:
    """How much there is to read."""
    pages = raw_articles(config)
    return {"articles": len(pages), "bytes": sum(len(page.text.encode()) for page, _ in pages)}


def read(config: BenchmarkConfig) -> dict:
    """Reading alone."""
    from pipeline.wikipedia.quality.job import QualityConfig, read_articles

    return {"articles": sum(1 for _ in read_articles(QualityConfig(dumps=config.dumps)))}


def ours(config: BenchmarkConfig) -> dict:
    """Our job's tasks, in this process or in several, without Beam."""
    from pipeline.wikipedia.config import WikipediaConfig
    from pipeline.wikipedia.job import plan

    with tempfile.TemporaryDirectory() as built:
        job = WikipediaConfig(dumps=config.dumps, output="", range_bytes=1 << 20)
        tasks = [(job, task, built) for task in plan(job)]
        if config.processes > 1:
            with multiprocessing.get_context("spawn").Pool(config.processes) as pool:
                pool.map(_task, tasks, chunksize=1)
            return {}
        seconds = watch_articles()
        for arguments in tasks:
            _task(arguments)
    return quantiles(seconds)


def watch_articles() -> list[float]:
    """Time each article that the job reads from now on."""
    from pipeline.wikipedia import job as wikipedia

    seconds: list[float] = []
    real = wikipedia.read_article

    def watched(*arguments: object) -> object:
        start = time.process_time()
        article = real(*arguments)  # type: ignore[arg-type]
        seconds.append(time.process_time() - start)
        return article

    wikipedia.read_article = watched  # type: ignore[assignment]
    return seconds


def _task(arguments: tuple) -> None:
    from pipeline.run.task_output import TaskOutput
    from pipeline.wikipedia.job import run_task

    job, task, built = arguments
    with TaskOutput(job="wikipedia", source=task.source, index=task.index, num_tasks=10_000, built=built) as out:
        run_task(job, task, out)


def mwparserfromhell_alone(config: BenchmarkConfig) -> dict:
    """The usual way: parse the page, take its text and its links."""
    import mwparserfromhell

    seconds = []
    for page, _ in raw_articles(config):
        start = time.process_time()
        code = mwparserfromhell.parse(page.text)
        text = code.strip_code()
        links = [(str(link.title), str(link.text or "")) for link in code.filter_wikilinks()]
        seconds.append(time.process_time() - start)
        assert text is not None and links is not None
    return quantiles(seconds)


def quantiles(seconds: list[float]) -> dict:
    """Milliseconds of one article: median, 99th of 100, worst."""
    if not seconds:
        return {}
    ranked = sorted(seconds)
    return {
        "p50": 1e3 * ranked[len(ranked) // 2],
        "p99": 1e3 * ranked[len(ranked) * 99 // 100],
        "max": 1e3 * ranked[-1],
    }


WORKERS: dict[str, Callable[[BenchmarkConfig], dict]] = {
    "count": count,
    "read": read,
    "ours": ours,
    "mwparserfromhell": mwparserfromhell_alone,
}

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    main(tyro.cli(BenchmarkConfig))
