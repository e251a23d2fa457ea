"""Bitexts in the forms of LASER, XTREME and BUCC, and those that cannot be scored."""

import gzip
from pathlib import Path

import pytest

from model.evaluation.sets.bitext import read_bitexts
from schemas.errors import InputCorrupt, InputMissing, UsageError

ENGLISH = [
    f"Number {name} is the {i}th." for i, name in enumerate("zebra apple mango kiwi lemon peach plum pear fig".split())
]
GERMAN = [
    f"Die {i}. ist {name}."
    for i, name in enumerate("Zebra Apfel Mango Kiwi Zitrone Pfirsich Pflaume Birne Feige".split())
]


def _write(path: Path, lines: list[str], end: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(end.join([*lines, ""]).encode())


def test_tatoeba_is_read_line_by_line_with_the_codes_of_its_languages(tmp_path: Path) -> None:
    _write(tmp_path / "v1" / "tatoeba.deu-eng.deu", GERMAN, end="\r\n")
    (tmp_path / "v1" / "tatoeba.deu-eng.eng.gz").write_bytes(gzip.compress("\n".join(ENGLISH).encode("utf-8-sig")))
    _write(tmp_path / "v1" / "tatoeba.cmn-eng.cmn", ["你好。", "再见。"])
    _write(tmp_path / "v1" / "tatoeba.cmn-eng.eng", ["Hello.", "Goodbye."])
    chinese, german = read_bitexts(tmp_path)
    assert (german.source, german.target, chinese.source) == ("de", "en", "zh")
    assert (list(german.source_sentences), list(german.target_sentences)) == (GERMAN, ENGLISH)
    assert chinese.gold == {("0", "0"), ("1", "1")}


def test_files_without_a_first_word_are_the_same_form(tmp_path: Path) -> None:
    _write(tmp_path / "de-en.de", GERMAN)
    _write(tmp_path / "de-en.en", ENGLISH)
    assert read_bitexts(tmp_path)[0].set == "Tatoeba"


def test_english_in_the_order_of_the_alphabet_hides_the_answers(tmp_path: Path) -> None:
    english = [f"{word} {i} is here" for i, word in enumerate(["zebra", "apple", "kiwi"] * 9)]
    _write(tmp_path / "de-en.de", [f"Satz {(7 * i) % 27}" for i in range(27)])
    _write(tmp_path / "de-en.en", sorted(english))
    with pytest.raises(InputCorrupt, match=r"de-en\.en: its lines are in the order of the alphabet.*files of LASER"):
        read_bitexts(tmp_path)
    _write(tmp_path / "de-en.en", english)
    assert len(read_bitexts(tmp_path)[0].gold) == 27


@pytest.mark.parametrize(
    ("german", "message"),
    [
        (GERMAN[:-1], "has 8 sentences and .* 9"),
        ([*GERMAN[:-1], ""], "line 9: found an empty line"),
    ],
)
def test_lines_that_do_not_match_are_refused(german: list[str], message: str, tmp_path: Path) -> None:
    _write(tmp_path / "tatoeba.deu-eng.deu", german)
    _write(tmp_path / "tatoeba.deu-eng.eng", ENGLISH)
    with pytest.raises(InputCorrupt, match=message):
        read_bitexts(tmp_path)


def _bucc(folder: Path, split: str, gold: list[str] | None) -> None:
    _write(folder / f"de-en.{split}.de", [f"de-{i:09}\t{text}" for i, text in enumerate(GERMAN)])
    _write(folder / f"de-en.{split}.en", [f"en-{i:09}\t{text}" for i, text in enumerate(ENGLISH)])
    if gold is not None:
        _write(folder / f"de-en.{split}.gold", gold)


@pytest.mark.parametrize("splits", [("sample", "training"), ("dev", "test")])
def test_bucc_is_read_under_its_own_names_and_those_of_xtreme(splits: tuple[str, str], tmp_path: Path) -> None:
    for split in splits:
        _bucc(tmp_path / "bucc2018" / "de-en", split, ["de-000000001\ten-000000002"])
    found = read_bitexts(tmp_path)
    assert [(one.set, one.split) for one in found] == [("BUCC", "dev"), ("BUCC", "test")]
    assert found[1].gold == {("de-000000001", "en-000000002")}
    assert found[1].source_sentences[1] == GERMAN[1]


def test_a_test_set_without_its_gold_is_refused(tmp_path: Path) -> None:
    _bucc(tmp_path, "test", None)
    with pytest.raises(
        InputMissing, match=r"no file that ends in \.gold beside it. Test sets are handed out without it"
    ):
        read_bitexts(tmp_path)


GOLD = ["de-000000001", "de-1\ten-000000002", "de-000000001\ten-000000002\t1.0", "en-000000002\tde-000000001"]


@pytest.mark.parametrize("line", GOLD)
def test_gold_of_other_ids_is_named_with_its_line(line: str, tmp_path: Path) -> None:
    _bucc(tmp_path, "test", [line])
    with pytest.raises(InputCorrupt, match="gold, line 1: found"):
        read_bitexts(tmp_path)


def test_ids_that_stand_twice_are_refused(tmp_path: Path) -> None:
    _bucc(tmp_path, "test", ["de-000000001\ten-000000002"])
    _write(tmp_path / "de-en.test.de", ["de-000000001\tA", "de-000000001\tB"])
    with pytest.raises(InputCorrupt, match="1 ids stand twice"):
        read_bitexts(tmp_path)


def test_one_of_two_sets_must_be_named(tmp_path: Path) -> None:
    _bucc(tmp_path, "test", ["de-000000001\ten-000000002"])
    _write(tmp_path / "tatoeba.deu-eng.deu", GERMAN)
    _write(tmp_path / "tatoeba.deu-eng.eng", ENGLISH)
    with pytest.raises(UsageError, match="holds BUCC and Tatoeba"):
        read_bitexts(tmp_path)
    assert read_bitexts(tmp_path, "bucc")[0].set == "BUCC"
    with pytest.raises(UsageError, match="there is no set 'flores'"):
        read_bitexts(tmp_path, "flores")


def test_what_is_looked_for_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match=r"tatoeba\.afr-eng\.afr"):
        read_bitexts(tmp_path)
    _write(tmp_path / "tatoeba.deu-eng.deu", GERMAN)
    with pytest.raises(InputMissing, match=r"no file that ends in \.eng beside it"):
        read_bitexts(tmp_path)
