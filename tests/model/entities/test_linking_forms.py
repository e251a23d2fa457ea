"""Linking sets whose truth is no item: titles of pages (TR2016), and concepts of UMLS with their names (XL-BEL)."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.cli import run as run_command
from model.entities.linking_sets import read_linking_set
from model.entities.name_linking import Named, name_files, read_named
from model.evaluation.results import read_results
from schemas import SITELINKS, Sitelink
from schemas.errors import InputCorrupt, InputMissing, UsageError
from tests.model.entities.test_linking import world as trained_world
from tests.model.evaluation.conftest import tiny_model as tiny
from tests.model.token_shards import DatasetWriter

world, tiny_model = trained_world, tiny


def _tables(folder: Path) -> Path:
    writer = DatasetWriter(folder, tables=(SITELINKS,))
    rows = [
        ("trwiki", "İkinci sayfa", "Q2"),
        ("trwiki", "Bir", "Q1"),
        ("enwiki", "Zwei", "Q7"),
        ("be_x_oldwiki", "Адзін", "Q1"),
    ]
    writer.write(SITELINKS, [Sitelink(wiki=wiki, title=title, entity=item) for wiki, title, item in rows])
    writer.finish()
    return folder


def _tr2016(folder: Path, language: str, text: str, lines: list[str]) -> Path:
    place = folder / language / "test"
    place.mkdir(parents=True, exist_ok=True)
    (place / "17.txt").write_bytes(text.encode())
    (place / "17.mentions").write_bytes("\r\n".join([*lines, ""]).encode())
    return folder


TEXT = "w5 W one w6 Zweiyi w8 Gone"
LINES = ["3\t8\tOne\tbir\t0", "12\t18\tTwo\tİkinci_sayfa\t1", "22\t26\tGone\tSilinmiş_sayfa\t1"]


def test_tr2016_is_linked_through_the_sitelinks_of_a_build(world: Path, tmp_path: Path) -> None:
    data, tables = _tr2016(tmp_path / "set", "tr", TEXT, LINES), _tables(tmp_path / "wikidata")
    flags = ["--model", str(world / "run/model"), "--index", str(world / "index"), "--device", "cpu"]
    flags += ["--data", str(data), "--output", str(tmp_path)]
    assert run_command(["evaluate", "linking", *flags]) == 2  # titles alone are no truth
    assert run_command(["evaluate", "linking", *flags, "--tables", str(tables)]) == 0
    results = read_results(tmp_path / "linking.json")
    assert results.data["set"] == "TR2016"
    assert results.find(about="hardness", hardness="easy", way="linker").measures["recall@1"].mean == 1.0
    assert results.find(about="hardness", hardness="hard", way="linker").measures["queries"].mean == 2
    assert "1 of 3 titles have no item in the tables (renamed or gone): missed" in results.notes
    assert results.find(about="language", language="tr", way="linker").measures["in the index"].mean == pytest.approx(
        2 / 3
    )


def test_titles_are_those_of_the_wiki_of_the_language(tmp_path: Path) -> None:
    tables = _tables(tmp_path / "wikidata")
    data = _tr2016(tmp_path / "set", "be-x-old", "Адзін 你好 👍 два", ["0\t5\tOne\tАдзін\t0", "11\t14\t_\tZwei\t1"])
    name, [text] = read_linking_set(data, tables)
    assert (name, text.entities, text.bins) == (
        "TR2016",
        ["Q1", ""],
        ["easy", "hard"],
    )  # Zwei is a page of another wiki
    assert [text.text[span.start : span.end] for span in text.spans] == ["Адзін", "два"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("3\t8\tOne\tBir", "line 1: found '3.*expected start, end"),
        ("3\t8\tOne\tBir\t?", "line 1: .*and 0 or 1"),
        ("3\t99\tOne\tBir\t0", "line 1: found characters 3 to 99 of a text of 26"),
        ("8\t3\tOne\tBir\t0", "line 1: found characters 8 to 3"),
        ("-3\t8\tOne\tBir\t0", "line 1: found '-3', expected a number"),
        ("3\t8\tOne\t\t0", "line 1: found no title; blanked"),
        ("3\t8\tOne\tNowhere\t0", "its sitelinks have none of the pages"),
    ],
)
def test_mentions_that_cannot_be_scored_are_named(line: str, message: str, tmp_path: Path) -> None:
    data = _tr2016(tmp_path / "set", "tr", TEXT, [line])
    with pytest.raises(InputCorrupt, match=message):
        read_linking_set(data, _tables(tmp_path / "wikidata"))


def test_a_document_without_its_text_is_named(tmp_path: Path) -> None:
    (_tr2016(tmp_path / "set", "tr", TEXT, LINES) / "tr" / "test" / "17.txt").unlink()
    with pytest.raises(InputMissing, match=r"17\.txt: the text of 17\.mentions is not there"):
        read_linking_set(tmp_path / "set", _tables(tmp_path / "wikidata"))


NAMES = ["C0000001||Oslo", "C0000002||Rome", "C0000002||the river", "CL400003||the hills", "C0000004||Acme"]


def _xlbel(folder: Path) -> list[str]:
    folder.mkdir()
    (folder / "de_1k_test_query.txt").write_text("C0000001||OSLO\nC0000009|CL400003||the hills\nC0000077||Berta\n")
    (folder / "zh_1k_test_query_with_context.txt").write_text("C0000002||Rome||我住在 <tgt>Rome</tgt> 。\r\n")
    (folder / "all_1k_test_query.txt").write_text("C0000001||Oslo\n" * 4)
    (folder / "names.txt").write_text("\n".join(NAMES) + "\n")
    return ["--data", str(folder), "--dictionary", str(folder / "names.txt")]


def test_xl_bel_from_files_to_a_result(tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--model", str(tiny_model), "--device", "cpu", "--output", str(tmp_path / "out"), "--pooling", "mean"]
    assert run_command(["evaluate", "linking", *flags, *_xlbel(tmp_path / "set")]) == 0
    results = read_results(tmp_path / "out" / "linking.json")
    assert results.data["set"] == "XL-BEL"
    chinese = results.find(about="language", language="zh", way="embedding").measures
    assert chinese["acc@1"].mean == 1.0  # the same name
    german = results.find(about="language", language="de", way="embedding").measures
    assert german["acc@5"].mean == pytest.approx(
        2 / 3
    )  # five names in all: only the concept that is not there is missed
    spelled = results.find(about="language", language="de", way="spelling").measures
    assert spelled["acc@1"].mean == pytest.approx(2 / 3)
    assert results.primary == pytest.approx(
        (german["acc@1"].mean + 1.0) / 2
    )  # the file of all languages is not one more
    assert "1 of 4 mentions have a CUI that the dictionary lacks: missed" in results.notes
    capsys.readouterr()
    assert run_command(["compare", str(tmp_path / "out"), str(tmp_path / "out"), "--task", "linking"]) == 0
    table = capsys.readouterr().out
    assert (
        next(line for line in table.splitlines() if line.startswith("mean")).split()[1]
        == f"{100 * results.primary:.1f}"
    )


def test_xl_bel_needs_its_names_and_one_version(tiny_model: Path, tmp_path: Path) -> None:
    flags = ["--model", str(tiny_model), "--device", "cpu", "--output", str(tmp_path / "out")]
    data = _xlbel(tmp_path / "set")
    assert run_command(["evaluate", "linking", *flags, *data[:2]]) == 2
    assert run_command(["evaluate", "linking", *flags, *data, "--languages", "sw"]) == 2
    (tmp_path / "set" / "v1").mkdir()
    (tmp_path / "set" / "v1" / "de_1k_test_query_with_context.txt").write_text("C0000001||Oslo||in <tgt>Oslo</tgt>\n")
    with pytest.raises(UsageError, match="name the folder of one version"):
        name_files(tmp_path / "set")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("C0000001||", "expected a CUI"),
        ("||Oslo", "expected a CUI"),
        ("Oslo", "expected a CUI"),
        ("?||Oslo", "expected a CUI"),
        ("C0000001||Oslo||in <tgt>Rome</tgt>", "found the mention 'Oslo', but 'Rome' between the marks"),
        ("C0000001||Oslo||in Oslo||x", "expected a CUI"),
    ],
)
def test_mentions_of_another_form_are_named(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "de_1k_test_query.txt").write_text(f"CN029274|C0000001||A|B\n{line}\n")
    with pytest.raises(
        InputCorrupt, match=f"line 2: {message}" if "between" in message else f"line 2: found .*{message}"
    ):
        read_named(tmp_path / "de_1k_test_query.txt")
    (tmp_path / "de_1k_test_query.txt").write_text("CN029274|90058||-dysphorie||er <tgt></tgt>-dysphorie\n")
    assert read_named(tmp_path / "de_1k_test_query.txt") == [Named(frozenset({"CN029274", "90058"}), "-dysphorie")]
