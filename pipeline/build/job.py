"""The command `build`: all jobs in order, from dumps to token shards, with one table at the end.

    OUTPUT/{wikidata,wikipedia,link,tokenizer,tokens}

What is finished is skipped; a build that was stopped goes on where it was.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.build.collect import collect
from pipeline.build.summary import JobSummary, render_summary
from pipeline.dumps.dump_list import check_dumps_once
from pipeline.dumps.folder import DumpFolder, check_dates, read_dump_folder
from pipeline.link import job as link
from pipeline.link.config import LinkConfig
from pipeline.run import storage
from pipeline.run.job import run_job
from pipeline.run.task import Job, JobConfig
from pipeline.tokens import job as tokenize
from pipeline.tokens import train as train_tokenizer
from pipeline.tokens.config import TokenizeConfig
from pipeline.tokens.source import tokenizer_folder
from pipeline.tokens.train import TrainTokenizerConfig
from pipeline.wikidata import job as wikidata
from pipeline.wikidata.config import WikidataConfig
from pipeline.wikipedia import job as wikipedia
from pipeline.wikipedia.config import WikipediaConfig
from pipeline.wikis.languages import language_wiki, named_languages, parse_languages, wiki_language
from schemas.command_line import next_command
from schemas.errors import InputMissing, UsageError, printable
from schemas.names import Names

TAKES_BEAM_ARGS = True
"""Flags behind `--` go to Beam, for every job."""


@dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """From which dumps to what. Each job has more settings: `python -m pipeline link --help`, and so on."""

    dumps: str
    """Folder with dumps, told apart by their names; it may have sub-folders `wikidata` and `wikipedia`."""
    output: str
    """Folder for the datasets of all jobs, on a local or mounted disk."""
    tables: str = ""
    """URL (`gs://bucket/folder`) where the jobs that read dumps leave their tables, for a runner whose workers are other
    machines; they are copied to `output` then, and the jobs after them run here. Empty to run all jobs in one way."""
    languages: Names = ()
    """Languages to build; none for every wiki that has a dump."""
    tokenizer: str = ""
    """Folder or Hub name of the encoder's tokenizer (`FacebookAI/xlm-roberta-base`); empty to train a small one, for an
    encoder from random weights."""
    vocab_size: int = 8_000
    """Number of token ids of a tokenizer that is trained; fewer where the text does not fill them."""
    texts: tuple[str, ...] = ()
    """Plain-text corpora for masked-language modelling as language=path, one line a sentence, blank lines between
    documents, as in CC-100."""
    sitelinks_sql: str = ""
    """`wb_items_per_site.sql.gz`, or a folder of `page_props.sql.gz`, to take titles from instead of the JSON dump, which
    may then be missing: there are mentions and leads, but no triples."""
    validation_per_mille: int = 5
    """Share of page entities, triples and plain documents kept for validation, in 1/1000."""
    max_mentions: int = 1_000
    """Most mentions of one entity in one language; 0 for no cap. Method: open."""
    max_date_skew_days: int = 45
    """How far the dumps' dates may lie from Wikidata's, in days."""
    allow_partial: bool = False
    """Go on without a wiki whose dump is damaged; the manifest of `wikipedia` then says which one is left out and why."""
    max_reject_share: float = 0.001
    """Largest share of records of each job that may be rejected, 0 to 1."""


CONFIG = BuildConfig
"""What the command line is made from."""


def run(config: BuildConfig, beam_args: Sequence[str] = ()) -> None:
    """Run all jobs that are not finished, and print the table.

    Raises:
        InputMissing: no dump of Wikidata, or none of a language asked for.
        UsageError: an unknown language, dumps too far apart in time, or a URL as output.
        InputCorrupt: a dump that `download` fetched is not as it was published any more.
    """
    if not storage.is_local(config.output):
        raise UsageError(
            f"--output {config.output}: `link` and what follows need a disk. Name a folder; URLs go to --tables."
        )
    folder = read_dump_folder(config.dumps)
    wikis = chosen_wikis(config, folder)
    check_dates(
        {name: date for name, date in folder.dates.items() if name in {"wikidata", *wikis}}, config.max_date_skew_days
    )
    tokenizer_folder(config.tokenizer)  # a name that cannot be had is told now, not hours later
    _say_what_is_read(folder, wikis)
    if storage.is_local(config.dumps):
        check_dumps_once(Path(path) for path in [*folder.wikidata, *(p for wiki in wikis for p in folder.wikis[wiki])])
    summaries = [_timed(job, job_config, beam_args) for job, job_config in dump_jobs(config, folder, wikis)]
    if config.tables:
        for summary in summaries:
            collect(storage.join(config.tables, summary.manifest.job), _dataset(config, summary.manifest.job))
        beam_args = ()
    summaries.append(_timed(link.JOB, link_config(config, with_wikidata=bool(folder.wikidata)), beam_args))
    tokens = tokenize_config(config)
    if not config.tokenizer:
        train_tokenizer.run(
            TrainTokenizerConfig(linked=tokens.linked, output=tokens.tokenizer, vocab_size=config.vocab_size)
        )
    summaries.append(_timed(tokenize.JOB, tokens, beam_args))
    print(render_summary(summaries))
    start = ["base", "--encoder", config.tokenizer] if config.tokenizer else ["tiny"]
    start += [] if folder.wikidata else ["--objectives", "mlm,mep"]  # there are no triples
    print(f"\ntoken shards: {tokens.output}")
    print(next_command("model", "pretrain", *start, "--data", tokens.output, "--output", "runs/first"))


def _dataset(config: BuildConfig, name: str) -> str:
    """Where the dataset of a job lies in the end."""
    return storage.join(config.output, name)


def chosen_wikis(config: BuildConfig, folder: DumpFolder) -> list[str]:
    """Return the wikis to build from, in the folder's order.

    Raises:
        InputMissing: no dump of Wikidata, or none of a language asked for by name.
        UsageError: an unknown language.
    """
    if not folder.wikidata and not config.sitelinks_sql:
        raise InputMissing(
            f"{config.dumps} has no dump of Wikidata: expected a name like wikidata-20261101-all.json.gz. "
            "To do without, name --sitelinks-sql (docs/one-language.md)."
        )
    if not config.languages:
        return sorted(folder.wikis)
    wanted = [language_wiki(language) for language in parse_languages(config.languages)]
    missing = sorted({language_wiki(language) for language in named_languages(config.languages)} - set(folder.wikis))
    if missing:
        raise InputMissing(
            f"{config.dumps} has no dump of {', '.join(missing)}; it has {', '.join(sorted(folder.wikis))}. "
            f"Fetch it: python -m pipeline download --languages {' '.join(map(wiki_language, missing))} --output {config.dumps}"
        )
    return sorted(set(wanted) & set(folder.wikis))


def _say_what_is_read(folder: DumpFolder, wikis: Iterable[str]) -> None:
    names = ", ".join(wikis)
    print(f"build: Wikidata from {len(folder.wikidata)} files; wikis {names}", file=sys.stderr)
    if folder.passed_over:
        names = ", ".join(map(storage.file_name, folder.passed_over[:5]))
        said = f"build: {len(folder.passed_over)} files of no Wikipedia are passed over: {names}"
        print(printable(said), file=sys.stderr)


def dump_jobs(config: BuildConfig, folder: DumpFolder, wikis: list[str]) -> list[tuple[Job, JobConfig]]:
    """Return the jobs that read dumps, each file in ranges of its own: where there are many machines, they are for these."""
    tables = config.tables or config.output
    pages = WikipediaConfig(
        dumps=tuple(path for wiki in wikis for path in folder.wikis[wiki]),
        output=storage.join(tables, wikipedia.JOB.name),
        allow_partial=config.allow_partial,
        max_reject_share=config.max_reject_share,
    )
    if not folder.wikidata:
        return [(wikipedia.JOB, pages)]
    items = WikidataConfig(
        dumps=tuple(folder.wikidata),
        output=storage.join(tables, wikidata.JOB.name),
        languages=tuple(wiki_language(wiki) for wiki in wikis),
        wikis=tuple(wikis),
        max_reject_share=config.max_reject_share,
    )
    return [(wikidata.JOB, items), (wikipedia.JOB, pages)]


def link_config(config: BuildConfig, *, with_wikidata: bool) -> LinkConfig:
    """Return what `link` is told."""
    return LinkConfig(
        wikidata=_dataset(config, wikidata.JOB.name) if with_wikidata else "",
        wikipedia=_dataset(config, wikipedia.JOB.name),
        output=_dataset(config, link.JOB.name),
        sitelinks_sql=config.sitelinks_sql,
        validation_per_mille=config.validation_per_mille,
        max_mentions=config.max_mentions,
        max_reject_share=config.max_reject_share,
    )


def tokenize_config(config: BuildConfig) -> TokenizeConfig:
    """Return what `tokenize` is told."""
    return TokenizeConfig(
        tokenizer=config.tokenizer or _dataset(config, "tokenizer"),
        output=_dataset(config, "tokens"),
        linked=_dataset(config, link.JOB.name),
        texts=config.texts,
        validation_per_mille=config.validation_per_mille,
        max_reject_share=config.max_reject_share,
    )


def _timed(job: Job, config: JobConfig, beam_args: Sequence[str]) -> JobSummary:
    start = time.monotonic()
    manifest = run_job(job, config, list(beam_args))
    return JobSummary.of(manifest, config.output, time.monotonic() - start)
