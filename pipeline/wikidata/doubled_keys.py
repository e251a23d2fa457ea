"""Keys that stand twice in one object of an entity's JSON: the last one holds, and the table does not show it.

The decoder of entities takes such a line as any other. To see it, the line has to be read once more, and slower: that is
why only some lines of a dump are looked at. Who writes one doubled key has a mistake in what writes the dump, and so many.
"""

from __future__ import annotations

import json


def num_doubled_keys(line: bytes) -> int:
    """How many keys of a line that could be decoded are overruled by a later one of the same name, at any depth."""
    doubled = 0

    def look(pairs: list[tuple[str, object]]) -> None:
        nonlocal doubled
        doubled += len(pairs) - len({key for key, _ in pairs})

    try:
        json.loads(line, object_pairs_hook=look, parse_int=str, parse_float=str, strict=False)
    except (ValueError, RecursionError):
        return 0  # something odd in a field that tables do not need, and that the decoder passes over unread
    return doubled
