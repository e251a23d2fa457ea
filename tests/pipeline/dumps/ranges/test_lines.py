"""Every line belongs to exactly one range, whatever the packing and the cuts."""

from __future__ import annotations

import bz2
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.dumps.ranges import ByteRange, plan_ranges, read_chunks, read_lines
from pipeline.dumps.ranges.bits import BLOCK
from tests.pipeline.dumps.ranges.packing import EXTENSIONS, PACKINGS, pack


def write(folder: Path, data: bytes, form: str, cuts: list[int]) -> str:
    path = folder / f"dump{EXTENSIONS[form]}"
    path.write_bytes(pack(data, form, cuts))
    return str(path)


def spans_at(path: str, cuts: list[int]) -> list[ByteRange]:
    """Ranges of a file with cuts at given compressed bytes."""
    (whole,) = plan_ranges(path, 1 << 40)
    edges = sorted({0, whole.size, *(cut % whole.size for cut in cuts)})
    return [
        ByteRange(path=path, start=start, end=end, form=whole.form, size=whole.size)
        for start, end in zip(edges, edges[1:], strict=False)
    ]


def lines_of(spans: list[ByteRange], **options: int) -> list[bytes]:
    return [line for span in spans for batch in read_lines(span, **options) for line in batch.lines]


def noisy_lines(seed: int, count: int) -> bytes:
    """Lines that barely compress, so that the small file has many units."""
    rng = random.Random(seed)
    lines = [
        bytes(rng.choices(b'abcdefghij{}":,0123456789\xc3\xa9', k=rng.choice((0, 1, 40, 900)))) for _ in range(count)
    ]
    return b"\n".join(lines)


@pytest.mark.parametrize("form", PACKINGS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    unit_cuts=st.lists(st.integers(0, 60_000), max_size=12),
    range_cuts=st.lists(st.integers(0, 2**32), max_size=12),
    ends_in_newline=st.booleans(),
)
def test_random_cuts(
    tmp_path: Path, form: str, seed: int, unit_cuts: list[int], range_cuts: list[int], ends_in_newline: bool
) -> None:
    data = b"[" + noisy_lines(seed, 120) + (b"\n" if ends_in_newline else b"")
    path = write(tmp_path, data, form, unit_cuts)
    assert lines_of(spans_at(path, range_cuts)) == data.split(b"\n")


@pytest.mark.parametrize("form", PACKINGS)
@pytest.mark.parametrize("num_ranges", [1, 2, 3, 7, 50, 400])
def test_even_ranges(tmp_path: Path, form: str, num_ranges: int) -> None:
    data = noisy_lines(7, 1500)
    path = write(tmp_path, data, form, list(range(0, len(data), 9973)))
    size = Path(path).stat().st_size
    spans = plan_ranges(path, -(-size // num_ranges))
    assert [span.start for span in spans[1:]] == [span.end for span in spans[:-1]]
    assert (spans[0].start, spans[-1].end) == (0, size)
    assert lines_of(spans) == data.split(b"\n")


def test_many_blocks_of_one_stream(tmp_path: Path) -> None:
    data = noisy_lines(3, 4000)
    path = tmp_path / "single.json.bz2"
    path.write_bytes(bz2.compress(data, 1))
    assert path.read_bytes().count(b"BZh") == 1
    spans = plan_ranges(str(path), 40_000)
    assert sum(1 for span in spans if any(chunk.owned for chunk in read_chunks(span))) > 5
    assert lines_of(spans) == data.split(b"\n")


@pytest.mark.parametrize("form", PACKINGS)
def test_a_place_leads_back_to_its_line(tmp_path: Path, form: str) -> None:
    data = noisy_lines(5, 600)
    path = write(tmp_path, data, form, list(range(0, len(data), 20_011)))
    size = Path(path).stat().st_size
    for span in plan_ranges(path, -(-size // 5)):
        for batch in read_lines(span):
            index = len(batch.lines) // 2
            there = ByteRange(path=path, start=batch.unit, end=size, form=span.form, size=size)
            decoded = b"".join(chunk.data for chunk in read_chunks(there))
            begin = batch.offset + sum(len(line) + 1 for line in batch.lines[:index])
            begin -= batch.unit if form == "plain" else 0
            line = batch.lines[index]
            assert decoded[begin : begin + len(line)] == line
            assert begin == 0 or form == "bz2" or decoded[begin - 1 : begin] == b"\n"


@pytest.mark.parametrize("form", PACKINGS)
def test_long_lines_come_as_heads(tmp_path: Path, form: str) -> None:
    long = b"x" * 3_000_000
    data = b"\n".join([b"first", long, b"between", long[:2500], b"", long])
    path = write(tmp_path, data, form, [1_000_000, 2_500_000])
    for num_bytes in (Path(path).stat().st_size, 97):
        spans = spans_at(path, list(range(0, 10**6, num_bytes)))
        batches = [batch for span in spans for batch in read_lines(span, max_line_bytes=2000)]
        assert [line for batch in batches for line in batch.lines] == [
            b"first", long[:1000], b"between", long[:1000], b"", long[:1000],
        ]  # fmt: skip
        assert [batch.oversize for batch in batches if batch.oversize] == [3_000_000, 2500, 3_000_000]


def test_a_line_over_many_chunks_is_joined_once(tmp_path: Path) -> None:
    line = random.Random(1).randbytes(20_000_000).replace(b"\n", b"n")
    path = tmp_path / "long.json"
    path.write_bytes(b"a\n" + line + b"\nb")
    assert lines_of(plan_ranges(str(path), 3_000_000)) == [b"a", line, b"b"]


@pytest.mark.parametrize("shift", range(8))
def test_a_false_block_mark_is_passed_over(shift: int) -> None:
    """A block whose data holds the magic number by chance is decoded as a whole."""
    import io

    from pipeline.dumps.ranges import blocks
    from pipeline.dumps.ranges.bits import BitWindow

    packed = bz2.compress(b"one block of a few bytes " * 40)
    span = ByteRange(path="x", start=0, end=len(packed), form="bz2", size=len(packed))
    window = BitWindow(io.BytesIO(packed), len(packed))
    true_find = window.find
    false_mark = 8 * 40 + shift

    def find(mark: int, low: int, high: int) -> int | None:
        hit = true_find(mark, low, high)
        if mark == BLOCK and low <= false_mark < high and (hit is None or false_mark < hit):
            return false_mark
        return hit

    window.find = find  # type: ignore[method-assign]
    walk = blocks._Walk(window, span)
    data, end = walk.decode(walk.first_block())
    assert data == b"one block of a few bytes " * 40
    assert walk.follow(end) is None
