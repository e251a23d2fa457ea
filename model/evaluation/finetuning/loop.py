"""Fine-tunes on one language and tests on all, selecting the epoch in two ways, for several seeds.

After each epoch every language's dev set is scored. The epoch is selected once by the mean over all languages, as
XGLUE does, and once by the training language alone, which is what zero-shot transfer strictly allows; both are
reported. A stopped run goes on from its last finished epoch and ends with the same numbers.
"""

import math
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import nn

from model.evaluation.embedder import choose_device
from model.evaluation.finetuning.checkpoint import (
    SeedState,
    load_epoch,
    load_weights,
    read_state,
    save_epoch,
    save_weights,
    write_state,
)
from model.evaluation.finetuning.config import FinetuneConfig
from model.evaluation.finetuning.features import Feature, like_length_batches, random_batches
from model.evaluation.finetuning.pretrained import longest_input
from model.evaluation.finetuning.task import EvaluationSet, FinetuneTask
from model.evaluation.finetuning.task_model import TaskModel
from model.evaluation.results import COUNTS, Results, Row, mean_row, merge_seeds
from schemas.errors import LossNotFinite, UsageError

MEAN_DEV = "mean dev"
"""Selection by the mean dev score over all languages."""


class Finetuning:
    """One task on one model: everything that the seeds share."""

    def __init__(self, task: FinetuneTask[Any, Any]) -> None:
        """Read all data, so that a missing file stops the run before it has trained."""
        self.task, self.config = task, task.config
        self.device = choose_device(self.config.device)
        if self.config.precision == "bf16" and self.device.type == "cpu":
            # Some virtual machines announce bf16 instructions that end the process when they are used.
            raise UsageError("precision bf16 needs a GPU; use --precision fp32 on a CPU")
        self.languages = list(self.config.languages or task.spec.languages)
        if unknown := sorted(set(self.languages) - set(task.spec.languages)):
            raise UsageError(f"{task.spec.name} has no {', '.join(unknown)}; it has {', '.join(task.spec.languages)}")
        self.selections = {MEAN_DEV: self.languages, f"{self.config.train_language} dev": [self.config.train_language]}
        dev_languages = dict.fromkeys([*self.languages, self.config.train_language])
        self.dev = {language: task.read(language, "dev") for language in dev_languages}
        self.test = {}
        if self.config.test_split == "test":
            self.test = {language: task.read(language, "test") for language in self.languages}
        self.train = task.train_features()

    def run(self) -> Results:
        """Run or resume every seed and join their scores."""
        states = [self.run_seed(seed) for seed in self.config.seeds]
        rows = merge_seeds([self._rows(state) for state in states])
        split = "test" if self.test else "dev"
        return Results(
            task=self.task.spec.name,
            model=self.config.model,
            primary_metric=self.task.spec.primary_metric,
            primary_keys={"selection": MEAN_DEV, "split": split, "language": "mean"},
            rows=rows,
            notes=[*self._notes(), *dict.fromkeys(remark for state in states for remark in state.remarks)],
            config=asdict(self.config),
            stand_in=self.config.train_split != "train",
        )

    def run_seed(self, seed: int) -> SeedState:
        """Train one seed to the end, from where its folder says it stopped."""
        folder = Path(self.config.output) / self.task.spec.name / f"seed-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        state = read_state(folder, self.config)
        if state.final is not None:
            return state
        run = SeedRun(self, seed, folder, state)
        while state.epochs_done < self.config.epochs:
            run.epoch()
        run.finish()
        return state

    def _rows(self, state: SeedState) -> list[Row]:
        rows = []
        for selection in self.selections:
            epoch = state.best[selection]
            splits = {"dev": state.history[epoch - 1]["dev"]}
            splits |= {"test": (state.final or {})[selection]} if self.test else {}
            for split, measures in splits.items():
                keys = {"selection": selection, "split": split}
                own = [Row.single(keys | {"language": name}, measures[name]) for name in self.languages]
                shares = [name for name in own[0].measures if name not in COUNTS]
                rows += [*own, mean_row(keys | {"language": "mean"}, own, shares)]
        return rows

    def _notes(self) -> list[str]:
        notes = []
        if self.config.train_split != "train":
            notes.append(
                f"the {self.config.train_language} dev set stood in for the training set: "
                "a test of the machinery, to be compared with nothing"
            )
        for name, what in (("max_train", "training examples"), ("max_test", "dev and test examples per language")):
            if limit := getattr(self.config, name):
                notes.append(f"at most {limit:,} {what}: not comparable with published scores")
        if not self.test:
            notes.append("no test split: the scores are those of dev, on which the epoch was selected")
        if self.config.languages and set(self.config.languages) != set(self.task.spec.languages):
            notes.append("mean and selection over some of the languages: not comparable with published means")
        return notes


class SeedRun:
    """One seed in training."""

    def __init__(self, shared: Finetuning, seed: int, folder: Path, state: SeedState) -> None:
        """Make the model, or load it where the folder has an epoch."""
        self.shared, self.task, self.config = shared, shared.task, shared.config
        self.seed, self.folder, self.state = seed, folder, state
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.model: Any = self.task.make_model().to(shared.device)
        if self.config.max_length > (longest := longest_input(self.model)):
            raise UsageError(
                f"max_length is {self.config.max_length}, but {self.config.model} reads at most {longest} tokens; "
                f"use --max-length {longest}"
            )
        packed, pad_id = self.config.batches == "packed", self.task.tokenizer.pad_token_id
        self.task_model = TaskModel(self.model, self.task.level, pad_id, packed=packed)
        state.remarks = self.task_model.remarks
        self.optimizer = make_optimizer(self.model, self.config)
        if state.epochs_done:
            load_epoch(self.model, self.optimizer, folder, state.epochs_done)

    def epoch(self) -> None:
        """Train one epoch, score every dev set, keep the weights if they are the best so far, save."""
        number = self.state.epochs_done + 1
        loss = self._train(number)
        dev = {language: self._evaluate(examples) for language, examples in self.shared.dev.items()}
        self.state.history.append({"epoch": number, "loss": loss, "dev": dev})
        for selection, languages in self.shared.selections.items():
            best = self.state.best.get(selection)
            if best is None or self._dev_score(number, languages) > self._dev_score(best, languages):
                self.state.best[selection] = number
                save_weights(self.model, self.folder / weights_name(selection))
        self.state.epochs_done = number
        save_epoch(self.model, self.optimizer, self.folder, self.state)
        mean, metric = self._dev_score(number, self.shared.languages), self.task.spec.primary_metric
        progress = f"{self.task.spec.name} seed {self.seed} epoch {number}/{self.config.epochs}"
        print(f"{progress}: loss {loss:.4f}, dev {metric} {mean:.4f}", file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Test the selected epochs, write their predictions, and mark the seed finished."""
        final: dict[str, Any] = {}
        for selection in self.shared.selections:
            load_weights(self.model, self.folder / weights_name(selection))
            predictions = self.folder / "predictions" / selection.replace(" ", "-")
            sets = self.shared.test or {name: self.shared.dev[name] for name in self.shared.languages}
            final[selection] = {name: self._evaluate(examples, predictions) for name, examples in sets.items()}
        self.state.final = final
        write_state(self.folder, self.state)
        if not self.config.keep_checkpoints:
            for path in self.folder.glob("*.safetensors"):
                path.unlink()

    def _train(self, epoch: int) -> float:
        features, losses = self.shared.train, []
        batches = self._epoch_batches(epoch)
        total = len(batches) * self.config.epochs
        self.model.train()
        with torch.random.fork_rng():
            # One seed per epoch, so that a run that stopped after an epoch draws the same dropout afterwards.
            torch.manual_seed(self.seed * 1009 + epoch)
            for batch in batches:
                losses.append(self._step([features[i] for i in batch], 1 - self.state.step / total))
                self.state.step += 1
        return fmean(losses)

    def _epoch_batches(self, epoch: int) -> list[list[int]]:
        """Inputs of each optimizer step; where padding costs, of like length."""
        lengths, size = [len(f.token_ids) for f in self.shared.train], self.config.batch_size
        if self.task_model.packed:
            return random_batches(len(lengths), size, self.seed, epoch)
        return like_length_batches(lengths, size, self.seed, epoch)

    def _step(self, features: Sequence[Feature], decay: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * decay
        self.optimizer.zero_grad(set_to_none=True)
        total, value = sum(map(self.task.num_losses, features)), 0.0
        for part in self._parts(features):
            value += self._gradients([features[i] for i in part], total)
        if not math.isfinite(value):
            raise LossNotFinite(f"loss is {value} at step {self.state.step}; lower the learning rate or use fp32")
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimizer.step()
        return value

    def _gradients(self, features: Sequence[Feature], total: int) -> float:
        """Add the gradients of a part of a step; the step's loss is the mean over `total` losses of all its parts."""
        with autocast(self.config, self.shared.device):
            loss = self.task.losses(self.task_model.scores(features), features).sum() / total
        loss.backward()
        return float(loss.detach())

    def _parts(self, features: Sequence[Feature]) -> list[list[int]]:
        return self.task_model.parts([len(f.token_ids) for f in features], self.config.batch_tokens)

    def _evaluate(self, examples: EvaluationSet[Any], predictions: Path | None = None) -> dict[str, float]:
        scored = self.task.score(examples, self._predict(examples.features))
        if predictions is not None:
            self.task.write_predictions(scored, predictions, examples.language)
        return scored.measures

    @torch.no_grad()
    def _predict(self, features: Sequence[Feature]) -> list[Any]:
        self.model.eval()
        decoded: list[Any] = [None] * len(features)
        for part in self._parts(features):
            chosen = [features[i] for i in part]
            with autocast(self.config, self.shared.device):
                scores = self.task_model.scores(chosen)
            for index, one in zip(part, self.task.decode(scores, chosen), strict=True):
                decoded[index] = one
        return decoded

    def _dev_score(self, epoch: int, languages: Sequence[str]) -> float:
        dev = self.state.history[epoch - 1]["dev"]
        return fmean(dev[language][self.task.spec.primary_metric] for language in languages)


def make_optimizer(model: nn.Module, config: FinetuneConfig) -> torch.optim.AdamW:
    """AdamW over all weights, biases and normalisations without decay."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, eps=config.adam_epsilon)


def autocast(config: FinetuneConfig, device: torch.device) -> Any:
    """The arithmetic of the forward pass."""
    low = device.type == "cuda" and config.precision in ("auto", "bf16")
    return torch.autocast(device.type, dtype=torch.bfloat16) if low else nullcontext()


def weights_name(selection: str) -> str:
    """File of the weights of a selection's best epoch."""
    return f"best-{selection.replace(' ', '-')}.safetensors"
