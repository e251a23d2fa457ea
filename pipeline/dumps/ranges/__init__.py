"""Dump files cut by bytes: plan ranges from sizes alone, read exactly the records that begin in each.

A dump of any form (plain, gz, bz2, zst) is a sequence of units that decode on their own: gzip members, bzip2 blocks,
zstd frames, or the bytes themselves. A range of compressed bytes owns the units that begin in it; the bytes they decode
to are its section. A record belongs to the range whose section holds the first byte of its opening mark: for a line the
newline before it (the first range also owns line 0), for an element its start tag. So, whatever the cuts, every record
belongs to exactly one range, and a range needs to look ahead only as far as its last record goes.

    plan_ranges(path)  ->  ByteRange ...                         sizes and the first bytes only
    read_chunks(range) ->  Chunk ...                             decoded bytes, owned first, then what follows
    read_lines(range), read_elements(range, b"<page>", b"</page>") ->  records with their locations

Files are opened by a function that the caller may replace; by default `pipeline.run.storage.open_read`, by path or URL.
"""

from __future__ import annotations

from pipeline.dumps.ranges.blocks import warm_ups
from pipeline.dumps.ranges.chunk import Chunk
from pipeline.dumps.ranges.chunks import read_chunks, read_head
from pipeline.dumps.ranges.elements import Element, read_elements
from pipeline.dumps.ranges.lines import MAX_LINE_BYTES, Lines, read_lines
from pipeline.dumps.ranges.plan import ByteRange, Form, Opener, detect_form, plan_ranges

__all__ = [
    "ByteRange",
    "Chunk",
    "Element",
    "MAX_LINE_BYTES",
    "Form",
    "Lines",
    "Opener",
    "detect_form",
    "plan_ranges",
    "read_chunks",
    "read_elements",
    "read_head",
    "read_lines",
    "warm_ups",
]
