"""The same training step computed in three ways, from the same weights and rows.

- `PlainWay`: as the authors' release computes it, written from its description: contexts and descriptions padded, two
  forwards with plain attention and all hidden states kept, the vocabulary head over every description token and thrown
  away, both losses over [query; key; bank] in both directions with the whole bank normalised and concatenated each
  time, the bank moved by concatenation, figures read on the host in every step.
- `PackedWay`: this project, in `paper` mode (the same loss) or in `best` mode.
- `trainer_seconds`: the Hugging Face Trainer with its padding collator, for MLM alone.
"""

from __future__ import annotations

import tempfile
import time
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.training_rows import MASKED, Rows, packed, padded
from model.batch import IGNORED_LABEL, Batch
from model.config import EncoderConfig, MethodConfig, OptimConfig, PretrainConfig
from model.data.stream_config import StreamConfig
from model.method.contrast import PaperContrast
from model.method.encoder import Encoder, load_encoder
from model.method.joint import JointModel
from model.training.optim import make_optimizer, set_rate
from model.training.step import TrainingStep

RATE = 1e-4
TEMPERATURE = 0.05


def configuration(
    encoder: EncoderConfig, mode: str, bank: int, objectives: tuple[str, ...], precision: str
) -> PretrainConfig:
    """The run that all ways share; the schedule is flat, and the batches are not made by its stream."""
    return PretrainConfig(
        objectives=objectives,
        encoder=replace(encoder, dropout=0.0),
        method=MethodConfig(mode="paper" if mode == "paper" else "best", bank_size=bank, temperature=TEMPERATURE),
        stream=StreamConfig(),
        optim=OptimConfig(peak_rate=RATE, warmup_steps=0, schedule="wsd", decay_share=1e-9),
        precision="bf16" if precision == "bf16" else "fp32",
        steps=1_000_000,
    ).resolved()


def new_model(run: PretrainConfig, vocab: int, device: torch.device) -> JointModel:
    """The joint model with the weights that every way starts from."""
    encoder = deepcopy(_first_weights(replace(run.encoder, compile=False), vocab, run.seed))
    return JointModel(encoder, run).to(device)


@lru_cache(maxsize=1)
def _first_weights(config: EncoderConfig, vocab: int, seed: int) -> Encoder:
    """Random weights, drawn once for all ways: a large encoder takes seconds."""
    return load_encoder(config, vocab_size=vocab, pad_id=1, seed=seed)


class Rectangles(NamedTuple):
    """The rows of a step as padded tensors."""

    contexts: Tensor
    targets: Tensor
    descriptions: Tensor
    mentions: Tensor


class PlainWay:
    """The released way; needs a model in `paper` mode, whose heads, noise and weights it uses."""

    def __init__(self, joint: JointModel, run: PretrainConfig, device: torch.device, *, bf16: bool) -> None:
        self.joint, self.device, self.bf16 = joint, device, bf16
        self.optimizer = make_optimizer(joint, run.optim)
        joint.encoder.model.set_attn_implementation("eager")
        contrast: Any = joint.objectives["mep"].contrast
        assert isinstance(contrast, PaperContrast)
        self.contrast = contrast
        self.banks = [bank.contents()[0] for bank in (contrast.key_bank, contrast.query_bank)]

    def prepare(self, rows: Rows) -> Rectangles:
        """What a loader would hand over: padded tensors, on the device already."""
        sides = (padded(rows.contexts, 1), padded(rows.labels, IGNORED_LABEL), padded(rows.descriptions, 1))
        return Rectangles(*(side.to(self.device) for side in (*sides, torch.tensor(rows.mentions))))

    def step(self, rows: Rectangles) -> float:
        """One optimizer step; returns the loss."""
        self.joint.train()
        set_rate(self.optimizer, RATE)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            loss = self._loss(rows)
        loss.backward()
        nn.utils.clip_grad_norm_(self.joint.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def _loss(self, rows: Rectangles) -> Tensor:
        contexts, targets, descriptions, mentions = rows
        model = self.joint.encoder.model
        body, masked = model.base_model, targets != IGNORED_LABEL
        if masked.sum().item() == 0:
            raise ValueError("no masked token in a batch")
        inner = body(contexts, attention_mask=(contexts != 1).long(), output_hidden_states=True).hidden_states[-1]
        logits = model.lm_head(inner[masked])
        mlm = nn.functional.nll_loss(logits.log_softmax(-1, dtype=torch.float32), targets[masked])
        described = body(descriptions, attention_mask=(descriptions != 1).long(), output_hidden_states=True)
        model.lm_head(described.hidden_states[-1])  # computed, and never used
        seats = torch.arange(len(mentions), device=self.device)
        words = self.contrast.query_head(inner[seats, mentions])
        texts = self.contrast.key_head(described.hidden_states[-1][:, 0])
        loss = mlm + self._both_ways(words, texts, self.banks[0]) + self._both_ways(texts, words, self.banks[1])
        self.banks = [
            torch.cat([bank[len(new) :], new.detach().to(bank.dtype)])
            for bank, new in zip(self.banks, (texts, words), strict=True)
        ]
        return loss

    def _both_ways(self, queries: Tensor, keys: Tensor, bank: Tensor) -> Tensor:
        number = len(queries)
        units = [nn.functional.normalize(states.float(), dim=-1, eps=1e-4) for states in (queries, keys, bank)]
        itself = torch.eye(number, 2 * number + len(bank), dtype=torch.bool, device=self.device)
        right = torch.arange(number, device=self.device) + number
        total = torch.zeros((), device=self.device)
        for one, other in ((units[0], units[1]), (units[1], units[0])):
            scores = (one @ torch.cat([one, other, units[2]]).T / TEMPERATURE).masked_fill(itself, float("-inf"))
            total = total + nn.functional.nll_loss(scores.log_softmax(-1), right, reduction="sum")
            (scores.argmax(1) == right).sum().item()  # the accuracy is read on the host each time
        return total / (2 * number)


class PackedWay:
    """This project's way."""

    def __init__(
        self, joint: JointModel, run: PretrainConfig, device: torch.device, *, descriptions: bool = True
    ) -> None:
        self.joint, self.training = joint, TrainingStep(joint, run, device)
        self.descriptions = descriptions

    def prepare(self, rows: Rows) -> Batch:
        """What the loader hands over: one packed stream, for a GPU in page-locked memory."""
        batch = packed(rows, with_descriptions=self.descriptions)
        return batch.pin_memory() if self.training.device.type == "cuda" else batch

    def step(self, batch: Batch) -> Tensor:
        """One optimizer step; returns the loss, not read."""
        return self.training([batch], 0).measures["loss"]


def trainer_seconds(
    run: PretrainConfig, vocab: int, rows: list[Rows], device: torch.device, *, bf16: bool, compiled: bool
) -> list[float]:
    """Seconds of each step of the Hugging Face Trainer on the contexts, MLM alone, one batch of rows per step."""
    from transformers import DataCollatorForLanguageModeling, Trainer, TrainerCallback, TrainingArguments

    model = new_model(run, vocab, device).encoder.model
    model.set_attn_implementation("sdpa")
    marks: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            if device.type == "cuda":
                torch.cuda.synchronize()
            marks.append(time.perf_counter() if device.type == "cuda" else time.process_time())

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=len(rows[0].contexts),
            max_steps=len(rows),
            learning_rate=RATE,
            bf16=bf16,
            use_cpu=device.type == "cpu",
            torch_compile=compiled,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            optim="adamw_torch_fused",
            train_sampling_strategy="sequential",
        )
        # Fewer widths for the compiler, at the price of some more padding.
        collator = DataCollatorForLanguageModeling(
            _tokenizer(vocab), mlm_probability=MASKED, pad_to_multiple_of=64 if compiled else None
        )
        data = [{"input_ids": context} for step in rows for context in step.contexts]
        Trainer(
            model=model, args=arguments, train_dataset=_Listed(data), data_collator=collator, callbacks=[Clock()]
        ).train()
    return [after - before for before, after in zip(marks, marks[1:], strict=False)]


class _Listed(torch.utils.data.Dataset[dict[str, list[int]]]):
    def __init__(self, rows: list[dict[str, list[int]]]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> dict[str, list[int]]:
        return self.rows[place]


def _tokenizer(vocab: int) -> Any:
    """A tokenizer whose reserved ids are where the rows have them; only its collator's masking is used."""
    from transformers import XLMRobertaTokenizer

    words = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    words += [(f"▁{number}", -1.0) for number in range(4, vocab - 1)]
    return XLMRobertaTokenizer(vocab=[*words, ("<mask>", 0.0)])
