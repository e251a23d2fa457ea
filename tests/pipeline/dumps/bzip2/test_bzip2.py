"""The compiled decoder gives what the library's does, or nothing."""

from __future__ import annotations

import bz2
import random
import shutil
import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.dumps.bzip2 import decoder as decoding
from pipeline.dumps.bzip2.decoder import NUM_BLOCKS, BlockDecoder
from pipeline.dumps.ranges import ByteRange, blocks, plan_ranges, read_chunks
from pipeline.dumps.ranges.bits import BLOCK, _find_all
from schemas.errors import InputCorrupt
from tests.pipeline.dumps.ranges.packing import pack

Text = Callable[[random.Random, int], bytes]
TEXTS: dict[str, Text] = {
    "random bytes": lambda rng, size: rng.randbytes(size),
    "words": lambda rng, size: b" ".join(
        rng.choices([b"the", b"of", b"Q42", b"\xe0\xa4\x95\xe0\xa5\x8d", b'"'], k=size // 3)
    ),
    "one byte": lambda rng, size: b"\0" * size,
    "runs around four, 255 and 259": lambda rng, size: b"".join(
        bytes([rng.randrange(3)]) * rng.choice((1, 2, 3, 4, 5, 254, 255, 256, 258, 259, 260, 1000))
        for _ in range(size // 100)
    ),
    "deep codes": lambda rng, size: b"".join(bytes([i]) * (1 << i) for i in range(17)) + rng.randbytes(50),
    "all bytes once": lambda rng, size: bytes(range(256)),
    "a period": lambda rng, size: rng.randbytes(7) * (size // 7),
}


def decode_all(packed: bytes) -> tuple[bytes, int]:
    """Decode the blocks of a stream with the compiled decoder; returns what they hold and how many there are."""
    begins = _find_all(packed, BLOCK)
    decoder, pieces = BlockDecoder(), []
    for at in range(0, len(begins), NUM_BLOCKS):
        decoder.read(packed, 0, begins[at : at + NUM_BLOCKS])
        for begin in begins[at : at + NUM_BLOCKS]:
            found = decoder.take(begin)
            assert found is not None and found[1] > begin
            pieces.append(found[0])
    return b"".join(pieces), len(begins)


@pytest.mark.parametrize("name", TEXTS)
def test_whole_streams(name: str) -> None:
    rng = random.Random(name)
    for level, size in ((1, 1), (1, 5), (1, 99_000), (1, 450_000), (9, 2_000), (9, 1_500_000)):
        text = TEXTS[name](rng, size) or b"-"
        found, num_blocks = decode_all(bz2.compress(text, level))
        assert found == text
        assert num_blocks >= 1


def test_blocks_of_other_lengths_side_by_side() -> None:
    texts = [TEXTS["words"](random.Random(number), 300 * 7**number) for number in (5, 0, 3, 4, 1)]
    found, num_blocks = decode_all(b"".join(bz2.compress(text) for text in texts))
    assert found == b"".join(texts) and num_blocks > len(texts)


@pytest.mark.parametrize("name", ["lbzip2", "pbzip2"])
def test_what_other_programs_pack(tmp_path: Path, name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    text = TEXTS["words"](random.Random(1), 3_000_000)
    (tmp_path / "text").write_bytes(text)
    subprocess.run([name, str(tmp_path / "text")], check=True, timeout=60)
    assert decode_all((tmp_path / "text.bz2").read_bytes())[0] == text


def chunks_of(span: ByteRange, *, salvage: bool) -> list[object]:
    """What reading a range gives: its chunks, and the error that ends it."""
    found: list[object] = []
    try:
        found.extend(read_chunks(span, salvage=salvage))
    except InputCorrupt as error:
        found.append(str(error))
    return found


def both_ways(path: Path, cut: int, salvage: bool, monkeypatch: pytest.MonkeyPatch) -> list[list[object]]:
    """Chunks and error of a file cut in two, decoded some blocks at a time and one by one."""
    spans = plan_ranges(str(path), cut)
    found = []
    for least in (0, 1 << 60):
        monkeypatch.setattr(blocks, "_LEAST_READ_AHEAD", least)
        monkeypatch.setattr(blocks, "_LEAST_COMPILED", 0)
        found.append([chunk for span in spans for chunk in chunks_of(span, salvage=salvage)])
    return found


DATA = TEXTS["random bytes"](random.Random(2), 40_000) + TEXTS["words"](random.Random(3), 900_000)


@pytest.mark.parametrize("salvage", [False, True])
@pytest.mark.parametrize("cuts", [(), range(0, len(DATA), 60_001)], ids=["one stream", "many streams"])
def test_damage_is_told_the_same_both_ways(
    tmp_path: Path, cuts: range, salvage: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(4)
    whole, path = pack(DATA, "bz2", cuts), tmp_path / "dump.json.bz2"
    for _ in range(15):
        packed = bytearray(whole)
        for _ in range(rng.choice((0, 1, 1, 2))):
            packed[rng.randrange(len(packed))] ^= 1 << rng.randrange(8)
        path.write_bytes(packed[: len(packed) - rng.choice((0, 0, 0, rng.randrange(len(packed) - 20)))])
        ahead, alone = both_ways(path, rng.randrange(1, len(whole)), salvage, monkeypatch)
        assert ahead == alone


@pytest.mark.parametrize("cuts", [(), range(0, len(DATA), 60_001)], ids=["one stream", "many streams"])
def test_most_blocks_are_decoded_ahead(tmp_path: Path, cuts: range, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_LEAST_READ_AHEAD", 0)
    monkeypatch.setattr(blocks, "_LEAST_COMPILED", 0)
    alone, decode_alone = [], blocks._Walk._decode_alone

    def noted(walk: blocks._Walk, begin: int, checksum: int) -> tuple[bytes, int] | None:
        alone.append(begin)
        return decode_alone(walk, begin, checksum)

    monkeypatch.setattr(blocks._Walk, "_decode_alone", noted)
    path = tmp_path / "dump.json.bz2"
    path.write_bytes(pack(DATA, "bz2", cuts))
    (span,) = plan_ranges(str(path), 1 << 40)
    assert b"".join(chunk.data for chunk in read_chunks(span)) == DATA
    assert len(alone) == 1, "the first block"


def test_a_long_way_to_the_next_block_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_LEAST_READ_AHEAD", 0)
    monkeypatch.setattr(blocks, "_LEAST_COMPILED", 0)
    path = tmp_path / "dump.json.bz2"
    path.write_bytes(bz2.compress(DATA, 1))
    with path.open("ab") as file:
        file.truncate(path.stat().st_size + 300_000_000)  # zeros, as some download tools leave them
    (span,) = plan_ranges(str(path), 1 << 40)
    decoding.compile_now()
    tracemalloc.start()
    assert b"".join(chunk.data for chunk in read_chunks(span)) == DATA
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150_000_000


def damaged_often(num_changes: int, seed: int) -> int:
    """Change the bits of blocks at random; every block comes out as it was or not at all. Returns how many did not."""
    rng = random.Random(seed)
    texts = [text(rng, 3_000) for text in TEXTS.values()]
    streams = [bz2.compress(text) for text in texts]
    decoder, lost = BlockDecoder(), 0
    for _ in range(num_changes):
        number = rng.randrange(len(streams))
        packed = bytearray(streams[number])
        for _ in range(rng.choice((1, 1, 2, 40))):
            # Most in the tables at the block's beginning, where there is most to get wrong.
            packed[rng.randrange(10, rng.choice((60, 200, len(packed))) if len(packed) > 200 else len(packed))] ^= (
                1 << rng.randrange(8)
            )
        decoder.read(bytes(packed[: rng.choice((len(packed), rng.randrange(20, len(packed))))]), 0, [32])
        found = decoder.take(32)
        assert found is None or found[0] == texts[number]
        lost += found is None
    return lost


def test_a_damaged_block_comes_out_right_or_not_at_all() -> None:
    assert damaged_often(2_000, seed=5) > 1_500


def test_compiling_leaves_nothing_to_compile() -> None:
    decoding.compile_now()
    numbers = [
        len(function.signatures) for function in (decoding.read_runs, decoding.link, decoding.follow, decoding.unpack)
    ]
    assert numbers == [1, 1, 1, 1]
    decode_all(bz2.compress(DATA, 1))
    assert numbers == [len(f.signatures) for f in (decoding.read_runs, decoding.link, decoding.follow, decoding.unpack)]
