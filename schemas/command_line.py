"""What the two command lines, `python -m pipeline` and `python -m model`, share: the list of commands, and how one ends."""

from __future__ import annotations

import difflib
import errno
import io
import os
import select
import shlex
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar, cast, get_type_hints

from schemas.errors import StorageError, UsageError, XlmkError, printable

C = TypeVar("C")
CTRL_C = 130
READER_GONE = 141
"""As if SIGPIPE had ended it: what was printed into a pipe is not wanted any more (`… --help | head -1`)."""


_REFUSALS = frozenset(
    (errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOSPC, errno.EPERM, errno.EROFS)
)
"""What the system answers where there is no room, no permission, or no such name can be."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command."""

    module: str
    """Where it lives. It is imported only when the command is called, so that help is quick."""
    help: str
    """One line for the list of commands."""


def asks_for_overview(argv: list[str]) -> bool:
    """Tell whether no command is called."""
    return not argv or argv[0] in ("-h", "--help", "help")


def overview(usage: str, commands: Mapping[str, Command]) -> str:
    """Render the list of commands."""
    width = max(map(len, commands))
    return "\n".join([f"usage: {usage}", "", *(f"  {name:<{width}}  {commands[name].help}" for name in commands)])


def command_named(name: str, commands: Mapping[str, Command], shown: str) -> Command:
    """Return a command.

    Raises:
        UsageError: there is none of this name; says which is near, and what is `shown`.
    """
    if name in commands:
        return commands[name]
    near = difflib.get_close_matches(name, commands, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UsageError(f"there is no command {name!r}.{hint}\n{shown}")


def parse_flags(config: type[C], flags: list[str], **options: Any) -> C:
    """Make a configuration from flags.

    A switch may stand bare (`--dry-run`, `--no-dry-run`) or with its value (`--dry-run False`).

    Args:
        config: dataclass, every field of which is a flag.
        flags: what was typed.
        options: `prog`, `description`, `default`, as `tyro.cli` takes them.
    """
    import tyro  # a tenth of a second

    given = with_values(flags, set(_switches(config)))
    return cast(C, tyro.cli(config, args=given, config=(tyro.conf.FlagConversionOff,), **options))


def with_values(flags: list[str], switches: set[str]) -> list[str]:
    """Give each bare switch its value."""
    found: list[str] = []
    for place, flag in enumerate(flags):
        name = flag.replace("_", "-")
        positive = name.replace("--no-", "--", 1) if name not in switches else name
        if positive not in switches:
            found.append(flag)
        elif positive != name:
            found += [positive, "False"]
        else:
            found += [name] if flags[place + 1 : place + 2] in (["True"], ["False"]) else [name, "True"]
    return found


def _switches(config: type, prefix: str = "--") -> Iterator[str]:
    """Yield the flags of a configuration that are switches, those of configurations in it with their dots."""
    for name, kind in get_type_hints(config).items():
        flag = f"{prefix}{name.replace('_', '-')}"
        if kind is bool:
            yield flag
        elif is_dataclass(kind) and isinstance(kind, type):
            yield from _switches(kind, f"{flag}.")


def run_to_end(action: Callable[[], int], ended: Callable[[BaseException], int]) -> int:
    """Run a command and return its exit code; `ended` gives the one for an error.

    What it printed is on its way before this returns or `SystemExit` passes: where nobody reads it any more, that is
    such an error.
    """
    try:
        try:
            return action()
        finally:
            sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        return ended(error)


def say_why(error: BaseException, how_to_go_on: str) -> int:
    """Say on stderr why a command ended, and return its exit code (`schemas.errors` lists them)."""
    if _is_reader_gone() and isinstance(error, BrokenPipeError):
        return READER_GONE
    if isinstance(error, KeyboardInterrupt):
        print(f"stopped by Ctrl-C; the same command goes on {how_to_go_on}", file=sys.stderr)
        return CTRL_C
    if isinstance(error, XlmkError):
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        print(printable(f"error: {_refusal(error)}"), file=sys.stderr)
        return StorageError.exit_code
    said = f"{''.join(traceback.format_exception(error))}error: {type(error).__name__}: {error}"
    print(f"{printable(said)}\nThis is a bug; please report it with the lines above.", file=sys.stderr)
    return 1


def _refusal(error: OSError) -> str:
    """Return what a storage's refusal means, with the bytes that are free where it was."""
    place = Path(str(error.filename or "."))
    folder = next((path for path in (place, *place.absolute().parents) if os.path.isdir(path)), Path("/"))
    return (
        f"{error.filename or 'a file'}: {error.strerror}. {shutil.disk_usage(folder).free:,} bytes are free in {folder}. Free "
        "some, or name another folder; then run the same command again."
    )


def next_command(*words: str) -> str:
    """Return the line that a command ends with: what to type next, quoted where a shell would take it apart."""
    return f"next: python -m {shlex.join(words)}"


def _is_reader_gone() -> bool:
    """Tell whether nobody reads stdout or stderr any more, and point what is so at nothing, for Python's own last flush."""
    return any([_is_closed(stream) for stream in (sys.stdout, sys.stderr)])


def _is_closed(stream: TextIO) -> bool:
    pipe = select.poll()
    try:
        pipe.register(stream.fileno(), 0)
    except io.UnsupportedOperation:
        return False  # a stream in memory
    closed = any(events & select.POLLERR for _, events in pipe.poll(0))
    if closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return closed
