"""Side by side: fine-tuning and prediction from padded rectangles and from packed streams, in one run.

    python -m benchmarks.finetuning --data FOLDER [--steps 12] [--layers 4] [--width 256] [--tasks ner xnli qa]

FOLDER holds `ner`, `xnli` and `mlqa` in their original files; their English dev sets stand in for training. The
tokenizer is trained on their texts and the encoder's weights are random, so that speed alone is measured. Three ways
take the same inputs in turn: batches in random order, padded; batches of like length, padded; and packed streams.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import sentencepiece
import torch
from transformers.utils import logging

from model.config import EncoderConfig
from model.data.draws import permutation
from model.evaluation.finetuning.config import FinetuneConfig, NerConfig, QaConfig, XnliConfig
from model.evaluation.finetuning.features import Feature, like_length_batches, random_batches
from model.evaluation.finetuning.loop import make_optimizer
from model.evaluation.finetuning.ner import NerTask
from model.evaluation.finetuning.qa import QaTask
from model.evaluation.finetuning.task import FinetuneTask
from model.evaluation.finetuning.task_model import TaskModel
from model.evaluation.finetuning.xnli import XnliTask
from model.evaluation.sets.sources import load_pairs, load_questions, load_tagged
from model.method.encoder import load_encoder

TASKS: dict[str, tuple[type[FinetuneConfig], type[FinetuneTask]]] = {
    "ner": (NerConfig, NerTask),
    "xnli": (XnliConfig, XnliTask),
    "qa": (QaConfig, QaTask),
}
VOCAB = 8_000
BUDGET = 16_384
ROUNDS = 3
PREDICTED = 2_400
"""Inputs of the set that is predicted; about as many as a dev set has."""
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")


def write_encoder(folder: Path, data: str, size: EncoderConfig) -> None:
    """A random encoder and a tokenizer of the evaluation sets' own words, as the library opens them."""
    from transformers import XLMRobertaTokenizer

    texts = [question.context for question in load_questions(data, "en", "dev")]
    texts += [pair.premise for pair in load_pairs(data, "en", "dev")]
    texts += [" ".join(sentence.tokens) for sentence in load_tagged(data, "en", "dev")]
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=trained, vocab_size=VOCAB, hard_vocab_limit=False, minloglevel=2
    )
    model = sentencepiece.SentencePieceProcessor(model_proto=trained.getvalue())
    pieces = [(model.id_to_piece(i), model.get_score(i)) for i in range(3, model.get_piece_size())]
    vocabulary = [*((piece, 0.0) for piece in SPECIAL), *pieces, ("<mask>", 0.0)]
    XLMRobertaTokenizer(vocab=vocabulary).save_pretrained(folder)
    encoder = load_encoder(size, vocab_size=len(vocabulary), pad_id=1).model
    encoder.set_attn_implementation("sdpa")
    encoder.save_pretrained(folder)


class Way:
    """One way of making batches, with a model of its own."""

    def __init__(self, task: FinetuneTask, features: list[Feature], *, packed: bool, like_length: bool) -> None:
        """Make the model anew, from the same weights for every way."""
        self.task, self.features = task, features
        torch.manual_seed(0)
        self.model = TaskModel(task.make_model(), task.level, task.tokenizer.pad_token_id, packed=packed)
        self.optimizer = make_optimizer(self.model.model, task.config)
        size, lengths = task.config.batch_size, [len(feature.token_ids) for feature in features]
        self.batches = like_length_batches(lengths, size, 1) if like_length else random_batches(len(lengths), size, 1)

    def train(self) -> None:
        """One epoch."""
        self.model.model.train()
        for batch in self.batches:
            self._step([self.features[i] for i in batch])

    @torch.no_grad()
    def predict(self, features: Sequence[Feature]) -> None:
        """All scores of a set, in the batches of dev and test."""
        self.model.model.eval()
        for part in self._parts(features):
            self.model.scores(part)

    def _step(self, features: Sequence[Feature]) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        total = sum(map(self.task.num_losses, features))
        for part in self._parts(features):
            (self.task.losses(self.model.scores(part), part).sum() / total).backward()
        torch.nn.utils.clip_grad_norm_(self.model.model.parameters(), 1.0)
        self.optimizer.step()

    def _parts(self, features: Sequence[Feature]) -> list[list[Feature]]:
        parts = self.model.parts([len(feature.token_ids) for feature in features], BUDGET)
        return [[features[i] for i in part] for part in parts]


def num_tokens(features: Sequence[Feature]) -> int:
    """Real tokens, without padding."""
    return sum(len(feature.token_ids) for feature in features)


def _timed(work: Callable[[], Any]) -> float:
    start = process_time()
    work()
    return process_time() - start


def compare(name: str, folder: Path, data: str, steps: int) -> list[str]:
    """Lines of a table: real tokens per CPU-second of each way, in training and in prediction, medians of rounds."""
    make_config, make_task = TASKS[name]
    config = make_config(model=str(folder), data=data, train_split="dev", device="cpu")
    from transformers import AutoTokenizer

    task = make_task(config, AutoTokenizer.from_pretrained(folder))
    every = task.train_features()
    mixed = [every[i] for i in permutation(len(every), "benchmark")]
    features, dev = mixed[: steps * config.batch_size], mixed[-PREDICTED:]
    ways = {
        "padded, random order": Way(task, features, packed=False, like_length=False),
        "padded, like length": Way(task, features, packed=False, like_length=True),
        "packed": Way(task, features, packed=True, like_length=False),
    }
    figures: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, own in ways.items():
            trained = num_tokens(features) / _timed(own.train)
            figures[way].append((trained, num_tokens(dev) / _timed(partial(own.predict, dev))))
    lines = []
    for way, rounds in figures.items():
        training, prediction = (median(column) for column in zip(*rounds, strict=True))
        lines.append(f"| {name} | {way} | {training:,.0f} | {prediction:,.0f} |")
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    flags = parser.parse_args()
    torch.set_num_threads(1)
    size = EncoderConfig(
        layers=flags.layers, width=flags.width, attention_heads=flags.width // 64,
        intermediate_width=4 * flags.width, max_length=512,
    )  # fmt: skip
    logging.disable_progress_bar()
    print("| task | batches | tokens per CPU-second, training | tokens per CPU-second, prediction |")
    print("| --- | --- | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        write_encoder(Path(folder), flags.data, size)
        for name in flags.tasks:
            print("\n".join(compare(name, Path(folder), flags.data, flags.steps)), flush=True)


if __name__ == "__main__":
    main()
