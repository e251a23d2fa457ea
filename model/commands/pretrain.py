"""`python -m model pretrain RECIPE`: trains a recipe, any field of which is a flag."""

from __future__ import annotations

import difflib

from model.config import PretrainConfig
from model.recipes import HELP, RECIPES
from schemas.command_line import parse_flags
from schemas.errors import UsageError

PROG = "python -m model pretrain"


def parse(flags: list[str]) -> PretrainConfig:
    """Make the configuration from a recipe's name and flags.

    Raises:
        UsageError: no or an unknown recipe, or no data or output folder.
    """
    if not flags or flags[0] in ("-h", "--help"):
        print(_overview())
        raise SystemExit(0)
    name, *rest = flags
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"there is no recipe {name!r}.{hint}\n{_overview()}")
    config = parse_flags(PretrainConfig, rest, default=RECIPES[name], prog=f"{PROG} {name}", description=HELP[name])
    for needed in ("data", "output"):
        if not getattr(config, needed):
            raise UsageError(f"pretrain needs --{needed}, a folder: {PROG} {name} --data TOKENS --output RUN")
    return config


def run(config: PretrainConfig) -> None:
    """Train."""
    # torch is imported only when there is something to train
    from model.evaluation.ranking.in_training import training_retrieval
    from model.training.trainer import pretrain

    pretrain(config, ask=training_retrieval)


def _overview() -> str:
    width = max(map(len, RECIPES))
    lines = [f"  {name:<{width}}  {HELP[name]}" for name in RECIPES]
    return "\n".join(
        [
            f"usage: {PROG} RECIPE --data TOKENS --output RUN [--flags …]",
            "",
            *lines,
            "",
            f"All flags of a recipe, with their values and what is known of the paper's: {PROG} tiny --help",
        ]
    )
