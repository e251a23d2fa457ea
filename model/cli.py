"""The command line: `python -m model COMMAND --flags …`.

Each command's module is imported only when it is called, so that help is quick. Flags are made from the command's
configuration dataclass. A command's module has `parse(flags)`, which returns a configuration, and `run(config)`.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from schemas.command_line import Command, asks_for_overview, command_named, overview, run_to_end, say_why

USAGE = "python -m model COMMAND [--help] [--flags …]"

COMMANDS = {
    "pretrain": Command(module="model.commands.pretrain", help="train a recipe on token shards; goes on by itself"),
    "evaluate": Command(module="model.commands.evaluate", help="score a model: probing, retrieval, NER, XNLI, QA"),
    "score": Command(module="model.commands.score", help="the official score of predictions in files, any system's"),
    "compare": Command(module="model.commands.compare", help="retrieval of several runs in one table, beside chance"),
    "report": Command(module="model.commands.report", help="one HTML page of a run and its scores"),
    "bench": Command(module="model.commands.bench", help="measure step time, tokens/s and MFU against the floor"),
    "embed": Command(module="model.commands.embed", help="write description embeddings and an index of them"),
    "link": Command(module="model.commands.link", help="link the mentions of a text to entities"),
    "export": Command(module="model.commands.export", help="write a checkpoint as a Hugging Face folder"),
}


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit with its code."""
    sleep_while_waiting()
    sys.exit(run(list(sys.argv[1:] if argv is None else argv)))


def sleep_while_waiting() -> None:
    """Let waiting threads of the matrix library sleep. It has to be said before torch is first imported.

    By default they spin, and on a machine that other work shares they spin instead of it: 344 tokens/s against 8,500
    were measured on two busy cores. What the environment says already holds.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def run(argv: list[str]) -> int:
    """Run a command; returns its exit code (`schemas.errors` lists them)."""
    return run_to_end(lambda: _dispatch(argv), lambda error: say_why(error, "from the last checkpoint"))


def _dispatch(argv: list[str]) -> int:
    if asks_for_overview(argv):
        print(_overview())
        return 0
    name, *flags = argv
    module = importlib.import_module(command_named(name, COMMANDS, _overview()).module)
    result = module.run(module.parse(flags))
    return result if isinstance(result, int) else 0


def _overview() -> str:
    return "\n".join(
        [
            overview(USAGE, COMMANDS),
            "",
            "A first run, on a CPU:  python -m model pretrain tiny --data TOKENS --output RUN",
            "On several GPUs:        torchrun --nproc-per-node 8 -m model pretrain base --data TOKENS --output RUN",
        ]
    )
