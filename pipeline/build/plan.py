"""The command `plan`: what a build will take, before anything is fetched: files, disk, hours on this machine, Dataflow.

Sizes are those of the catalogue, or of files that are here. What a byte of them costs is measured: the jobs that read dumps
run on the beginnings of these very dumps, those after them on the sample world, whose links all lead somewhere.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from pipeline.build.estimate import Estimate, Prices, render
from pipeline.build.heads import SizedDump, local_dump, remote_dump, write_head
from pipeline.build.job import BuildConfig, chosen_wikis, dump_jobs, link_config, tokenize_config
from pipeline.build.probe import Cost, measure
from pipeline.dumps.folder import read_dump_folder
from pipeline.dumps.ranges import ByteRange, warm_ups
from pipeline.fetch import catalogue
from pipeline.fetch.job import DownloadConfig, resolve
from pipeline.fetch.server import DumpServer
from pipeline.sample_world import SampleWorldConfig
from pipeline.sample_world import run as write_world
from pipeline.tokens import train as train_tokenizer
from pipeline.tokens.train import TrainTokenizerConfig
from pipeline.wikidata.job import LEAST_COMPILED_BYTES
from schemas import read_manifest
from schemas.command_line import next_command
from schemas.errors import InputMissing, UsageError, printable
from schemas.names import Names

_MOST_WIKIS = 3
"""How many wikis, the largest ones, the rates of pages are measured on."""
_SAMPLE_WIKIS = ("enwiki", "elwiki", "zhwiki")


@dataclass(frozen=True, kw_only=True)
class PlanConfig:
    """What is to be built, and of which files."""

    languages: Names = ()
    """Languages to build; none, with `--dumps`, for every wiki that has a dump there."""
    dumps: str = ""
    """Folder of dumps that are here; empty to ask the dump server's catalogue."""
    date: str = "latest"
    """The wikis' dump date, eight digits, or `latest`; for the catalogue."""
    wikidata: bool = True
    """Whether Wikidata's dump is to be read; without it pages are tied by `page_props` (docs/one-language.md)."""
    workers: int = 0
    """Worker processes; 0 for one a core of this machine."""
    folder: str = "."
    """Where dumps and tables are to lie; its free space is told."""
    probe_mb: float = 2.0
    """How much of each of the three largest dumps of pages is read to measure, in MB; of Wikidata's four times as much."""
    vcpu_hour: float = 0.0
    """Price of a Dataflow batch worker's vCPU hour in your region; 0 to leave the sum out."""
    gb_hour: float = 0.0
    """Price of its GB of memory an hour."""
    gb_per_vcpu: float = 4.0
    """Memory of a worker machine for each vCPU, in GB."""
    prices_from: str = ""
    """Where the prices were read, and when; printed beside the sum. They stand at https://cloud.google.com/dataflow/pricing"""

    def __post_init__(self) -> None:
        if self.probe_mb <= 0:
            raise UsageError(f"--probe-mb is {self.probe_mb}, expected more than 0")
        if (self.vcpu_hour or self.gb_hour) and not self.prices_from:
            raise UsageError("a price without its source tells nobody anything: --prices-from 'page, date'")


CONFIG = PlanConfig
"""What the command line is made from."""


def run(config: PlanConfig, server: DumpServer | None = None) -> None:
    """Measure, and print the plan. Tests pass their own server.

    Raises:
        InputMissing: no dumps, or the catalogue does not answer.
        UsageError: an unknown language, or none.
    """
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    server = server or DumpServer(retries=1, timeout_seconds=20)
    dumps = _local(config) if config.dumps else _in_catalogue(config, server)
    with tempfile.TemporaryDirectory(prefix="xlmk-plan-") as folder:
        costs = _measured(dumps, Path(folder), round(config.probe_mb * 1e6))
    estimate = Estimate(
        dumps=tuple(dumps),
        costs=costs,
        workers=config.workers or os.cpu_count() or 1,
        cheap=_cheap_bytes(config, dumps, server),
        place=os.path.abspath(config.folder),
        free=shutil.disk_usage(_existing(Path(config.folder))).free,
    )
    prices = Prices(config.vcpu_hour, config.gb_hour, config.gb_per_vcpu, config.prices_from)
    print(render(estimate, prices))
    print(_next(config))


def _next(config: PlanConfig) -> str:
    languages = ["--languages", " ".join(config.languages)] if config.languages else []
    if config.dumps:
        sitelinks = [] if config.wikidata else ["--sitelinks-sql", config.dumps]
        return next_command(
            "pipeline", "build", "--dumps", config.dumps, *languages, *sitelinks, "--output", "data/build"
        )
    cheap = [] if config.wikidata else ["--no-wikidata", "--page-props"]
    return next_command("pipeline", "download", *languages, "--date", config.date, *cheap, "--output", "data/dumps")


def _local(config: PlanConfig) -> list[SizedDump]:
    """Describe the chosen dumps of a folder."""
    folder = read_dump_folder(config.dumps)
    instead = "" if config.wikidata else config.dumps
    wikis = chosen_wikis(
        BuildConfig(dumps=config.dumps, output="", languages=config.languages, sitelinks_sql=instead), folder
    )
    pages = [local_dump(path, wiki, "pages") for wiki in wikis for path in folder.wikis[wiki]]
    return pages + [local_dump(path, "wikidatawiki", "wikidata") for path in folder.wikidata if config.wikidata]


def _in_catalogue(config: PlanConfig, server: DumpServer) -> list[SizedDump]:
    """Describe the dumps that `download` would fetch."""
    if not config.languages:
        raise UsageError("name languages with --languages, or dumps that are here with --dumps")
    wanted = resolve(
        DownloadConfig(
            output="",
            languages=config.languages,
            date=config.date,
            wikidata=config.wikidata,
            page_props=not config.wikidata,
        ),
        server,
    )
    return [
        remote_dump(server, file.remote.path, file.wiki, _kind(file.remote.name, file.kind), file.remote.size)
        for file in wanted
    ]


def _kind(name: str, kind: str) -> str:
    if kind in ("wikidata", "page_props"):
        return kind
    return "index" if name.endswith(".txt.bz2") else "pages"


def _cheap_bytes(config: PlanConfig, dumps: list[SizedDump], server: DumpServer) -> int | None:
    """Return the bytes of the tables that would stand in for Wikidata's dump; None where that cannot be asked."""
    if config.dumps or not config.wikidata:
        return None
    dates = {dump.wiki: dump.name.split("-")[1] for dump in dumps if dump.kind == "pages"}
    try:
        return sum(file.size for wiki, date in dates.items() for file in catalogue.page_props_files(server, wiki, date))
    except InputMissing:
        return None


def _measured(dumps: list[SizedDump], folder: Path, num_bytes: int) -> dict[str, Cost]:
    """Return what each job costs for these dumps, by the job's name in order."""
    heads = folder / "dumps"
    heads.mkdir()
    pages = sorted((dump for dump in dumps if dump.kind == "pages"), key=lambda dump: -dump.size)
    largest = list({dump.wiki: dump for dump in reversed(pages)}.values())[::-1][:_MOST_WIKIS]
    wikidata = [dump for dump in dumps if dump.kind == "wikidata"][:1]
    read = {"pages": 0, "wikidata": 0}
    for dump in (*largest, *wikidata):
        print(printable(f"plan: the beginning of {dump.name}"), file=sys.stderr)
        read[dump.kind] += write_head(dump, heads, num_bytes * (4 if dump.kind == "wikidata" else 1))
    totals = {kind: sum(dump.size for dump in dumps if dump.kind == kind) for kind in read}
    costs = {}
    config = BuildConfig(dumps=str(heads), output=str(folder / "tables"), sitelinks_sql="none", max_reject_share=1.0)
    for job, job_config in dump_jobs(config, read_dump_folder(str(heads)), sorted({dump.wiki for dump in largest})):
        kind = "wikidata" if job.name == "wikidata" else "pages"
        print(f"plan: what {job.name} takes", file=sys.stderr)
        needs = _compiled_for([dump for dump in dumps if dump.kind == kind])
        costs[job.name] = measure(f"pipeline.{job.name}.job", job_config, read[kind], needs).carried_to(totals[kind])
    linked, tokenized = _measured_on_sample(folder / "sample")
    costs["link"] = linked.carried_to(sum(cost.written for cost in costs.values()))
    costs["tokenize"] = tokenized.carried_to(costs["link"].written)
    return costs


def _compiled_for(dumps: list[SizedDump]) -> list[str]:
    """Return what the whole dumps will have compiled, and their beginnings alone would not."""
    spans = [
        ByteRange(
            path=dump.name, start=0, end=dump.size, size=dump.size, form="bz2" if dump.name.endswith("bz2") else "gz"
        )
        for dump in dumps
    ]
    large = any(dump.kind == "wikidata" and dump.size >= LEAST_COMPILED_BYTES for dump in dumps)
    return [*(["pipeline.wikidata.scan.scanner:compile_now"] if large else []), *warm_ups(spans)]


def _measured_on_sample(folder: Path) -> tuple[Cost, Cost]:
    """Return what `link` and `tokenize` cost on the sample world."""
    print("plan: link and tokenize on the sample world", file=sys.stderr)
    config = BuildConfig(dumps=str(folder / "dumps"), output=str(folder / "tables"), vocab_size=2_000)
    with redirect_stdout(StringIO()):
        write_world(SampleWorldConfig(output=config.dumps, wikis=_SAMPLE_WIKIS))
    written = 0
    for job, job_config in dump_jobs(config, read_dump_folder(config.dumps), sorted(_SAMPLE_WIKIS)):
        written += measure(f"pipeline.{job.name}.job", job_config, 1).written
    linked = measure("pipeline.link.job", link_config(config, with_wikidata=True), written)
    tokens = tokenize_config(config)
    with redirect_stdout(StringIO()):
        train_tokenizer.run(TrainTokenizerConfig(linked=tokens.linked, output=tokens.tokenizer, vocab_size=2_000))
    held = sum(shard.bytes for shard in read_manifest(tokens.linked).shards)
    return linked, measure("pipeline.tokens.job", tokens, held)


def _existing(folder: Path) -> Path:
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return place
