"""Plain-text corpora: documents in every packing, whole or in ranges."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dumps.ranges import plan_ranges
from pipeline.tokens.corpora import _cut, read_documents
from schemas.errors import InputCorrupt

DOCUMENTS = [f"Document {number} begins.\nIt has a second line, ümlaut.\n" for number in range(300)]
TEXT = "\n".join(DOCUMENTS).encode()
JOINED = [" ".join(document.split("\n")).strip() for document in DOCUMENTS]
PACKED = {
    "plain.txt": TEXT,
    "one.txt.gz": gzip.compress(TEXT),
    "many.txt.gz": b"".join(gzip.compress(TEXT[start : start + 997]) for start in range(0, len(TEXT), 997)),
    "one.txt.bz2": bz2.compress(TEXT),
    "one.txt.zst": zstandard.compress(TEXT),
    "one.txt.xz": lzma.compress(TEXT),
}


def spans_of(path: Path, num_bytes: int) -> list:
    return plan_ranges(str(path), num_bytes)


@pytest.mark.parametrize("name", PACKED)
def test_documents_of_every_packing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(PACKED[name])
    found = [document.data.decode() for span in spans_of(path, 1 << 30) for document in read_documents(span, 10_000)]
    assert found == JOINED


@pytest.mark.parametrize("name", ["plain.txt", "many.txt.gz"])
def test_ranges_lose_no_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(PACKED[name])
    spans = spans_of(path, 700)
    assert len(spans) > 1
    found = [document.data.decode() for span in spans for document in read_documents(span, 10_000)]
    assert " ".join(found) == " ".join(JOINED)
    assert len(found) < len(JOINED) + len(spans)


def test_offsets_lead_to_the_document(tmp_path: Path) -> None:
    path = tmp_path / "plain.txt"
    path.write_bytes(TEXT)
    for document in read_documents(plan_ranges(str(path))[0], 10_000):
        assert TEXT[document.offset :].startswith(document.data[:12])


@given(line=st.text(alphabet="ab cdé日本", max_size=60), limit=st.integers(4, 20))
def test_long_lines_are_cut_between_characters(line: str, limit: int) -> None:
    data = line.encode()
    pieces = list(_cut(data, limit))
    assert b"".join(piece for piece, _ in pieces) == data
    for piece, place in pieces:
        assert len(piece) <= limit and data[place : place + len(piece)] == piece
        piece.decode()


def test_long_documents_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("word " * 100 + "\nnext line\n")
    found = [document.data for document in read_documents(plan_ranges(str(path))[0], 50)]
    assert all(len(data) <= 50 for data in found)
    assert b" ".join(found).split() == [b"word"] * 100 + [b"next", b"line"]


def test_cut_files_are_named(tmp_path: Path) -> None:
    for name in ("one.txt.gz", "one.txt.xz", "one.txt.zst", "one.txt.bz2"):
        path = tmp_path / name
        path.write_bytes(PACKED[name][:-30])
        with pytest.raises(InputCorrupt, match=name):
            [document for span in spans_of(path, 1 << 30) for document in read_documents(span, 10_000)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CR LF", "CR"])
@pytest.mark.parametrize("packing", ["txt", "xz"])
def test_lines_end_in_any_way(tmp_path: Path, end: str, packing: str) -> None:
    text = "\ufeff" + "\n".join(DOCUMENTS[:5]).replace("\n", end)
    path = tmp_path / f"corpus.{packing}"
    path.write_bytes(lzma.compress(text.encode()) if packing == "xz" else text.encode())
    found = [document.data.decode() for span in spans_of(path, 1 << 30) for document in read_documents(span, 10_000)]
    assert found == JOINED[:5]


def test_xz_of_several_streams(tmp_path: Path) -> None:
    path = tmp_path / "many.txt.xz"
    whole = b"".join(lzma.compress(TEXT[start : start + 997]) + b"\0" * 8 for start in range(0, len(TEXT), 997))
    path.write_bytes(whole)
    found = [document.data.decode() for span in spans_of(path, 1 << 30) for document in read_documents(span, 10_000)]
    assert found == JOINED
    path.write_bytes(whole + b"junk")
    with pytest.raises(InputCorrupt):
        [document for span in spans_of(path, 1 << 30) for document in read_documents(span, 10_000)]
