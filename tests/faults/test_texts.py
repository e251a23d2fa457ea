"""Faults of plain texts: each is read whole, rejected by name, or refused; never half."""

from __future__ import annotations

import lzma
import tracemalloc
from pathlib import Path

import pytest

from model.evaluation.sets.text import read_lines
from pipeline.dumps.ranges import plan_ranges
from pipeline.dumps.ranges.lines import MAX_LINE_BYTES
from pipeline.run.accounts import Ledger
from pipeline.tokens.corpora import Document, read_documents
from pipeline.tokens.tasks import _readable
from schemas.errors import InputCorrupt
from tests.faults.recorder import Recorder


class Output:
    """As much of a task's output as a reader of texts needs."""

    def __init__(self) -> None:
        self.ledger = Ledger(job="tokenize", source="text")


def long_line(path: Path, packed: bool) -> list[Document]:
    """Returns the documents around a line of 80 MB."""
    text = b"Before.\n" + b"word " * (80_000_000 // 5) + b"\nBehind.\n"
    path.write_bytes(lzma.compress(text, preset=0) if packed else text)
    del text
    (span,) = plan_ranges(str(path), 1 << 30)
    return list(read_documents(span, 1_000_000))


@pytest.mark.fault("G74")
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "xz"])
def test_a_line_of_80_mb_is_rejected_by_name(tmp_path: Path, recorder: Recorder, packed: bool) -> None:
    before, long, behind = long_line(tmp_path / "corpus", packed)
    assert (before.data, behind.data) == (b"Before.", b"Behind.") and long.oversize == 80_000_000
    out = Output()
    assert _readable(long, out) is None  # type: ignore[arg-type]
    (reject,) = out.ledger.rejects
    assert reject.reason == "line_too_long" and reject.offset == 8
    recorder.note(f"reject {reject.reason}: {reject.detail}")


@pytest.mark.fault("G77")
def test_an_xz_corpus_without_line_ends_is_read_in_bounded_memory(tmp_path: Path, recorder: Recorder) -> None:
    path = tmp_path / "corpus.xz"
    encoder = lzma.LZMACompressor(preset=0)
    with path.open("wb") as file:
        for _ in range(300):
            file.write(encoder.compress(b"word " * 200_000))
        file.write(encoder.flush())
    tracemalloc.start()
    (document,) = read_documents(plan_ranges(str(path))[0], 1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert document.oversize == 300_000_000 and peak < 2.5 * MAX_LINE_BYTES
    recorder.note(f"300 MB without a line end: rejected, {peak >> 20} MB at its peak")


@pytest.mark.fault("G77")
def test_an_xz_file_that_asks_for_more_memory_than_any(tmp_path: Path, recorder: Recorder) -> None:
    path = tmp_path / "corpus.xz"
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 192 << 20}]
    path.write_bytes(lzma.compress(b"text\n", filters=filters))
    recorder.error(InputCorrupt, "Memory usage limit", lambda: list(read_documents(plan_ranges(str(path))[0], 1_000)))


@pytest.mark.fault("G74")
def test_a_test_file_is_read_whole_or_refused(tmp_path: Path, recorder: Recorder) -> None:
    path = tmp_path / "test.tsv"
    text = "القاهرة عاصمة مصر\tB-LOC\nالنيل نهر\tO\n" * 50
    for end in ("\n", "\r\n", "\r"):
        path.write_bytes(text.replace("\n", end).encode())
        assert read_lines(path, latin_1=True) == text.split("\n")
    damaged = bytearray(text.encode())
    damaged[1001] = 0xFF
    path.write_bytes(damaged)
    recorder.error(InputCorrupt, "is no UTF-8", lambda: read_lines(path, latin_1=True))
