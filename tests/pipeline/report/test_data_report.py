"""The data report: figures counted a second way, texts escaped, mentions marked, a page that needs nothing else."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pipeline.report import figures
from pipeline.report.job import DataReportConfig, run
from pipeline.report.rows import Piece, pieces
from pipeline.report.tables import Build, open_build
from schemas import DESCRIPTIONS, MENTIONS, Table, read_manifest, read_shard
from schemas.errors import InputMissing


@pytest.fixture(scope="module")
def build(sample_build: Path) -> Build:
    return open_build(sample_build)


def rows(folder: Path, table: Table) -> list[dict[str, Any]]:
    return [
        row for shard in read_manifest(folder).of(table) for row in read_shard(folder / shard.path, table).to_pylist()
    ]


def test_figures_are_those_of_the_rows(build: Build, sample_build: Path) -> None:
    described: dict[str, set[str]] = defaultdict(set)
    for row in rows(sample_build / "link", DESCRIPTIONS):
        described[row["language"]].add(row["entity"])
    mentions = Counter(
        (row["language"], mention["entity"])
        for row in rows(sample_build / "link", MENTIONS)
        for mention in row["mentions"]
    )
    by_language = figures.by_language(build)
    assert by_language
    for language, entities, _, _, linked, *_ in by_language.lines:
        assert entities == len(described[language]) > 0
        assert linked == sum(n for (found, _), n in mentions.items() if found == language) > 0
    coverage = figures.coverage(build)
    assert coverage
    for first, n, *cells in coverage.lines:
        assert n == len(described[first])
        for second, cell in zip(coverage.head[2:], cells, strict=True):
            assert cell.share == len(described[first] & described[second]) / n
    most = figures.most_linked(build)
    totals: Counter[str] = Counter()
    for (_, entity), n in mentions.items():
        totals[entity] += n
    assert most and [line[2] for line in most.lines] == sorted(totals.values(), reverse=True)[:25]
    assert all(totals[entity] == n for entity, _, n, _ in most.lines)
    shares = figures.fates(build)
    assert shares and all(sum(cell.share for cell in line[2:]) == pytest.approx(1) for line in shares.lines)


class Page(HTMLParser):
    """Collects tags, marked mentions and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs


def test_the_page_needs_nothing_else_and_marks_mentions(sample_build: Path, tmp_path: Path) -> None:
    run(DataReportConfig(build=str(sample_build), output=str(tmp_path / "page.html")))
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert page.tags["mark"] > 6 and page.tags["details"] >= 12
    assert ("dir", "auto") in page.attributes
    assert re.search(r'<mark title="Q\d+">', text)
    run(DataReportConfig(build=str(sample_build), output=str(tmp_path / "again.html")))
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == text


def test_a_build_of_one_dataset_in_a_folder_with_odd_letters_has_a_page(sample_build: Path, tmp_path: Path) -> None:
    folder = tmp_path / "d'une [p]* {page} <b>"
    folder.mkdir()
    (folder / "wikipedia").symlink_to(sample_build / "wikipedia")
    run(DataReportConfig(build=str(folder)))
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "d&#39;une [p]* {page} &lt;b&gt;" in text and "wikipedia/pages" in text and "Languages" not in text
    with pytest.raises(InputMissing, match=r"manifest\.json"):
        run(DataReportConfig(build=str(tmp_path)))


def test_a_text_is_cut_at_its_mentions() -> None:
    spans = [{"start": 1, "end": 3, "entity": "Q1"}, {"start": 3, "end": 4, "entity": "Q2"}]
    assert pieces("a😀bcd", spans, "entity") == [Piece("a"), Piece("😀b", "Q1"), Piece("c", "Q2"), Piece("d")]
    assert pieces("x" * 700, [{"start": 590, "end": 650, "entity": "Q1"}], "entity") == [Piece("x" * 600 + "…")]
