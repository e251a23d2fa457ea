"""Faults of single Wikidata records: each is a row, a named drop or a reject, and its neighbours are untouched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.ids import MAX_ENTITY_NUMBER
from tests.faults import dumps
from tests.faults.dumps import ABSENT, entity, line, statement
from tests.faults.ingest import WHATEVER, balanced, dropped, rejects, rows, run_job
from tests.faults.recorder import Recorder
from tests.pipeline.wikidata.entity_lines import scanner_of

BEFORE, AFTER = line(entity(1)), line(entity(3))


def ingest(recorder: Recorder, folder: Path, *odd: bytes, flags: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    """Runs the job on odd lines between two sound ones; returns the entities by id, the neighbours among them."""
    data = dumps.wikidata([BEFORE, *odd, AFTER])
    run_job(recorder, folder, "wikidata", "wikidata.json", data, *WHATEVER, *flags)
    manifest = balanced(folder)
    assert sum(account.read for account in manifest.accounts) == len(odd) + 2
    found = {row["entity"]: row for row in rows(folder, "entities")}
    assert {"Q1", "Q3"} <= set(found)
    return found


def only_reject(recorder: Recorder, folder: Path, *odd: bytes, flags: tuple[str, ...] = ()) -> str:
    """Runs the job, expects the odd lines to be rejected, and returns the reason."""
    found = ingest(recorder, folder, *odd, flags=flags)
    assert set(found) == {"Q1", "Q3"}
    reasons = {reason for _, reason in rejects(folder)}
    assert len(rejects(folder)) == len(odd) and len(reasons) == 1, rejects(folder)
    recorder.note(f"reject {(reason := reasons.pop())}")
    return reason


@pytest.mark.fault("B1")
@pytest.mark.parametrize("odd", [b'{"id":"Q2","type":"item"', b"{]", b'{"id":"Q2" "type":"item"}', b"not JSON"])
def test_malformed_json(tmp_path: Path, recorder: Recorder, odd: bytes) -> None:
    assert only_reject(recorder, tmp_path, odd) == "json_syntax"


def empty_counters(folder: Path) -> dict[str, int]:
    """Returns how many entities came out without something, by what."""
    counters = balanced(folder).counters
    return {name: count for name, count in counters.items() if name.startswith("entities_without_")}


@pytest.mark.fault("B2")
def test_empty_lists_for_objects(tmp_path: Path, recorder: Recorder) -> None:
    empty: list[Any] = []
    odd = entity(2, labels=empty, descriptions=empty, aliases=empty, claims=empty, sitelinks=empty)
    other = entity(4, aliases={"en": {}}, claims={"P31": {}})
    lexeme = {"type": "lexeme", "id": "L9", "lemmas": {}, "senses": {}, "forms": {}, "claims": []}
    found = ingest(recorder, tmp_path, line(odd), line(other), line(lexeme))
    assert found["Q2"]["texts"] == [] and found["Q2"]["instance_of"] == []
    assert found["Q4"]["texts"][0]["aliases"] == [] and found["Q4"]["num_sitelinks"] == 1
    assert {row["subject"] for row in rows(tmp_path, "triples")} == {"Q1", "Q3"}
    counts = {"entities_without_label": 1, "entities_without_triples": 2, "entities_without_sitelinks": 1}
    assert empty_counters(tmp_path) == counts and dropped(tmp_path) == {"lexeme": 1}
    recorder.note(", ".join(f"{name} {count}" for name, count in counts.items()))


LEFT_OUT: dict[str, tuple[tuple[str, ...], dict[str, int]]] = {
    "labels": (("labels",), {"entities_without_label": 1}),
    "claims": (("claims",), {"entities_without_triples": 1}),
    "sitelinks": (("sitelinks",), {"entities_without_sitelinks": 1}),
    "all three": (
        ("labels", "claims", "sitelinks"),
        {"entities_without_label": 1, "entities_without_triples": 1, "entities_without_sitelinks": 1},
    ),
    "what may be missing": (("descriptions", "aliases", "type", "lastrevid"), {}),
}


@pytest.mark.fault("B3")
@pytest.mark.parametrize("what", LEFT_OUT)
def test_missing_keys(tmp_path: Path, recorder: Recorder, what: str) -> None:
    keys, counts = LEFT_OUT[what]
    found = ingest(recorder, tmp_path, line(entity(2, **dict.fromkeys(keys, ABSENT))))
    assert "Q2" in found and empty_counters(tmp_path) == counts
    counted = ", ".join(f"{name} {count}" for name, count in counts.items())
    recorder.note(f"no {', '.join(keys)}: a row; {counted or 'nothing to count'}")


@pytest.mark.fault("B4")
def test_a_very_large_entity(tmp_path: Path, recorder: Recorder) -> None:
    many = {f"x{n}": {"language": f"x{n}", "value": "word " * 20} for n in range(1000)}
    claims = {"P31": [statement("P31", n) for n in range(1, 220_000)]}
    large = line(entity(2, labels=many | {"en": {"language": "en", "value": "large"}}, claims=claims))
    assert len(large) > 50_000_000
    found = ingest(recorder, tmp_path, large, flags=("--languages", "en"))
    assert "Q2" in found and len(rows(tmp_path, "triples")) == len(claims["P31"]) + 2
    recorder.note(f"{len(large) / 1e6:.0f} MB: read, {len(claims['P31']):,} triples")
    small = entity(2, descriptions={"en": {"language": "en", "value": "long " * 1000}})
    assert only_reject(recorder, tmp_path / "cap", line(small), flags=("--max-line-bytes", "3000")) == "too_large"


@pytest.mark.fault("B5")
@pytest.mark.parametrize("depth", [2000, 100_000])
def test_deep_nesting(tmp_path: Path, recorder: Recorder, depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    whole = line(entity(2))
    assert only_reject(recorder, tmp_path, whole.replace(b'"lastrevid":2', b'"x":' + nested)) in (
        "too_deep",
        "json_syntax",
    )


@pytest.mark.fault("B6")
def test_a_lone_surrogate(tmp_path: Path, recorder: Recorder) -> None:
    odd = line(entity(2)).replace(b"Thing 2", b"Thing \\ud800")
    assert only_reject(recorder, tmp_path, odd) == "json_syntax"


@pytest.mark.fault("B7")
def test_control_characters_in_a_label(tmp_path: Path, recorder: Recorder) -> None:
    label = "a\x00b\x07c\x85d\ttab"
    found = ingest(recorder, tmp_path, line(entity(2, labels={"en": {"language": "en", "value": label}})))
    texts = [text for text in found["Q2"]["texts"] if text["language"] == "en"]
    assert texts[0]["label"] == "a b c d tab"
    assert balanced(tmp_path).counters["texts_cleaned"] == 1
    recorder.note("each run of them is one space; counted as texts_cleaned")


@pytest.mark.fault("B8")
def test_bytes_that_are_not_utf_8(tmp_path: Path, recorder: Recorder) -> None:
    odd = line(entity(2)).replace(b"Thing 2", b"Thing \xff\xfe")
    assert only_reject(recorder, tmp_path, odd) == "not_utf8"
    data = b"\xef\xbb\xbf" + dumps.wikidata(dumps.things(5))
    run_job(recorder, tmp_path / "mark", "wikidata", "wikidata.json", data)
    assert len(rows(tmp_path / "mark", "entities")) == 5
    recorder.note("a byte order mark at the file's start is passed over")


@pytest.mark.fault("B9")
@pytest.mark.parametrize(
    "odd",
    [b'"numeric-id":NaN', b'"numeric-id":Infinity', b'"numeric-id":' + b"9" * 5000],
    ids=["NaN", "Infinity", "5000 digits"],
)
def test_numbers_that_are_none(tmp_path: Path, recorder: Recorder, odd: bytes) -> None:
    whole = line(entity(2))
    assert b'"numeric-id":3' in whole
    assert only_reject(recorder, tmp_path, whole.replace(b'"numeric-id":3', odd)) in ("json_syntax", "json_shape")


@pytest.mark.fault("B10")
def test_duplicates(tmp_path: Path, recorder: Recorder) -> None:
    twice = b'{"labels":{"en":{"language":"en","value":"first"}},' + line(entity(2))[1:]
    again = line(entity(2, labels={"en": {"language": "en", "value": "second line"}}))
    found = ingest(recorder, tmp_path, twice, again, flags=("--check-keys-every", "1"))
    labels = {text["language"]: text["label"] for text in found["Q2"]["texts"]}
    assert labels["en"] == "Thing 2"
    assert rejects(tmp_path) == [("Q2", "duplicate_id")]
    counters = balanced(tmp_path).counters
    assert counters["doubled_keys"] == 1 and counters["entities_checked_for_doubled_keys"] == 3
    recorder.note("the last key holds; doubled_keys 1; the second entity: reject duplicate_id")
    run_job(recorder, tmp_path / "few", "wikidata", "wikidata.json", dumps.wikidata([twice, *dumps.things(2001)[2:]]))
    counters = balanced(tmp_path / "few").counters
    assert counters["doubled_keys"] == 1 and counters["entities_checked_for_doubled_keys"] == 2
    recorder.note("by default one entity of 1,000 is looked through")


@pytest.mark.fault("B11")
def test_values_and_entities_that_no_table_is_about(tmp_path: Path, recorder: Recorder) -> None:
    empty = {"snaktype": "somevalue", "property": "P31", "datatype": "wikibase-item"}
    none = {"snaktype": "novalue", "property": "P31", "datatype": "wikibase-item"}
    as_text = {
        "snaktype": "value",
        "property": "P9",
        "datatype": "odd",
        "datavalue": {"value": "Q5", "type": "entity-type"},
    }
    lexeme_value = {"entity-type": "lexeme", "numeric-id": 7, "id": "L7"}
    as_lexeme = {
        "snaktype": "value",
        "property": "P8",
        "datavalue": {"value": lexeme_value, "type": "wikibase-entityid"},
    }
    claims = {
        "P31": [statement("P31", 5, mainsnak=empty), statement("P31", 5, mainsnak=none)],
        "P7": [statement("P7", 5, rank="deprecated")],
        "P8": [statement("P8", 5, mainsnak=as_lexeme)],
        "P9": [statement("P9", 5, mainsnak=as_text)],
    }
    lexeme = {"type": "lexeme", "id": "L9", "lemmas": {}, "claims": []}
    relation = {
        "type": "property",
        "id": "P99",
        "datatype": "brand-new",
        "labels": {},
        "descriptions": {},
        "claims": {},
    }
    ingest(recorder, tmp_path, line(entity(2, claims=claims)), line(lexeme), line(relation))
    assert {row["subject"] for row in rows(tmp_path, "triples")} == {"Q1", "Q3"}
    assert dropped(tmp_path) == {"lexeme": 1}
    assert [row["datatype"] for row in rows(tmp_path, "relations")] == ["brand-new"]
    counters = balanced(tmp_path).counters
    reasons = {name: count for name, count in counters.items() if name.startswith("statements_")}
    assert reasons["statements_seen"] == 7 and reasons["statements_item_value"] == 2
    assert sum(reasons.values()) == 2 * 7, reasons
    recorder.note(", ".join(f"{name} {count}" for name, count in reasons.items()))


@pytest.mark.fault("B12")
def test_lines_that_end_otherwise(tmp_path: Path, recorder: Recorder) -> None:
    lines = dumps.things(4)
    for name, data in {
        "no commas": b"[\n" + b"\n".join(lines) + b"\n]",
        "CRLF": dumps.wikidata(lines).replace(b"\n", b"\r\n"),
    }.items():
        run_job(recorder, tmp_path / name, "wikidata", "wikidata.json", data)
        assert len(rows(tmp_path / name, "entities")) == 4
        recorder.note(f"{name}: read")
    cut = dumps.wikidata(lines)[:-2]
    run_job(recorder, tmp_path / "cut", "wikidata", "wikidata.json", cut, code=11, match=r"expected '\]'")


@pytest.mark.fault("B13")
def test_a_redirect_among_the_entities(tmp_path: Path, recorder: Recorder) -> None:
    redirect = json.dumps({"entity": "Q2", "redirect": "Q9"}).encode()
    found = ingest(recorder, tmp_path, redirect)
    assert set(found) == {"Q1", "Q3"} and dropped(tmp_path) == {"redirect": 1}
    assert {row["object"] for row in rows(tmp_path, "triples")} == {"Q2", "Q4"}
    recorder.note("redirect: left out and counted; its triples stay in the table")


ODD_IDS = {
    "one over the largest": f"Q{MAX_ENTITY_NUMBER + 1}",
    "of 32 bits": "Q4294967297",
    "past 64 bits": "Q9223372036854775808",
    "of 5,000 digits": "Q1" + "0" * 4999,
    "of zero": "Q0",
    "with a zero before it": "Q07",
    "of other digits": "Q\u0661\u0662",
}


@pytest.mark.fault("G75")
@pytest.mark.parametrize("kind", ODD_IDS)
def test_an_item_that_no_table_can_hold(tmp_path: Path, recorder: Recorder, kind: str) -> None:
    odd = entity(2, id=ODD_IDS[kind])
    assert only_reject(recorder, tmp_path, line(odd)) == "bad_id"


@pytest.mark.fault("G75")
def test_a_statement_on_an_item_that_no_table_can_hold(tmp_path: Path, recorder: Recorder) -> None:
    values = [{"entity-type": "item", "id": name} for name in ODD_IDS.values()]
    values += [{"entity-type": "item", "numeric-id": number} for number in (0, MAX_ENTITY_NUMBER + 1, 1 << 40)]
    odd = [statement("P31", 5) for _ in values]
    for one, value in zip(odd, values, strict=True):
        one["mainsnak"]["datavalue"]["value"] = value
    claims = {"P31": [*odd, statement("P31", 7)], "P99999999999": [statement("P1", 5)], "Pabc": [statement("P1", 5)]}
    found = ingest(recorder, tmp_path, line(entity(2, claims=claims)), line(entity(MAX_ENTITY_NUMBER)))
    assert found["Q2"]["instance_of"] == ["Q7"] and f"Q{MAX_ENTITY_NUMBER}" in found
    assert [row["object"] for row in rows(tmp_path, "triples") if row["subject"] == "Q2"] == ["Q7"]
    counters = balanced(tmp_path).counters
    assert counters["statements_unreadable_item_value"] == len(values) and counters["statements_of_no_property"] == 2
    recorder.note(f"{len(values) + 2} such statements counted, the item and its other statement kept")


@pytest.mark.fault("G81")
def test_an_item_with_invented_wikis_is_the_decoders(recorder: Recorder) -> None:
    def item(count: int) -> bytes:
        links = {f"x{number}wiki": {"site": f"x{number}wiki", "title": f"T{number}"} for number in range(count)}
        return line(entity(2, sitelinks=links)) + b",\n"

    scanner, columns = scanner_of()
    most, more = item(2_000), item(2_001)
    assert scanner.scan(more, 0, 10, 1 << 30) == 0 and scanner.scan(most, 0, 10, 1 << 30) == len(most)
    columns.add(line(entity(3, sitelinks=json.loads(more[:-2])["sitelinks"])))
    recorder.note("wikis are compared one by one only where there are fewer than 2,000; beyond, by a dictionary")
