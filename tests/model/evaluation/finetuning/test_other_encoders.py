"""Encoders of other families: BERT with its segments and positions from 0, DeBERTa with attention of its own."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, BertTokenizer, DebertaV2Config, DebertaV2Model

from model import cli
from model.evaluation.finetuning.pretrained import longest_input
from model.evaluation.results import read_results

WORDS = "ada lives in oslo rome the hills where does who berta sings acme ##a ##b . ?".split()


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *(f"word{i}" for i in range(60))]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    BertTokenizer(vocab=vocabulary).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=96,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertForMaskedLM(config)
    model.save_pretrained(folder)
    assert longest_input(model) == 96
    return folder


def test_probing_asks_a_bert(bert: Path, tmp_path: Path) -> None:
    labels = {"Q1": {"en": "Ada"}, "Q2": {"en": "Oslo"}, "Q3": {"en": "the hills"}}
    (tmp_path / "triples.tsv").write_text("Q1\tP5\tQ2\nQ2\tP5\tQ3\n")
    (tmp_path / "qid_labels_104langs.json").write_text(json.dumps(labels))
    template = {"language": "en", "relation": "P5", "pattern": "[X] lives in [Y] ."}
    (tmp_path / "probe_patterns.jsonl").write_text(json.dumps(template) + "\n")
    flags = ["--model", str(bert), "--data", str(tmp_path), "--output", str(tmp_path / "out"), "--languages", "en"]
    assert cli.run(["evaluate", "probing", *flags, "--device", "cpu"]) == 0
    results = read_results(tmp_path / "out" / "probing.json")
    assert results.find(about="each", line="model", language="en").measures["candidates"].mean == 2


def test_question_answering_learns_on_a_bert(bert: Path, tmp_path: Path) -> None:
    paragraphs = [
        {
            "context": f"{name} lives in {place}.",
            "qas": [{"id": name, "question": "Who lives?", "answers": [{"text": name, "answer_start": 0}]}],
        }
        for name, place in (("Ada", "Oslo"), ("Berta", "Rome"))
    ]
    for file, copies in (("train-v1.1", 16), ("dev-context-en-question-en", 1)):
        (tmp_path / f"{file}.json").write_text(json.dumps({"data": [{"paragraphs": paragraphs * copies}]}))
    flags = ["--model", str(bert), "--data", str(tmp_path), "--output", str(tmp_path / "out"), "--device", "cpu"]
    flags += ["--languages", "en", "--test-split", "none", "--epochs", "3", "--learning-rate", "1e-2"]
    flags += ["--batch-size", "4", "--max-length", "64", "--max-question-length", "16"]
    assert cli.run(["evaluate", "mlqa", *flags]) == 0
    assert read_results(tmp_path / "out" / "qa.json").primary == 1.0


def test_an_encoder_that_cannot_be_packed_is_fine_tuned_all_the_same(tiny_model: Path, tmp_path: Path) -> None:
    deberta = tmp_path / "deberta"
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.save_pretrained(deberta)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = DebertaV2Config(vocab_size=len(tokenizer), pad_token_id=1, relative_attention=True, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        DebertaV2Model(config).save_pretrained(deberta)
    sentences = "Ada B-PER\nlives O\n\nBerta B-PER\nworks O\nfor O\nAcme B-ORG\n\n"
    (tmp_path / "en.train").write_text(sentences * 8)
    (tmp_path / "en.dev").write_text(sentences)
    flags = ["--model", str(deberta), "--data", str(tmp_path), "--output", str(tmp_path / "out"), "--device", "cpu"]
    flags += ["--languages", "en", "--test-split", "none", "--epochs", "4", "--learning-rate", "1e-2"]
    flags += ["--batch-size", "4", "--max-length", "64"]
    assert cli.run(["evaluate", "ner", *flags]) == 0
    results = read_results(tmp_path / "out" / "ner.json")
    assert results.primary == 1.0
    assert any(note.startswith("batches were padded: the attention of DebertaV2For") for note in results.notes)
