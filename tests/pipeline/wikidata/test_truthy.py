"""Truthy dumps give the rows that JSON dumps of the same entities give, whatever the packing and the cuts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.dumps.ranges import plan_ranges
from pipeline.run import storage
from pipeline.run.job import run_job
from pipeline.wikidata import job as wikidata
from pipeline.wikidata.config import WikidataConfig
from pipeline.wikidata.job import JOB
from pipeline.wikidata.truthy import is_triple, json_of_block, read_blocks
from schemas import ENTITIES, REJECTS, RELATIONS, TRIPLES, Manifest, Table, read_shard
from schemas.errors import InputCorrupt, UsageError
from tests.pipeline.dumps.ranges.packing import PACKINGS, pack
from tests.pipeline.wikidata.entity_lines import DUMPS, line_of, real_lines, statement
from tests.pipeline.wikidata.triples import ENTITY, HEAD, truthy_dump

ONE_PROCESS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]

NILE = {
    "id": "Q3392",
    "type": "item",
    "labels": {"en": {"value": "Nile"}, "sw": {"value": 'Nili \U0001d11e é中"\\/\n'}, "zh-hans": {"value": "尼罗河"}},
    "descriptions": {"en": {"value": "river"}},
    "aliases": {"en": [{"value": "Blue"}, {"value": "White"}]},
    "claims": {
        "P31": [statement("Q4022")],
        "P17": [statement("Q5"), statement("Q6", "preferred"), statement("Q7", "deprecated")],
        "P2": [statement({"amount": "+1", "unit": "1"}), {"mainsnak": {"snaktype": "novalue"}, "rank": "normal"}],
        "P3": [statement({"entity-type": "lexeme", "id": "L1"}), statement({"entity-type": "form", "id": "L1-F2"})],
        "P4": [
            {"mainsnak": {"snaktype": "somevalue"}, "rank": "normal"},
            statement("text"),
            statement("https://a.b/c"),
        ],
        "P5": [statement({"entity-type": "property", "id": "P6"}), statement({"text": "Nîl", "language": "fr"})],
    },
}


def entity(number: int) -> dict[str, Any]:
    if number % 9 == 0:
        return {"id": f"P{number}", "type": "property", "datatype": "commonsMedia" if number % 2 else "wikibase-item",
                "labels": {"en": {"value": f"relation {number}"}}, "claims": {"P31": [statement("Q1")]}}  # fmt: skip
    return NILE | {"id": f"Q{number}"}


ENTITIES_OF_ALL_KINDS = [entity(number) for number in range(1, 60)]


def config(path: Path, folder: Path, **changes: Any) -> WikidataConfig:
    return WikidataConfig(**{"dumps": (str(path),), "output": str(folder), "max_reject_share": 1.0, **changes})


def run(settings: WikidataConfig) -> tuple[Manifest, dict[str, list[dict[str, Any]]]]:
    manifest = run_job(JOB, settings, ONE_PROCESS)
    tables: tuple[Table, ...] = (ENTITIES, RELATIONS, TRIPLES, REJECTS)
    rows = {
        table.name: [
            row
            for shard in manifest.of(table)
            for row in read_shard(Path(settings.output) / shard.path, table).to_pylist()
        ]
        for table in tables
    }
    return manifest, rows


def without_what_triples_do_not_say(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Rows without ranks and links; of triples, which may stand twice in JSON, each once."""
    entities = [{**row, "num_sitelinks": 0} for row in rows["entities"]]
    triples = sorted({(row["subject"], row["relation"], row["object"]) for row in rows["triples"]})
    return {"entities": entities, "relations": rows["relations"], "triples": triples}


def json_dump(path: Path, entities: list[dict[str, Any]]) -> Path:
    path.write_text("[\n" + ",\n".join(json.dumps(one, separators=(",", ":")) for one in entities) + "\n]\n")
    return path


@pytest.fixture(scope="module")
def from_json(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, dict[str, list[dict[str, Any]]]]:
    """What the JSON dump of the entities gives."""
    folder = tmp_path_factory.mktemp("json")
    return run(config(json_dump(folder / "all.json", ENTITIES_OF_ALL_KINDS), folder / "out"))


@pytest.mark.parametrize("form", PACKINGS)
def test_every_form_gives_the_rows_of_the_json(
    tmp_path: Path, form: str, from_json: tuple[Manifest, dict[str, list[dict[str, Any]]]]
) -> None:
    data = truthy_dump(ENTITIES_OF_ALL_KINDS)
    path = tmp_path / "truthy.nt"
    path.write_bytes(pack(data, form, list(range(0, len(data), 1700))))
    manifest, found = run(config(path, tmp_path / "nt", range_bytes=path.stat().st_size // 5))
    assert without_what_triples_do_not_say(found) == without_what_triples_do_not_say(from_json[1])
    assert [(account.read, account.kept) for account in manifest.accounts] == [(59, 59)]
    counts = Counter(manifest.counters)
    assert counts["statements_lexeme_value"] == counts["statements_form_value"] == counts["statements_novalue"] == 53
    left_out = from_json[0].counters["statements_not_of_best_rank"]
    assert counts["statements_seen"] == from_json[0].counters["statements_seen"] - left_out


@pytest.mark.parametrize("form", PACKINGS)
def test_every_block_belongs_to_one_range_whatever_the_cuts(tmp_path: Path, form: str) -> None:
    entities = [{**entity(number), "labels": {}, "descriptions": {}, "aliases": {}} for number in (1, 2, 9, 3, 4, 18)]
    data = truthy_dump(entities)
    path = tmp_path / "truthy.nt"
    path.write_bytes(pack(data, form, list(range(0, len(data), 120))))
    size, expected = path.stat().st_size, []
    for num_bytes in (size, *range(30, size, 61 if form == "plain" else 397)):
        spans = plan_ranges(str(path), num_bytes, storage.open_read)
        texts = (json_of_block(block, 9999) for span in spans for block in read_blocks(span, 9999, b"."))
        found = [text for text in texts if text]
        expected = expected or found
        assert found == expected, num_bytes
    assert [json.loads(text)["id"] for text in expected] == ["Q1", "Q2", "P9", "Q3", "Q4", "P18"]


@pytest.mark.parametrize("name", DUMPS)
def test_real_entities_give_the_same_triples_and_texts(tmp_path: Path, real_data: Path, name: str) -> None:
    entities = [json.loads(line) for line in real_lines(real_data, name)]
    for one in entities:
        if one["type"] == "property":
            one.setdefault("datatype", "string")
    path = tmp_path / "truthy.nt"
    path.write_bytes(truthy_dump(entities))
    _, found = run(config(path, tmp_path / "nt", range_bytes=1_000_000))
    _, expected = run(config(json_dump(tmp_path / "all.json", entities), tmp_path / "json"))
    assert found["rejects"] == []
    assert len(found["entities"]) == len(expected["entities"])
    assert without_what_triples_do_not_say(found) == without_what_triples_do_not_say(expected)


def test_redirects_and_lexemes_are_dropped_and_damage_is_rejected_by_name(tmp_path: Path) -> None:
    same = b"<http://www.w3.org/2002/07/owl#sameAs>"
    lines = [
        b"<%sQ7> %s <%sQ1> ." % (ENTITY.encode(), same, ENTITY.encode()),
        b'<%sL5> <http://www.w3.org/2000/01/rdf-schema#label> "x"@en .' % ENTITY.encode(),
        b'<%sQ8> <http://www.w3.org/2000/01/rdf-schema#label> "not closed@en .' % ENTITY.encode(),
        b'<%sQ9> <http://www.w3.org/2000/01/rdf-schema#label> "\\uD83D"@en .' % ENTITY.encode(),
        b'<%sQ10> <http://www.w3.org/2000/01/rdf-schema#label> "\xff"@en .' % ENTITY.encode(),
        b'<%sQ11> <http://www.w3.org/2000/01/rdf-schema#label> "%s"@en .' % (ENTITY.encode(), b"x" * 5000),
        b"# a comment",
        b"",
        truthy_dump([entity(12)]).removeprefix(HEAD),
    ]
    path = tmp_path / "truthy.nt"
    path.write_bytes(HEAD + b"\n".join(lines))
    manifest, found = run(config(path, tmp_path / "out", max_line_bytes=3000))
    (account,) = manifest.accounts
    assert account.dropped == {"redirect": 1, "lexeme": 1}
    assert account.rejected == {"nt_syntax": 3, "too_large": 1}
    assert [row["entity"] for row in found["entities"]] == ["Q12"]
    data = path.read_bytes()
    for row in found["rejects"]:
        assert data[row["offset"] :].startswith(row["excerpt"][:40].encode()), row


def test_a_dump_that_was_cut_off_is_told_and_its_beginning_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "truthy.nt"
    path.write_bytes(truthy_dump([entity(number) for number in range(1, 9)])[:-30])
    with pytest.raises(InputCorrupt, match="max-entities"):
        run(config(path, tmp_path / "out"))
    manifest, _ = run(config(path, tmp_path / "few", max_entities=3))
    assert [account.kept for account in manifest.accounts] == [3]


@pytest.mark.parametrize(
    "asked", [{"literals": True}, {"qualifiers": True}, {"ranks": "all"}, {"only_linked": True}], ids=str
)
def test_what_triples_do_not_say_is_refused(tmp_path: Path, asked: dict[str, Any]) -> None:
    path = tmp_path / "truthy.nt"
    path.write_bytes(truthy_dump([entity(1)]))
    with pytest.raises(UsageError, match="latest-all"):
        run(config(path, tmp_path / "out", **asked))


def test_classes_and_relations_are_chosen_as_from_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wikidata, "LEAST_SCANNED_BYTES", 0)
    path = tmp_path / "truthy.nt"
    path.write_bytes(truthy_dump([entity(1), {"id": "Q2", "type": "item"}, entity(3)]))
    manifest, found = run(config(path, tmp_path / "out", instance_of="Q4022", relations="P17", languages="zh"))
    assert [(row["subject"], row["object"]) for row in found["triples"]] == [("Q1", "Q6"), ("Q3", "Q6")]
    assert [row["texts"][-1]["label"] for row in found["entities"]] == ["尼罗河"] * 2
    assert manifest.accounts[0].dropped == {"other_class": 1}


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        (b'<http://a/b> <http://a/c> "d" .', True),
        (b'_:a <http://a/c> "d\\u00E9\\n"@zh-hans .', True),
        (b'<a:b><a:c>"d"^^<a:e>.# comment', True),
        (b'<http://a/b> <http://a/c> "d"', False),
        (b"<http://a/b> <http://a/c> .", False),
        (b'<http://a/b> "c" "d" .', False),
        (b'<http://a/b> <http://a/c> "d\\x" .', False),
        (b"<http://a/b c> <http://a/c> <http://a/d> .", False),
        (b"<mediawiki xmlns='a'>", False),
        (line_of(), False),
    ],
)
def test_what_a_triple_is(line: bytes, is_one: bool) -> None:
    assert is_triple(line) == is_one
