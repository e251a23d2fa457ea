"""What both command lines share: a command is found or named, and ends with the right code and words."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from schemas.command_line import (
    Command,
    asks_for_overview,
    command_named,
    next_command,
    overview,
    parse_flags,
    run_to_end,
    say_why,
)
from schemas.errors import InputCorrupt, UsageError
from tests.conftest import REPOSITORY

COMMANDS = {
    "download": Command(module="a.download", help="fetch"),
    "verify": Command(module="a.verify", help="check"),
}


def test_the_overview_lists_every_command() -> None:
    assert overview("python -m a COMMAND", COMMANDS).splitlines() == [
        "usage: python -m a COMMAND",
        "",
        "  download  fetch",
        "  verify    check",
    ]
    assert all(asks_for_overview(argv) for argv in ([], ["--help"], ["-h"], ["help"]))
    assert not asks_for_overview(["verify", "--help"])


def test_a_command_is_found_or_the_nearest_named() -> None:
    assert command_named("verify", COMMANDS, "") is COMMANDS["verify"]
    with pytest.raises(UsageError, match=r"there is no command 'verfy'. Did you mean verify\?\nthe list"):
        command_named("verfy", COMMANDS, "the list")
    with pytest.raises(UsageError, match=r"'zzz'.\nthe list"):
        command_named("zzz", COMMANDS, "the list")


ENDINGS: dict[str, tuple[BaseException, int, str]] = {
    "ours": (InputCorrupt("it is damaged"), 11, "error: it is damaged\n"),
    "Ctrl-C": (KeyboardInterrupt(), 130, "stopped by Ctrl-C; the same command goes on where it was\n"),
}


@pytest.mark.parametrize("kind", ENDINGS)
def test_an_error_ends_with_its_code_and_one_line(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    error, code, words = ENDINGS[kind]

    def action() -> int:
        raise error

    assert run_to_end(action, lambda found: say_why(found, "where it was")) == code
    assert capsys.readouterr().err == words


def test_a_bug_shows_where_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    """A pipe between processes that breaks is one too, as long as somebody reads what is said."""
    for error in (AttributeError("odd"), BrokenPipeError("a worker's")):
        assert say_why(error, "") == 1
        said = capfd.readouterr().err
        assert f"error: {type(error).__name__}: {error}" in said and "please report it" in said


def test_an_action_that_ends_well_gives_its_code() -> None:
    assert run_to_end(lambda: 7, lambda error: 1) == 7
    with pytest.raises(SystemExit):
        run_to_end(lambda: sys.exit(0), lambda error: 1)


@pytest.mark.parametrize(
    "arguments",
    [("pipeline", "verify", "--help"), ("model",), ("model", "compare", "--help")],
    ids=" ".join,
)
def test_a_reader_that_is_gone_ends_it_without_a_word(arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", *arguments]
    ended = subprocess.run(command, cwd=REPOSITORY, stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert ended.returncode == 141
    assert ended.stderr == b""


def test_an_error_that_nobody_reads_keeps_its_code() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "pipeline", "verfy"]
    assert subprocess.run(command, cwd=REPOSITORY, stdout=writer, stderr=writer, timeout=60).returncode == 2
    os.close(writer)


@dataclass(frozen=True, kw_only=True)
class Inner:
    """Settings in settings."""

    fast: bool = False
    """A switch."""


@dataclass(frozen=True, kw_only=True)
class Outer:
    """Settings with switches."""

    name: str = ""
    """No switch."""
    dry_run: bool = False
    """Off unless asked for."""
    no_limit: bool = False
    """A switch whose name begins like the denial of another."""
    careful: bool = True
    """On unless told otherwise."""
    inner: Inner = field(default_factory=Inner)
    """More of them."""


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ([], Outer()),
        (["--dry-run"], Outer(dry_run=True)),
        (["--dry_run", "--name", "x"], Outer(dry_run=True, name="x")),
        (["--dry-run", "False", "--careful", "False"], Outer(careful=False)),
        (["--dry-run", "True"], Outer(dry_run=True)),
        (["--no-careful", "--no-limit"], Outer(careful=False, no_limit=True)),
        (["--inner.fast"], Outer(inner=Inner(fast=True))),
    ],
)
def test_switches_stand_bare_or_with_their_value(flags: list[str], wanted: Outer) -> None:
    assert parse_flags(Outer, flags, prog="command") == wanted


def test_a_flag_that_wants_a_value_takes_no_switch_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_flags(Outer, ["--name", "--dry-run"], prog="command")
    assert ended.value.code == 2
    assert "--name" in capsys.readouterr().err


def test_what_to_type_next_can_be_typed() -> None:
    assert (
        next_command("pipeline", "build", "--dumps", "my dumps") == "next: python -m pipeline build --dumps 'my dumps'"
    )
