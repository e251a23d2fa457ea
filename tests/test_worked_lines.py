"""The lines of numbers in docstrings at index tricks hold: each is worked here by the code that it explains."""

from __future__ import annotations

import numpy as np

from model.data.examples.example import Example
from model.data.special_tokens import SpecialTokens
from model.data.stream.collate import Collator
from model.data.stream.packing import Pack
from model.data.stream_config import StreamConfig, StreamShapes
from pipeline.dumps.bzip2 import codes as huffman
from pipeline.dumps.bzip2 import runs as running
from pipeline.dumps.bzip2 import transform
from pipeline.dumps.bzip2.bits import peek
from pipeline.link.fates import FREQUENT, Cap
from pipeline.wikidata.scan import buffers, json_bytes, statements
from pipeline.wikidata.scan.sitelinks import _came_before
from pipeline.wikidata.scan.strings import hash_of, put


def text_of(text: str) -> np.ndarray:
    """Bytes as the scan reads them, with their newline."""
    return json_bytes.word(text + "\n")


def roomy() -> tuple[buffers.Buffers, buffers.Scratch]:
    return buffers.with_room(buffers.empty_buffers(), buffers.empty_scratch(learns=False), 1_000)


def strings(column: buffers.Strings) -> list[str]:
    ends = [0, *column.ends[: column.size[0]].tolist()]
    return [column.data[low:high].tobytes().decode() for low, high in zip(ends, ends[1:], strict=False)]


def test_bits_over_the_border_of_two_words() -> None:
    words = np.array([0xF, 0xA << 60, 0], np.uint64)
    assert peek.py_func(words, 60, 8) == 0xFA


def test_the_tables_of_a_code() -> None:
    made = huffman.new_codes()
    made.lengths[0, :3] = 1, 2, 2
    assert huffman._order_codes(3, made, 0)
    assert set(made.quick[0, :512].tolist()) == {0 << 5 | 1} and set(made.quick[0, 512:768].tolist()) == {34}
    assert set(made.quick[0, 768:].tolist()) == {2 << 5 | 2}
    assert made.shifts[0, 2] == -1 and made.symbols[0, 3 + made.shifts[0, 2]] == 2
    assert made.limits[0, 1] == 1 << 19


def test_symbols_to_runs() -> None:
    made = running.new_runs()
    made.codes.lengths[0, :5] = 2, 2, 3, 3, 2
    assert huffman._order_codes(5, made.codes, 0)
    made.recent[:3] = list(b"abc")
    # Of lengths 2, 2, 2 come 00, 01, 10 for symbols 0, 1, 4; then 110 and 111 for 2 and 3.
    bits = "01" + "00" + "111" + "10"  # symbols 1, 0, 3 and the last one, 4
    words = np.array([int(bits.ljust(64, "0"), 2), *[0] * 20], np.uint64)
    at, length = running._read_symbols(words, 0, len(bits), 4, 1, made)
    assert (at, length) == (len(bits), 5)
    assert made.runs[: made.num_runs[0]].tolist() == [4 << 8 | 97, 1 << 8 | ord("c")]
    assert made.recent[:3].tobytes() == b"cab"


def test_the_way_back_to_banana() -> None:
    made = running.new_runs()
    made.runs[:3] = 2 << 8 | ord("n"), 1 << 8 | ord("b"), 3 << 8 | ord("a")
    made.num_runs[0] = 3
    for letter, times in zip(b"abn", (3, 1, 2), strict=True):
        made.counts[letter] = times
    links, out = np.zeros(6, np.uint32), np.zeros(6, np.uint8)
    transform.link(made, 0, links)
    assert (links >> 8).tolist() == [3, 4, 5, 2, 0, 1]
    start = np.array([links[3] >> 8], np.uint32)
    assert start == [2]
    transform.follow(links, start, np.array([0]), np.array([6]), out)
    assert out.tobytes() == b"banana"
    unpacked = np.zeros(300, np.uint8)
    length, _ = transform.unpack(np.frombuffer(b"aaaa\x02b", np.uint8), unpacked, transform.CHECKSUMS)
    assert unpacked[:length].tobytes() == b"aaaaaab"


def test_strings_one_behind_the_other() -> None:
    columns, _ = roomy()
    for name in ("Q5", "Q64"):
        put(text_of(name), 0, len(name), columns.ids)
    assert columns.ids.data[:5].tobytes() == b"Q5Q64"
    assert (columns.ids.ends[:2].tolist(), columns.ids.size.tolist()) == ([2, 5], [2, 5])
    pair = "\\ud83d\\ude00"
    put(text_of(pair), 0, len(pair), columns.labels)
    assert columns.labels.data[:4].tobytes() == b"\xf0\x9f\x98\x80" == chr(0x10000 + (0x3D << 10) + 0x200).encode()


def test_the_place_of_a_code() -> None:
    assert hash_of(text_of("en"), 0, 2) == 101 * 31 + 110 == 3241
    table = buffers.number_languages(["en"], None).table
    assert len(table) == 32 and table[9] == 0


def test_the_end_of_nested_values() -> None:
    text = '{"a":[{"b":1}]}'
    assert json_bytes.value_end(text_of(text), 0) == len(text)
    assert json_bytes.value_end(text_of('{"a":[{"b":1}}]'), 0) == json_bytes.BAD


def test_the_best_rank_moves_to_the_front() -> None:
    columns, scratch = roomy()
    for row, (name, rank) in enumerate((("Q5", 1), ("Q64", 0), ("Q7", 1))):
        put(text_of(name), 0, len(name), columns.objects)
        columns.ranks[row] = rank
        scratch.tallies[rank, 0] += 1
    assert columns.objects.ends[:3].tolist() == [2, 5, 7]
    statements._keep_best.py_func(0, columns, scratch.tallies)
    assert strings(columns.objects) == ["Q64"] and columns.objects.size.tolist() == [1, 3]


def test_a_wiki_that_may_have_come_before() -> None:
    columns, scratch = roomy()
    for number in range(43):
        name = f"w{number}"
        put(text_of(name), 0, len(name), columns.wikis)
    text = text_of("dewiki")
    place = hash_of(text, 0, 6) % buffers.LINK_HASHES
    for near in (17, 41):
        scratch.links[place] = near
        assert not _came_before(text, 0, 6, 40, columns.wikis, scratch.links)
        assert scratch.links[place] == 43
    scratch.links[hash_of(text_of("w41"), 0, 3) % buffers.LINK_HASHES] = 41
    assert _came_before(text_of("w41"), 0, 3, 40, columns.wikis, scratch.links)


def test_an_even_share_of_mentions() -> None:
    cap = Cap(3, np.array([(5, 0, 7)], FREQUENT))
    assert np.flatnonzero(cap.keeps(np.full(7, 5, np.uint32))).tolist() == [2, 4, 6]


def shapes(**sizes: int) -> StreamShapes:
    return StreamShapes(**({"masked": 8, "keys": 4, "mep": 4, "oe": 0, "true_objects": 1, "longest": 32} | sizes))  # type: ignore[arg-type]


def context(place: int, length: int) -> Example:
    return Example(("mep", 0, place), (np.arange(length - 2),), length, "row", entity=7, key_tokens=np.arange(8))


def test_what_an_example_costs_a_pack() -> None:
    pack = Pack(shapes(tokens=64, documents=12))
    assert pack.add(context(0, 20)) and pack.num_tokens == 30
    assert pack.add(context(1, 20)) and pack.room == 14
    assert not pack.add(context(2, 20)) and pack.add(context(3, 14))


def test_a_pack_to_a_batch() -> None:
    special = SpecialTokens(begin=0, end=2, pad=1, mask=9, vocab_size=30, reserved=(0, 1, 2, 9), position_offset=2)
    made = shapes(tokens=10, documents=4, masked=2, keys=2, mep=2)
    collator = Collator(special, StreamConfig(), None, 1)
    collator._shapes = made
    pack = Pack(made)
    text, description = np.array([11, 12, 13]), np.array([21, 22])
    example = Example(("mep", 0, 0), (text,), 5, "row", entity=7, key_tokens=description, mention=(1, 2))
    assert pack.add(example)
    token_ids, starts, lengths = collator._lay_out(pack)
    assert token_ids.tolist() == [0, 11, 12, 13, 2, 0, 21, 22, 2, 1]
    assert (starts.tolist(), lengths.tolist()) == ([0, 5], [5, 4])
    assert collator._documents(starts, lengths)["position_ids"].tolist() == [2, 3, 4, 5, 6, 2, 3, 4, 5, 2]
    found = collator._queries_and_keys(pack, starts)
    assert found["mep_positions"][0] == 2 and found["key_positions"][0] == 5
