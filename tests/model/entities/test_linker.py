"""Entity embeddings, their index, names, and linking, from a trained model to the printed table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import XLMRobertaTokenizer

from model.cli import run as run_command
from model.commands.link import as_table, columns_of
from model.data.special_tokens import SpecialTokens
from model.data.stores.descriptions import DescriptionStore
from model.data.stores.token_dataset import TokenDataset
from model.entities.config import EmbedConfig, LinkConfig
from model.entities.embeddings import schema
from model.entities.export import embed_entities, link_text
from model.entities.index import EntityIndex, build_index, write_index
from model.entities.linker import Candidate, LinkedMention, encode_mentions
from model.entities.mentions import Span, find_mentions, read_marks
from model.entities.names import EntityNames, build_names, fold
from model.evaluation.embedder import Embedder
from model.training.trainer import pretrain
from schemas import ENTITIES, Entity, Text, read_manifest
from schemas.errors import InputMissing, OutputBusy, SchemaMismatch, ShardMismatch, UsageError
from tests.model.late_tokenizer import late_tokenizer
from tests.model.token_shards import SPECIAL, DatasetWriter
from tests.model.training_world import run_config, write_training_world

NAMES: dict[int, dict[str, tuple[str, list[str]]]] = {
    1: {"en": ("w100 w101", ["W one"]), "de": ("Eins", [])},
    2: {"en": ("W one", []), "mul": ("Zwei", ["柏林"])},
    3: {"hy": ("W500", [])},
    900: {"en": ("W900", [])},  # has no description
}


def entity(number: int, texts: dict[str, tuple[str, list[str]]]) -> Entity:
    return Entity(
        entity=f"Q{number}",
        instance_of=[],
        page_kind=None,
        num_sitelinks=number * 10,
        texts=[
            Text(language=language, label=label, short_description=None, aliases=aliases)
            for language, (label, aliases) in sorted(texts.items())
        ],
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `tokens`, `wikidata`, a `run` of three steps, and an `index`."""
    folder = tmp_path_factory.mktemp("linking")
    pretrain(run_config(write_training_world(folder), folder / "run", steps=3))
    writer = DatasetWriter(folder / "wikidata", tables=(ENTITIES,))
    writer.write(ENTITIES, [entity(number, texts) for number, texts in NAMES.items()])
    writer.finish()
    embed_entities(embedding(folder))
    return folder


def embedding(folder: Path, **changes: object) -> EmbedConfig:
    config = EmbedConfig(
        model=str(folder / "run/model"),
        data=str(folder / "tokens"),
        output=str(folder / "index"),
        tables=str(folder / "wikidata"),
        device="cpu",
    )
    return replace(config, **changes)  # type: ignore[arg-type]


def linking(folder: Path, **changes: object) -> LinkConfig:
    config = LinkConfig(text="", model=str(folder / "run/model"), index=str(folder / "index"), device="cpu")
    return replace(config, **changes)  # type: ignore[arg-type]


def vectors(folder: Path) -> tuple[list[int], np.ndarray]:
    table = pq.read_table(folder / "index/embeddings/part-00000.parquet")
    return table.column("entity_number").to_pylist(), np.array(table.column("vector").to_pylist(), dtype=np.float32)


def test_every_description_has_one_vector_of_length_one(world: Path) -> None:
    items, found = vectors(world)
    store = TokenDataset(world / "tokens", SPECIAL).store(DescriptionStore)
    assert len(items) == len(store)
    assert items == sorted(items)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    languages = pq.read_table(world / "index/embeddings/part-00000.parquet").column("language").to_pylist()
    assert set(zip(items, languages, strict=True)) == {
        (int(item), store.languages[store.language[record]])
        for place, item in enumerate(store.entities)
        for record in range(store.first_record[place], store.first_record[place + 1])
    }


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int], np.ndarray]:
    """A part of 200 random vectors for items that have one to three of them: (path, items, vectors)."""
    draws = np.random.default_rng(4)
    items = np.sort(draws.integers(1, 100, 200))
    found = draws.standard_normal((200, 16)).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    path = tmp_path_factory.mktemp("part") / "part-00000.parquet"
    flat = pa.FixedSizeListArray.from_arrays(pa.array(found.reshape(-1)), type=schema(16).field("vector").type)
    pq.write_table(pa.table([items, ["en"] * 200, flat], schema=schema(16)), path)
    return path, items.tolist(), found


def opened(part: tuple[Path, list[int], np.ndarray], folder: Path, kind: str) -> EntityIndex:
    path, items, found = part
    index = build_index([path], found.shape[1], len(items), kind)
    write_index(index, np.array(items), folder, {"model": "m", "dataset": "d", "languages": ("de", "en", "hy", "zh")})
    return EntityIndex.open(folder)


def test_nearest_is_what_comparing_with_all_gives(part: tuple[Path, list[int], np.ndarray], tmp_path: Path) -> None:
    index = opened(part, tmp_path / "index", "auto")
    _, items, found = part
    query = found[7] + 0.1 * found[30]
    query /= np.linalg.norm(query)
    best: dict[int, float] = {}
    for place in np.argsort(-(found @ query)).tolist():
        best.setdefault(items[place], float(found[place] @ query))
    nearest = index.nearest(query, 5)
    assert [item for item, _ in nearest] == list(best)[:5]
    assert [score for _, score in nearest] == pytest.approx(list(best.values())[:5], abs=1e-5)
    few = index.nearest(query, 5, among=[items[0], items[-1], 10**9])
    assert dict(few) == pytest.approx({items[0]: best[items[0]], items[-1]: best[items[-1]]}, abs=1e-5)
    many = index.nearest(query, 3, among=list(range(10, 40)))
    assert [item for item, _ in many] == [item for item in best if 10 <= item < 40][:3]
    assert index.nearest(query, 5, among=[10**9]) == []


def test_an_index_with_cells_serves_the_same_items(part: tuple[Path, list[int], np.ndarray], tmp_path: Path) -> None:
    index = opened(part, tmp_path / "cells", "IVF2,Flat")
    _, items, found = part
    assert isinstance(index.search_index, faiss.IndexIVF)
    assert index.names is None
    assert index.nearest(found[3], 1)[0][0] == items[3]
    assert index.nearest(found[3], 1, among=[items[-1]])[0][0] == items[-1]


@pytest.mark.parametrize(("kind", "message"), [("Nonsense", "cannot make"), ("IVF9999,Flat", "too few")])
def test_impossible_indexes_are_refused(
    part: tuple[Path, list[int], np.ndarray], tmp_path: Path, kind: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        opened(part, tmp_path, kind)


def test_names_lead_to_items_and_items_to_labels(world: Path) -> None:
    names = EntityIndex.open(world / "index").names
    assert names is not None
    assert names.named(["w ONE", "W  one", "eins", "柏林", "nobody", "W900"]) == [[2, 1], [2, 1], [1], [2], [], []]
    assert [names.label(1, code) for code in ("en", "de", "fr")] == ["w100 w101", "Eins", "w100 w101"]
    assert [names.label(2, code) for code in ("en", "fr")] == ["W one", "Zwei"]
    assert names.label(3, "en") == "W500"
    assert names.label(4, "en") == names.label(10**9, "en") == ""


def test_names_of_nothing_are_empty(tmp_path: Path, world: Path) -> None:
    build_names(world / "wikidata", read_manifest(world / "wikidata"), np.array([77]), tmp_path)
    names = EntityNames.open(tmp_path)
    assert names.named(["w one"]) == [[]]
    assert names.label(77, "en") == ""


def test_names_are_folded() -> None:
    assert fold("E\u0301cole  STRASSE") == fold("école straße")


@pytest.mark.parametrize(
    ("marked", "text", "spans"),
    [
        ("near [[Paris]], Texas", "near Paris, Texas", [Span(5, 10)]),
        ("[[a]][[b c]]", "ab c", [Span(0, 1), Span(1, 4)]),
        ("[one] bracket ]", "[one] bracket ]", []),
        ("", "", []),
    ],
)
def test_marks_are_read(marked: str, text: str, spans: list[Span]) -> None:
    assert read_marks(marked) == (text, spans)


@pytest.mark.parametrize("marked", ["[[a", "a]]", "[[a [[b]] c]]", "x [[ ]] y", "]]a[["])
def test_wrong_marks_are_refused(marked: str) -> None:
    with pytest.raises(UsageError, match=r"\[\[mention\]\]"):
        read_marks(marked)


def test_mentions_are_found_by_their_names(world: Path) -> None:
    index = EntityIndex.open(world / "index")
    assert index.names is not None
    text = "w7 Eins w8, W One w100 w101 eins W900; 我在柏林。"
    found = [text[span.start : span.end] for span in find_mentions(text, index.lookup, index.knows)]
    assert found == ["Eins", "W One", "柏林"]  # small letters begin no name, W900 has no description


def test_a_marked_mention_is_compared_with_all_and_a_name_with_its_namesakes(world: Path) -> None:
    marked, named = link_text(linking(world, top=4), "w5 w6 [[w20 w21]] w8 [[W one]] w9")
    assert (marked.surface, marked.start, marked.named, len(marked.candidates)) == ("w20 w21", 6, False, 4)
    scores = [candidate.score for candidate in marked.candidates]
    assert scores == sorted(scores, reverse=True)
    assert {candidate.entity for candidate in named.candidates} == {"Q1", "Q2"}
    assert {candidate.label for candidate in named.candidates} == {"w100 w101", "W one"}


def test_the_mention_is_hidden_unless_asked_for(world: Path) -> None:
    def scores(text: str, mask: bool) -> list[float]:
        return [candidate.score for candidate in link_text(linking(world, mask=mask), text)[0].candidates]

    assert scores("w5 [[w20]] w8", True) == scores("w5 [[w30]] w8", True)
    assert scores("w5 [[w20]] w8", False) != scores("w5 [[w30]] w8", False)
    assert scores("w5 [[w20]] w8", False) != scores("w5 [[w20]] w8", True)


def test_a_lone_space_is_not_a_mentions_first_sub_token() -> None:
    """Such vocabularies part 柏林 from the space before it; the shards' mentions begin with the word."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", "柏林", "是", "德国", "▁São", "▁Paulo", ",", "<mask>"]
    tokenizer = XLMRobertaTokenizer(vocab=[(piece, -1.0) for piece in pieces])
    special = SpecialTokens.from_tokenizer(tokenizer, position_offset=2)
    embedder = Embedder(torch.nn.Identity(), special)
    text, spans = read_marks("[[柏林]]是[[德国]], [[São Paulo]]")
    shown = encode_mentions(text, spans, tokenizer, embedder, mask=False)
    firsts = [tokenizer.convert_ids_to_tokens(one.token_ids[one.position]) for one in shown]
    assert firsts == ["柏林", "德国", "▁São"]
    masked = encode_mentions(text, spans, tokenizer, embedder, mask=True)
    assert [one.token_ids.count(special.mask) for one in masked] == [1, 1, 2]


def test_a_mention_of_one_character_has_its_token_with_a_tokenizer_that_tells_it_late() -> None:
    tokenizer = late_tokenizer()
    embedder = Embedder(torch.nn.Identity(), SpecialTokens.from_tokenizer(tokenizer, position_offset=2))
    text, spans = read_marks("a [[b]] c")
    (found,) = encode_mentions(text, spans, tokenizer, embedder, mask=False)
    assert tokenizer.convert_ids_to_tokens(found.token_ids[found.position]) == "Ġb"


def test_a_rerun_keeps_what_is_finished(world: Path) -> None:
    part = world / "index/embeddings/part-00000.parquet"
    before = part.stat().st_mtime_ns
    embed_entities(embedding(world))
    assert part.stat().st_mtime_ns == before


def test_an_output_of_something_else_is_refused(world: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputBusy, match="languages differ"):
        embed_entities(embedding(world, languages=("de",)))
    (tmp_path / "something").write_text("x")
    with pytest.raises(OutputBusy, match="not empty"):
        embed_entities(embedding(world, output=str(tmp_path)))


def test_what_does_not_go_together_is_refused(world: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no descriptions in fr"):
        embed_entities(embedding(world, languages=("fr",), output=str(tmp_path / "x")))
    with pytest.raises(InputMissing, match="no finished entity index"):
        link_text(linking(world, index=str(tmp_path)), "[[w5]]")
    other = tmp_path / "other"
    pretrain(run_config(world / "tokens", other, steps=3, seed=5))
    with pytest.raises(UsageError, match="another model"):
        link_text(linking(world, model=str(other / "model")), "[[w5]]")


def test_a_damaged_index_is_refused(part: tuple[Path, list[int], np.ndarray], tmp_path: Path) -> None:
    folder = tmp_path / "index"
    opened(part, folder, "Flat")
    content = bytearray((folder / "index.faiss").read_bytes())
    content[-9] ^= 1
    (folder / "index.faiss").write_bytes(content)
    with pytest.raises(ShardMismatch, match="damaged"):
        EntityIndex.open(folder)
    note = json.loads((folder / "entity_index.json").read_text())
    (folder / "entity_index.json").write_text(json.dumps(note | {"format": 9}))
    with pytest.raises(SchemaMismatch, match="format 9"):
        EntityIndex.open(folder)
    (folder / "entity_index.json").write_text("{")
    with pytest.raises(ShardMismatch, match="damaged"):
        EntityIndex.open(folder)


def test_the_commands_print_what_they_found(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--model", str(world / "run/model"), "--index", str(world / "index"), "--device", "cpu"]
    assert run_command(["link", "w5 [[W one]] w6", *flags, "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["surface", "entity", "label", "score"]
    assert len(lines) == 3
    assert run_command(["link", "w5 [[W one]] w6", *flags, "--json", "True"]) == 0
    assert json.loads(capsys.readouterr().out)["surface"] == "W one"
    assert run_command(["link", "w5 w6", *flags]) == 0
    assert "no mention was found" in capsys.readouterr().out
    assert run_command(["link", " ", *flags]) == 2
    assert "no text to link" in capsys.readouterr().err
    assert run_command(["link", "[[w5", *flags]) == 2


def test_a_table_is_even_in_a_terminal() -> None:
    mentions = [
        LinkedMention(
            surface=surface,
            start=0,
            end=len(surface),
            named=True,
            candidates=[Candidate(entity="Q64", label="Berlin", score=0.5)],
        )
        for surface in ("柏林", "Berlin", "बर्लिन")
    ]
    columns = {columns_of(line[: line.index("Q64")]) for line in as_table(mentions).splitlines()[1:]}
    assert len(columns) == 1
