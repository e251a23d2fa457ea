"""Every element belongs to exactly one range, whatever the packing and the cuts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.dumps.ranges import Element, plan_ranges, read_elements, read_head
from schemas.errors import InputCorrupt
from tests.pipeline.dumps.ranges.packing import PACKINGS
from tests.pipeline.dumps.ranges.test_lines import spans_at, write

HEADER = b"<mediawiki>\n  <siteinfo><sitename>W</sitename></siteinfo>\n"
FOOTER = b"</mediawiki>\n"


def pages(seed: int, count: int) -> list[bytes]:
    rng = random.Random(seed)
    return [
        b"<page>" + bytes(rng.choices(b"abcdefghij <>\n\xc3\xa9", k=rng.choice((0, 5, 300, 2000)))) + b"</page>"
        for _ in range(count)
    ]


def read(spans: list, **options: int) -> list[Element]:
    return [
        element
        for span in spans
        for element in read_elements(span, b"<page>", b"</page>", final_mark=b"</mediawiki>", **options)
    ]


@pytest.mark.parametrize("form", PACKINGS)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    unit_cuts=st.lists(st.integers(0, 40_000), max_size=10),
    range_cuts=st.lists(st.integers(0, 2**32), max_size=12),
)
def test_random_cuts(tmp_path: Path, form: str, seed: int, unit_cuts: list[int], range_cuts: list[int]) -> None:
    wanted = pages(seed, 40)
    path = write(tmp_path, HEADER + b"\n  ".join(wanted) + FOOTER, form, unit_cuts)
    found = read(spans_at(path, range_cuts))
    assert [element.problem for element in found] == [None] * len(wanted)
    assert [element.data for element in found] == wanted


def test_every_single_cut_of_a_plain_file(tmp_path: Path) -> None:
    wanted = [b"<page>a</page>", b"<page></page>", b"<page>ccc</page>"]
    data = HEADER + b"\n".join(wanted) + FOOTER
    path = write(tmp_path, data, "plain", [])
    for cut in range(len(data)):
        found = read(spans_at(path, [cut]))
        assert [element.data for element in found] == wanted
        assert [data.index(page) for page in wanted] == [element.offset for element in found]


@pytest.mark.parametrize("num_ranges", [1, 9])
def test_problems_are_elements_too(tmp_path: Path, num_ranges: int) -> None:
    good = b"<page>good</page>"
    large = b"<page>" + b"x" * 5000 + b"</page>"
    body = b"\n".join([good, b"<page>never closed", good, b" stray text ", good, large, good])
    path = write(tmp_path, HEADER + body + FOOTER, "plain", [])
    size = Path(path).stat().st_size
    found = read(plan_ranges(path, -(-size // num_ranges)), max_element_bytes=3000)
    problems = [element.problem for element in found if element.problem != "stray"]
    assert problems == [None, "unclosed", None, None, "too_large", None]
    assert [element.data for element in found if element.problem is None] == [good] * 4
    if num_ranges == 1:
        assert [element.data.strip() for element in found if element.problem == "stray"] == [b"stray text"]


def test_an_element_far_over_the_limit_passes_in_pieces(tmp_path: Path) -> None:
    good = b"<page>good</page>"
    path = write(tmp_path, HEADER + good + b"<page>" + b"x" * 9_000_000 + b"</page>" + good + FOOTER, "gz", [])
    found = read(plan_ranges(path), max_element_bytes=1_000_000)
    assert [element.problem for element in found] == [None, "too_large", None]
    assert len(found[1].data) == 1000


def test_end_inside_an_element(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + b"<page>a</page><page>b", "plain", [])
    (span,) = plan_ranges(path)
    with pytest.raises(InputCorrupt, match="ends inside the element <page>"):
        list(read_elements(span, b"<page>", b"</page>"))


def test_missing_footer(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + b"<page>a</page>", "bz2", [len(HEADER)])
    with pytest.raises(InputCorrupt, match="expected '</mediawiki>'"):
        read(plan_ranges(path, 60))


@pytest.mark.parametrize("form", PACKINGS)
def test_head(tmp_path: Path, form: str) -> None:
    path = write(tmp_path, HEADER + FOOTER, form, [3])
    assert read_head(path, 11) == b"<mediawiki>"
    assert read_head(path, 10**6) == HEADER + FOOTER
