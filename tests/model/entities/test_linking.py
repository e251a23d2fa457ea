"""Linking grown up: inflected and small mentions, the prior of the build's anchors, files of texts, and the test on a set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from model.cli import run as run_command
from model.entities import checksums
from model.entities.anchors import Anchors, build_anchors
from model.entities.export import embed_entities
from model.entities.index import EntityIndex
from model.entities.linker import Linker
from model.entities.linking_sets import read_linking_set
from model.entities.lookup import Lookup
from model.entities.mentions import find_mentions
from model.entities.names import EntityNames, build_names
from model.evaluation.results import read_results
from model.training.trainer import pretrain
from schemas import ENTITIES, MENTIONS, Mention, MentionContext, read_manifest
from schemas.errors import InputCorrupt, InputMissing, ShardMismatch
from tests.model.entities.test_linker import NAMES, embedding, entity
from tests.model.token_shards import DatasetWriter
from tests.model.training_world import run_config, write_training_world

CITIES = {
    64: {"en": ("Berlin", []), "ru": ("Берлин", []), "tr": ("Berlin", []), "zh": ("柏林", [])},
    649: {"ru": ("Москва", []), "en": ("Moscow", [])},
    1085: {"ru": ("Прага", []), "en": ("Prague", [])},
    3640: {"tr": ("Ankara", []), "en": ("Ankara", [])},
    821244: {"en": ("Berlin", []), "de": ("Berlin", [])},  # a town in New Hampshire
}


def context(text: str, *mentions: tuple[str, str]) -> MentionContext:
    spans = [
        Mention(start=text.index(surface), end=text.index(surface) + len(surface), entity=item)
        for surface, item in mentions
    ]
    return MentionContext(
        text=text, mentions=spans, page_entity=None, language="en", wiki="enwiki", title="T", page_id=1, revision_id=1,
        context_index=0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def lookup(tmp_path_factory: pytest.TempPathFactory) -> Lookup:
    folder = tmp_path_factory.mktemp("lookup")
    tables = DatasetWriter(folder / "wikidata", tables=(ENTITIES,))
    tables.write(ENTITIES, [entity(number, texts) for number, texts in CITIES.items()])
    tables.finish()
    links = DatasetWriter(folder / "link", tables=(MENTIONS,))
    rows = [context("to Berlin by rail", ("Berlin", "Q64"))] * 7 + [context("BERLIN won", ("BERLIN", "Q821244"))]
    links.write(MENTIONS, rows, partition="en", split="train")
    links.write(MENTIONS, [context("to Berlin", ("Berlin", "Q649"))] * 50, partition="en", split="validation")
    links.finish()
    wanted = np.array(sorted(CITIES))
    for name, build, tables_ in (("names", build_names, "wikidata"), ("anchors", build_anchors, "link")):
        (folder / name).mkdir()
        build(folder / tables_, read_manifest(folder / tables_), wanted, folder / name)
    return Lookup(EntityNames.open(folder / "names"), Anchors.open(folder / "anchors"))


@pytest.mark.parametrize(
    ("surface", "item"),
    [
        ("Берлине", 64), ("Берлином", 64), ("берлина", 64), ("Москве", 649), ("Москвой", 649), ("Прагой", 1085),
        ("Праге", 1085), ("Ankara'da", 3640), ("Ankara’nın", 3640),
    ],
)  # fmt: skip
def test_inflected_mentions_find_their_labels(surface: str, item: int, lookup: Lookup) -> None:
    assert lookup.entities([surface])[0][0] == item


@pytest.mark.parametrize("surface", ["Мост", "Prag", "Ank", "Berg", "柏", "Бе", "Берлиоз"])
def test_other_words_are_no_inflected_forms(surface: str, lookup: Lookup) -> None:
    assert lookup.entities([surface]) == [[]]


def test_the_prior_is_counted_from_training_anchors_in_any_case(lookup: Lookup) -> None:
    assert lookup.anchors is not None
    assert lookup.anchors.of(["berlin", "Moskau"]) == [{64: 7, 821244: 1}, {}]  # validation contexts are not counted
    assert lookup.entities(["BERLIN"])[0] == [64, 821244]
    assert lookup.priors("Berlin", [64, 821244]) == [8 / 10, 2 / 10]


def test_a_text_without_capitals_is_read_as_written_small(lookup: Lookup) -> None:
    def found(text: str) -> list[str]:
        return [text[span.start : span.end] for span in find_mentions(text, lookup, lambda item: item in CITIES)]

    assert found("from berlin to moscow, in a day") == ["berlin", "moscow"]
    assert found("From berlin to Moscow") == ["Moscow"]
    assert found("Он живёт в Берлине, а работал в Москве.") == ["Берлине", "Москве"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained model and an index with names and anchors."""
    folder = tmp_path_factory.mktemp("linking")
    pretrain(run_config(write_training_world(folder), folder / "run", steps=3))
    writer = DatasetWriter(folder / "wikidata", tables=(ENTITIES,))
    writer.write(ENTITIES, [entity(number, texts) for number, texts in NAMES.items()])
    writer.finish()
    links = DatasetWriter(folder / "link", tables=(MENTIONS,))
    links.write(MENTIONS, [context("w5 W one w6", ("W one", "Q1"))] * 98, partition="en", split="train")
    links.finish()
    embed_entities(embedding(folder, mentions=str(folder / "link")))
    return folder


def linker(world: Path) -> Linker:
    return Linker.open(str(world / "run/model"), str(world / "index"), device="cpu")


def test_the_prior_decides_between_namesakes_the_model_cannot_tell_apart(world: Path) -> None:
    opened = linker(world)
    [mention] = opened.link("w5 [[W one]] w6")
    assert (mention.start, mention.end, mention.surface) == (3, 8, "W one")
    assert [candidate.entity for candidate in mention.candidates] == ["Q1", "Q2"]
    assert [candidate.prior for candidate in mention.candidates] == [pytest.approx(0.99), pytest.approx(0.01)]
    plain = {c.entity: c.score for c in opened.link("w5 [[W one]] w6", prior=False)[0].candidates}
    weighed = {c.entity: c.score for c in mention.candidates}
    assert weighed["Q1"] - plain["Q1"] == pytest.approx(0.05 * np.log(0.99), abs=1e-6)
    assert weighed["Q2"] - plain["Q2"] == pytest.approx(0.05 * np.log(0.01), abs=1e-6)


def test_files_of_texts_are_linked_line_by_line(world: Path, tmp_path: Path) -> None:
    lines = ["w5 [[W one]] w6", json.dumps({"text": "w5 W one", "mentions": [{"start": 3, "end": 8}]}), "w7 Eins", "w9"]
    (tmp_path / "in").write_text("\n".join(lines) + "\n", encoding="utf-8")
    flags = ["--model", str(world / "run/model"), "--index", str(world / "index"), "--device", "cpu"]
    assert run_command(["link", "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out"), *flags]) == 0
    found = [json.loads(line) for line in (tmp_path / "out").read_text(encoding="utf-8").splitlines()]
    assert [[(m["surface"], m["start"], m["end"]) for m in row["mentions"]] for row in found] == [
        [("W one", 3, 8)], [("W one", 3, 8)], [("Eins", 3, 7)], []
    ]  # fmt: skip
    alone = linker(world).link("w5 [[W one]] w6")[0].candidates[0]
    assert found[0]["mentions"][0]["candidates"][0]["score"] == pytest.approx(alone.score, abs=1e-5)


def test_a_bad_line_is_named_and_nothing_is_written(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").write_text('w5\n{"text": "w5", "mentions": [{"start": 1, "end": 9}]}\n')
    flags = ["--model", str(world / "run/model"), "--index", str(world / "index"), "--device", "cpu"]
    assert run_command(["link", "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out"), *flags]) == 11
    assert "in, line 2: a mention lies outside of the text's 2 characters" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert run_command(["link", "--input", str(tmp_path / "none"), *flags]) == 10


def test_an_index_is_hashed_once_and_again_when_it_changes(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    true = checksums.file_sha256
    monkeypatch.setattr(checksums, "file_sha256", lambda path: (hashed.append(path.name), true(path))[1])
    index = world / "index" / "index.faiss"
    (world / "index" / checksums.STAMPS).unlink(missing_ok=True)
    EntityIndex.open(world / "index")
    EntityIndex.open(world / "index")
    assert hashed == ["index.faiss"]
    content = index.read_bytes()
    try:
        index.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        with pytest.raises(ShardMismatch, match="damaged"):
            EntityIndex.open(world / "index")
    finally:
        index.write_bytes(content)


def mewsli_9(folder: Path) -> Path:
    """Documents and mentions as the set's scripts lay them out."""
    head = "docid\tposition\tlength\tmention\turl\tlang\tqid\tqid_in_refs\tfreq_bin"
    for language, text, rows in (
        ("en", "w5 W one w6 Eins", [("3", "5", "W one", "Q1", "3"), ("12", "4", "Eins", "Q1", "0")]),
        ("tr", "w7 Zweiyi w8", [("3", "6", "Zweiyi", "Q2", "0"), ("10", "2", "w8", "Q900", "1")]),
    ):
        (folder / language / "text").mkdir(parents=True)
        (folder / language / "text" / f"{language}-1").write_text(text)
        lines = [f"{language}-1\t{p}\t{n}\t{m}\thttp://x\t{language}\t{q}\tTrue\t{b}" for p, n, m, q, b in rows]
        (folder / language / "mentions.tsv").write_text("\n".join([head, *lines]) + "\n")
    return folder


def test_linking_is_scored_by_way_language_and_frequency(world: Path, tmp_path: Path) -> None:
    flags = ["--model", str(world / "run/model"), "--index", str(world / "index"), "--device", "cpu"]
    flags += ["--data", str(mewsli_9(tmp_path / "set")), "--output", str(tmp_path), "--threshold", "2"]
    assert run_command(["evaluate", "linking", *flags]) == 0
    results = read_results(tmp_path / "linking.json")
    assert results.data["set"] == "Mewsli-9"
    english = results.find(about="language", way="linker", language="en").measures
    assert english["recall@1"].mean == 1.0 and english["recall@1"].interval == (1.0, 1.0)
    turkish = {way: results.find(about="language", way=way, language="tr").measures for way in ("surface", "linker")}
    assert turkish["surface"]["recall@1"].mean == 0.5  # the inflected Zweiyi; w8 is nobody's name
    assert turkish["linker"]["in the index"].mean == 0.5
    assert results.primary == pytest.approx((1.0 + turkish["linker"]["recall@1"].mean) / 2)
    assert results.find(about="frequency", way="linker", frequency="0").measures["queries"].mean == 2
    assert any("1 of 4 mentions have an item that the index lacks" in note for note in results.notes)
    nil = results.find(about="NIL").measures
    assert nil["NIL recall"].mean == 1.0 and nil["accuracy"].mean == 0.25  # no score reaches 2


def test_mewsli_x_is_read_with_its_places_checked(tmp_path: Path) -> None:
    mention = {"example_id": "a", "mention_span": {"start": 3, "end": 8, "text": "W one"}, "entity_id": "Q1"}
    row = {"context": {"document_id": "en-1", "language": "en", "text": "w5 W one"}, "mentions": [mention]}
    path = tmp_path / "wikinews_mentions" / "test-en.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps(row) + "\n")
    name, [text] = read_linking_set(tmp_path)
    assert (name, text.language, text.entities) == ("Mewsli-X", "en", ["Q1"])
    for wrong, message in (
        ({"entity_id": ""}, "line 1: found the entity '', expected an item.*blanked"),
        ({"mention_span": {"start": 2, "end": 7, "text": "W one"}}, "'W one' does not stand at character 2"),
    ):
        path.write_text(json.dumps(row | {"mentions": [mention | wrong]}) + "\n")
        with pytest.raises(InputCorrupt, match=message):
            read_linking_set(tmp_path)
    path.unlink()
    with pytest.raises(InputMissing, match="Mewsli-9"):
        read_linking_set(tmp_path)
