"""Keys that stand twice are counted at any depth, and only those."""

from __future__ import annotations

import json

import pytest

from pipeline.wikidata.reading import num_doubled_keys


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}', 0),
        (b'{"a":1,"a":2}', 1),
        (b'{"a":1,"a":2,"a":3,"b":1,"b":1}', 3),
        (b'{"labels":{"en":{"value":"x","value":"y"},"en":{}}}', 2),
        (b'{"claims":{"P1":[{"rank":"normal","rank":"normal"}]}}', 1),
        ('{"\\u0061":1,"a":2,"ä":1,"\\u00e4":2}'.encode(), 2),
    ],
)
def test_doubled_keys(line: bytes, expected: int) -> None:
    assert num_doubled_keys(line) == expected


def test_what_no_table_needs_may_be_odd() -> None:
    assert num_doubled_keys(b'{"a":' + b"9" * 5000 + b',"a":1}') == 1
    assert num_doubled_keys(b'{"a":NaN,"a":"\x01"}') == 1
    assert num_doubled_keys(b'{"a":1,"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}") == 0
    assert num_doubled_keys(json.dumps({"a": 1}).encode()[:-1]) == 0
