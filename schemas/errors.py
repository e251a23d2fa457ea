"""Every error this project raises on purpose, and the exit code each ends a command with.

    XlmkError                     1   a bug of ours, or the parent of all below
    ├── UsageError                2   a wrong flag, value, wiki code or combination
    ├── InputMissing             10   a dump, dataset or file that is not there, or not finished
    ├── InputCorrupt             11   a dump that is truncated, damaged or not what it claims
    ├── RejectLimitExceeded      12   more input was rejected than the stated limit allows
    ├── OutputBusy               13   the output is in use, not empty, or was made with another configuration
    ├── SchemaMismatch           14   a table of another version than this code reads
    ├── StorageError             15   no space, no permission
    ├── ShardMismatch            16   a shard is missing, changed, or not listed in the manifest
    ├── CheckpointUnusable       17   a checkpoint that is damaged, foreign or would have to be unpickled
    ├── LossNotFinite            18   the loss was not finite several times in a row
    ├── OutOfMemory              19   the device's memory did not hold a step
    └── Preempted                75   stopped by a signal after saving; safe to start again

A message says what was found, what was expected, and what to do. Ctrl-C ends with 130, and a pipe that nobody reads any more
(`… --help | head -1`) with 141, as shells expect.
"""

from __future__ import annotations

import re

_NOT_SHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")


def printable(text: str) -> str:
    """Return text as a terminal may be given it: control characters of file names escaped, passwords of addresses left out."""
    return _CREDENTIALS.sub("…@", _NOT_SHOWN.sub(lambda found: ascii(found[0])[1:-1], text))


class XlmkError(Exception):
    """The parent of all errors raised on purpose."""

    exit_code = 1

    def __str__(self) -> str:
        return printable(super().__str__())


class UsageError(XlmkError):
    """A flag, value or combination of them that cannot be meant."""

    exit_code = 2


class InputMissing(XlmkError):
    """An input that is not there, or a dataset without its manifest."""

    exit_code = 10


class InputCorrupt(XlmkError):
    """An input whose bytes are damaged, cut off, or of another kind than stated."""

    exit_code = 11


class RejectLimitExceeded(XlmkError):
    """The share of rejected records of a job passed its limit."""

    exit_code = 12


class OutputBusy(XlmkError):
    """The output folder is being written by another run, or holds something else."""

    exit_code = 13


class SchemaMismatch(XlmkError):
    """A table or manifest of a version this code does not read."""

    exit_code = 14


class StorageError(XlmkError):
    """The storage refused: no space, no permission, read-only."""

    exit_code = 15


class ShardMismatch(XlmkError):
    """A dataset's files are not the ones its manifest lists."""

    exit_code = 16


class CheckpointUnusable(XlmkError):
    """A checkpoint that cannot be trusted or does not fit."""

    exit_code = 17


class LossNotFinite(XlmkError):
    """The loss was NaN or infinite in several steps in a row."""

    exit_code = 18


class OutOfMemory(XlmkError):
    """The device's memory did not hold a training step."""

    exit_code = 19


class Preempted(XlmkError):
    """A signal asked to stop; the state was saved and the same command goes on from it."""

    exit_code = 75
