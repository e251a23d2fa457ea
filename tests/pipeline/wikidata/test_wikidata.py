"""The wikidata job: any form of dump, the same rows; faults counted exactly; stopped and run again, the same bytes."""

from __future__ import annotations

import gzip
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.run.job import run_job
from pipeline.run.task import Task
from pipeline.run.task_output import TaskOutput
from pipeline.wikidata import job as wikidata
from pipeline.wikidata import layout
from pipeline.wikidata.config import WikidataConfig, item_options
from pipeline.wikidata.job import JOB
from schemas import ENTITIES, REJECTS, SITELINKS, TABLES, TRIPLES, Manifest, Table, read_shard
from schemas.errors import InputCorrupt, InputMissing, OutputBusy, RejectLimitExceeded, UsageError
from tests.pipeline.dumps.ranges.packing import EXTENSIONS, PACKINGS, pack
from tests.pipeline.wikidata.entity_lines import line_of, real_lines, rows_of, statement

ONE_PROCESS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]
TWO_PROCESSES = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]


@pytest.fixture(autouse=True)
def scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges as small as these are scanned too, as those of real dumps are."""
    monkeypatch.setattr(wikidata, "LEAST_SCANNED_BYTES", 0)
    monkeypatch.setattr(wikidata, "LEAST_COMPILED_BYTES", 0)


def item(number: int) -> bytes:
    return line_of(
        id=f"Q{number}",
        labels={
            "de": {"language": "de", "value": f"Ding {number}"},
            "en": {"language": "en", "value": f"thing {number}"},
        },
        claims={"P31": [statement(f"Q{number % 7 + 1}")], "P279": [statement("Q5"), statement("Q6", "preferred")]},
        sitelinks={"dewiki": {"title": f"Ding {number * 7919 % 1000}"}, "enwiki": {"title": f"Thing {number}"}},
    )


def dump_of(lines: list[bytes]) -> bytes:
    return b"[\n" + b",\n".join(lines) + b"\n]\n"


def write_dump(folder: Path, lines: list[bytes], form: str = "gz") -> Path:
    """A dump in units of a few lines."""
    data = dump_of(lines)
    path = folder / f"dump{EXTENSIONS[form]}"
    path.write_bytes(pack(data, form, list(range(0, len(data), 3000))))
    return path


def config(path: Path | list[Path], folder: Path, **changes: Any) -> WikidataConfig:
    paths = path if isinstance(path, list) else [path]
    settings = {"dumps": tuple(map(str, paths)), "output": str(folder / "out"), "max_reject_share": 1.0, **changes}
    return WikidataConfig(**settings)


def run(settings: WikidataConfig, flags: list[str] = ONE_PROCESS) -> Manifest:
    return run_job(JOB, settings, flags)


def rows(settings: WikidataConfig, manifest: Manifest, table: Table) -> list[dict[str, Any]]:
    return [
        row for shard in manifest.of(table) for row in read_shard(Path(settings.output) / shard.path, table).to_pylist()
    ]


def checksums(manifest: Manifest) -> dict[str, str]:
    return {shard.path: shard.sha256 for shard in manifest.shards}


@pytest.mark.parametrize("languages", ["all", "sw,de", "top50"])
def test_scanned_or_decoded_the_bytes_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, languages: str
) -> None:
    odd = [b"{", line_of(id="P7", type="property", datatype="string"), line_of(id="L1", type="lexeme"), item(9)]
    lines = [item(number) if number % 97 else odd[number // 97 % 4] for number in range(1, 3000)]
    path = write_dump(tmp_path, lines)
    settings = config(path, tmp_path / "scanned", range_bytes=path.stat().st_size // 2, languages=languages)
    by_scan = run(settings)
    monkeypatch.setattr(wikidata, "LEAST_SCANNED_BYTES", 1 << 60)
    by_decoder = run(replace(settings, output=str(tmp_path / "decoded")))
    assert checksums(by_scan) == checksums(by_decoder)
    assert by_scan.accounts == by_decoder.accounts and by_scan.counters == by_decoder.counters
    assert 2900 < sum(shard.rows for shard in by_scan.of(ENTITIES)) < 3000


@pytest.mark.parametrize("form", PACKINGS)
def test_every_form_gives_the_rows_of_a_plain_reading(tmp_path: Path, form: str) -> None:
    lines = [item(number) for number in range(1, 120)]
    path = write_dump(tmp_path, lines, form)
    settings = config(path, tmp_path, range_bytes=path.stat().st_size // 7)
    manifest = run(settings)
    expected = rows_of(*lines)
    for name, found in expected.items():
        table = TABLES[name]
        got = rows(settings, manifest, table)
        if table is SITELINKS:
            got, found = sorted(got, key=str), sorted(found, key=str)
        assert got == found, name
    assert len(list(manifest.of(ENTITIES))) > 3
    (account,) = manifest.accounts
    assert (account.read, account.kept) == (119, 119)


def test_sitelinks_of_a_shard_are_sorted(tmp_path: Path) -> None:
    path = write_dump(tmp_path, [item(number) for number in range(1, 120)])
    settings = config(path, tmp_path, range_bytes=path.stat().st_size // 3)
    for shard in run(settings).of(SITELINKS):
        found = read_shard(Path(settings.output) / shard.path, SITELINKS).to_pylist()
        keys = [(row["wiki"], row["title"]) for row in found]
        assert keys == sorted(keys)


@pytest.mark.parametrize("form", PACKINGS)
def test_planted_faults_are_counted_exactly_and_placed(tmp_path: Path, form: str) -> None:
    good = [item(number) for number in range(1, 60)]
    bad = {
        3: (b'{"type":"item","id":"Q900","labels":', "json_syntax"),
        11: (b'{"type":"item","id":"Q901","labels":{"en":5}}', "json_shape"),
        12: (b"\xff\xfe", "not_utf8"),
        30: (item(1), "duplicate_id"),
        31: (line_of(id="Q902", aliases={"en": [{"value": "x" * 9000}]}), "too_large"),
        40: (b'{"type":"wombat","id":"W1"}', "unknown_type"),
    }
    dropped = [b'{"type":"lexeme","id":"L1","claims":[]}', b'{"entity":"Q7","redirect":"Q8"}']
    lines = [*good, *dropped]
    for place, (line, _) in bad.items():
        lines.insert(place, line)
    path = write_dump(tmp_path, lines, form)
    settings = config(path, tmp_path, max_line_bytes=5000)
    manifest = run(settings)
    (account,) = manifest.accounts
    assert (account.read, account.kept) == (67, 59)
    assert account.dropped == {"lexeme": 1, "redirect": 1}
    assert account.rejected == {reason: 1 for _, reason in bad.values()}
    data = dump_of(lines)
    for row, (line, reason) in zip(rows(settings, manifest, REJECTS), bad.values(), strict=True):
        assert (row["job"], row["source"], row["reason"]) == ("wikidata", path.name, reason)
        begin = row["offset"]
        if form != "plain":
            unit = int(row["detail"].rsplit("at byte ", 1)[1])
            begin += start_of_unit(path, form, unit)
        assert data[begin : begin + len(line)] == line
    assert rows(settings, manifest, REJECTS)[0]["record"] == "Q900"


def start_of_unit(path: Path, form: str, unit: int) -> int:
    """Where in the decoded file the unit begins that begins at byte `unit` of the packed one."""
    from pipeline.dumps.ranges import plan_ranges, read_chunks

    (span,) = plan_ranges(str(path), 1 << 40)
    decoded = 0
    for chunk in read_chunks(span):
        if chunk.unit == unit and chunk.offset == 0:
            return decoded
        decoded += len(chunk.data)
    raise AssertionError(f"no unit of {path} begins at byte {unit}")


def test_more_rejects_than_allowed(tmp_path: Path) -> None:
    path = write_dump(tmp_path, [item(1), b"{", item(2)])
    with pytest.raises(RejectLimitExceeded, match="json_syntax: 1, first in dump.json.gz at byte"):
        run(config(path, tmp_path, max_reject_share=0.1))


@pytest.mark.parametrize("form", PACKINGS)
def test_a_truncated_dump(tmp_path: Path, form: str) -> None:
    path = write_dump(tmp_path, [item(number) for number in range(1, 120)], form)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    with pytest.raises(InputCorrupt, match=f"{path.name}.*byte"):
        run(config(path, tmp_path, range_bytes=path.stat().st_size // 3))
    assert not (tmp_path / "out").exists()


def test_a_missing_closing_bracket(tmp_path: Path) -> None:
    """A dump of many gz members that was cut between two of them decodes without an error."""
    members = [gzip.compress(text) for text in (b"[\n", item(1) + b",\n", item(2) + b",\n", item(3) + b"\n")]
    path = tmp_path / "dump.json.gz"
    path.write_bytes(b"".join(members))
    with pytest.raises(InputCorrupt, match=r"expected '\]'. It was cut off"):
        run(config(path, tmp_path, range_bytes=200))


@pytest.mark.parametrize("text", [b"[\n]\n", b"[]", b"\n\n"])
def test_a_dump_without_entities(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "dump.json"
    path.write_bytes(text)
    with pytest.raises(InputCorrupt, match="no entity in any of them|begins with ''"):
        run(config(path, tmp_path))


def test_files_that_are_no_dumps(tmp_path: Path) -> None:
    for name, text, error in [
        ("page.json.gz", b"<!DOCTYPE html><html>", "HTML page"),
        ("empty.json", b"", "is empty"),
        ("wiki.xml", b"<mediawiki>", "begins with '<mediawiki>'"),
    ]:
        (tmp_path / name).write_bytes(text)
        with pytest.raises(InputCorrupt, match=error):
            run(config(tmp_path / name, tmp_path))
    with pytest.raises(InputMissing, match="names no file"):
        run(config(tmp_path / "absent.json.gz", tmp_path))


def test_layouts_of_other_tools(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = [item(number) for number in range(1, 5)]
    api = json.dumps({"entities": {"Q3": json.loads(lines[2]), "Q4": json.loads(lines[3])}}, indent=2).encode()
    layouts = {
        "array": dump_of(lines),
        "no trailing newline": dump_of(lines).strip(),
        "carriage returns": dump_of(lines).replace(b"\n", b"\r\n"),
        "byte order mark": b"\xef\xbb\xbf" + dump_of(lines),
        "bracket on the line": b"[" + b",\n".join(lines) + b"]",
        "comma first": b"[\n" + b"\n,".join(lines) + b"\n]",
        "zero padding": dump_of(lines) + bytes(5000),
        "lines": b"\n".join(lines),
        "document": json.dumps(json.loads(lines[0]), indent=4).encode(),
        "documents of the API": api,
    }
    indented = [json.dumps(json.loads(line), indent=2).encode() for line in lines]
    layouts |= {
        "answer on one line": json.dumps(json.loads(api)).encode(),
        "answer with other parts": b'{"warnings": {"main": {"*": "{["}}, "entities": %s, "more": {"id": "Q9", "type": "item"}}'
        % json.dumps(json.loads(api)["entities"]).encode(),
        "answers, one a line": b"\n".join(b'{"entities": {"Q%d": %s}}' % (n + 1, line) for n, line in enumerate(lines)),
        "list of answers": b"[" + b",".join(b'{"entities": [%s]}' % line for line in lines) + b"]",
        "array on one line": b"[" + b", ".join(lines) + b"]\n",
        "array indented": b"[\n" + b",\n".join(indented) + b"\n]",
        "objects indented": b"\n".join(indented),
        "one on a line, then more": b"["
        + lines[0]
        + b",\n"
        + lines[1]
        + b", "
        + lines[2]
        + b",\n"
        + indented[3]
        + b"]",
        "document on one line": json.dumps(json.loads(lines[0]), indent=None).encode(),
    }
    fewer = {"document": [1], "document on one line": [1], "documents of the API": [3, 4]}
    fewer |= {"answer on one line": [3, 4], "answer with other parts": [3, 4]}
    for number, (name, text) in enumerate(layouts.items()):
        path = tmp_path / f"{number}.json"
        path.write_bytes(text)
        wanted = fewer.get(name, [1, 2, 3, 4])
        for range_bytes in (1 << 30, 150):
            settings = config(path, tmp_path, output=str(tmp_path / f"{number}-{range_bytes}"), range_bytes=range_bytes)
            with caplog.at_level(logging.WARNING):
                found = [row["entity"] for row in rows(settings, run(settings), ENTITIES)]
            assert found == [f"Q{n}" for n in wanted], name
    assert "if it was cut off between two lines, nobody can tell" in caplog.text


def test_several_entities_in_some_lines_of_a_long_dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The head shows one entity a line; what follows is read nevertheless."""
    monkeypatch.setattr(layout, "HEAD_BYTES", 2_000)
    lines = [item(number) for number in range(1, 30)]
    lines[15] += b"," + lines.pop(16)
    lines[20] = b'{"entities": {"Q22": %s, "Q800": {"id": "Q800", "missing": ""}}}' % lines[20]
    path = write_dump(tmp_path, lines)
    settings = config(path, tmp_path, range_bytes=400, max_reject_share=0.0)
    manifest = run(settings)
    assert [row["entity"] for row in rows(settings, manifest, ENTITIES)] == [f"Q{n}" for n in range(1, 30)]
    (account,) = manifest.accounts
    assert (account.read, account.dropped) == (30, {"missing": 1})


def test_entities_that_redirect_or_are_missing_become_no_rows(tmp_path: Path) -> None:
    redirected = item(3)[:-1] + b',"redirects":{"from":"Q9","to":"Q3"}}'
    answer = b'{"entities":{"Q1":%s,"Q9":%s,"Q7":{"id":"Q7","missing":""},"Q8":{"type":"item","id":"Q8","missing":""}}}'
    path = tmp_path / "answer.json"
    path.write_bytes(answer % (item(1), redirected))
    in_lines = tmp_path / "dump.json"
    in_lines.write_bytes(
        dump_of([item(2), b'{"type":"item","id":"Q6","missing":""}', redirected.replace(b"Q3", b"Q5", 1)])
    )
    settings = config([path, in_lines], tmp_path)
    manifest = run(settings)
    assert [row["entity"] for row in rows(settings, manifest, ENTITIES)] == ["Q1", "Q2"]
    dropped = {account.source: account.dropped for account in manifest.accounts}
    assert dropped == {"answer.json": {"missing": 2, "redirect": 1}, "dump.json": {"missing": 1, "redirect": 1}}


@pytest.mark.parametrize("form", PACKINGS)
def test_the_first_entities_of_a_dump_that_was_cut(tmp_path: Path, form: str) -> None:
    text = dump_of([item(number) for number in range(1, 120)])
    text = text[: text.index(b'"Q100"') - 20]
    path = tmp_path / f"dump{EXTENSIONS[form]}"
    path.write_bytes(pack(text, form, list(range(0, len(text), 3000))))
    with pytest.raises(InputCorrupt, match="--max-entities"):
        run(config(path, tmp_path, output=str(tmp_path / "whole")))
    for wanted in (1, 50, 99):
        settings = config(path, tmp_path, output=str(tmp_path / f"{wanted}"), max_entities=wanted, range_bytes=300)
        manifest = run(settings)
        assert [row["entity"] for row in rows(settings, manifest, ENTITIES)] == [f"Q{n}" for n in range(1, wanted + 1)]
        assert manifest.accounts[0].read == wanted


def test_a_dump_of_lexemes_alone_is_named(tmp_path: Path) -> None:
    lexemes = [b'{"type":"lexeme","id":"L%d"}' % n for n in range(1, 5)] + [b'{"type":"mediainfo","id":"M7"}']
    path = write_dump(tmp_path, lexemes)
    with pytest.raises(InputCorrupt, match="no item and no property in any of them, but 4 lexeme, 1 mediainfo"):
        run(config(path, tmp_path))


def test_a_damaged_document(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_bytes(json.dumps(json.loads(item(1)), indent=4).encode()[:-40] + b"}")
    with pytest.raises(InputCorrupt, match="before its last bracket is closed.*--max-entities"):
        run(config(path, tmp_path))


def test_two_processes_and_a_stopped_run_give_the_same_bytes(tmp_path: Path) -> None:
    path = write_dump(tmp_path, [item(number) for number in range(1, 200)])
    settings = config(path, tmp_path, range_bytes=path.stat().st_size // 6, literals=True, qualifiers=True)
    whole = checksums(run(replace(settings, output=str(tmp_path / "whole"))))
    assert checksums(run(replace(settings, output=str(tmp_path / "two")), TWO_PROCESSES)) == whole

    marker = tmp_path / "ran"
    true_run = wikidata.run_task

    def run_until_the_fourth(settings: WikidataConfig, task: Task, out: TaskOutput) -> None:
        with marker.open("a") as file:
            file.write(f"{task.index} ")
        if len(marker.read_text().split()) == 4:
            raise InputCorrupt("pulled the plug")
        true_run(settings, task, out)

    stopped = replace(JOB, run_task=run_until_the_fourth)
    with pytest.raises(InputCorrupt, match="pulled the plug"):
        run_job(stopped, settings, ONE_PROCESS)
    assert not Path(settings.output).exists()
    done = len(list((tmp_path / "out.partial" / "_tasks").iterdir()))
    assert done >= 3
    before = marker.read_text().split()
    assert checksums(run_job(stopped, settings, ONE_PROCESS)) == whole
    # What was finished is not done again.
    assert len(marker.read_text().split()) == len(before) + len(wikidata.plan(settings)) - done


def test_other_settings_refuse_a_finished_folder(tmp_path: Path) -> None:
    path = write_dump(tmp_path, [item(1)])
    run(config(path, tmp_path))
    with pytest.raises(OutputBusy, match="ranks"):
        run(config(path, tmp_path, ranks="all"))


def test_several_dumps_in_one_run(tmp_path: Path) -> None:
    paths = []
    for folder, form, first in (("a", "gz", 1), ("b", "bz2", 20), ("c", "gz", 40)):
        (tmp_path / folder).mkdir()
        paths.append(write_dump(tmp_path / folder, [item(number) for number in range(first, first + 10)], form))
    settings = config(paths, tmp_path)
    manifest = run(settings)
    found = [row["entity"] for row in rows(settings, manifest, ENTITIES)]
    assert found == [f"Q{n}" for first in (1, 20, 40) for n in range(first, first + 10)]
    assert sorted(manifest.inputs) == ["dump.json.bz2", "dump.json.gz", "dump.json.gz (2)"]


def test_languages_come_with_their_variants_and_fallbacks(tmp_path: Path) -> None:
    options = item_options(config(tmp_path, tmp_path, languages="zh,de"))
    assert options.languages is not None
    assert {"zh", "zh-hans", "zh-hant", "de", "mul", "en"} <= set(options.languages)
    assert "fr" not in options.languages
    assert item_options(config(tmp_path, tmp_path)).languages is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"languages": "de,klingonese"}, "klingonese"),
        ({"wikis": "enwiki,nosuchwiki"}, "nosuchwiki"),
        ({"wikis": ","}, "no wiki given"),
        ({"range_bytes": 0}, "at least 1"),
        ({"instance_of": "Q5,P31"}, "an item, as Q5, found .P31."),
        ({"relations": "17"}, "a property, as P31"),
    ],
)
def test_settings_that_cannot_be_meant(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = write_dump(tmp_path, [item(1)])
    with pytest.raises(UsageError, match=message):
        run(config(path, tmp_path, **changes))


def test_chosen_wikis_by_any_of_their_names(tmp_path: Path) -> None:
    path = write_dump(tmp_path, [item(1)])
    settings = config(path, tmp_path, wikis="de enwiki")
    assert [row["wiki"] for row in rows(settings, run(settings), SITELINKS)] == ["dewiki", "enwiki"]


def test_all_real_files(tmp_path: Path, real_data: Path) -> None:
    paths = sorted(path for path in (real_data / "wikidata").iterdir() if ".json" in path.name)
    assert len(paths) == 7
    settings = config(paths, tmp_path, languages="de,en", max_reject_share=0.0, range_bytes=1_000_000)
    manifest = run(settings, TWO_PROCESSES)
    accounts = {account.source: account for account in manifest.accounts}
    assert accounts["lexeme-L3354.json"].dropped == {"lexeme": 1}
    for path in paths:
        if path.name != "lexeme-L3354.json":
            lines = real_lines(real_data, path.name)
            assert (accounts[path.name].read, accounts[path.name].kept) == (len(lines), len(lines))
    assert manifest.rows["entities"] == 732
    assert manifest.rows["rejects"] == 0


@pytest.mark.parametrize("odd", [False, True], ids=["scanned", "some decoded"])
def test_rows_that_are_left_out_while_reading(tmp_path: Path, odd: bool) -> None:
    """Items without a page on a chosen wiki, of other classes, and statements of other relations, each by name."""
    lines = []
    for number in range(1, 3000):
        links = {"swwiki": {"title": f"Kitu {number}"}} if number % 3 == 0 else {"dewiki": {"title": f"Ding {number}"}}
        classes = [statement(f"Q{number % 4 + 5000}"), statement("Q9")]
        claims = {"P31": classes, "P17": [statement("Q7")], "P99": [statement("a string")]}
        line = line_of(id=f"Q{number}", sitelinks=links if number % 5 else {}, claims=claims)
        lines.append(line.replace(b":", b": ", 1) if odd and number % 7 == 0 else line)
    path = write_dump(tmp_path, lines)
    linked = [n for n in range(1, 3000) if n % 3 == 0 and n % 5]
    of_class = [n for n in linked if n % 4 == 1]

    settings = config(path, tmp_path, wikis="sw", only_linked=True, range_bytes=20_000)
    manifest = run(settings)
    assert [row["entity"] for row in rows(settings, manifest, ENTITIES)] == [f"Q{n}" for n in linked]
    assert {row["entity"] for row in rows(settings, manifest, SITELINKS)} == {f"Q{n}" for n in linked}
    assert [row["subject"] for row in rows(settings, manifest, TRIPLES)] == [f"Q{n}" for n in linked for _ in range(3)]
    (account,) = manifest.accounts
    assert (account.read, account.kept, account.dropped) == (2999, len(linked), {"no_page": 2999 - len(linked)})
    assert manifest.counters["statements_seen"] == 4 * len(linked), "those of items left out are not read"

    settings = config(
        path, tmp_path, output=str(tmp_path / "classes"), wikis="sw", only_linked=True, instance_of="Q5001, Q77",
        relations="P17", range_bytes=20_000,
    )  # fmt: skip
    manifest = run(settings)
    found = rows(settings, manifest, ENTITIES)
    assert [row["entity"] for row in found] == [f"Q{n}" for n in of_class]
    assert {tuple(row["instance_of"]) for row in found} == {("Q5001", "Q9")}
    assert {row["entity"] for row in rows(settings, manifest, SITELINKS)} == {f"Q{n}" for n in of_class}
    triples = [(row["subject"], row["relation"]) for row in rows(settings, manifest, TRIPLES)]
    assert triples == [(f"Q{n}", "P17") for n in of_class]
    (account,) = manifest.accounts
    assert account.dropped == {"no_page": 2999 - len(linked), "other_class": len(linked) - len(of_class)}
    assert manifest.counters["triples_of_other_relations"] == 2 * len(of_class)


def test_a_first_entity_that_is_longer_than_the_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "HEAD_BYTES", 20)
    monkeypatch.setattr(layout, "_LONGEST_HEAD", 160)
    lines = [item(number) for number in range(1, 4)]
    indented = b",\n".join(json.dumps(json.loads(line), indent=1).encode() for line in lines)
    forms = {"array": dump_of(lines), "lines": b"\n".join(lines), "structure": b"[\n" + indented + b"]"}
    for wanted, text in forms.items():
        path = tmp_path / f"{wanted}.json"
        path.write_bytes(text)
        assert layout.find_layout(str(path)) == wanted
