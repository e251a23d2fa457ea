"""The card says first what the model can do, then what it is for and where its limits are, all from the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from model.config import PretrainConfig
from model.training.model_card import model_card
from schemas import Manifest, Shard
from tests.model.training_world import run_config


def card(config: PretrainConfig, **facts: object) -> str:
    shards = [
        Shard(path=f"mentions/{language}/{split}-0.parquet", table="mentions", partition=language, split=split, rows=rows,
              bytes=1, sha256="0")
        for language, split, rows in (("de", "train", 10_000), ("no", "train", 9_999), ("no", "validation", 5_000))
    ]  # fmt: skip
    manifest = Manifest(job="tokenize", tables={"mentions": 1}, shards=shards, accounts=[], counters={}, inputs={"linked": "abc"},
                        config={}, code_version="1")  # fmt: skip
    return model_card(config, manifest, {"steps": 3, "tokens_seen": 9, "ranks": 1, **facts}, "XLMRobertaModel")


def with_objectives(tmp_path: Path, *names: str) -> PretrainConfig:
    return replace(run_config(tmp_path, tmp_path), objectives=names).resolved()


def test_results_come_first_then_use_and_limits(tmp_path: Path) -> None:
    said = card(with_objectives(tmp_path, "mlm", "mep", "oe"), results=[("retrieval mrr", "12.3")])
    places = [
        said.index(words) for words in ("## Results", "| retrieval mrr | 12.3 |", "## Use", "AutoModel", "## Training")
    ]
    assert places == sorted(places)
    assert "Fewer than 10,000 rows each to train on in: no." in said
    assert "It saw no relations" not in said and "not trained to tell entities" not in said


def test_what_was_not_trained_and_not_measured_is_a_limit(tmp_path: Path) -> None:
    said = card(with_objectives(tmp_path, "mlm"))
    assert "nothing is known of what it can do" in said
    assert "It saw no relations" in said and "not trained to tell entities" in said
