"""From dumps to scores in one go: the sample world, every job, a few training steps, the exported model, retrieval."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from model.evaluation.ranking.config import RetrievalConfig
from model.evaluation.ranking.retrieval import run_retrieval
from model.recipes import TINY
from model.training.trainer import pretrain
from schemas import DESCRIPTIONS, MENTIONS, PAGES, SITELINKS, VALIDATION, read_manifest, read_shard

_STEPS = 40


@pytest.fixture(scope="module")
def run_folder(sample_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run of a very small encoder on the sample build."""
    folder = tmp_path_factory.mktemp("run")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    config = replace(
        TINY,
        data=str(sample_build / "tokens"),
        output=str(folder),
        steps=_STEPS,
        log_every=5,
        save_every=_STEPS,
        encoder=replace(TINY.encoder, layers=2, width=48, attention_heads=2, intermediate_width=96),
        stream=replace(TINY.stream, tokens_per_step=2_048, max_length=40, max_description_length=40),
        optim=replace(TINY.optim, warmup_steps=5),
    )
    try:
        pretrain(config)
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(False)
    return folder


def _lines(run_folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run_folder / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if "mep/loss" in line]


def test_every_job_balances_and_rejects_nothing(sample_build: Path) -> None:
    for name in ("wikidata", "wikipedia", "link", "tokens"):
        manifest = read_manifest(sample_build / name)
        assert manifest.accounts
        for account in manifest.accounts:
            assert account.read == account.kept + sum(account.dropped.values()) + sum(account.rejected.values())
            assert not account.rejected, account


def test_every_article_is_an_entity_with_a_description(sample_build: Path) -> None:
    """Each of the 90 entities has a page, a sitelink and a Wikipedia description in each of the three languages."""

    def rows(name: str, table: Any) -> list[dict[str, Any]]:
        manifest = read_manifest(sample_build / name)
        shards = [read_shard(sample_build / name / shard.path, table) for shard in manifest.of(table)]
        return [row for shard in shards for row in shard.to_pylist()]

    links = {(row["wiki"], row["title"]): row["entity"] for row in rows("wikidata", SITELINKS)}
    assert len(links) == 3 * 90
    pages = {(row["wiki"], row["title"]) for row in rows("wikipedia", PAGES) if not row["is_disambiguation"]}
    assert pages == set(links)
    descriptions = rows("link", DESCRIPTIONS)
    assert {(row["entity"], row["language"]) for row in descriptions} == {
        (entity, wiki.removesuffix("wiki")) for (wiki, _), entity in links.items()
    }
    assert sum(row["origin"] == "wikipedia" for row in descriptions) >= 0.95 * len(descriptions)
    mentions = rows("link", MENTIONS)
    for row in mentions:
        assert all(0 <= mention["start"] < mention["end"] <= len(row["text"]) for mention in row["mentions"])
    assert {mention["entity"] for row in mentions for mention in row["mentions"]} == set(links.values())


def test_no_markup_is_left_in_texts(sample_build: Path) -> None:
    manifest = read_manifest(sample_build / "link")
    for shard in manifest.of(DESCRIPTIONS):
        for text in read_shard(sample_build / "link" / shard.path, DESCRIPTIONS)["text"].to_pylist():
            for leftover in ("{{", "[[", "'''", "<ref", "-{", "()", "（）", "thumb", "( ", " ,", "lang"):
                assert leftover not in text.replace("language", ""), text


def test_training_has_three_losses_and_lowers_their_sum(run_folder: Path) -> None:
    lines = _lines(run_folder)
    assert lines[-1]["step"] == _STEPS
    for line in lines:
        for objective in ("mlm", "mep", "oe"):
            assert 0 < line[f"{objective}/loss"] < 20, line
            assert line[f"{objective}/pairs" if objective != "mlm" else "mlm/words"] > 0, line
    late = sum(line["loss"] for line in lines[-3:]) / 3
    assert late < lines[0]["loss"] - 0.3, (lines[0]["loss"], late)


def test_export_opens_as_a_plain_encoder(run_folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(run_folder / "model")
    model = AutoModel.from_pretrained(run_folder / "model")
    assert AutoModelForMaskedLM.from_pretrained(run_folder / "model").config.vocab_size == len(tokenizer)
    batch = tokenizer(["Paris is the capital of France.", "巴黎"], padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = model(**batch).last_hidden_state
    assert states.shape[:2] == batch["input_ids"].shape
    assert torch.isfinite(states).all()


def test_retrieval_ranks_across_languages_beside_chance(run_folder: Path, sample_build: Path, tmp_path: Path) -> None:
    data = str(sample_build / "tokens")
    assert any(shard.split == VALIDATION for shard in read_manifest(data).shards)
    config = RetrievalConfig(model=str(run_folder / "model"), data=data, output=str(tmp_path), max_queries=40)
    results = run_retrieval(config)
    rows = [row for row in results.rows if row.keys.get("question") == "mep"]
    pairs = {(row.keys["source"], row.keys["target"]) for row in rows if {"source", "target"} <= set(row.keys)}
    assert {("en", "zh"), ("zh", "hy"), ("hy", "en")} <= pairs
    for row in rows:
        assert 0 <= float(row.measures["hits@1"].mean) <= float(row.measures["hits@10"].mean) <= 1
