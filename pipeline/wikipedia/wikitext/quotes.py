"""Runs of apostrophes: which are bold and italic marks, and which characters of them a reader sees.

Four apostrophes are one and a bold mark, of more than five the surplus is text. Where a line would leave both bold and italics
open, one bold mark of it is an apostrophe and an italic mark: `l'''amour''`.

Source: MediaWiki's rules for a line (`doQuotes`): that bold mark behind a word of one letter, else behind a longer word, else
behind a blank; the first of its kind.
"""

from __future__ import annotations

import re

_LINK = re.compile(r"\[\[[^\[\]]*+\]\]")
_RUN = re.compile("''+")


def shown_apostrophes(line: str) -> dict[int, int]:
    """How many apostrophes a reader sees of each run in a line, by where the run begins."""
    line = _LINK.sub(lambda link: "x" * len(link[0]), line)  # the text of a link is told apart by itself
    shown: dict[int, int] = {}
    bold: list[int] = []
    italics = 0
    for run in _RUN.finditer(line):
        length = run.end() - run.start()
        shown[run.start()] = 1 if length == 4 else max(length - 5, 0)
        italics += length == 2 or length >= 5
        if length != 2:
            bold.append(run.start() + shown[run.start()])
    if len(bold) % 2 and italics % 2:
        torn = _torn_mark(line, [start for start in bold if not _is_both(line, start)])
        if torn is not None:
            run_start = torn - 1 if torn - 1 in shown and shown[torn - 1] else torn
            shown[run_start] += 1
    return shown


def _is_both(line: str, start: int) -> bool:
    """Whether a run is of five, bold and italics at once."""
    return line.startswith("'''''", start)


def _torn_mark(line: str, starts: list[int]) -> int | None:
    """Return the bold mark that is an apostrophe before an italic mark."""
    found: dict[str, int] = {}
    for start in starts:
        before, last = line[max(start - 2, 0) : max(start - 1, 0)], line[max(start - 1, 0) : start]
        kind = "blank" if last == " " else "letter" if before == " " else "word"
        found.setdefault(kind, start)
    return found.get("letter", found.get("word", found.get("blank")))
