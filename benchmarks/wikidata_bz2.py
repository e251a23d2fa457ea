"""How near the Wikidata job comes to bzip2 decompression alone: both in turn in one process, range by range.

    python benchmarks/wikidata_bz2.py --dump FOLDER --work FOLDER

A dump as bz2 takes a core hours of decompression, so what a run takes besides is a matter of a tenth, less than what shared
machines drift by from minute to minute. Each range is therefore decompressed alone and taken to tables right after.
"""

from __future__ import annotations

import bz2
import shutil
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.wikidata import LANGUAGES, run_one
from pipeline.dumps.ranges import ByteRange, read_chunks
from pipeline.wikidata.config import WikidataConfig
from pipeline.wikidata.job import plan


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured."""

    dump: Path
    """Folder that `wikidata_dump.py` wrote."""
    work: Path
    """Folder for outputs; emptied before each range."""
    rounds: int = 3
    """How often each range is measured."""
    range_bytes: int = 4_000_000
    """Compressed bytes of one range."""


def packed_alone(span: ByteRange) -> bytes:
    """What the blocks of a range hold, packed as a stream of its own."""
    return bz2.compress(b"".join(chunk.data for chunk in read_chunks(span) if chunk.owned))


def decompress(packed: bytes) -> float:
    """CPU-seconds of Python's bz2 over a stream."""
    begin = time.process_time()
    decoder = bz2.BZ2Decompressor()
    for at in range(0, len(packed), 1 << 16):
        decoder.decompress(packed[at : at + (1 << 16)])
    return time.process_time() - begin


def main(options: Options) -> None:
    """Measure every range, and print sums and their ratio by round."""
    dump = str(options.dump / "dump.json.bz2")
    config = WikidataConfig(dumps=(dump,), output="", languages=LANGUAGES, range_bytes=options.range_bytes)
    tasks = plan(config)
    packed = [packed_alone(ByteRange(**task.payload["span"])) for task in tasks]
    sums: list[tuple[float, float]] = []
    for _ in range(options.rounds + 1):
        alone = ours = 0.0
        for task, stream in zip(tasks, packed, strict=True):
            shutil.rmtree(options.work, ignore_errors=True)
            alone += decompress(stream)
            begin = time.process_time()
            run_one((config, task, len(tasks), str(options.work)))
            ours += time.process_time() - begin
        sums.append((alone, ours))
    for alone, ours in sums[1:]:  # the first round loads and compiles
        print(f"alone {alone:.2f}, ours {ours:.2f} CPU-seconds: {alone / ours:.1%}")
    print(f"median {statistics.median(alone / ours for alone, ours in sums[1:]):.1%}")


if __name__ == "__main__":
    main(tyro.cli(Options))
