"""Tables in wikitext: taken out, or, on request, their cells kept as one line of text a row.

Tables are found by their marks at line starts (`{|`, `|}`) and as `<table>`; a stack pairs them. An unclosed one, most
often closed by a template, ends before the next heading. `|}}` closes a template, never a table.
"""

from __future__ import annotations

import re

CELL_SEPARATOR = " · "
"""Stands between the cells of a row."""

_MARK = re.compile(r"\n[ \t:*#]*(?:\{\||\|\}(?!\}))|</?table\b[^<>]*+>|\n==", re.IGNORECASE)
_CAPTION = re.compile(r"\n[ \t]*\|\+([^\n]*)")
_ROW = re.compile(r"\n[ \t]*\|-[^\n]*|<tr\b[^<>]*+>", re.IGNORECASE)
_CELL = re.compile(r"\n[ \t]*[|!]|\|\||!!|</?t[dh]\b[^<>]*+>", re.IGNORECASE)
_LINK = re.compile(r"\[\[[^\[\]\n]*+\]\]")
_ATTRIBUTES = re.compile(
    r"^\s*+(?:[\w-]++\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s\"'|]++)\s*+)++(?:\||$)|^\s*+[\w-]++\s*+=\s*+\"[^\"]*+$"
)


def take_out_tables(text: str, keep_cells: bool) -> str:
    """Return wikitext without tables, or with `keep_cells` with a line for each row.

    Args:
        text: wikitext that begins with a line break, its templates expanded.
        keep_cells: whether the cells' text stays.
    """
    pieces: list[str] = []
    position = 0
    opened: list[int] = []
    for mark in _MARK.finditer(text):
        token = mark[0]
        if token == "\n==":
            if not opened:
                continue
            start, end = opened[0], mark.start()
            opened.clear()
        elif token.endswith("{|") or token[1] in "tT":
            opened.append(mark.start())
            continue
        elif not opened:
            continue
        else:
            start, end = opened.pop(), mark.end()
        if not opened:
            pieces += (text[position:start], _rows(text[start:end]) if keep_cells else "\n")
            position = end
    if opened:
        pieces += (text[position : opened[0]], _rows(text[opened[0] :]) if keep_cells else "\n")
        position = len(text)
    pieces.append(text[position:])
    return "".join(pieces)


def _rows(table: str) -> str:
    """Return the rows of a table, nested ones flattened, as lines of cells."""
    flat = _CAPTION.sub(r"\n|-\n|\1\n|-", _MARK.sub("\n|-", table))
    lines = [_cells("\n" + row) for row in _ROW.split(flat)]
    return "\n\n" + "\n".join(filter(None, lines)) + "\n\n"


def _cells(row: str) -> str:
    protected = _LINK.findall(row)
    numbers = iter(range(len(protected)))
    row = _LINK.sub(lambda link: f"\x00{next(numbers)}\x00", row)
    cells = []
    for cell in _CELL.split(row):
        text = " ".join(_ATTRIBUTES.sub("", cell).split())
        if text and text not in ("|", "}"):
            cells.append(text)
    line = CELL_SEPARATOR.join(cells)
    return re.sub("\x00(\\d+)\x00", lambda number: protected[int(number[1])], line)
