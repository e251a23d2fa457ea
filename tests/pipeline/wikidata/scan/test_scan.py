"""The scan reads what it reads as the decoder does, and leaves everything else."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.dumps.ranges import Lines
from pipeline.wikidata.cleaning import clean_array, clean_text
from pipeline.wikidata.columns import EntityColumns, ItemOptions
from pipeline.wikidata.decoding import EntityRefused
from pipeline.wikidata.filters import RowFilter
from pipeline.wikidata.layout import entity_text
from pipeline.wikidata.scan import scanner as scanning
from pipeline.wikidata.scan.plain_text import PLAIN_LETTERS, mark_doubtful
from pipeline.wikis.languages import other_wikis, wikis
from schemas import ENTITIES
from tests.pipeline.wikidata.entity_lines import (
    DUMPS,
    line_of,
    reading_of,
    real_lines,
    rows_of,
    scanner_of,
    statement,
    taken_rows,
)

LANGUAGES = ("de", "en", "sw", "zh-hans")
RICH = line_of(
    labels={"en": {"language": "en", "value": "Nile"}, "sw": {"language": "sw", "value": "Nili \U0001d11e \u00e9\u4e2d\"\\/\n"}},
    descriptions={"en": {"language": "en", "value": "river"}, "xx": {"language": "xx", "value": "?"}},
    aliases={"en": [{"language": "en", "value": "Blue"}, {"language": "en", "value": "White"}], "de": []},
    claims={
        "P31": [statement("Q4022", id="Q1$1", references=[{"snaks": {"P1": [{"a": [[], {}, -1.5e-7]}]}}])],
        "P1": [statement("Q5"), statement("Q6", "preferred"), statement("text"), statement("Q7", "deprecated")],
        "P2": [statement({"amount": "+1", "unit": "1"}), {"mainsnak": {"snaktype": "novalue"}, "rank": "normal"}],
        "P3": [statement({"entity-type": "item", "numeric-id": 9}), statement({"entity-type": "lexeme", "id": "L1"})],
    },
    sitelinks={"enwiki": {"site": "enwiki", "title": "Nile", "badges": []}, "commonswiki": {"title": "Nile"}},
    lastrevid=1,
)  # fmt: skip


def read_by_both(line: bytes, **options: Any) -> bool:
    """Whether the scan reads a line; if so, the decoder must give the same rows and counts."""
    scanner, columns = scanner_of(**options)
    decoded = EntityColumns(ItemOptions(**options))
    behind = scanner.scan(line + b"\n", 0, 10, 1 << 30)
    if behind == 0:
        assert len(scanner) == 0 and scanner.counts == decoded.counts()
        return False
    decoded.add(entity_text(line))
    scanned = scanner.take()
    assert taken_rows(scanned, columns) == taken_rows(decoded.take(), decoded)
    assert scanner.counts + columns.counts() == decoded.counts()
    return True


@pytest.mark.parametrize("languages", [None, LANGUAGES, tuple(a + b for a in "deqs" for b in string.ascii_lowercase)])
@pytest.mark.parametrize("wikis", [None, ("enwiki", "dewiki"), ("commonswiki",)])
def test_an_ordinary_item_is_scanned(languages: tuple[str, ...] | None, wikis: tuple[str, ...] | None) -> None:
    assert read_by_both(RICH, languages=languages, wikis=wikis)
    assert rows_of(RICH, languages=languages)["triples"] == [
        {"subject": "Q1", "relation": relation, "object": item, "rank": rank}
        for relation, item, rank in [("P31", "Q4022", "normal"), ("P1", "Q6", "preferred"), ("P3", "Q9", "normal")]
    ]


@pytest.mark.parametrize("name", DUMPS)
@pytest.mark.parametrize("languages", [None, LANGUAGES])
def test_real_items_are_scanned(real_data: Path, name: str, languages: tuple[str, ...] | None) -> None:
    lines = [line for line in real_lines(real_data, name) if b'"type":"item"' in line[:60]]
    assert lines
    assert [line[:60] for line in lines if not read_by_both(line, languages=languages)] == []


ODD = {
    "a property": b'{"type":"property","id":"P1","datatype":"string"}',
    "a redirect": b'{"type":"item","id":"Q1","redirect":"Q2"}',
    "no type": b'{"id":"Q1"}',
    "no id": b'{"type":"item"}',
    "an id of another kind": b'{"type":"item","id":"Q01"}',
    "white space": b'{"type":"item", "id":"Q1"}',
    "something behind it": b'{"type":"item","id":"Q1"}}',
    "a field twice": b'{"type":"item","id":"Q1","labels":{},"labels":{}}',
    "a property twice": b'{"type":"item","id":"Q1","claims":{"P1":[],"P2":[],"P1":[]}}',
    "a wiki twice": b'{"type":"item","id":"Q1","sitelinks":{"a":{"title":"b"},"c":{"title":"d"},"a":{"title":"e"}}}',
    "a list that is not empty": b'{"type":"item","id":"Q1","claims":[1]}',
    "an object for a list": b'{"type":"item","id":"Q1","claims":{"P1":{"0":{"mainsnak":{"snaktype":"novalue"}}}}}',
    "null": b'{"type":"item","id":"Q1","labels":null}',
    "an empty text": b'{"type":"item","id":"Q1","labels":{"en":{"value":""}}}',
    "a text without a value": b'{"type":"item","id":"Q1","labels":{"en":{"language":"en"}}}',
    "half a pair": b'{"type":"item","id":"Q1","labels":{"en":{"value":"\\ud83d"}}}',
    "the other half": b'{"type":"item","id":"Q1","labels":{"en":{"value":"\\ude00\\ud83d"}}}',
    "an escape there is none of": b'{"type":"item","id":"Q1","x":"\\x"}',
    "three digits": b'{"type":"item","id":"Q1","x":"\\u00e"}',
    "a control character": b'{"type":"item","id":"Q1","x":"\t"}',
    "a key with an escape": b'{"type":"item","id":"Q1","l\\u0061bels":{}}',
    "no UTF-8": b'{"type":"item","id":"Q1","x":"\xff"}',
    "a zero before": b'{"type":"item","id":"Q1","x":01}',
    "a number cut off": b'{"type":"item","id":"Q1","x":1.}',
    "too large a number": b'{"type":"item","id":"Q1","x":1e999}',
    "a word cut off": b'{"type":"item","id":"Q1","x":tru}',
    "a comma at the end": b'{"type":"item","id":"Q1","x":[1,]}',
    "brackets crossed": b'{"type":"item","id":"Q1","x":[{"a":1]}}',
    "deep nesting": b'{"type":"item","id":"Q1","x":' + b"[" * 70 + b"1" + b"]" * 70 + b"}",
    "a line cut off": RICH[:-9],
    "nothing": b"",
    "a bracket": b"[",
}


@pytest.mark.parametrize("name", ODD)
def test_other_lines_are_left(name: str) -> None:
    scanner, columns = scanner_of()
    before = RICH.replace(b'"id":"Q1"', b'"id":"Q8"') + b",\n"
    behind = scanner.scan(before + ODD[name] + b"\n" + RICH + b"\n", 0, 10, 1 << 30)
    begins, ends = scanner.last_places()
    if not is_utf8(ODD[name]):
        assert behind == 0 and not begins
        return
    assert (behind, begins, ends) == (len(before), [0], [len(before) - 2])
    assert taken_rows(scanner.take(), columns) == rows_of(before[:-2])


def is_utf8(line: bytes) -> bool:
    """Whether a line can be decoded."""
    return line.decode("utf-8", "ignore").encode() == line


@pytest.mark.parametrize("mainsnak", [
    {"snaktype": "value", "datavalue": {"value": {"entity-type": "item"}}},
    {"snaktype": "value", "datavalue": {"value": {"entity-type": "item", "id": 5}}},
    {"snaktype": "value", "datavalue": {"value": {"entity-type": "mediainfo", "id": "M1"}}},
    {"snaktype": "value", "datavalue": {"value": {"id": "Q5"}}},
    {"snaktype": "value", "datavalue": {"value": {"numeric-id": 5}}},
    {"snaktype": "value", "datavalue": {"value": {"entity-type": "item", "numeric-id": 5.0}}},
    {"snaktype": "value", "datavalue": {"value": {"entity-type": None, "id": "Q5"}}},
    {"snaktype": "value", "datavalue": {"value": None}},
    {"snaktype": "value", "datavalue": {"value": 5}},
    {"snaktype": "value", "datavalue": {"value": {}}},
    {"snaktype": "value", "datavalue": {"value": []}},
    {"snaktype": "value", "datavalue": {}},
    {"snaktype": "value", "datavalue": []},
    {"snaktype": "value", "datavalue": None},
    {"snaktype": "other"},
    {"property": "P1"},
    {},
    [],
])  # fmt: skip
def test_odd_values_are_left_or_read_alike(mainsnak: Any) -> None:
    read_by_both(line_of(claims={"P31": [{"mainsnak": mainsnak, "rank": "normal"}]}))
    assert not read_by_both(line_of(claims={"P31": [{"mainsnak": mainsnak, "rank": "best"}]}))


def test_the_rows_are_in_the_order_of_the_lines() -> None:
    lines, rng = [], random.Random(4)
    for number in range(400):
        spaced = json.dumps(json.loads(RICH), indent=None).encode()
        lines.append(rng.choice([RICH, RICH, RICH, spaced]).replace(b"Q1", f"Q{number + 1}".encode(), 2))
    rows = rows_of(*lines, languages=LANGUAGES)
    assert [row["entity"] for row in rows["entities"]] == [f"Q{number + 1}" for number in range(400)]


def test_lines_that_are_left_cost_little_more_than_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[bytes] = []
    monkeypatch.setattr(scanning, "is_utf8", lambda lines: looked_at.append(lines) or True)
    lines = [json.dumps({"type": "item", "id": f"Q{number}"}).encode() for number in range(1, 100)]
    data = b"".join(line + b",\n" for line in lines)
    reading, _ = reading_of()
    reading.add_lines(Lines(data, 0, 0))
    assert len(reading) == 99
    assert looked_at == [data], "more than once"
    assert not reading._runs, "batches of single rows"


def test_properties_between_items_do_not_cut_batches() -> None:
    property_ = b'{"type":"property","id":"P%d","datatype":"string"}'
    lines = [part for n in range(1, 50) for part in (RICH.replace(b"Q1", f"Q{n}".encode(), 1), property_ % n)]
    reading, out = reading_of()
    reading.add_lines(Lines(b"".join(line + b",\n" for line in lines), 0, 0))
    assert len(reading) == 98 and not reading._runs
    reading.finish()
    assert [row["entity"] for row in out.rows["entities"]] == [f"Q{n}" for n in range(1, 50)]
    assert len(out.rows["relations"]) == 49


def test_the_limits_stop_it() -> None:
    lines = [RICH.replace(b"Q1", f"Q{number + 1}".encode(), 1) for number in range(20)]
    data = b"".join(line + b",\n" for line in lines)
    scanner, _ = scanner_of()
    behind = scanner.scan(data, 0, 7, 1 << 30)
    assert len(scanner.last_places()[1]) == len(scanner) == 7 and data[behind:].startswith(lines[7])
    behind = scanner.scan(data, behind, 20, len(lines[7]) + 1)
    assert len(scanner.last_places()[1]) == 2 and data[behind:].startswith(lines[9])
    scanner.take()
    assert len(scanner) == 0


def test_the_limit_of_bytes_holds_where_a_language_is_learnt() -> None:
    texts = [{code: {"language": code, "value": "Nile"}} for code in ("en", "sw", "en")]
    lines = [line_of(id=f"Q{number}", labels=labels) for number, labels in enumerate(texts, 1)]
    scanner, _ = scanner_of()
    scanner.scan(b"".join(line + b",\n" for line in lines), 0, 10, len(lines[0]) + len(lines[1]))
    assert len(scanner) == 2


def test_no_more_languages_are_learnt_than_there_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "MAX_LANGUAGES", 20)
    few, many = ({f"q{n}": {"language": f"q{n}", "value": "Nile"} for n in range(count)} for count in (20, 21))
    assert read_by_both(line_of(labels=few))
    assert not read_by_both(line_of(labels=many))


def test_an_entity_that_came_before_is_left_and_refused() -> None:
    other = RICH.replace(b'"id":"Q1"', b'"id":"Q2"', 1)
    for first, second in [(RICH + b",\n", RICH + b",\n"), (RICH + b",\n" + other + b",\n", RICH + b",\n")]:
        reading, out = reading_of()
        reading.add_lines(Lines(first + second, 0, 0))
        assert len(reading) == first.count(b"\n")
        assert [reject.reason for reject in out.ledger.rejects] == ["duplicate_id"]


def test_nothing_is_scanned_where_more_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning.ItemScanner, "scan", lambda *given: pytest.fail("scanned"))
    for options in ({"ranks": "all"}, {"literals": True}, {"qualifiers": True}):
        rows_of(RICH, **options)


JSON_PIECES = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b"-1",
    b"01",
    b"1e5",
    b"\\u00",
    b"\\ud83d",
]
PIECES = [
    *JSON_PIECES,
    b"\\ude00",
    b"\x00",
    b"\xff",
    b" ",
    b'""',
    b'"id"',
    b'"value"',
    b'"rank"',
    b'"P31"',
    b"Q5",
    b"\xc3\xa9",
]


UNLINKED = RICH.replace(b"enwiki", b"xxwikisource")
LINKED_ONLY = RowFilter(only_linked=True)


@pytest.mark.parametrize(
    ("line", "wikis", "is_whole"),
    [
        (RICH, None, True),
        (RICH, ("enwiki",), True),
        (RICH, ("swwiki",), False),
        (RICH, ("commonswiki",), True),
        (UNLINKED, None, False),
        (UNLINKED.replace(b"xxwikisource", b"xxwiki"), None, True),
        (UNLINKED.replace(b"xxwikisource", b"wiki"), None, True),
        (line_of(labels={"en": {"value": "Nile"}}, sitelinks=[]), None, False),
        (line_of(labels={"en": {"value": "Nile"}}), None, False),
    ],
)
def test_of_an_item_without_a_page_the_id_alone_is_read(
    line: bytes, wikis: tuple[str, ...] | None, is_whole: bool
) -> None:
    assert read_by_both(line, wikis=wikis, rows=LINKED_ONLY)
    scanner, _ = scanner_of(wikis=wikis, rows=LINKED_ONLY)
    scanner.scan(line + b"\n", 0, 10, 1 << 30)
    assert bool(scanner.counts) == is_whole, "statements are counted of items that are read"
    taken = scanner.take()
    assert taken[ENTITIES].column("entity").to_pylist() == ["Q1"]
    assert bool(taken[ENTITIES].column("texts").to_pylist()[0]) == is_whole


def test_an_item_without_a_page_that_came_before_is_refused() -> None:
    reading, out = reading_of(rows=LINKED_ONLY)
    reading.add_lines(Lines(UNLINKED + b",\n" + RICH + b",\n" + RICH.replace(b"Q1", b"Q2", 1) + b"\n", 0, 0))
    reading.finish()
    assert [reject.reason for reject in out.ledger.rejects] == ["duplicate_id"]
    assert out.ledger.dropped["lines"] == {"no_page": 1}
    assert [row["entity"] for row in out.rows["entities"]] == ["Q2"]


def test_what_tells_wikipedias_apart_in_compiled_code_does_so_in_the_table() -> None:
    assert all(name.endswith("wiki") and name not in other_wikis() for name in wikis())


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, len(RICH)), st.integers(0, 12), st.sampled_from(PIECES)), min_size=1, max_size=3),
    st.sampled_from([RICH, UNLINKED]),
    st.sampled_from([None, ("enwiki",), ("swwiki",)]),
)
def test_changed_lines_are_left_or_passed_over_alike(
    changes: list[tuple[int, int, bytes]], line: bytes, wikis: tuple[str, ...] | None
) -> None:
    for at, length, piece in changes:
        line = line[:at] + piece + line[at + length :]
    if b"\n" not in line:
        read_by_both(line, wikis=wikis, rows=LINKED_ONLY)


@settings(max_examples=400)
@given(
    st.lists(st.tuples(st.integers(0, len(RICH)), st.integers(0, 12), st.sampled_from(PIECES)), min_size=1, max_size=3)
)
@example([(0, 0, b"\xc3\xa9")])
@example([(len(RICH), 0, b",")])
def test_changed_lines_are_left_or_read_alike(changes: list[tuple[int, int, bytes]]) -> None:
    line = RICH
    for at, length, piece in changes:
        line = line[:at] + piece + line[at + length :]
    if b"\n" not in line:
        read_by_both(line, languages=LANGUAGES)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100)
@given(st.sampled_from(["labels", "aliases", "claims", "sitelinks", "other"]), VALUES)
def test_odd_fields_are_left_or_read_alike(field: str, value: Any) -> None:
    read_by_both(line_of(**{field: value}))
    read_by_both(line_of(**{field: {"P1": value}}))
    read_by_both(line_of(**{field: {"P1": value}}), rows=LINKED_ONLY)


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(["en", "de", "sw", "q", "zh-hans"]), st.text(min_size=1)), st.booleans())
def test_all_texts_come_through(texts: dict[str, str], escaped: bool) -> None:
    fields = {"type": "item", "id": "Q1", "labels": {code: {"value": text} for code, text in texts.items()}}
    line = json.dumps(fields, separators=(",", ":"), ensure_ascii=escaped)
    try:
        assert read_by_both(line.encode())
    except UnicodeEncodeError:  # half a surrogate pair
        return
    except EntityRefused:
        assert any("\ud800" <= letter < "\ue000" for text in texts.values() for letter in text)


def test_doubt_misses_no_text_that_has_to_be_cleaned() -> None:
    rng = random.Random(3)
    marks = [0x300, 0x327, 0x3099, 0x09BE, 0x0BD7, 0x1161, 0x11A8, 0x1B35, 0x0653]
    bases = [
        0x41,
        0x65,
        0x09C7,
        0x0B92,
        0x1100,
        0xAC00,
        0x304B,
        0x0627,
        0x1B3A,
        0x2126,
        0xF900,
        0x1D15E,
        0x7F,
        0x9F,
        0x0A,
        0x4E2D,
    ]
    texts = ["".join(chr(rng.choice(bases + marks)) for _ in range(rng.randrange(1, 4))) for _ in range(3000)]
    texts += [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000]
    column = pa.array(texts)
    ends = np.frombuffer(column.buffers()[1], np.int32)[1 : len(texts) + 1]
    doubtful = np.empty(len(texts), np.bool_)
    mark_doubtful(np.frombuffer(column.buffers()[2], np.uint8), ends, PLAIN_LETTERS, doubtful)
    unclean = np.array([clean_text(text) != text for text in texts])
    assert unclean.sum() > 1000 and not (unclean & ~doubtful).any()
    assert doubtful[3000:].sum() < 4000, "letters that stand by themselves"
    assert clean_array(column, pa.array(doubtful))[0].to_pylist() == [clean_text(text) for text in texts]
