"""The wikipedia job: every form of dump, every page once, what is dropped and why."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from pipeline.run.accounts import check_conservation
from pipeline.run.job import run_job
from pipeline.run.task_output import TaskOutput, TaskRecord, task_record_path
from pipeline.wikipedia import job as wikipedia
from pipeline.wikipedia.config import WikipediaConfig
from pipeline.wikipedia.job import plan, run_task, verify
from pipeline.wikipedia.quality.leftovers import is_hard, leftovers
from schemas import PAGES, REDIRECTS, TABLES, read_manifest, read_shard
from schemas.errors import InputCorrupt, UsageError
from tests.pipeline.wikipedia.wiki_dump import articles, document, page, write_multistream, write_packed

ONE = ["--direct_num_workers=1"]


def run_tasks(config: WikipediaConfig, built: Path) -> tuple[dict[str, list[dict[str, Any]]], list[TaskRecord]]:
    """Runs each task by itself; returns rows by table, and the tasks' records."""
    tasks = plan(config)
    records = []
    for task in tasks:
        with TaskOutput(
            job="wikipedia", source=task.source, index=task.index, num_tasks=len(tasks), built=str(built)
        ) as out:
            run_task(config, task, out)
        records.append(TaskRecord.from_json((built / task_record_path(task.index)).read_text()))
    verify(config, records)
    found: dict[str, list[dict[str, Any]]] = {"pages": [], "redirects": [], "rejects": []}
    for record in records:
        check_conservation(record.accounts)
        for shard in record.shards:
            found[shard.table] += read_shard(built / shard.path, TABLES[shard.table]).to_pylist()
    return found, records


def config_of(*dumps: Path, **changes: Any) -> WikipediaConfig:
    return WikipediaConfig(**{"dumps": tuple(map(str, dumps)), "output": "", "max_reject_share": 1.0, **changes})


@pytest.mark.parametrize("form", ["multistream", "multistream without index", "xml", "bz2", "gz", "zst"])
@pytest.mark.parametrize("range_bytes", [1_000, 5_000, 1 << 30])
def test_every_page_is_read_once_whatever_the_form_and_the_cuts(tmp_path: Path, form: str, range_bytes: int) -> None:
    pages = articles(83)
    if form.startswith("multistream"):
        dump = write_multistream(tmp_path, pages)
    else:
        dump = write_packed(tmp_path, document(pages), form)
    config = config_of(dump, range_bytes=range_bytes, use_index=form == "multistream")
    found, records = run_tasks(config, tmp_path / "out")
    assert [row["page_id"] for row in found["pages"]] == list(range(1, 84))
    assert len(records) > 3 or range_bytes > 1_000 or form in ("bz2", "gz", "zst")
    expected = [record.notes["expected"] for record in records]
    assert sum(expected) == 83 if form == "multistream" else set(expected) == {None}


def test_a_row_says_what_the_page_said(tmp_path: Path) -> None:
    head, foot = "[[Picha:A.jpg|thumb|Picha]]\n", "\n\n[[Jamii:Miji]]"
    text = f"{head}'''Berlin''' ({{{{lang-de|Berlin}}}}) ni mji mkuu wa [[Ujerumani#Historia|Ujerumani]].{foot}"
    dump = write_packed(tmp_path, document([page(5, "Berlin & zaidi", text)]), "xml")
    (row,) = run_tasks(config_of(dump), tmp_path / "out")[0]["pages"]
    assert row == {
        "wiki": "swwiki",
        "language": "sw",
        "title": "Berlin & zaidi",
        "page_id": 5,
        "revision_id": 1005,
        "entity": None,
        "is_disambiguation": False,
        "lead": "Berlin (Berlin) ni mji mkuu wa Ujerumani.",
        "lead_missing": None,
        "contexts": [
            {
                "text": "Berlin (Berlin) ni mji mkuu wa Ujerumani.",
                "links": [{"start": 31, "end": 40, "target": "Ujerumani", "fragment": "Historia"}],
                "section": None,
                "section_kind": None,
            }
        ],
    }
    assert set(row) == {field.name for field in dataclasses.fields(PAGES.row)}


def test_pages_that_are_no_articles_are_counted_by_reason(tmp_path: Path) -> None:
    dump = write_packed(
        tmp_path,
        document(
            [
                page(1, "Majadiliano:X", "talk", ns=1),
                page(2, "Rangi", "#REDIRECT [[Rangi nyekundu]]", redirect="Rangi nyekundu"),
                page(3, "Data", "{}", model="json"),
                page(4, "Tupu", " "),
                page(5, "Tupu 2", None),
                page(6, "Siri", "", text='<text bytes="-1" deleted="deleted" />'),
                page(7, "Kitu", "'''Kitu''' ni kitu cha kwanza kabisa."),
                page(8, "Maana", "Maana nyingi za neno hili hapa.\n{{maana}}"),
            ]
        ),
        "bz2",
    )
    found, (record,) = run_tasks(config_of(dump), tmp_path / "out")
    (account,) = record.accounts
    assert account.dropped == {"namespace": 1, "model": 1, "empty": 2, "deleted": 1}
    assert (account.read, account.kept, account.rejected) == (8, 3, {})
    assert found["redirects"] == [
        {"wiki": "swwiki", "title": "Rangi", "page_id": 2, "target": "Rangi nyekundu", "fragment": None}
    ]
    assert [(row["title"], row["is_disambiguation"]) for row in found["pages"]] == [("Kitu", False), ("Maana", True)]
    assert record.counters["lead_missing_disambiguation"] == 1


def test_schema_0_11_takes_the_first_text_of_the_last_revision(tmp_path: Path) -> None:
    slots = '      <content><role>x</role><origin>1</origin><model>json</model><text bytes="2">{}</text></content>\n'
    newest = page(9, "Kitu", "'''Kitu''' ni kitu kipya cha leo kabisa.", version="0.11", slots=slots)
    revisions = newest.split("    <revision>")
    older = revisions[1].replace("kipya", "cha zamani").replace("<id>1009</id>", "<id>1008</id>")
    both = "    <revision>".join([revisions[0], older.replace("  </page>\n", ""), revisions[1]])
    dump = write_packed(tmp_path, document([newest, both], version="0.11"), "bz2")
    found, _ = run_tasks(config_of(dump), tmp_path / "out")
    assert [(row["revision_id"], row["lead"]) for row in found["pages"]] == [
        (1009, "Kitu ni kitu kipya cha leo kabisa.")
    ] * 2


def test_a_bad_page_is_rejected_and_its_neighbours_are_read(tmp_path: Path) -> None:
    good = articles(3)
    broken = page(9, "Mbaya", "x").replace("<id>9</id>", "").encode()
    latin = page(10, "Kilatini", "é").encode().replace("é".encode(), b"\xe9")
    control = page(11, "Udhibiti", "a\x08b").encode()
    last = page(12, "Mwisho", "x" * 40).encode()
    text = document(good).encode().replace(b"</mediawiki>", broken + latin + control + last + b"</mediawiki>")
    dump = tmp_path / "swwiki.xml"
    dump.write_bytes(text)
    found, (record,) = run_tasks(config_of(dump), tmp_path / "out")
    assert [row["page_id"] for row in found["pages"]] == [1, 2, 3, 12]
    assert [row["reason"] for row in found["rejects"]] == ["malformed_page", "bad_utf8", "control_character"]
    assert [row["record"] for row in found["rejects"][1:]] == ["10", "11"]
    assert all(text[row["offset"] :].startswith(b"<page>") for row in found["rejects"])


def test_the_wiki_may_come_from_the_name(tmp_path: Path) -> None:
    text = document(
        [page(1, "Berlin", "'''Berlin''' ist die Hauptstadt von [[Datei:x.jpg]]Deutschland.")], wiki="enwiki"
    )
    dump = write_packed(tmp_path, text, "bz2", name="de_wiki")
    (row,) = run_tasks(config_of(dump, wiki_from_name=True), tmp_path / "out")[0]["pages"]
    assert (row["wiki"], row["language"], row["lead"]) == ("dewiki", "de", "Berlin ist die Hauptstadt von Deutschland.")
    with pytest.raises(UsageError, match="no wiki in this name"):
        plan(config_of(write_packed(tmp_path, text, "bz2", name="x"), wiki_from_name=True))


def test_an_unknown_wiki_is_named_with_its_neighbours(tmp_path: Path) -> None:
    dump = write_packed(tmp_path, document(articles(1), wiki="swahiliwiki"), "bz2")
    with pytest.raises(UsageError, match="swahiliwiki"):
        plan(config_of(dump))


def test_an_index_of_another_dump_is_noticed(tmp_path: Path) -> None:
    dump = write_multistream(tmp_path, articles(30))
    dump.write_bytes(write_multistream(tmp_path / "..", articles(20), name="other").read_bytes())
    with pytest.raises(InputCorrupt, match="index"):
        run_tasks(config_of(dump), tmp_path / "out")
    assert len(run_tasks(config_of(dump, use_index=False), tmp_path / "again")[0]["pages"]) == 20


def test_a_dump_without_pages_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(InputCorrupt, match="holds no page"):
        run_tasks(config_of(write_packed(tmp_path, document([]), "bz2")), tmp_path / "out")


def test_parts_of_a_dump_and_the_whole_job(tmp_path: Path) -> None:
    pages = articles(20)
    for number, part in enumerate((pages[:10], pages[10:])):
        write_packed(tmp_path, document(part), "bz2", name=f"swwiki-20261101-pages-articles{number}.xml-p{number}")
    output = tmp_path / "wikipedia"
    config = WikipediaConfig(dumps=(str(tmp_path / "*.bz2"),), output=str(output))
    manifest = run_job(wikipedia.JOB, config, ONE)
    assert read_manifest(output).fingerprint == manifest.fingerprint
    assert {account.source for account in manifest.accounts} == {
        "swwiki-20261101-pages-articles0.xml-p0.xml.bz2",
        "swwiki-20261101-pages-articles1.xml-p1.xml.bz2",
    }
    assert manifest.counters["articles"] == 20 and manifest.counters["links_article"] == 20
    assert manifest.partitions(PAGES) == ["swwiki"] and not list(manifest.of(REDIRECTS))


def test_real_dumps_are_read_without_a_reject(real_data: Path, tmp_path: Path) -> None:
    dumps = sorted((real_data / "wikipedia").glob("*multistream.xml.bz2"))
    small = [dump for dump in dumps if dump.name.startswith(("aawiki", "zhwiki", "ltgwiki"))]
    found, records = run_tasks(config_of(*small), tmp_path / "out")
    assert found["rejects"] == [] and len(found["pages"]) > 900
    for row in found["pages"]:
        for context in row["contexts"]:
            ends = [0]
            for link in context["links"]:
                assert ends[-1] <= link["start"] < link["end"] <= len(context["text"])
                ends.append(link["end"])
    leads = [row["lead"] for row in found["pages"] if row["lead"]]
    assert len(leads) > 0.9 * len(found["pages"])
    assert sum(any(is_hard(name) for name in leftovers(lead)) for lead in leads) <= len(leads) / 500


def test_a_redirect_to_a_section_says_so(tmp_path: Path) -> None:
    pages = [
        page(1, "A", "#REDIRECT [[Kitu#Historia_ya kale|x]]", redirect="Kitu"),
        page(2, "B", "#ELEKEZA: [[ Kitu ]]", redirect="Kitu"),
        page(3, "Kitu", "Kitu ni kitu kizuri sana cha watu."),
    ]
    found, _ = run_tasks(config_of(write_packed(tmp_path, document(pages), "xml")), tmp_path / "out")
    assert [(row["title"], row["page_id"], row["fragment"]) for row in found["redirects"]] == [
        *(("A", 1, "Historia ya kale"), ("B", 2, None)),
    ]


@pytest.mark.parametrize("form", ["xml", "gz", "bz2", "zst"])
@pytest.mark.parametrize("range_bytes", [3_000, 1 << 30])
def test_salvage_reads_the_whole_pages_before_the_cut(tmp_path: Path, form: str, range_bytes: int) -> None:
    path = write_packed(tmp_path, document(articles(400)), form)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(InputCorrupt):
        run_tasks(config_of(path, range_bytes=range_bytes), tmp_path / "refused")
    found, _ = run_tasks(config_of(path, range_bytes=range_bytes, salvage=True), tmp_path / "out")
    ids = [row["page_id"] for row in found["pages"]]
    assert ids == list(range(1, len(ids) + 1)) and len(ids) < 400
    # One block of bz2 and one frame of zstd that were cut give nothing.
    assert len(ids) > 100 or form in ("bz2", "zst")
    assert {row["reason"] for row in found["rejects"]} <= {"cut_off", "damaged_block"} and found["rejects"]


OLD = (
    "  <page>\n    <title>{}</title>\n    <id>{}</id>\n{}    <revision>\n      <id>{}</id>\n"
    "      <text>{}</text>\n    </revision>\n  </page>\n"
)


@pytest.mark.parametrize(
    ("version", "tag"), [("0.3", ""), ("0.4", "    <redirect />\n"), ("0.5", "    <redirect />\n")]
)
def test_pages_of_old_schemas_have_their_namespace_in_the_title(tmp_path: Path, version: str, tag: str) -> None:
    prose = "Kitu ni kitu kizuri sana cha watu wote."
    pages = [
        OLD.format("Kitu: habari", 1, "", 11, prose),
        OLD.format("Majadiliano:Kitu", 2, "", 12, prose),
        OLD.format("Talk:Kitu", 3, "", 13, prose),
        OLD.format("Picha:Kitu.jpg", 4, "", 14, prose),
        OLD.format("Zamani", 5, tag, 15, "#REDIRECT [[Kitu: habari#Mwanzo]]"),
        OLD.format("Kale", 6, tag, 16, "#ELEKEZA[[:Kitu:_habari]]"),
        OLD.format("Orodha", 7, "", 17, f"# [[Kitu]]\n{prose}"),
    ]
    path = write_packed(tmp_path, document(pages, version=version), "xml")
    found, records = run_tasks(config_of(path), tmp_path / "out")
    assert [row["title"] for row in found["pages"]] == ["Kitu: habari", "Orodha"]
    assert [(row["title"], row["target"], row["fragment"]) for row in found["redirects"]] == [
        *(("Zamani", "Kitu: habari", "Mwanzo"), ("Kale", "Kitu: habari", None)),
    ]
    assert records[0].accounts[0].dropped == {"namespace": 3}


def test_a_header_with_another_letter_case_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = document(articles(1)).replace("<case>first-letter</case>", "<case>case-sensitive</case>")
    plan(config_of(write_packed(tmp_path, text, "xml")))
    assert "case-sensitive" in caplog.text and "first-letter" in caplog.text
    caplog.clear()
    plan(config_of(write_packed(tmp_path, document(articles(1)), "gz")))
    assert not caplog.text
