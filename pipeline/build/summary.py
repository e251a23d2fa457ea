"""The table that a build ends with: rows, bytes, rejects and time by job and by language, and the links tied to entities."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.dumps.folder import wiki_of_name
from pipeline.run import storage
from pipeline.run.job import times_path
from pipeline.wikis.languages import wiki_language
from schemas import SPLITS, Manifest


@dataclass(frozen=True, kw_only=True)
class JobSummary:
    """What a job made, for the table."""

    manifest: Manifest
    """Its manifest."""
    seconds: float
    """How long it ran just now; next to nothing where it was finished before."""
    task_seconds: dict[str, float]
    """Seconds its tasks took whenever they ran, by partition."""

    @staticmethod
    def of(manifest: Manifest, output: str, seconds: float) -> JobSummary:
        """Join a manifest with the note of times beside its dataset."""
        path = times_path(output)
        times = json.loads(storage.read_text(path)) if storage.exists(path) else {}
        return JobSummary(manifest=manifest, seconds=seconds, task_seconds=times)


_COLUMNS = ("rows", "MB", "rejects", "seconds")


def render_summary(jobs: Sequence[JobSummary]) -> str:
    """Return the table as text: a line per job and table, then a line per language."""
    lines = [_row("job", "table", *_COLUMNS), _row("---", "-----", *("-" * len(name) for name in _COLUMNS))]
    for job in jobs:
        lines += _job_lines(job)
    lines += ["", _language_row("language", _LANGUAGE_COLUMNS), *_language_lines(jobs)]
    return "\n".join(lines)


def _row(first: str, second: str, *numbers: str) -> str:
    return f"{first:<10} {second:<20} " + " ".join(f"{number:>14}" for number in numbers)


def _job_lines(job: JobSummary) -> list[str]:
    manifest = job.manifest
    sizes: dict[str, int] = {}
    for shard in manifest.shards:
        sizes[shard.table] = sizes.get(shard.table, 0) + shard.bytes
    rejects = sum(sum(account.rejected.values()) for account in manifest.accounts)
    total = [f"{sum(manifest.rows.values()):,}", _mb(sum(sizes.values())), f"{rejects:,}", f"{job.seconds:,.1f}"]
    lines = [_row(manifest.job, "all", *total)]
    lines += [_row("", table, f"{rows:,}", _mb(sizes[table]), "", "") for table, rows in manifest.rows.items() if rows]
    return lines


def _mb(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.2f}"


@dataclass
class _Language:
    """One line of the second part."""

    rows: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    links: int = 0
    tied: int = 0
    num_bytes: int = 0
    rejects: int = 0
    seconds: float = 0.0

    def cells(self) -> list[str]:
        """Return the line's numbers, as `_LANGUAGE_COLUMNS` names them."""
        share = f"{self.tied / self.links:.1%}" if self.links else "-"
        counts = [f"{self.rows[table]:,}" for table in _SHOWN]
        rest = [f"{self.tokens:,}", _mb(self.num_bytes), f"{self.rejects:,}", f"{self.seconds:,.1f}"]
        return [*counts, share, *rest]


_SHOWN = {"pages": "pages", "descriptions": "descriptions", "mentions": "contexts", "token_text": "documents"}
_LANGUAGE_COLUMNS = (*_SHOWN.values(), "links tied", "tokens", "MB", "rejects", "seconds")


def _language_row(name: str, cells: Sequence[str]) -> str:
    return f"{name:<10} " + " ".join(f"{cell:>13}" for cell in cells)


def _language_lines(jobs: Sequence[JobSummary]) -> list[str]:
    languages: dict[str, _Language] = defaultdict(_Language)
    for job in jobs:
        _add_job(job, languages)
    languages.pop("", None)
    return [_language_row(name, languages[name].cells()) for name in sorted(languages)]


def _add_job(job: JobSummary, languages: dict[str, _Language]) -> None:
    for shard in job.manifest.shards:
        line = languages[_language(shard.partition)]
        line.rows[shard.table] += shard.rows
        line.num_bytes += shard.bytes
    for partition, seconds in job.task_seconds.items():
        languages[_language(partition)].seconds += seconds
    for language, counts in job.manifest.properties.get("languages", {}).items():
        languages[language].tokens += sum(n for name, n in counts.items() if name.endswith("_tokens"))
    for account in job.manifest.accounts:
        line = languages[_language_of_source(account.source)]
        line.rejects += sum(account.rejected.values())
        if account.source.startswith("links/"):
            line.links += account.read
            line.tied += account.kept


def _language_of_source(source: str) -> str:
    """Return the language of what a job read: a wiki's dump, or `kind/language/…`; "" for sources of no language."""
    if "/" in source:
        name = source.split("/")[1]
        return "" if name in SPLITS else _language(name)
    wiki = wiki_of_name(source)
    return wiki_language(wiki) if wiki else ""


def _language(partition: str) -> str:
    """Return the language of a partition, which is a language or a wiki."""
    return wiki_language(partition) if partition.endswith("wiki") else partition
