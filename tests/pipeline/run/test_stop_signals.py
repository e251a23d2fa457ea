"""A command that is told to stop ends, wherever the signal meets it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

WAIT = "threading.Event().wait()"
TELLS = """
import signal, sys, threading, time
from pipeline import cli

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # where the tests run under `nohup`, it would be ignored

def strike():
    time.sleep(0.2)
    signal.pthread_kill({thread}, signal.{name})
    time.sleep(60)

def work(argv):
    threading.Thread(target=strike, daemon=True).start()
    {work}

cli._dispatch = work
cli.main([])
"""
MAIN_THREAD, OTHER_THREAD = "threading.main_thread().ident", "threading.get_ident()"
SWALLOWS = """
    while True:
        try:
            threading.Event().wait()
        except BaseException:
            print("swallowed", file=sys.stderr)
"""
TURNS_INTO_ANOTHER = """
    try:
        threading.Event().wait()
    except BaseException:
        signal.raise_signal(signal.SIGTERM)
    finally:
        raise ValueError("of the runner's")
"""


def ended(thread: str, name: str, work: str) -> tuple[int, str]:
    """Run a command to which a signal is sent; returns its exit code and what it said."""
    program = TELLS.format(thread=thread, name=name, work=work.strip())
    process = subprocess.run(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, timeout=30
    )
    return process.returncode, process.stderr


@pytest.mark.parametrize("thread", [MAIN_THREAD, OTHER_THREAD])
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 75), ("SIGHUP", 75), ("SIGINT", 130)])
def test_a_signal_ends_a_wait_whichever_thread_gets_it(thread: str, name: str, code: int) -> None:
    returned, said = ended(thread, name, WAIT)
    assert returned == code
    assert said.count("the same command goes on where it was") == 1


def test_a_command_that_swallows_the_signal_ends_too() -> None:
    returned, said = ended(MAIN_THREAD, "SIGTERM", SWALLOWS)
    assert returned == 75
    assert said.count("swallowed") == 1
    assert said.count("the same command goes on where it was") == 1


def test_what_was_asked_for_counts_where_it_was_turned_into_another_error() -> None:
    returned, said = ended(MAIN_THREAD, "SIGINT", TURNS_INTO_ANOTHER)
    assert returned == 130
    assert "bug" not in said


def test_a_command_that_was_not_told_to_stop_leaves_the_handlers_as_they_were() -> None:
    from pipeline import cli

    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)]
    assert cli.run(["nonsense"]) == 2
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)] == before
    assert signal.set_wakeup_fd(-1) == -1
