"""The tokenize job: ids, mention positions, plain text, and what the manifest says."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from pipeline.link import job as link
from pipeline.link.config import LinkConfig
from pipeline.run.job import run_job
from pipeline.tokens import job as tokenize
from pipeline.tokens.config import TokenizeConfig
from pipeline.tokens.subwords import SENTENCEPIECE_NAME, SentencePieceSubwords, fingerprint_of
from schemas import (
    DESCRIPTIONS,
    MENTIONS,
    TOKEN_DESCRIPTIONS,
    TOKEN_MENTIONS,
    TOKEN_RELATIONS,
    TOKEN_TEXT,
    TOKEN_TRIPLES,
    Manifest,
    Table,
    read_manifest,
    read_shard,
)
from schemas.errors import UsageError
from tests.pipeline.link.datasets import small_wikidata, small_wikipedia
from tests.pipeline.tokens.tokenizer_model import small_model

ONE = ["--direct_num_workers=1"]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a linked dataset, a tokenizer and the tokens made with it."""
    folder = tmp_path_factory.mktemp("build")
    small_wikidata(folder / "wikidata")
    small_wikipedia(folder / "wikipedia")
    inputs = {"wikidata": str(folder / "wikidata"), "wikipedia": str(folder / "wikipedia")}
    run_job(link.JOB, LinkConfig(output=str(folder / "link"), min_description_bytes=10, **inputs), ONE)
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer" / SENTENCEPIECE_NAME).write_bytes(small_model())
    tokens(folder, "tokens", linked=str(folder / "link"))
    return folder


def tokens(folder: Path, name: str, **settings: Any) -> Manifest:
    config = TokenizeConfig(tokenizer=str(folder / "tokenizer"), output=str(folder / name), **settings)
    return run_job(tokenize.JOB, config, ONE)


def rows(folder: Path, table: Table, **where: str) -> list[dict[str, Any]]:
    manifest = read_manifest(folder)
    return [row for shard in manifest.of(table, **where) for row in read_shard(folder / shard.path, table).to_pylist()]


def surface(subwords: SentencePieceSubwords, ids: list[int]) -> str:
    return "".join(subwords.pieces[number] for number in ids).replace("▁", " ").strip()


def test_mention_positions_name_their_surface(build: Path) -> None:
    subwords = SentencePieceSubwords(build / "tokenizer" / SENTENCEPIECE_NAME)
    linked = {(row["wiki"], row["page_id"], row["context_index"]): row for row in rows(build / "link", MENTIONS)}
    wikis = {"de": "dewiki", "sw": "swwiki"}
    found = rows(build / "tokens", TOKEN_MENTIONS)
    assert len(found) == len(linked)
    for row in found:
        source = linked[wikis[row["language"]], row["page_id"], row["context_index"]]
        assert [f"Q{mention['entity_number']}" for mention in row["mentions"]] == [
            m["entity"] for m in source["mentions"]
        ]
        for mention, original in zip(row["mentions"], source["mentions"], strict=True):
            covered = surface(subwords, row["token_ids"][mention["first"] : mention["last"] + 1])
            expected = source["text"][original["start"] : original["end"]]
            assert expected in covered or "<unk>" in covered
        assert row["page_entity_number"] == int((source["page_entity"] or "Q-1")[1:])


def test_every_row_has_its_tokens(build: Path) -> None:
    manifest, linked = read_manifest(build / "tokens"), read_manifest(build / "link")
    assert manifest.rows["token_descriptions"] == linked.rows["descriptions"]
    assert manifest.rows["token_triples"] == linked.rows["triples"]
    assert manifest.rows["token_relations"] == 2 * linked.rows["relations"]
    assert {row["relation_number"] for row in rows(build / "tokens", TOKEN_RELATIONS)} == {17, 36}
    assert all(row["subject_number"] > 0 for row in rows(build / "tokens", TOKEN_TRIPLES))
    subwords = SentencePieceSubwords(build / "tokenizer" / SENTENCEPIECE_NAME)
    texts = {(row["entity"], row["language"]): row["text"] for row in rows(build / "link", DESCRIPTIONS)}
    for row in rows(build / "tokens", TOKEN_DESCRIPTIONS):
        expected, _ = subwords.encode([texts[f"Q{row['entity_number']}", row["language"]]])
        assert row["token_ids"] == expected.tolist()


def test_the_manifest_names_the_tokenizer_and_counts_by_language(build: Path) -> None:
    properties = read_manifest(build / "tokens").properties
    subwords = SentencePieceSubwords(build / "tokenizer" / SENTENCEPIECE_NAME)
    assert properties["tokenizer_fingerprint"] == fingerprint_of(build / "tokenizer")
    assert properties["vocab_size"] == len(subwords.pieces)
    assert properties["languages"].keys() == {"de", "sw"} and properties["languages"]["de"]["descriptions"] == 2


def test_plain_text_by_language(build: Path, tmp_path: Path) -> None:
    documents = [f"Hati ya {number}\nmstari wa pili\n" for number in range(40)]
    with gzip.open(tmp_path / "sw.txt.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(documents))
    (tmp_path / "no.txt").write_bytes("Et dokument på norsk\n\nEt til\n\n".encode() + b"bad \xff byte\n")
    texts = (f"sw={tmp_path}/sw.txt.gz", f"nowiki={tmp_path}/n*.txt")
    manifest = tokens(build, "texts", texts=texts, validation_per_mille=300, max_reject_share=0.5)
    assert manifest.partitions(TOKEN_TEXT) == ["nb", "sw"]
    sw = rows(build / "texts", TOKEN_TEXT, partition="sw")
    assert len(sw) == 40 and len(rows(build / "texts", TOKEN_TEXT, partition="sw", split="validation")) not in (0, 40)
    account = next(account for account in manifest.accounts if account.source == "text/nb/no.txt")
    assert (account.read, account.kept, account.rejected) == (3, 2, {"not_utf8": 1})
    assert manifest.properties["languages"].keys() == {"nb", "sw"}
    assert "text" in {shard.path.split("/")[0] for shard in manifest.shards}


def test_grouping_shards_changes_no_row(build: Path) -> None:
    manifest = tokens(build, "small", linked=str(build / "link"), num_bytes_per_task=1)
    one = {tuple(row["token_ids"]) for row in rows(build / "tokens", TOKEN_MENTIONS)}
    assert {tuple(row["token_ids"]) for row in rows(build / "small", TOKEN_MENTIONS)} == one
    assert manifest.rows == read_manifest(build / "tokens").rows


def test_nothing_to_do_is_said(build: Path) -> None:
    with pytest.raises(UsageError, match="nothing to tokenise"):
        tokens(build, "none")
    with pytest.raises(UsageError, match="language=path"):
        tokens(build, "none", texts=("sw.txt",))
    with pytest.raises(UsageError, match="'xyzzy'"):
        tokens(build, "none", texts=("xyzzy=a.txt",))
