"""Runs what must fail, checks how, and notes it in words for the page of faults."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline import cli
from schemas.errors import XlmkError

MAX_WORDS = 200
REPOSITORY = Path(__file__).resolve().parents[2]


class Recorder:
    """What one test got."""

    def __init__(self, folder: Path, note: Callable[[str], object]) -> None:
        self._folder, self._note = folder, note

    def note(self, words: str) -> None:
        """Writes down an outcome in words, without the paths of this machine."""
        words = re.sub(rf"{re.escape(str(self._folder))}[^\s,:;'\"]*/", "", words.replace(str(REPOSITORY), ""))
        words = re.sub(r"(http://)?127\.0\.0\.1:\d+", "SERVER", words)
        words = " ".join(words.replace(str(self._folder), "FOLDER").split())
        self._note(words if len(words) <= MAX_WORDS else words[: MAX_WORDS - 1] + "…")

    def error(self, kind: type[XlmkError], match: str, action: Callable[[], object]) -> str:
        """Expects `action` to raise exactly `kind`, with a message that `match` finds; returns the message."""
        try:
            action()
        except XlmkError as error:
            message = str(error)
            assert type(error).exit_code == kind.exit_code, f"{type(error).__name__}: {message}"
            assert re.search(match, message), message
            self.note(f"{kind.exit_code}: {message}")
            return message
        raise AssertionError(f"nothing was raised, expected {kind.__name__}")

    def run(self, *arguments: str, code: int, match: str = "", quiet: bool = False) -> str:
        """Runs a command in this process; checks its exit code and what it says; returns what it says.

        The first line of a failure must be a message, never a traceback.
        """
        out, err = io.StringIO(), io.StringIO()
        handler = logging.StreamHandler(err)
        logging.getLogger().addHandler(handler)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                found = cli.run(list(arguments))
        finally:
            logging.getLogger().removeHandler(handler)
        said = err.getvalue() + out.getvalue()
        self._check(found, code, match, said, quiet)
        return said

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Starts a command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=REPOSITORY,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str], *, code: int, match: str = "", seconds: float = 60) -> str:
        """Waits for a process; checks its exit code and what it says; returns what it says."""
        out, err = process.communicate(timeout=seconds)
        self._check(process.returncode, code, match, err + out, False)
        return err + out

    def _check(self, found: int, code: int, match: str, said: str, quiet: bool) -> None:
        assert found == code, f"exit code {found}, expected {code}:\n{said}"
        assert re.search(match, said), said
        if code not in (0, 1):
            assert "Traceback" not in said, said
        if not quiet:
            message = said.partition("error: ")[2] or "".join(said.splitlines()[-1:])
            self.note(f"{code}: {message or 'done'}")
