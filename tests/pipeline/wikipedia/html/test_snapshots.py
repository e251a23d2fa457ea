"""Snapshots of rendered pages: every form and cut, which record counts, what is dropped, what is bounded."""

from __future__ import annotations

import gzip
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from pipeline.dumps.archives import read_archive_lines
from pipeline.dumps.ranges import plan_ranges
from pipeline.run.accounts import check_conservation
from pipeline.run.task_output import TaskOutput, TaskRecord, task_record_path
from pipeline.wikipedia.articles import ArticleOptions
from pipeline.wikipedia.config import WikipediaConfig
from pipeline.wikipedia.html.anchors import read_anchor
from pipeline.wikipedia.html.bounds import problem_of, without_reference_lists
from pipeline.wikipedia.html.pages import read_rendered
from pipeline.wikipedia.html.variants import shown_variant
from pipeline.wikipedia.job import plan, prepare, run_task, verify
from pipeline.wikipedia.pages import PageProblem
from pipeline.wikipedia.quality.rendered import is_reindented, read_blocks
from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from pipeline.wikipedia.wikitext.namespaces import wiki_namespaces
from schemas import TABLES, read_shard
from schemas.errors import InputCorrupt, UsageError
from tests.conftest import REPOSITORY
from tests.pipeline.wikipedia.html.snapshot import articles, html_page, record, write_snapshot

READER = REPOSITORY.parent / "shared" / "data" / "wikipedia" / "reader"
FORMS = ["tar.gz", "tar", "json", "json.gz", "json.bz2"]


def run_tasks(built: Path, *dumps: Path, **changes: Any) -> tuple[dict[str, list[dict[str, Any]]], list[TaskRecord]]:
    """Rows by table, and the tasks' records, as a job makes them."""
    config = WikipediaConfig(**{"dumps": tuple(map(str, dumps)), "output": "", "max_reject_share": 1.0, **changes})
    prepare(config, str(built))
    tasks = plan(config)
    records = []
    for task in tasks:
        named = {"job": "wikipedia", "source": task.source, "index": task.index, "num_tasks": len(tasks)}
        with TaskOutput(**named, built=str(built)) as out:
            run_task(config, task, out)
        records.append(TaskRecord.from_json((built / task_record_path(task.index)).read_text()))
    verify(config, records)
    found: dict[str, list[dict[str, Any]]] = {"pages": [], "redirects": [], "rejects": []}
    for done in records:
        check_conservation(done.accounts)
        for shard in done.shards:
            found[shard.table] += read_shard(built / shard.path, TABLES[shard.table]).to_pylist()
    return found, records


def dropped(records: list[TaskRecord]) -> dict[str, int]:
    return {reason: n for done in records for account in done.accounts for reason, n in account.dropped.items()}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("range_bytes", [700, 1 << 30])
def test_every_record_is_read_once_whatever_the_form_and_the_cuts(tmp_path: Path, form: str, range_bytes: int) -> None:
    path = write_snapshot(tmp_path, articles(41), form)
    found, records = run_tasks(tmp_path / "out", path, range_bytes=range_bytes)
    assert [row["page_id"] for row in found["pages"]] == list(range(1, 42))
    assert found["rejects"] == []
    if form == "json":
        assert len(records) > 5 or range_bytes > 700
    if "tar" in form:
        assert len(records) == 1


def test_a_row_says_what_the_record_said(tmp_path: Path) -> None:
    html = html_page('<b>Berlin</b> ni mji wa <a rel="mw:WikiLink" href="./Ujerumani">Ujerumani</a> kaskazini.')
    redirects = [{"name": "Bärlin", "url": "x"}, {"name": "Spree_Athen"}]
    path = write_snapshot(tmp_path, [record(5, "Berlin", html, redirects=redirects)], "json")
    found, _ = run_tasks(tmp_path / "out", path)
    (row,) = found["pages"]
    assert (row["wiki"], row["language"], row["title"], row["page_id"], row["revision_id"]) == (
        *("swwiki", "sw", "Berlin", 5, 1005),
    )
    assert row["entity"] == "Q5" and row["lead"] == "Berlin ni mji wa Ujerumani kaskazini."
    assert row["contexts"][0]["links"] == [{"start": 17, "end": 26, "target": "Ujerumani", "fragment": None}]
    assert [(r["title"], r["target"], r["page_id"]) for r in found["redirects"]] == [
        ("Bärlin", "Berlin", None),
        ("Spree Athen", "Berlin", None),
    ]


@pytest.mark.parametrize("form", ["json", "tar.gz"])
@pytest.mark.parametrize("range_bytes", [400, 1 << 30])
def test_the_latest_revision_of_a_page_counts_wherever_it_stands(tmp_path: Path, form: str, range_bytes: int) -> None:
    def version(revision: int, word: str) -> bytes:
        return record(7, "Saba", html_page(f"Saba ni namba {word} ya kuhesabu vitu."), version={"identifier": revision})

    lines = [version(20, "nzuri"), *articles(3), version(10, "mbaya"), version(20, "njema")]
    first = write_snapshot(tmp_path, lines, form)
    other = write_snapshot(
        tmp_path, [version(15, "katikati"), record(8, "Nane", html_page("x" * 40))], form, "swwiki-2"
    )
    found, records = run_tasks(tmp_path / "out", first, other, range_bytes=range_bytes)
    rows = [row for row in found["pages"] if row["page_id"] == 7]
    assert [(row["revision_id"], row["lead"]) for row in rows] == [(20, "Saba ni namba njema ya kuhesabu vitu.")]
    assert sum(a.dropped.get("superseded", 0) for r in records for a in r.accounts) == 3
    assert len(found["pages"]) == 5


def test_records_that_are_no_articles_are_dropped_by_name(tmp_path: Path) -> None:
    page = html_page("Kitu ni kitu kizuri sana cha watu.")
    lines = [
        record(1, "Jamii:A", page, namespace={"identifier": 14}),
        record(2, "B", page, event={"type": "delete"}),
        record(3, "C", page, visibility={"text": False}),
        record(4, "D", "", article_body=None),
        record(5, "E", page, main_entity=None),
        record(6, "F", html_page("F", head='<meta property="mw:PageProp/disambiguation"/>')),
    ]
    found, records = run_tasks(tmp_path / "out", write_snapshot(tmp_path, lines, "json"))
    assert dropped(records) == {"namespace": 1, "deleted": 2, "empty": 1}
    assert [(row["title"], row["entity"], row["is_disambiguation"]) for row in found["pages"]] == [
        *(("E", None, False), ("F", "Q6", True)),
    ]


def test_lines_that_cannot_be_read_are_rejected_with_their_place(tmp_path: Path) -> None:
    good = record(1, "A", html_page("Kitu ni kitu kizuri sana cha watu."))
    other = record(2, "B", html_page("x"), is_part_of={"identifier": "dewiki"})
    deep = record(3, "C", html_page("<div>" * 5_000))
    huge = record(1 << 63, "D", html_page("x"))
    path = write_snapshot(tmp_path, [good, b'{"name": 3}', b"{", b"", other, deep, huge], "json")
    found, _ = run_tasks(tmp_path / "out", path)
    assert [row["reason"] for row in found["rejects"]] == [
        *("malformed_record", "malformed_record", "other_wiki", "markup_too_deep", "malformed_record"),
    ]
    assert found["rejects"][0]["offset"] == len(good) + 1 and len(found["pages"]) == 1


@pytest.mark.parametrize("cut", [0.3, 0.9])
@pytest.mark.parametrize("form", ["tar.gz", "tar", "json.gz"])
def test_a_snapshot_that_was_cut_off_ends_the_job(tmp_path: Path, form: str, cut: float) -> None:
    path = write_snapshot(tmp_path, articles(2_000), form)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * cut)])
    with pytest.raises(InputCorrupt, match=r"ends early|cut off|damaged"):
        run_tasks(tmp_path / "out", path)


def test_the_wiki_is_the_records_or_the_names(tmp_path: Path) -> None:
    page = html_page("Kitu ni kitu kizuri sana cha watu.")
    bare = [record(1, "A", page, is_part_of=None)]
    found, _ = run_tasks(tmp_path / "out", write_snapshot(tmp_path, bare, "json", "lgwiki-NS0-20260101-HTML"))
    assert found["pages"][0]["wiki"] == "lgwiki"
    with pytest.raises(UsageError, match="no wiki in this name"):
        run_tasks(tmp_path / "other", write_snapshot(tmp_path, bare, "json", "pages"))


def test_a_file_of_other_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "swwiki.json"
    path.write_text('{"something": "else"}\n')
    with pytest.raises(InputCorrupt, match="no record|not a record"):
        run_tasks(tmp_path / "out", path)


def test_long_lines_of_an_archive_come_with_their_head_alone(tmp_path: Path) -> None:
    path = write_snapshot(tmp_path, [b"a" * 50, b"b" * 5_000_000, b"c", b"d" * 70, b"e" * 4_000_000, b"f"], "tar")
    (span,) = plan_ranges(str(path), 1 << 40)
    found = list(read_archive_lines(span, max_line_bytes=100))
    assert [(b.lines[0][:1], b.oversize) for b in found if b.oversize] == [(b"b", 5_000_001), (b"e", 4_000_001)]
    assert all(len(b.data) <= 1_001 for b in found if b.oversize)
    assert [line for b in found if not b.oversize for line in b.lines] == [b"a" * 50, b"c", b"d" * 70, b"f"]


HOSTILE = {
    "open elements": "<div>" * 200_000,
    "closed elements": "<div>" * 100_000 + "</div>" * 100_000,
    "nested lists": "<ul><li>" * 100_000,
    "capitals": "<DIV>" * 200_000,
    "stray closings between": "<ul><li></b></p>" * 50_000,
    "open formats": "".join(f"<b id={n}>" for n in range(50_000)) + "<p>x</p>" * 1_000,
    "attributes": "<p " + " ".join(f"a{n}=1" for n in range(100_000)) + ">x</p>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_markup_that_would_take_minutes_is_refused_at_once(name: str) -> None:
    with pytest.raises(PageProblem) as caught:
        read_rendered(html_page(HOSTILE[name]), "X", wiki_dialect("swwiki"), ArticleOptions())
    assert caught.value.reason == "markup_too_deep"


@pytest.mark.parametrize(
    "source",
    ["", "x", "<p>", "<a href=./X rel=mw:WikiLink>", "<table><tr><td><p>a", "<p>a<p>b<li>c", "\x02\x0e\x03\x1d2x"],
)
def test_torn_pages_are_read(source: str) -> None:
    article = read_rendered(source, "X", wiki_dialect("enwiki"), ArticleOptions(table_cells=True))
    for text, links in article.contexts:
        assert not set(text) & set("\x02\x03\x0e\x1d") and all(
            0 <= start < end <= len(text) for start, end, *_ in links
        )


def test_inline_elements_in_each_other_by_thousands_are_read() -> None:
    article = read_rendered(html_page("<span>" * 50_000 + "neno"), "X", wiki_dialect("swwiki"), ArticleOptions())
    assert [text for text, _ in article.contexts] == ["neno"]


def test_lists_of_references_are_cut_out_whole() -> None:
    inside = '<ol class="mw-references references"><li>a<ol><li>b</li></ol></li></ol>'
    assert without_reference_lists(f"<p>x</p>{inside}<p>y</p>{inside}") == "<p>x</p><p>y</p>"
    assert without_reference_lists('<ol class="references"><li>open') == '<ol class="references"><li>open'
    assert problem_of("<p>" * 10) is None


@pytest.mark.parametrize(
    ("rel", "href", "expected"),
    [
        ("mw:WikiLink", "./A_b%C3%A9#C_d", ("article", "A bé", "C d")),
        ("mw:WikiLink", "./100%25", ("article", "100%", "")),
        ("mw:WikiLink", "./What%3F?action=edit&redlink=1", ("article", "What?", "")),
        ("mw:WikiLink", "./Own_page#S", ("section", "", "S")),
        ("mw:WikiLink", "./Own_page", ("article", "Own page", "")),
        ("mw:WikiLink", "./Picha:X.jpg", ("namespace", "Picha:X.jpg", "")),
        ("mw:WikiLink/Interwiki", "https://en.wikipedia.org/wiki/A", ("interwiki", "", "")),
        ("mw:ExtLink nofollow", "http://a.b", ("external", "", "")),
        ("mw:MediaLink", "//upload/x.ogg", ("namespace", "", "")),
        ("", "/wiki/A_b", ("article", "A b", "")),
        ("", "/w/index.php?title=A_b&action=edit&redlink=1", ("article", "A b", "")),
        ("", "#cite_note-1", ("section", "", "")),
    ],
)
def test_anchors(rel: str, href: str, expected: tuple[str, str, str]) -> None:
    assert read_anchor(rel, href, "Own page", wiki_namespaces("swwiki")) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('{"twoway":[{"l":"zh-tw","t":"<b>繁</b>&amp;"},{"l":"zh-cn","t":"简"}]}', "简"),
        ('{"oneway":[{"f":"A","l":"zh-hant","t":"乙"}]}', "乙"),
        ('{"disabled":{"t":"原"}}', "原"),
        ('{"filter":{"l":["zh"],"t":"濾"}}', "濾"),
        ('{"title":true,"twoway":[{"l":"zh","t":"題"}]}', ""),
        *[("{", ""), ("[]", ""), ('{"twoway":[3]}', "")],
    ],
)
def test_variants(data: str, expected: str) -> None:
    assert shown_variant(data, "zh-cn") == expected


def letters(text: str) -> str:
    """Letters and digits, raised ones as plain ones."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text)))


def test_real_pages_hold_what_a_reader_reads() -> None:
    """Of the blocks that another walk finds on MediaWiki's pages, all but a few are in our text, word for word."""
    if not READER.is_dir():
        pytest.skip(f"{READER} is not here")
    blocks = found = 0
    for path in sorted(READER.glob("*/*.parsoid.html.gz"))[::6]:
        html = gzip.decompress(path.read_bytes()).decode()
        if is_reindented(read_blocks(html)):
            continue
        article = read_rendered(html, path.name.split(".")[0], wiki_dialect(path.parent.name), ArticleOptions())
        text = letters("".join(text for text, _ in article.contexts))
        for block in read_blocks(html):
            words = letters(block.text())
            if len(words) > 40 and "formula" not in words:
                blocks, found = blocks + 1, found + (words in text)
    assert blocks > 500 and found >= 0.99 * blocks
