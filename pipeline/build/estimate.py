"""The sums of a plan, and the table it is told in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.build.heads import SizedDump
from pipeline.build.probe import Cost
from pipeline.run.storage import in_words

ON_MACHINES = ("wikidata", "wikipedia")
"""The jobs that a build with `--tables` runs on other machines."""


@dataclass(frozen=True)
class Prices:
    """What a machine of Google's costs."""

    vcpu_hour: float
    """An hour of a vCPU."""
    gb_hour: float
    """An hour of a GB of memory."""
    gb_per_vcpu: float
    """Memory of a machine for each vCPU."""
    source: str
    """Where that was read, and when."""


@dataclass(frozen=True)
class Estimate:
    """What a build will take."""

    dumps: tuple[SizedDump, ...]
    """Files to fetch or read."""
    costs: dict[str, Cost]
    """By job, in the order they run."""
    workers: int
    """Processes that work at once."""
    cheap: int | None
    """Bytes of what would stand in for Wikidata's dump, where that is known."""
    place: str
    """Where dumps and tables are to lie."""
    free: int
    """Bytes free there."""

    def hours(self, job: str) -> float:
        """Return the hours of a job: what one process does alone, then the rest shared out evenly."""
        cost = self.costs[job]
        return (cost.alone_seconds + (cost.cpu_seconds - cost.alone_seconds) / self.workers) / 3600

    def disk(self) -> int:
        """Return the bytes of dumps and tables together, at the end, when there are most."""
        return sum(dump.size for dump in self.dumps) + sum(cost.written for cost in self.costs.values())


def render(estimate: Estimate, prices: Prices) -> str:
    """Return the plan as text."""
    return "\n".join([*_files(estimate), "", *_jobs(estimate), "", *_sums(estimate), *_cloud(estimate, prices)])


def _files(estimate: Estimate) -> Iterator[str]:
    yield f"{'dumps':<24} {'files':>6} {'size':>10}"
    for wiki in sorted({dump.wiki for dump in estimate.dumps}):
        sizes = [dump.size for dump in estimate.dumps if dump.wiki == wiki]
        yield f"{wiki:<24} {len(sizes):>6} {in_words(sum(sizes)):>10}"
    yield f"{'all':<24} {len(estimate.dumps):>6} {in_words(sum(dump.size for dump in estimate.dumps)):>10}"


def _jobs(estimate: Estimate) -> Iterator[str]:
    title = f"{estimate.workers} at once"
    yield f"{'job':<12} {'reads':>10} {'writes':>10} {'CPU time':>10} {title:>12} {'memory':>10}"
    for job, cost in estimate.costs.items():
        yield (
            f"{job:<12} {in_words(cost.read):>10} {in_words(cost.written):>10} {_time(cost.cpu_seconds / 3600):>10} "
            f"{_time(estimate.hours(job)):>12} {in_words(cost.peak * estimate.workers):>10}"
        )
    cpu, hours = sum(cost.cpu_seconds for cost in estimate.costs.values()), sum(map(estimate.hours, estimate.costs))
    yield f"{'all':<12} {'':>10} {'':>10} {_time(cpu / 3600):>10} {_time(hours):>12}"


def _sums(estimate: Estimate) -> Iterator[str]:
    short = "" if estimate.disk() < estimate.free else ": NOT ENOUGH, free some or name another folder"
    yield f"disk: {in_words(estimate.disk())} at the end; {in_words(estimate.free)} are free in {estimate.place}{short}"
    yield (
        "measured just now: reading on the first pages and items of these dumps (longer ones than most), link and tokenize on "
        "made-up pages. Memory is what the probe took, for every process at once; full ranges of Wikidata take some more."
    )
    if "wikidata" in estimate.costs:
        size = sum(dump.size for dump in estimate.dumps if dump.kind == "wikidata")
        instead = (
            f"{in_words(estimate.cheap)} instead of {in_words(size)}" if estimate.cheap else f"not {in_words(size)}"
        )
        yield (
            f"without Wikidata's dump (SITELINKS=yes): {instead} to fetch, and {_time(estimate.hours('wikidata'))} less; "
            "there are no triples then (docs/one-language.md)"
        )


def _cloud(estimate: Estimate, prices: Prices) -> Iterator[str]:
    hours = sum(cost.cpu_seconds for job, cost in estimate.costs.items() if job in ON_MACHINES) / 3600
    jobs = " and ".join(job for job in ON_MACHINES if job in estimate.costs)
    said = f"on Dataflow: {hours:.2f} vCPU hours at this machine's speed for {jobs}"
    if not prices.source:
        yield f"{said}; what that costs: --vcpu-hour, --gb-hour and --prices-from (https://cloud.google.com/dataflow/pricing)"
        return
    total = hours * (prices.vcpu_hour + prices.gb_per_vcpu * prices.gb_hour)
    yield (
        f"{said} x ({prices.vcpu_hour:g} + {prices.gb_per_vcpu:g} GB x {prices.gb_hour:g}) = {total:.2f}, "
        f"prices from {prices.source}; disks and storage come on top"
    )


def _time(hours: float) -> str:
    """Return hours as people write them."""
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    return f"{hours * 60:.0f} min" if hours < 2 else f"{hours:.1f} h"
