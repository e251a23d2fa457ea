"""Every command in README and docs is one that there is: its flags parse, its targets and files exist.

`make commands` lists them. What they do is for the tests of the commands themselves; those of the README's second block and of
docs/one-language.md are run in `test_make` and `test_one_language`.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from model import cli as model_cli
from pipeline import cli as pipeline_cli
from pipeline.run.beam.graph import pipeline_options
from schemas.command_line import parse_flags
from tests.conftest import REPOSITORY
from tests.test_make import make

PAGES = sorted(
    [
        REPOSITORY / "README.md",
        REPOSITORY / "CONTRIBUTING.md",
        *REPOSITORY.glob("docs/*.md"),
        *REPOSITORY.glob("*/README.md"),
    ]
)
PROGRAMS = (
    "python",
    "make",
    "xlmk",
    "xlmk-data",
    "torchrun",
    "srun",
    "sbatch",
    "pytest",
    "pip",
    "docker",
    "git",
    "dask",
    "cd",
    "head",
    "tail",
    "zcat",
)
INLINE = re.compile(r"(?:python -m (?:pipeline|model|benchmarks|schemas)|make |xlmk|torchrun|pytest |pip install)")
STAND_INS = {
    "TASK": "retrieval",
    "benchmarks.campaigns.NAME": "benchmarks.campaigns.kill_points",
    "MODEL": "runs/base",
    "ner|xnli|qa|retrieval|alignment|probing|bitext|linking": "ner",
}
"""What a word in capitals stands for, where the command wants one of a few."""


def documented() -> Iterator[tuple[str, str]]:
    """Every command of the pages: lines of shell blocks, and what stands in backticks in sentences."""
    for page in PAGES:
        name, text = str(page.relative_to(REPOSITORY)), page.read_text(encoding="utf-8")
        block = re.compile(r"^```(?:sh|bash|console|shell)\n(.*?)^```", re.DOTALL | re.MULTILINE)
        for found in block.findall(text):
            for line in found.replace("\\\n", " ").splitlines():
                for part in re.split(r"&&|(?<=\s)&(?=\s|$)|;|\|(?=\s)", line.partition(" #")[0]):
                    if part.strip() and not part.strip().startswith("#"):
                        yield name, " ".join(part.removeprefix("$ ").split())
        for found in re.findall(r"`([^`\n]+)`", block.sub("", text)):
            if INLINE.match(found):
                yield name, found


COMMANDS = sorted(set(documented()))


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page}: {command}" for page, command in COMMANDS])
def test_a_documented_command_is_one_that_there_is(page: str, command: str) -> None:
    words = [
        word for word in shlex.split(command) if not re.fullmatch(r"[A-Z_]+=\S*", word) or command.startswith("make")
    ]
    if not words:
        return  # sets a variable for the lines after it
    if words[0] in ("srun", "torchrun") and "-m" in words:
        words = ["python", *words[words.index("-m") :]]
    assert words[0] in PROGRAMS, f"{words[0]}: say in this test how to check it"
    for chosen in expanded(words):
        check(chosen)


def expanded(words: list[str]) -> Iterator[list[str]]:
    """Write out alternatives (`ner|xnli`), and put something in the place of what stands for any value."""
    words = [word for place, word in enumerate(words) if word != "…" or words[place - 1].startswith("--")]
    choices = [[STAND_INS.get(word, word)] if word in STAND_INS else word.split("|") for word in words]
    yield from (list(chosen) for chosen in product(*choices))


def check(words: list[str]) -> None:
    program, *rest = words
    if program == "python" and rest[0] == "-m":
        check_module(rest[1], rest[2:])
    elif program == "python":
        assert (REPOSITORY / rest[0]).is_file()
    elif program in ("xlmk", "xlmk-data"):
        check_module({"xlmk": "model", "xlmk-data": "pipeline"}[program], rest)
    elif program == "make":
        check_make(rest)
    elif program == "pytest":
        assert all((REPOSITORY / word).exists() for word in rest if "/" in word)
    elif program == "pip":
        check_pip(rest)
    elif program == "docker" and "-f" in rest:
        assert (REPOSITORY / rest[rest.index("-f") + 1]).is_file()


def check_module(name: str, flags: list[str]) -> None:
    """A command of ours parses; another module exists and knows the flags by their names."""
    if name not in ("pipeline", "model"):
        assert importlib.util.find_spec(name), name
        path = REPOSITORY.joinpath(*name.split("."))
        files = path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
        source = "\n".join(file.read_text(encoding="utf-8") for file in files)
        for flag in flags:
            if flag.startswith("--") and flag != "--help":
                assert flag in source or re.search(rf"\b{flag[2:].replace('-', '_')}\b", source), flag
        return
    if not flags or flags[0] == "--help":
        return
    command, *flags = flags
    commands: Any = pipeline_cli.COMMANDS if name == "pipeline" else model_cli.COMMANDS
    module = importlib.import_module(commands[command].module)
    if not flags or "--help" in flags:
        return
    if name == "model":
        module.parse(flags)
        return
    flags, beam = pipeline_cli._split(flags)
    parse_flags(module.JOB.config if hasattr(module, "JOB") else module.CONFIG, flags, prog=command)
    pipeline_options(beam)


def check_make(words: list[str]) -> None:
    """The target and the variables exist, and what it would run of ours parses."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for variable in (word.partition("=")[0] for word in words if "=" in word):
        assert f"$({variable})" in makefile or f"$(or $({variable})" in makefile, variable
    target = words[0]
    assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    if target in ("help", "clean", "setup", "lock"):
        return
    done = make("-n", *words)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        found = re.search(r"-m ((?:pipeline|model|benchmarks)\S*.*)$", line)
        if found and "$" not in found[1]:
            name, *flags = shlex.split(found[1])
            check_module(name, flags)


def check_pip(words: list[str]) -> None:
    """The extras exist."""
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for named in re.findall(r"\.\[([\w,]+)\]", " ".join(words)):
        assert set(named.split(",")) <= set(extras), named


def test_the_pages_have_commands() -> None:
    assert len(COMMANDS) > 60
    assert {"README.md", "docs/evaluation.md", "docs/dataflow.md"} <= {page for page, _ in COMMANDS}


@pytest.mark.parametrize(
    "wrong",
    [
        "python -m pipeline buidl --dumps x --output y",
        "python -m pipeline build --dumps x --outptu y",
        "python -m model evaluate ner --modle x --data y",
        "make evaluat",
        "make evaluate EVALL=folder",
        "pip install '.[everything]'",
        "python -m benchmarks.no_such",
    ],
)
def test_a_wrong_command_is_found(wrong: str) -> None:
    with pytest.raises((AssertionError, SystemExit, KeyError)):
        check(shlex.split(wrong))


def test_paths_of_links_exist() -> None:
    """Links between pages lead somewhere."""
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / Path(target)).exists():
                broken.append(f"{page.relative_to(REPOSITORY)}: {target}")
    assert broken == []
