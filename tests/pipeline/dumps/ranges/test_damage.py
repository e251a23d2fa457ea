"""Damaged, cut off or foreign files end with InputCorrupt and a byte, never with missing records."""

from __future__ import annotations

import bz2
import gzip
import logging
import lzma
import random
import tracemalloc
from pathlib import Path

import pytest
import zstandard

from pipeline.dumps.ranges import ByteRange, plan_ranges, read_chunks, read_lines
from schemas.errors import InputCorrupt, InputMissing
from tests.pipeline.dumps.ranges.packing import EXTENSIONS, PACKINGS, pack
from tests.pipeline.dumps.ranges.test_lines import noisy_lines

DATA = b"[\n" + noisy_lines(11, 400) + b"\n]\n"
CUTS = list(range(0, len(DATA), 9_001))
COMPRESSED = [form for form in PACKINGS if form != "plain"]


def read_all(path: Path, num_ranges: int, final_mark: bytes = b"]") -> bytes:
    """The file's lines, read range by range and joined again."""
    spans = plan_ranges(str(path), -(-path.stat().st_size // num_ranges))
    return b"\n".join(
        line for span in spans for batch in read_lines(span, final_mark=final_mark) for line in batch.lines
    )


def dump(folder: Path, form: str, packed: bytes) -> Path:
    path = folder / f"dump{EXTENSIONS[form]}"
    path.write_bytes(packed)
    return path


@pytest.mark.parametrize("num_ranges", [1, 5])
@pytest.mark.parametrize("form", PACKINGS)
def test_truncation_anywhere(tmp_path: Path, form: str, num_ranges: int) -> None:
    packed = pack(DATA, form, CUTS)
    rng = random.Random(form + str(num_ranges))
    # The last two bytes of a plain file are "]\n": without the newline it is whole.
    longest = len(packed) - (2 if form == "plain" else 1)
    for length in [*(rng.randrange(1, longest) for _ in range(30)), longest]:
        path = dump(tmp_path, form, packed[:length])
        with pytest.raises(InputCorrupt) as caught:
            read_all(path, num_ranges)
        assert str(path) in str(caught.value)
        assert "byte" in str(caught.value)


@pytest.mark.parametrize("num_ranges", [1, 4])
@pytest.mark.parametrize("form", COMPRESSED)
def test_cut_between_units_is_noticed_by_the_final_mark(tmp_path: Path, form: str, num_ranges: int) -> None:
    whole = DATA[: DATA.rindex(b"\n]")]
    path = dump(tmp_path, form, pack(whole, form, [9_001, 18_002]))
    with pytest.raises(InputCorrupt, match=r"expected '\]'"):
        read_all(path, num_ranges)
    assert read_all(path, num_ranges, final_mark=b"") == whole


@pytest.mark.parametrize("form", COMPRESSED)
@pytest.mark.parametrize("num_ranges", [1, 6])
def test_a_flipped_bit_is_never_silent(tmp_path: Path, form: str, num_ranges: int) -> None:
    packed = bytearray(pack(DATA, form, CUTS))
    rng = random.Random(5)
    silent = []
    for _ in range(60):
        bit = rng.randrange(len(packed) * 8)
        packed[bit // 8] ^= 1 << bit % 8
        path = dump(tmp_path, form, bytes(packed))
        try:
            if read_all(path, num_ranges) != DATA:
                silent.append(bit)
        except InputCorrupt:
            pass
        packed[bit // 8] ^= 1 << bit % 8
    assert silent == []


@pytest.mark.parametrize("form", COMPRESSED)
@pytest.mark.parametrize("num_ranges", [1, 5])
def test_zero_padding_is_tolerated_with_a_warning(
    tmp_path: Path, form: str, num_ranges: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = dump(tmp_path, form, pack(DATA, form, CUTS) + bytes(70_000))
    with caplog.at_level(logging.WARNING):
        assert read_all(path, num_ranges) == DATA
    assert "70000 zero bytes of padding" in caplog.text


@pytest.mark.parametrize("form", COMPRESSED)
@pytest.mark.parametrize("num_ranges", [1, 5])
def test_trailing_junk_is_refused(tmp_path: Path, form: str, num_ranges: int) -> None:
    packed = pack(DATA, form, CUTS)
    path = dump(tmp_path, form, packed + b"\0\0junk" * 9)
    with pytest.raises(InputCorrupt, match=f"byte {len(packed) + 2}: found"):
        read_all(path, num_ranges)


def test_wrong_checksum_of_a_whole_bzip2_stream(tmp_path: Path) -> None:
    packed = bytearray(bz2.compress(b"[\n]\n" * 9))
    packed[-2] ^= 0x10
    with pytest.raises(InputCorrupt, match="checksum"):
        read_all(dump(tmp_path, "bz2", bytes(packed)), 1)


def test_wrong_gzip_checksum_names_the_member(tmp_path: Path) -> None:
    first = gzip.compress(b"[\n", mtime=0)
    second = bytearray(gzip.compress(b"{}\n]\n", mtime=0))
    second[-6] ^= 1
    with pytest.raises(InputCorrupt, match=f"gzip member that begins at byte {len(first)} is damaged"):
        read_all(dump(tmp_path, "gz", first + second), 1)


def test_damage_at_a_boundary_loses_nothing_silently(tmp_path: Path) -> None:
    """A member that the next range could not find is reported by the range before it."""
    members = [gzip.compress(noisy_lines(seed, 60) + b"\n", mtime=0) for seed in range(4)]
    broken = bytearray(members[2])
    broken[20:60] = bytes(40)
    packed = b"".join([members[0], members[1], bytes(broken), members[3]])
    path = dump(tmp_path, "gz", packed)
    edge = len(members[0]) + len(members[1]) - 10
    before = ByteRange(path=str(path), start=0, end=edge, form="gz", size=len(packed))
    with pytest.raises(InputCorrupt, match=f"gzip member at byte {edge + 10} does not decode"):
        list(read_lines(before))


def test_empty_file(tmp_path: Path) -> None:
    with pytest.raises(InputCorrupt, match="is empty"):
        plan_ranges(str(dump(tmp_path, "gz", b"")))


def test_html_page(tmp_path: Path) -> None:
    page = b"\n<!DOCTYPE html>\n<html><title>429 Too many requests</title></html>"
    with pytest.raises(InputCorrupt, match="HTML page, not a dump. Its first line is '<!DOCTYPE html>'"):
        plan_ranges(str(dump(tmp_path, "bz2", page)))


def test_foreign_archive(tmp_path: Path) -> None:
    with pytest.raises(InputCorrupt, match="a 7z archive"):
        plan_ranges(str(dump(tmp_path, "gz", b"7z\xbc\xaf\x27\x1crest")))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="is not there"):
        plan_ranges(str(tmp_path / "absent.json.gz"))


@pytest.mark.parametrize("form", PACKINGS)
def test_the_form_is_told_by_the_first_bytes(tmp_path: Path, form: str, caplog: pytest.LogCaptureFixture) -> None:
    wrong = "gz" if form == "bz2" else "bz2"
    path = dump(tmp_path, wrong, pack(DATA, form, CUTS))
    with caplog.at_level(logging.WARNING):
        (span,) = plan_ranges(str(path))
    assert span.form == form
    assert f"is {form} by its first bytes, not {wrong} as its name says" in caplog.text
    assert read_all(path, 3) == DATA


def test_zstd_skippable_frames_are_passed_over(tmp_path: Path) -> None:
    skippable = b"\x51\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"index"
    frames = [zstandard.ZstdCompressor().compress(piece) for piece in (b"[\n", b"{}\n", b"]\n")]
    packed = skippable + skippable.join(frames) + skippable
    path = dump(tmp_path, "zst", packed)
    for num_ranges in (1, 3, 10, len(packed)):
        assert read_all(path, num_ranges) == b"[\n{}\n]\n"


@pytest.mark.parametrize("form", COMPRESSED)
def test_a_decompression_bomb_passes_in_bounded_memory(tmp_path: Path, form: str) -> None:
    bomb = {
        "gz": lambda: gzip.compress(bytes(200_000_000)),
        "bz2": lambda: bz2.compress(bytes(45_000_000)) * 4,
        "zst": lambda: zstandard.ZstdCompressor().compress(bytes(200_000_000)),
        "xz": lambda: lzma.compress(bytes(200_000_000), preset=0),
    }[form]()
    path = dump(tmp_path, form, bomb)
    tracemalloc.start()
    (span,) = plan_ranges(str(path))
    total = sum(batch.oversize for batch in read_lines(span, max_line_bytes=1_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total >= 180_000_000
    assert peak < 300_000_000


@pytest.mark.parametrize("form", PACKINGS)
def test_blank_section_at_the_end_is_looked_behind(tmp_path: Path, form: str) -> None:
    """Where the last range holds only white space, the mark before it counts."""
    for body, whole in ((b"[\n{}\n]", True), (b"[\n{}\n", False)):
        packed = pack(body + b"\n" * 40, form, [len(body)])
        path = dump(tmp_path, form, packed)
        edge = len(pack(body, form))
        spans = [
            ByteRange(path=str(path), start=start, end=end, form=form, size=len(packed))
            for start, end in ((0, edge), (edge, len(packed)))
        ]
        assert list(read_lines(spans[0], final_mark=b"]"))
        if whole:
            assert list(read_lines(spans[1], final_mark=b"]"))
        else:
            with pytest.raises(InputCorrupt, match="expected"):
                list(read_lines(spans[1], final_mark=b"]"))


def test_a_file_that_shrank_since_planning(tmp_path: Path) -> None:
    path = dump(tmp_path, "plain", DATA)
    (span,) = plan_ranges(str(path))
    path.write_bytes(DATA[:100])
    with pytest.raises(InputCorrupt, match="ends at byte 100; it had"):
        list(read_chunks(span))
