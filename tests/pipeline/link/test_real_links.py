"""Linking and tokenising real dumps: fates add up, mentions are where they say, two libraries agree on every row."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.link import job as link
from pipeline.link.config import LinkConfig
from pipeline.run.job import run_job
from pipeline.tokens import job as tokenize
from pipeline.tokens.config import TokenizeConfig
from pipeline.tokens.subwords import open_subwords
from pipeline.wikidata import job as wikidata
from pipeline.wikidata.config import WikidataConfig
from pipeline.wikipedia import job as wikipedia
from pipeline.wikipedia.config import WikipediaConfig
from schemas import DESCRIPTIONS, MENTIONS, Manifest, iter_shard, read_manifest

ITEMS = ("1000-entities.json.bz2", "100lines.json.gz")
PAGES = ("hywiki-20230501-pages-articles-multistream.xml.bz2", "zhwiki-2018-pages-articles-multistream.xml.bz2",
         "minidumps/nl_wiki.xml.bz2", "minidumps/ar_wiki.xml.bz2", "minidumps/no_wiki.xml.bz2")  # fmt: skip


@pytest.fixture(scope="module")
def build(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    items = tuple(str(real_data / "wikidata" / name) for name in ITEMS)
    pages = tuple(str(real_data / "wikipedia" / name) for name in PAGES)
    run_job(wikidata.JOB, WikidataConfig(dumps=items, output=str(folder / "wikidata"), max_reject_share=0.01))
    run_job(wikipedia.JOB, WikipediaConfig(dumps=pages, output=str(folder / "wikipedia"), wiki_from_name=True))
    inputs = {"wikidata": str(folder / "wikidata"), "wikipedia": str(folder / "wikipedia")}
    run_job(link.JOB, LinkConfig(output=str(folder / "link"), **inputs))
    return folder


@pytest.mark.slow
def test_fates_of_real_links_add_up(build: Path) -> None:
    manifest = read_manifest(build / "link")
    found = {account.source: account for account in manifest.accounts}
    for language, counts in manifest.properties["languages"].items():
        fates = sum(n for name, n in counts.items() if name.startswith("links_"))
        if f"links/{language}" in found:
            assert fates == found[f"links/{language}"].read
            assert (
                counts.get("links_resolved", 0) + counts.get("links_via_redirect", 0) == found[f"links/{language}"].kept
            )
    assert set(manifest.partitions(MENTIONS)) >= {"ar", "hy", "nb", "nl", "zh"}


@pytest.mark.slow
def test_descriptions_are_one_per_entity_and_language(build: Path) -> None:
    manifest = read_manifest(build / "link")
    keys = [
        key
        for shard in manifest.of(DESCRIPTIONS)
        for batch in iter_shard(build / "link" / shard.path, DESCRIPTIONS, ("entity", "language"))
        for key in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    ]
    assert len(keys) == len(set(keys)) > 1000


@pytest.mark.slow
def test_both_libraries_agree_on_every_row(build: Path, real_data: Path) -> None:
    """Equal ids but for ties of scores (at most 1 row in 1,000), equal places of mentions in all others."""
    fast, slow = (open_subwords(real_data / "tokenizer", backend) for backend in ("sentencepiece", "tokenizers"))
    rows = ties = 0
    for texts, spans in texts_with_spans(read_manifest(build / "link"), build / "link"):
        for one, two in zip(fast.encode_spans(texts, spans), slow.encode_spans(texts, spans), strict=True):
            rows += 1
            if one.ids.tolist() != two.ids.tolist():
                ties += 1
            else:
                assert one.spans == two.spans
    assert rows > 2000 and ties <= rows / 1000
    config = TokenizeConfig(
        tokenizer=str(real_data / "tokenizer"), linked=str(build / "link"), output=str(build / "tokens")
    )
    manifest = run_job(tokenize.JOB, config)
    assert manifest.rows["token_mentions"] + manifest.rows["token_descriptions"] == rows


def texts_with_spans(manifest: Manifest, folder: Path) -> list[tuple[list[str], list[list[tuple[int, int]]]]]:
    found = []
    for table in (DESCRIPTIONS, MENTIONS):
        for shard in manifest.of(table):
            for batch in iter_shard(folder / shard.path, table):
                texts = batch.column("text").to_pylist()
                lists = batch.column("mentions").to_pylist() if table is MENTIONS else [[] for _ in texts]
                found.append((texts, [[(mention["start"], mention["end"]) for mention in row] for row in lists]))
    return found
