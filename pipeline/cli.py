"""The command line: `python -m pipeline COMMAND --flags … -- --beam-flags …`.

Each command's module is imported only when it is called, so that help is quick. Flags are made from the command's
configuration dataclass; Beam's own come after `--`, and a typo on either side stops with a suggestion.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NoReturn

from pipeline.run.beam.worker_watch import kill_children
from pipeline.run.stop_signals import StopSignals
from schemas.command_line import Command, asks_for_overview, command_named, overview, parse_flags, run_to_end, say_why
from schemas.errors import UsageError

HOW_TO_GO_ON = "where it was"
STOPPED = f"stopped by a signal; the same command goes on {HOW_TO_GO_ON}"
USAGE = "python -m pipeline COMMAND [--help] [--flags …] [-- --beam-flags …]"

COMMANDS = {
    "plan": Command(module="pipeline.build.plan", help="say what a build will take, before anything is fetched"),
    "download": Command(module="pipeline.fetch.job", help="fetch dumps of Wikidata and Wikipedia and verify them"),
    "sample-world": Command(module="pipeline.sample_world", help="write the bundled sample world as dumps"),
    "wikidata": Command(
        module="pipeline.wikidata.job", help="Wikidata JSON dumps to entities, relations, triples, sitelinks"
    ),
    "wikipedia": Command(module="pipeline.wikipedia.job", help="Wikipedia XML dumps to pages and redirects"),
    "link": Command(module="pipeline.link.job", help="pages and Wikidata to descriptions, mentions, triples"),
    "tokenizer": Command(
        module="pipeline.tokens.train", help="train a SentencePiece tokenizer on descriptions and mentions"
    ),
    "tokenize": Command(module="pipeline.tokens.job", help="linked tables and plain text to token ids"),
    "build": Command(module="pipeline.build.job", help="all of these in order, skipping what is finished"),
    "verify": Command(module="pipeline.verify", help="check every shard of a dataset against its manifest"),
    "quality": Command(module="pipeline.wikipedia.quality.job", help="measure the text quality of Wikipedia dumps"),
    "report": Command(module="pipeline.report.job", help="one HTML page of what a build's tables hold"),
    "publish": Command(module="pipeline.publish", help="a finished dataset or model to the Hugging Face Hub"),
    "doctor": Command(module="pipeline.doctor", help="say what this machine has and what is missing"),
}
"""A command's module has `JOB`, or `CONFIG` (a dataclass) and `run(config)`."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit with its code."""
    code = run(list(sys.argv[1:] if argv is None else argv))
    sys.stdout.flush()
    sys.stderr.flush()
    if code:
        os._exit(code)  # a runner that was interrupted leaves threads behind that would keep the process alive
    if "duckdb" not in sys.modules:  # it tells of everything that is not freed
        gc.freeze()  # else the interpreter spends a quarter of a second on freeing what ends with the process anyway
    sys.exit(code)


def run(argv: list[str]) -> int:
    """Run a command; returns its exit code (`schemas.errors` lists them)."""
    # Beam says on import that its Google extra is absent, even where nothing of Google is asked for.
    logging.getLogger().addFilter(lambda record: "apitools not found" not in record.getMessage())
    with StopSignals(STOPPED, _end) as stops:
        return run_to_end(lambda: _dispatch(argv), lambda error: _end(stops.reason(error)))


def _end(error: BaseException) -> int:
    """End a command's workers, say why it ended, and return the exit code."""
    kill_children()
    return say_why(error, HOW_TO_GO_ON)


def _dispatch(argv: list[str]) -> int:
    if asks_for_overview(argv):
        print(overview(USAGE, COMMANDS))
        return 0
    name, *flags = argv
    command = command_named(name, COMMANDS, overview(USAGE, COMMANDS))
    flags, beam_args = _split(flags)
    module = importlib.import_module(command.module)
    if hasattr(module, "JOB"):
        _run_job(name, module, flags, beam_args)
        return 0
    if beam_args and not getattr(module, "TAKES_BEAM_ARGS", False):
        raise UsageError(f"{name} is no Beam job: nothing may come after --, found {' '.join(beam_args)}")
    config = _parse(name, module.CONFIG, flags)
    result = module.run(config, beam_args) if beam_args else module.run(config)
    return result if isinstance(result, int) else 0


def _run_job(name: str, module: ModuleType, flags: list[str], beam_args: list[str]) -> None:
    from pipeline.run.job import run_job

    config = _parse(name, module.JOB.config, flags)
    manifest = run_job(module.JOB, config, beam_args)
    for table, rows in manifest.rows.items():
        print(f"{table:<20} {rows:>15,} rows")
    print(f"{config.output}: {len(manifest.shards)} shards, fingerprint {manifest.fingerprint[:16]}")


def _parse(name: str, config: type, flags: list[str]) -> Any:
    return parse_flags(config, flags, prog=f"python -m pipeline {name}")


def _split(flags: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in flags:
        return flags, []
    at = flags.index("--")
    return flags[:at], flags[at + 1 :]
