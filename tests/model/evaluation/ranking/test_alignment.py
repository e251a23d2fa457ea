"""Labels across languages: which are taken, and how they rank."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from model import cli
from model.evaluation.embedder import Embedder, load_embedder
from model.evaluation.ranking.alignment import align_labels
from model.evaluation.ranking.config import AlignmentConfig
from model.evaluation.ranking.labels import common_languages, read_label_file, read_labels, widest_entities
from model.evaluation.results import read_results
from schemas import ENTITIES
from schemas.errors import InputCorrupt, InputMissing
from tests.model.evaluation.token_world import write_dataset

LABELS = {
    "Q1": {"en": "Oslo", "de": "Oslo", "fr": "Oslo"},
    "Q2": {"en": "Rome", "de": "Rom"},
    "Q3": {"en": "the hills"},
    "Q10": {"en": "river", "de": "Fluss", "fr": "fleuve"},
}


def _entity(name: str, sitelinks: int, labels: dict[str, str | None], kind: str | None = None) -> dict:
    texts = [
        {"language": la, "label": la_label, "short_description": None, "aliases": []} for la, la_label in labels.items()
    ]
    return {"entity": name, "instance_of": [], "page_kind": kind, "num_sitelinks": sitelinks, "texts": texts}


def test_entities_with_most_languages_come_first_and_single_ones_not_at_all() -> None:
    assert widest_entities(LABELS, ["en", "de", "fr"], 0) == ["Q1", "Q10", "Q2"]
    assert widest_entities(LABELS, ["en", "de", "fr"], 1) == ["Q1"]
    assert common_languages(LABELS, 2) == ["en", "de"]


def test_labels_of_the_most_linked_entities_of_a_dataset(tmp_path: Path) -> None:
    rows = [
        _entity("Q1", 5, {"en": "Oslo", "fr": None}),
        _entity("Q2", 9, {"en": "Rome"}),
        _entity("Q3", 1, {"en": "Acme"}),
        _entity("Q4", 99, {"en": "Oslo"}, "disambiguation"),
    ]
    folder = Path(write_dataset(tmp_path / "wikidata", {(ENTITIES, "", "part"): rows}).where)
    assert read_labels(folder, 2) == {"Q1": {"en": "Oslo"}, "Q2": {"en": "Rome"}}
    assert len(read_labels(folder, 0)) == 3
    with pytest.raises(InputMissing):
        read_labels(tmp_path / "nothing", 2)


def test_a_label_file_of_another_form_is_refused(tmp_path: Path) -> None:
    for text in ("[1]", '{"Q1": "Oslo"}', '{"Oslo": {}}', "{"):
        (tmp_path / "labels.json").write_text(text)
        with pytest.raises(InputCorrupt, match="expected JSON of the form"):
            read_label_file(tmp_path / "labels.json")


class _Letters(Embedder):
    """Embeds a document by one number per token, so that equal spelling is equal and nothing else is."""

    def __init__(self, embedder: Embedder) -> None:
        self.special, self.lengths = embedder.special, embedder.lengths

    def embed(self, documents, role, pooling) -> torch.Tensor:
        rows = torch.zeros(len(documents), 400)
        for row, document in zip(rows, documents, strict=True):
            row[torch.tensor(document.token_ids)] = 1.0
        return torch.nn.functional.normalize(rows, dim=-1)

    def has_head(self, role) -> bool:
        return False


def test_labels_spelled_alike_are_found_and_reported_apart(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    embedder = _Letters(load_embedder(str(tiny_model), tokenizer, "cpu", 512))
    config = AlignmentConfig(model="letters", data="labels", languages=("en", "de"))
    results = align_labels(config, embedder, tokenizer, LABELS)
    pair = {"about": "pair", "source": "en", "target": "de"}
    assert results.find(**pair, spelling="all").measures["queries"].mean == 3
    assert results.find(**pair, spelling="differs").measures["queries"].mean == 2
    assert results.find(about="summary", spelling="all", line="chance").measures["hits@1"].mean == pytest.approx(1 / 3)
    # "Oslo" is spelled alike and ranks first; "river" and "Fluss" share next to nothing.
    assert results.find(**pair, spelling="all").measures["hits@1"].mean >= 1 / 3
    assert results.notes[-1] == "no projection head is used"


def test_entities_are_told_by_how_often_training_mentions_them(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    embedder = _Letters(load_embedder(str(tiny_model), tokenizer, "cpu", 512))
    config = AlignmentConfig(model="letters", data="labels", languages=("en", "de"))
    counted = (np.array([1, 10]), np.array([12, 3]))
    results = align_labels(config, embedder, tokenizer, LABELS, counted)
    for name, queries in (("0 (unseen)", 2), ("1 to 9", 2), ("10 to 99", 2)):
        row = results.find(about="frequency", **{"mentions in training": name})
        assert row.measures["queries"].mean == queries  # each entity is asked for in both directions
    assert results.find(about="seen", **{"mentions in training": "seen"}).measures["queries"].mean == 4


def test_languages_that_share_nothing_are_refused(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    embedder = load_embedder(str(tiny_model), tokenizer, "cpu", 512)
    with pytest.raises(InputCorrupt, match="no entity has labels in two"):
        align_labels(AlignmentConfig(model="m", data="d", languages=("en", "xx")), embedder, tokenizer, LABELS)


def test_alignment_by_command(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(LABELS))
    flags = ["--model", str(tiny_model), "--data", str(tmp_path / "labels.json"), "--output", str(tmp_path / "out")]
    assert cli.run(["evaluate", "alignment", *flags, "--pooling", "mean"]) == 0
    results = read_results(tmp_path / "out" / "alignment.json")
    assert results.primary_keys == {"about": "summary", "spelling": "differs", "line": "model"}


def test_two_runs_of_alignment_are_compared_in_pairs(tiny_model: Path, tmp_path: Path, capsys) -> None:
    words = ("Ada", "Berta", "Oslo", "Rome", "Acme", "river", "hills")
    names = [f"{first} {second}" for first in words for second in words if first != second]
    labels = {f"Q{i}": {"en": name, "de": f"die {name}", "fr": name} for i, name in enumerate(names[:30], start=1)}
    labels |= {f"Q{i}": {"en": name, "de": f"das {name}"} for i, name in enumerate(names[30:], start=31)}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    for run, pooling in (("one", "mean"), ("two", "state")):
        flags = ["--model", str(tiny_model), "--data", str(tmp_path / "labels.json"), "--output", str(tmp_path / run)]
        assert cli.run(["evaluate", "alignment", *flags, "--pooling", pooling]) == 0
    results = read_results(tmp_path / "one" / "alignment.json")
    summary = results.find(about="summary", spelling="differs", line="model").measures["mrr"]
    assert summary.interval is not None and summary.interval[0] <= summary.mean <= summary.interval[1]
    equal = results.find(about="pair", source="en", target="fr", spelling="all").measures["hits@1"]
    assert equal.interval == (1.0, 1.0) and equal.mean == 1.0
    capsys.readouterr()
    assert cli.run(["compare", str(tmp_path / "one"), str(tmp_path / "two"), "--task", "alignment"]) == 0
    table = capsys.readouterr().out
    assert "en → fr" not in table  # all spelled alike: no part of the primary figure
    lines = {line.split("  ")[0].strip(): line for line in table.splitlines()}
    assert f"{100 * results.primary:.1f}" in lines["mean"] and "[" in lines["de → en"]
