"""Passing over damaged blocks: what is whole is read, what is lost is told, and nothing is told twice."""

from __future__ import annotations

import bz2
import random
from pathlib import Path

import pytest

from pipeline.dumps.ranges import Element, plan_ranges, read_elements
from schemas.errors import InputCorrupt

HEAD, FOOT = b"<mediawiki>\n", b"</mediawiki>\n"


def pages(count: int, words: int = 40) -> list[bytes]:
    """Returns pages that do not compress to nothing."""
    draw = random.Random(count)
    return [
        b"<page>%06d %s</page>" % (number, b" ".join(b"%d" % draw.randrange(10**9) for _ in range(words)))
        for number in range(count)
    ]


def read(path: Path, num_bytes: int, salvage: bool = True) -> list[Element]:
    """Reads a file range by range."""
    return [
        found
        for span in plan_ranges(str(path), num_bytes)
        for found in read_elements(span, b"<page>", b"</page>", final_mark=b"</mediawiki>", salvage=salvage)
    ]


def multistream(groups: list[list[bytes]], level: int = 9) -> list[bytes]:
    """Packs pages as Wikimedia does: a head, streams of pages, a foot."""
    return [bz2.compress(HEAD), *(bz2.compress(b"\n".join(group), level) for group in groups), bz2.compress(FOOT)]


@pytest.mark.parametrize("num_bytes", [1 << 12, 1 << 16, 1 << 30])
def test_one_damaged_stream_costs_its_own_pages_only(tmp_path: Path, num_bytes: int) -> None:
    groups = [pages(1000)[at : at + 100] for at in range(0, 1000, 100)]
    streams = multistream(groups)
    broken = bytearray(streams[4])
    broken[len(broken) // 2] ^= 1
    path = tmp_path / "x.xml.bz2"
    path.write_bytes(b"".join([*streams[:4], bytes(broken), *streams[5:]]))
    with pytest.raises(InputCorrupt):
        read(path, num_bytes, salvage=False)
    found = read(path, num_bytes)
    whole = [element.data for element in found if element.problem is None]
    assert whole == [page for group in [*groups[:3], *groups[4:]] for page in group]
    gaps = [element for element in found if element.problem]
    assert [gap.problem for gap in gaps] == ["damaged"]
    assert gaps[0].unit == sum(map(len, streams[:4])) + 4 and "damaged" in gaps[0].detail


def test_other_blocks_of_a_damaged_stream_are_read(tmp_path: Path) -> None:
    all_pages = pages(3000)
    stream = bytearray(bz2.compress(HEAD + b"".join(all_pages) + FOOT, 1))
    stream[len(stream) // 2] ^= 1
    path = tmp_path / "x.xml.bz2"
    path.write_bytes(stream)
    found = read(path, 1 << 30)
    whole = [element.data for element in found if element.problem is None]
    assert 0.8 * len(all_pages) < len(whole) < len(all_pages) and set(whole) <= set(all_pages)
    assert whole == sorted(whole)
    assert sum(element.problem == "damaged" for element in found) == 1


@pytest.mark.parametrize("seed", range(30))
def test_any_damage_anywhere_keeps_the_rest(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    all_pages = pages(400)
    streams = multistream([all_pages[at : at + 20] for at in range(0, 400, 20)])
    data = bytearray(b"".join(streams))
    for _ in range(3):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path = tmp_path / "x.xml.bz2"
    path.write_bytes(data)
    try:
        found = read(path, draw.choice([1 << 11, 1 << 13, 1 << 30]))
    except InputCorrupt:
        assert data[:3] != b"BZh" or b"</mediawiki>" not in bz2.decompress(bytes(data[-len(streams[-1]) :]))
        return
    whole = [element.data for element in found if element.problem is None]
    assert len(whole) >= len(all_pages) - 3 * 40
    assert [page for page in all_pages if page in set(whole)] == whole
    assert len(whole) == len(all_pages) or any(element.problem for element in found)
